"""What is hidden cannot be guessed, though it has little to say: ids in a row, small quantities.

A coalition takes part: the custodian of the receiver, with its tear-off and the nonces of its own
tokens; the notary, with its table; a reader of the log, with every entry. For every candidate they
compute every hash of the format, keyed by everything that they know, and look for it.
"""

from collections.abc import Iterator
from itertools import product

import msgspec
import pytest
from sqlalchemy.engine import Engine

from ledger import disclosure, queries
from ledger import transactions as t
from ledger.components import Token, Transfer, canonical
from ledger.composition import Signed
from ledger.database import reading
from ledger.gateway import Gateway
from ledger.hashing import tagged_hash
from ledger.log.merkle import leaf_hash
from ledger.log.store import log_size, read_entries
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader
from ledger.tearoffs import Covered, Hidden, Shown
from ledger.views import TransactionView
from tests.ledger.network import TestNetwork, standard

GATEWAY = Gateway(Pseudonyms(b"s" * 32))
INVESTORS = [f"INV{number:03}" for number in range(1, 9)]
QUANTITIES = range(1, 41)
HELD, MOVED = 37, 12


@pytest.fixture
def network(engine: Engine) -> Iterator[TestNetwork]:
    network = standard(engine)
    yield network
    network.submissions.close()


class Knowledge:
    """All hashes and keys that the coalition has."""

    def __init__(self) -> None:
        self.hashes: set[bytes] = set()
        self.keys: set[bytes] = {bytes(32), b"\xff" * 32}

    def learn(self, network: TestNetwork, view: TransactionView) -> None:
        self.keys.add(bytes.fromhex(view.tear_off.txid))
        for group in view.tear_off.groups:
            if isinstance(group, Covered):
                self.hashes.add(bytes.fromhex(group.hash))
                continue
            for place in group.places:
                match place:
                    case Hidden(leaf):
                        self.hashes.add(bytes.fromhex(leaf))
                    case Shown(_, nonce):
                        self.keys.add(bytes.fromhex(nonce))
        with reading(network.engine) as session:
            notary = Reader(session, GATEWAY, network.rules, network.actor("platform"))
            for row in queries.list_uniqueness(notary, Asked({}, None, 500)).items:
                self.hashes.add(bytes.fromhex(str(row.nullifier)))
                self.keys.add(bytes.fromhex(str(row.txid)))
            for _, _, data in read_entries(session, 0, log_size(session)):
                self.hashes.add(leaf_hash(data))
                if b"commitment" in data:
                    commitment = msgspec.json.decode(data)["commitment"]
                    self.hashes.add(bytes.fromhex(commitment))
        self.keys |= self.hashes

    def hits(self, group: int, data: bytes) -> bool:
        """Say whether any hash over a guessed component, under any key, is one that is known."""
        for key, index in product(self.keys, range(3)):
            nonce = t.component_nonce(key, group, index)  # as if the key was the salt
            for blind in (key, nonce):
                leaf = t.leaf_hash(group, index, blind, data)
                made = {leaf, t.nullifier(data, blind), t.group_hash(group, [leaf])}
                if made & self.hashes:
                    return True
        plain = {tagged_hash("log/transaction", data), tagged_hash("log/statement", data)}
        return bool(plain & self.hashes)


def pay(network: TestNetwork) -> Signed:
    network.do("trust-a", "BR001", "", "INV001", HELD)
    signed = network.signed("custody-a", "BR001", "INV001", "INV003", MOVED)
    network.submit("custody-a", signed.data)
    return signed


def seen_by(network: TestNetwork, member: str, txid: str) -> TransactionView:
    with reading(network.engine) as session:
        reader = Reader(session, GATEWAY, network.rules, network.actor(member))
        return disclosure.read_transaction(reader, txid)


def candidates(signed: Signed) -> Iterator[tuple[int, bytes]]:
    """Yield each guess at the payer, its holding, its change, and the command, by group."""
    (command,) = signed.transaction.commands
    for investor, quantity in product(INVESTORS, QUANTITIES):
        token = canonical(Token("BR001", investor, quantity, "TC-1"))
        yield t.INPUTS, token
        yield t.OUTPUTS, token
        moved: Transfer = msgspec.structs.replace(
            command, from_investor_id=investor, quantity=quantity
        )
        yield t.COMMANDS, canonical(moved)


def test_nobody_guesses_the_payer_or_what_it_holds(network: TestNetwork) -> None:
    signed = pay(network)
    known = Knowledge()
    known.learn(network, seen_by(network, "direct-a", signed.txid))
    assert len(known.hashes) > 10
    hidden = {
        canonical(Token("BR001", "INV001", HELD - MOVED, "TC-1")),
        canonical(signed.transaction.commands[0]),
    }
    tried = set()
    for group, data in candidates(signed):
        tried.add(data)
        if (group, data) != (t.OUTPUTS, canonical(Token("BR001", "INV003", MOVED, "TC-1"))):
            assert not known.hits(group, data)
    assert hidden <= tried  # the truth was among the guesses


def test_the_guess_succeeds_with_what_is_kept_from_them(network: TestNetwork) -> None:
    """The same search finds the truth once it has the salt, or the nonce of the payer's token."""
    signed = pay(network)
    change = canonical(Token("BR001", "INV001", HELD - MOVED, "TC-1"))
    spent = canonical(Token("BR001", "INV001", HELD, "TC-1"))
    known = Knowledge()
    known.learn(network, seen_by(network, "direct-a", signed.txid))
    assert not known.hits(t.OUTPUTS, change)
    known.keys.add(bytes.fromhex(signed.transaction.salt))
    assert known.hits(t.OUTPUTS, change)
    assert known.hits(t.COMMANDS, canonical(signed.transaction.commands[0]))
    assert not known.hits(t.INPUTS, spent)
    known.keys.add(bytes.fromhex(signed.transaction.inputs[0].nonce))
    assert known.hits(t.INPUTS, spent)  # its nullifier, in the notary's table
