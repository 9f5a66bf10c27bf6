"""Every read of a sensitive resource leaves a receipt: who, what, by which rules; no contents."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import Engine

from governance.assembly.receipts import Receipts
from governance.errors import ReceiptsWrong
from governance.identity.announcements import Herald
from governance.policy.reading import check_commitment, find_sightings, read_receipts
from ledger import disclosure, queries
from ledger.database import reading
from ledger.keys import SoftwareSigner
from ledger.log.tables import EntryRow
from ledger.queries import Asked, Reader, When
from ledger.reads import MAX_NAMES, Notes, name_hash
from ledger.receipts import Kept, list_receipts
from ledger.statements import read_envelope
from policies.actors import Actor
from policies.errors import Denied
from tests.ledger.network import TestNetwork, standard
from tests.ledger.test_gateway import GATEWAY

AT = dt.datetime(2025, 9, 1, 16, tzinfo=dt.UTC)  # the 2nd in Japan


@pytest.fixture
def network(engine: Engine):
    network = standard(engine)
    network.do("trust-a", "BR001", "", "INV001", 100)
    yield network
    network.submissions.close()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def receipts(network: TestNetwork, notes: Notes) -> Receipts:
    signer = SoftwareSigner(ec.generate_private_key(ec.SECP256R1()))
    herald = Herald("test", "platform-a", signer)
    return Receipts(network.engine, herald, notes, lambda: AT)


def ask(network: TestNetwork, notes: Notes, member: str, question: Callable[[Reader], Any]) -> Any:
    with reading(network.engine) as session:
        reader = Reader(session, GATEWAY, network.rules, network.actor(member), notes)
        return question(reader)


def kept(network: TestNetwork) -> list[Kept]:
    with reading(network.engine) as session:
        return list_receipts(session, -1, 100)


def test_a_read_is_found_by_what_was_read(network: TestNetwork, notes: Notes, receipts: Receipts):
    page = ask(network, notes, "custody-a", lambda r: queries.list_transfers(r, Asked()))
    txid = page.items[0].transfer_txid
    ask(network, notes, "trust-a", lambda r: disclosure.read_transaction(r, txid))
    ask(network, notes, "trust-a", lambda r: queries.read_register(r, "BR001", When(), Asked()))
    assert receipts.say() == 1
    found = kept(network)
    seen = {(s.member_id, s.action) for s in find_sightings(found, "transfer", txid)}
    assert seen == {("custody-a", "transfer:read"), ("trust-a", "transfer:read")}
    (sighting,) = find_sightings(found, "transaction", txid)
    assert (sighting.member_id, sighting.rule_set) == ("trust-a", network.rules.digest)
    assert sighting.rules
    assert [s.member_id for s in find_sightings(found, "register", "BR001")] == ["trust-a"]
    assert not find_sightings(found, "register", "BR002")


def test_the_day_is_the_day_in_japan(network: TestNetwork, notes: Notes, receipts: Receipts):
    ask(network, notes, "trust-a", lambda r: queries.read_register(r, "BR001", When(), Asked()))
    receipts.say()
    assert find_sightings(kept(network), "register", "BR001", dt.date(2025, 9, 2))
    assert not find_sightings(kept(network), "register", "BR001", dt.date(2025, 9, 1))


def test_a_receipt_holds_no_contents(network: TestNetwork, notes: Notes, receipts: Receipts):
    ask(network, notes, "custody-a", lambda r: queries.list_holdings(r, Asked()))
    receipts.say()
    (receipt,) = kept(network)
    payload = read_envelope(receipt.envelope.encode()).payload_bytes()
    assert b"INV001" not in payload
    assert name_hash("holding", "INV001").encode() in payload


def test_what_is_not_shown_is_not_noted(network: TestNetwork, notes: Notes):
    ask(network, notes, "direct-a", lambda r: queries.list_transfers(r, Asked()))
    with pytest.raises(Denied):
        ask(network, notes, "fund-a", lambda r: queries.list_transfers(r, Asked()))
    assert notes.drain() == []


def test_nothing_read_is_nothing_said(network: TestNetwork, receipts: Receipts):
    assert receipts.say() == 0
    assert kept(network) == []


def test_the_log_commits_to_receipts_and_does_not_show_them(
    network: TestNetwork, notes: Notes, receipts: Receipts
):
    ask(network, notes, "trust-a", lambda r: queries.list_tokens(r, Asked()))
    receipts.say()
    (receipt,) = kept(network)
    with reading(network.engine) as session:
        entry = session.scalar(
            sa.select(EntryRow.data).where(EntryRow.entry_index == receipt.log_index)
        )
    check_commitment(receipt, entry)
    assert b"trust-a" not in entry
    forged = Kept(receipt.log_index, receipt.envelope.replace("a", "b", 1))
    with pytest.raises(ReceiptsWrong):
        check_commitment(forged, entry)


def test_only_auditor_and_administrator_get_them(
    network: TestNetwork, notes: Notes, receipts: Receipts
):
    ask(network, notes, "trust-a", lambda r: queries.list_tokens(r, Asked()))
    receipts.say()
    with reading(network.engine) as session:
        page = read_receipts(
            session, network.rules, Actor("p", frozenset({"platform_administrator"})), -1, 1
        )
        assert len(page.items) == 1
        with pytest.raises(Denied):
            read_receipts(session, network.rules, network.actor("trust-a"), -1, 1)


def test_much_that_is_read_takes_several_statements(network: TestNetwork, receipts: Receipts):
    decision = network.rules.decide(network.actor("trust-a"), "token:read")
    receipts._notes.take("trust-a", decision, (str(i) for i in range(2 * MAX_NAMES + 1)))
    assert receipts.say() == 3
    assert len(find_sightings(kept(network), "token", "7")) == 1


def test_what_cannot_be_said_is_said_later(
    network: TestNetwork, notes: Notes, receipts: Receipts, monkeypatch: pytest.MonkeyPatch
):
    ask(network, notes, "trust-a", lambda r: queries.list_tokens(r, Asked()))
    with monkeypatch.context() as broken:
        broken.setattr("governance.assembly.receipts.record_reads", _out_of_order)
        receipts._try()
    assert kept(network) == []
    receipts.stop()
    assert len(kept(network)) == 1


def _out_of_order(*_: object) -> int:
    raise sa.exc.OperationalError("COMMIT", {}, OSError("disk full"))
