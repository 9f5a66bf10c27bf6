"""The table "What each role learns" of the specification, row by row."""

import re
from collections.abc import Iterator

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ledger import disclosure, queries
from ledger.database import reading
from ledger.errors import NotFound
from ledger.gateway import STAMP, Gateway
from ledger.log.store import log_size, read_entries
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader, When
from ledger.tables import NullifierRow
from ledger.tearoffs import Covered, Listed, notary_view, open_tear_off
from ledger.transactions import INPUTS, OUTPUTS, Transaction
from policies.errors import Denied
from tests.ledger.network import TestNetwork, standard

GATEWAY = Gateway(Pseudonyms(b"s" * 32))
SECRETS = ("INV001", "INV003", "BR001", "BR002", "4711", "TRD", "custody-a", "trust-a", "TC-1")
"""What the transactions below are about: ids, a quantity, members."""


@pytest.fixture
def network(engine: Engine) -> Iterator[TestNetwork]:
    network = standard(engine)
    yield network
    network.submissions.close()


def exchange(network: TestNetwork) -> Transaction:
    """Commit an exchange of two rights, of two registrars, between customers of one custodian."""
    network.do("trust-a", "BR001", "", "INV001", 4711)
    network.do("trust-b", "BR002", "", "INV002", 50)
    composer = network.composer("custody-a")
    one = network.instruction("BR001", "INV001", "INV003", 4711)
    two = network.instruction("BR002", "INV002", "INV001", 50)
    tokens = [
        *network.wallet.take("BR001", "INV001", 1),
        *network.wallet.take("BR002", "INV002", 1),
    ]
    outputs = [
        msgspec.structs.replace(token.token, investor_id=investor)
        for token, investor in zip(tokens, ("INV003", "INV001"), strict=True)
    ]
    signed = composer.sign(tokens, outputs, [composer._transfer(one), composer._transfer(two)])
    network.submit("custody-a", signed.data)
    return signed.transaction


def reader(network: TestNetwork, session: Session, member: str) -> Reader:
    return Reader(session, GATEWAY, network.rules, network.actor(member))


HASHES = re.compile(r"[0-9a-f]{64,}|\\x[0-9a-f]{2}")
"""Hashes and signatures, in which four digits occur by chance."""


def told(text: str) -> set[str]:
    plain = HASHES.sub("", text)
    return {secret for secret in SECRETS if secret in plain}


def test_the_notary(network: TestNetwork):
    """It is handed and keeps the time window, nullifiers and the TxID, and counts the inputs."""
    transaction = exchange(network)
    view = notary_view(transaction)
    assert told(msgspec.json.encode(view).decode()) == set()
    contents = open_tear_off(view)
    shown = (contents.inputs, contents.outputs, contents.commands)
    assert not any(shown)
    assert len(contents.nullifiers) == 2
    query = sa.select(NullifierRow.__table__)
    with reading(network.engine) as session:
        stored = session.connection().execute(query, execution_options=STAMP).all()
        asked = queries.list_uniqueness(reader(network, session, "platform"), Asked())
    assert told(repr(stored)) == set()
    assert told(msgspec.json.encode(asked).decode()) == set()


@pytest.mark.parametrize(
    ("member", "sees", "not_sees"),
    [("trust-a", "BR001", "BR002"), ("trust-b", "BR002", "BR001")],
)
def test_a_registrar(network: TestNetwork, member: str, sees: str, not_sees: str):
    """It sees its right's side; of the other it learns that it is there, and how large."""
    transaction = exchange(network)
    with reading(network.engine) as session:
        asker = reader(network, session, member)
        view = disclosure.read_transaction(asker, transaction.txid.hex())
        lists = [
            queries.list_transfers(asker, Asked()),
            queries.list_tokens(asker, Asked()),
            queries.list_holdings(asker, Asked()),
        ]
    assert sees in told(msgspec.json.encode(view).decode())
    for answer in (view, *lists):
        assert not_sees not in msgspec.json.encode(answer).decode()
    group = view.tear_off.groups[OUTPUTS]
    assert isinstance(group, Listed)
    assert len(group.places) == 2


@pytest.mark.parametrize(
    ("member", "hidden"),
    [("custody-a", "INV003"), ("direct-a", "INV001"), ("entrusted-a", "INV003")],
)
def test_a_custodian_or_firm(network: TestNetwork, member: str, hidden: str):
    """The other side of a transfer stands under a pseudonym, everywhere."""
    network.do("trust-a", "BR001", "", "INV001", 4711)
    network.do("custody-a", "BR001", "INV001", "INV003", 11)
    (txid,) = (t.txid for t in network.wallet._tokens["BR001", "INV003"].values())
    with reading(network.engine) as session:
        asker = reader(network, session, member)
        answers = [
            disclosure.read_transaction(asker, txid),
            queries.list_transfers(asker, Asked()),
            queries.list_tokens(asker, Asked()),
            queries.list_holdings(asker, Asked()),
        ]
        answers += [queries.list_custody(asker, Asked())] if member != "entrusted-a" else []
    assert len(answers[1].items) >= 1
    for answer in answers:
        assert hidden not in msgspec.json.encode(answer).decode()
    contents = open_tear_off(answers[0].tear_off)
    owners = {t.investor_id for t in contents.outputs.values()}
    owners |= {i.token.investor_id for i in contents.inputs.values()}
    assert hidden not in owners


@pytest.mark.parametrize("member", ["fund-a", "am-a"])
def test_who_raises_funds(network: TestNetwork, member: str):
    """Registers of its products; nothing of transfers or transactions."""
    transaction = exchange(network)
    with reading(network.engine) as session:
        asker = reader(network, session, member)
        register = queries.read_register(asker, "BR001", When(), Asked())
        assert register.total == 4711
        with pytest.raises(Denied):
            queries.list_transfers(asker, Asked())
        with pytest.raises((Denied, NotFound)):
            disclosure.read_transaction(asker, transaction.txid.hex())


def test_whoever_reads_the_log(network: TestNetwork):
    """Commitments: number and order, nothing else; not even the TxID."""
    transaction = exchange(network)
    with reading(network.engine) as session:
        entries = list(read_entries(session, 0, log_size(session)))
    data = b"\n".join(entry for _, _, entry in entries).decode()
    assert told(data) == set()
    assert transaction.txid.hex() not in data
    kinds = [kind for _, kind, _ in entries]
    assert kinds.count("transaction") == 3
    sizes = {len(entry) for _, kind, entry in entries if kind == "transaction"}
    assert len(sizes) == 1  # the size of an entry tells nothing either


def test_another_member(network: TestNetwork):
    """Who has no part in a transaction cannot tell it from one that does not exist."""
    transaction = exchange(network)
    with reading(network.engine) as session:
        asker = reader(network, session, "custody-b")
        messages = []
        for txid in (transaction.txid.hex(), "ab" * 32):
            with pytest.raises(NotFound) as refused:
                disclosure.read_transaction(asker, txid)
            messages.append(str(refused.value).replace(txid, ""))
        assert len(set(messages)) == 1
        assert queries.list_transfers(asker, Asked()).items == ()


def test_the_creator_knows_the_nonces_of_what_it_makes(network: TestNetwork):
    transaction = exchange(network)
    assert len({transaction.output_nonce(i) for i in range(2)}) == 2
    covered = notary_view(transaction).groups
    assert isinstance(covered[INPUTS], Covered)
    assert isinstance(covered[OUTPUTS], Covered)
