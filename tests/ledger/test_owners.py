"""Account keys are judged as of the transaction: by what was registered then, and nothing else."""

from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy.engine import Engine

from ledger import declarations as d
from ledger import disclosure
from ledger import errors as e
from ledger.commitment import Receipt
from ledger.database import reading
from ledger.gateway import Gateway
from ledger.keys import public_bytes
from ledger.owners import check_owners
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Reader
from ledger.views import TransactionView
from tests.ledger.network import TestNetwork, new_signer, standard

GATEWAY = Gateway(Pseudonyms(b"s" * 32))


@pytest.fixture
def network(engine: Engine) -> Iterator[TestNetwork]:
    network = standard(engine)
    network.do("trust-a", "BR001", "", "INV001", 100)
    yield network
    network.submissions.close()


def shown(network: TestNetwork, member: str, receipt: Receipt) -> TransactionView:
    with reading(network.engine) as session:
        reader = Reader(session, GATEWAY, network.rules, network.actor(member))
        return disclosure.read_transaction(reader, receipt.txid)


@pytest.mark.parametrize("member", ["trust-a", "custody-a"])
def test_what_a_replaced_key_signed_stays_signed(network: TestNetwork, member: str) -> None:
    before = network.do("custody-a", "BR001", "INV001", "INV003", 1)
    first = shown(network, member, before)
    network.new_keys("custody-a", "INV001")
    after = network.do("custody-a", "BR001", "INV001", "INV003", 1)
    network.do("custody-a", "BR001", "INV001", "INV003", 98)  # INV001 holds nothing now
    old, new = (shown(network, member, receipt) for receipt in (before, after))
    assert msgspec.structs.replace(old, inclusion=None) == msgspec.structs.replace(
        first, inclusion=None
    )
    assert check_owners(old, before.log_index) == check_owners(new, after.log_index) == ("INV001",)
    (then,), (now,) = old.account_keys, new.account_keys
    assert then.public_key != now.public_key
    assert then.from_index < before.log_index < now.from_index < after.log_index
    with pytest.raises(e.AccountKeyWrong, match="had no such account key"):
        check_owners(msgspec.structs.replace(new, account_keys=()), after.log_index)
    with pytest.raises(e.AccountKeyWrong, match="had no such account key"):
        check_owners(new, now.from_index)  # as if it was committed before the key was registered
    with pytest.raises(e.AccountKeyWrong, match="another key"):
        check_owners(msgspec.structs.replace(new, account_keys=(then,)), after.log_index)
    forged = msgspec.structs.replace(then, public_key=public_bytes(new_signer().public_key()))
    with pytest.raises(e.AccountKeyWrong, match="another key"):
        check_owners(msgspec.structs.replace(old, account_keys=(forged,)), before.log_index)


def test_an_owner_in_view_without_a_signature_is_noticed(network: TestNetwork) -> None:
    receipt = network.do("custody-a", "BR001", "INV001", "INV003", 1)
    view = shown(network, "trust-a", receipt)
    without = tuple(s for s in view.signatures if s.role != "account")
    with pytest.raises(e.AccountKeyWrong, match="no signature"):
        check_owners(msgspec.structs.replace(view, signatures=without), receipt.log_index)
    altered = tuple(
        s if s.role != "account" else msgspec.structs.replace(s, by="INV002")
        for s in view.signatures
    )
    with pytest.raises(e.AccountKeyWrong):
        check_owners(msgspec.structs.replace(view, signatures=altered), receipt.log_index)


def test_a_new_custodian_starts_with_its_own_key(network: TestNetwork) -> None:
    """What the former custodian's key signed before the move holds; the key signs no more."""
    before = network.do("custody-a", "BR001", "INV001", "INV003", 1)
    network.say("custody-a", d.RELEASE_KIND, d.CustodyReleased("custody-b", ("INV001",)))
    network.customer("custody-b", "INV001", holder="custody-b")
    after = network.do("custody-b", "BR001", "INV001", "INV003", 1)
    old = shown(network, "custody-a", before)
    assert check_owners(old, before.log_index) == ("INV001",)
    new = shown(network, "trust-a", after)
    assert check_owners(new, after.log_index) == ("INV001",)
    assert old.account_keys[0].public_key != new.account_keys[0].public_key
    with pytest.raises(e.NotFound):
        shown(network, "custody-b", before)


def test_who_sees_no_owner_sees_no_key(network: TestNetwork) -> None:
    receipt = network.do("custody-a", "BR001", "INV001", "INV003", 1)
    view = shown(network, "direct-a", receipt)
    assert view.account_keys == ()
    assert check_owners(view, receipt.log_index) == ()
