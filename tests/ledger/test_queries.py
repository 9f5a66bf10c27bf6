import datetime as dt

import pytest
from sqlalchemy.engine import Engine

from ledger import declarations as d
from ledger import disclosure, queries
from ledger import errors as e
from ledger.database import reading
from ledger.gateway import Gateway
from ledger.keys import SoftwareSigner, verify_signature
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader, When
from ledger.tearoffs import open_tear_off
from policies.errors import Denied
from tests.ledger.network import MEMBERS, TestNetwork, standard

GATEWAY = Gateway(Pseudonyms(b"s" * 32))


@pytest.fixture
def network(engine: Engine):
    network = standard(engine)
    network.do("trust-a", "BR001", "", "INV001", 100)
    network.do("trust-b", "BR002", "", "INV003", 50)
    network.do("custody-a", "BR001", "INV001", "INV003", 30)
    network.do("direct-a", "BR001", "INV003", "INV004", 10)
    network.do("custody-a", "BR001", "INV001", "INV002", 5)
    yield network
    network.submissions.close()


class asks:  # noqa: N801 - reads as a verb
    """A reader for a member, on a snapshot."""

    def __init__(self, network: TestNetwork, member: str) -> None:
        self.network, self.member = network, member

    def __enter__(self) -> Reader:
        self.context = reading(self.network.engine)
        session = self.context.__enter__()
        return Reader(session, GATEWAY, self.network.rules, self.network.actor(self.member))

    def __exit__(self, *error: object) -> None:
        self.context.__exit__(*error)


def transfers(network: TestNetwork, member: str, **asked: object) -> list:
    with asks(network, member) as reader:
        return list(queries.list_transfers(reader, Asked(**asked)).items)


def test_who_sees_which_transfers(network: TestNetwork):
    seen = {}
    for member in MEMBERS:
        try:
            seen[member] = len(transfers(network, member))
        except Denied:
            seen[member] = None
    assert seen == {
        "platform": None,
        "trust-a": 4,
        "trust-b": 1,
        "custody-a": 3,
        "custody-b": 0,
        "direct-a": 3,
        "entrusted-a": 3,
        "fund-a": None,
        "am-a": None,
        "auditor": None,
    }


def test_a_counterparty_is_a_pseudonym_that_differs_by_viewer_and_transaction(network: TestNetwork):
    network.do("custody-a", "BR001", "INV001", "INV003", 1)
    own = [t for t in transfers(network, "custody-a") if t.transfer_type == "transfer"]
    named = {t.to_investor_id for t in own}
    assert "INV003" not in named
    assert "INV002" in named  # both sides are its customers: each arm clears its side
    strangers = [name for name in named if name.startswith("~")]
    assert len(strangers) == 2  # the same customer twice, in two transactions
    theirs = {t.from_investor_id for t in transfers(network, "direct-a")}
    assert "INV001" not in theirs
    assert not theirs & named


def test_paging_walks_every_row_once(network: TestNetwork):
    whole = transfers(network, "trust-a", limit=100)
    walked, cursor = [], None
    with asks(network, "trust-a") as reader:
        while True:
            page = queries.list_transfers(reader, Asked({}, cursor, 2))
            walked += page.items
            cursor = page.next
            if cursor is None:
                break
    assert walked == whole


def test_a_cursor_serves_its_viewer_only(network: TestNetwork):
    with asks(network, "trust-a") as reader:
        cursor = queries.list_transfers(reader, Asked(limit=1)).next
    with asks(network, "direct-a") as reader, pytest.raises(e.CursorInvalid):
        queries.list_transfers(reader, Asked(cursor=cursor))
    with asks(network, "trust-a") as reader, pytest.raises(e.CursorInvalid):
        queries.list_tokens(reader, Asked(cursor=cursor))


def test_only_clear_fields_filter(network: TestNetwork):
    assert len(transfers(network, "direct-a", where={"beneficial_right_id": "BR001"})) == 2
    with pytest.raises(e.FieldNotComparable):
        transfers(network, "direct-a", where={"from_investor_id": "INV001"})


def test_registers_of_own_rights_and_products(network: TestNetwork):
    for member in ("trust-a", "fund-a", "am-a"):
        with asks(network, member) as reader:
            register = queries.read_register(reader, "BR001", When(), Asked())
        held = {row.investor_id: row.quantity for row in register.items}
        assert held == {"INV001": 65, "INV002": 5, "INV003": 20, "INV004": 10}
        assert register.total == 100
    with asks(network, "trust-b") as reader:
        with pytest.raises(e.NotFound) as hidden:
            queries.read_register(reader, "BR001", When(), Asked())
        with pytest.raises(e.NotFound) as absent:
            queries.read_register(reader, "BR099", When(), Asked())
    assert str(hidden.value).replace("BR001", "BR099") == str(absent.value)


def test_a_register_attestation_verifies_and_binds_the_holdings(network: TestNetwork):
    with asks(network, "trust-a") as reader:
        given = queries.attest_register(reader, network.keys, "BR001", When(), network.now)
        holdings = {"INV001": 65, "INV002": 5, "INV003": 20, "INV004": 10}
    assert given.digest == queries.register_digest(holdings)
    key = network.keys.signers["trust-a"].public_key()
    verify_signature(key, bytes.fromhex(given.signature.signature), queries.attested_bytes(given))


def test_the_register_as_of_a_day_ends_at_midnight_in_japan(network: TestNetwork):
    at = dt.datetime(2025, 9, 1, 14, 59, 59, tzinfo=dt.UTC)  # 23:59:59 on the 1st in Japan
    network.now = at
    network.do("trust-a", "BR001", "", "INV001", 7, registered_at=at)
    network.now = at + dt.timedelta(seconds=1)
    network.do("trust-a", "BR001", "", "INV001", 9, registered_at=network.now)
    with asks(network, "trust-a") as reader:
        totals = [
            queries.read_register(reader, "BR001", When(dt.date(2025, *day)), Asked()).total
            for day in ((8, 31), (9, 1), (9, 2))
        ]
    assert totals == [0, 107, 116]


def test_the_register_at_every_index_equals_a_replay(network: TestNetwork):
    history = []
    for i in range(150):
        source, target = (("INV001", "INV002"), ("INV002", "INV001"))[i % 2]
        receipt = network.do("custody-a", "BR001", source, target, 1 + i % 3)
        with asks(network, "trust-a") as reader:
            register = queries.read_register(reader, "BR001", When(), Asked())
        history.append((receipt.log_index, register.items))
    with asks(network, "trust-a") as reader:
        for index, items in history:
            past = queries.read_register(reader, "BR001", When(log_index=index), Asked())
            assert past.total == 100
            now = {row.investor_id: row.quantity for row in items}
            assert {row.investor_id: row.quantity for row in past.items} == now
            assert past.log_index == index


def test_a_tear_off_shows_a_custodian_its_side_only(network: TestNetwork):
    (transfer,) = [t for t in transfers(network, "direct-a") if t.quantity == 30]
    with asks(network, "direct-a") as reader:
        seen = disclosure.read_transaction(reader, transfer.transfer_txid)
    contents = open_tear_off(seen.tear_off)
    assert {t.investor_id for t in contents.outputs.values()} == {"INV003"}
    assert not contents.inputs
    assert not contents.commands
    assert [s.role for s in seen.signatures] == ["creator"]
    text = repr(seen)
    assert "INV001" not in text
    with asks(network, "trust-a") as reader:
        full = disclosure.read_transaction(reader, transfer.transfer_txid)
    contents = open_tear_off(full.tear_off)
    assert len(contents.commands) == len(contents.inputs) == 1
    assert len(contents.outputs) == 2


def test_hidden_and_absent_transactions_are_alike(network: TestNetwork):
    (hidden,) = [t.transfer_txid for t in transfers(network, "direct-a") if t.quantity == 10]
    answers = []
    for txid in (hidden, "ab" * 32, "zz", "é" * 64):
        with asks(network, "custody-a") as reader, pytest.raises(e.NotFound) as error:
            disclosure.read_transaction(reader, txid)
        answers.append(str(error.value).replace(txid, "*"))
    assert len(set(answers)) == 1


def test_a_wallet_can_be_built_from_the_answer(network: TestNetwork):
    with asks(network, "direct-a") as reader:
        page = queries.list_tokens(reader, Asked())
    assert sorted((t.investor_id, t.quantity) for t in page.items) == [
        ("INV003", 20),
        ("INV003", 50),
        ("INV004", 10),
    ]
    assert all(t.component and t.nonce for t in page.items)


def test_a_moved_customer_is_seen_by_the_new_custodian_from_then_on(network: TestNetwork):
    before = transfers(network, "custody-a")
    network.say("custody-a", d.RELEASE_KIND, d.CustodyReleased("custody-b", ("INV001",)))
    item = d.CustodyItem("INV001", "custody-b")
    network.say("custody-b", d.CUSTODY_KIND, d.CustodyTaken((item,)))
    network.new_keys("custody-b", "INV001")
    network.do("custody-b", "BR001", "INV001", "INV004", 2)
    assert transfers(network, "custody-a") == before
    assert [t.quantity for t in transfers(network, "custody-b")] == [2]
    with asks(network, "custody-b") as reader:
        statement = queries.read_statement(reader, "INV001", Asked())
        tokens = queries.list_tokens(reader, Asked()).items
    assert [(h.beneficial_right_id, h.quantity) for h in statement.holdings] == [("BR001", 63)]
    assert [c.delta for c in statement.changes] == [-2]
    assert {t.investor_id for t in tokens} == {"INV001"}
    with asks(network, "custody-a") as reader:
        old = queries.read_statement(reader, "INV001", Asked())
    assert not old.holdings
    assert [c.delta for c in old.changes] == [100, -30, -5]


def test_the_notary_sees_hashes_only(network: TestNetwork):
    with asks(network, "platform") as reader:
        page = queries.list_uniqueness(reader, Asked())
    assert len(page.items) == 3
    assert all(len(item.nullifier) == len(item.txid) == 64 for item in page.items)
    with asks(network, "trust-a") as reader, pytest.raises(Denied):
        queries.list_uniqueness(reader, Asked())


def test_other_lists(network: TestNetwork):
    with asks(network, "custody-a") as reader:
        custody = queries.list_custody(reader, Asked()).items
        keys = queries.list_account_keys(reader, Asked()).items
        rights = queries.list_rights(reader, Asked()).items
        holdings = queries.list_holdings(reader, Asked()).items
        controls = queries.list_controls(reader, Asked()).items
        session = queries.read_session(reader)
    assert [c.investor_id for c in custody] == ["INV001", "INV002"]
    assert len(keys) == 2
    assert {x.beneficial_right_id for x in rights} == {"BR001", "BR002"}
    assert [(h.investor_id, h.quantity) for h in holdings] == [("INV001", 65), ("INV002", 5)]
    assert all(c.transfer_allowed for c in controls)
    assert session.session_status == "open"
    with asks(network, "trust-a") as reader:
        keys = queries.list_account_keys(reader, Asked()).items
        controls = queries.list_controls(reader, Asked()).items
    assert {k.investor_id for k in keys} == {"INV001", "INV002", "INV003", "INV004"}
    assert [c.beneficial_right_id for c in controls] == ["BR001"]
    assert isinstance(network.keys.signers["trust-a"], SoftwareSigner)


@pytest.mark.parametrize("hidden", [0, 1])
def test_a_holding_shows_when_it_was_registered_whatever_others_did_before(
    engine: Engine, hidden: int
):
    network = standard(engine)
    network.do("trust-a", "BR001", "", "INV001", 100)
    network.do("trust-a", "BR001", "", "INV003", 100)
    own = network.now + dt.timedelta(minutes=1)
    network.now += dt.timedelta(minutes=30)
    for _ in range(hidden):
        network.do("direct-a", "BR001", "INV003", "INV004", 5)
    network.do("custody-a", "BR001", "INV001", "INV002", 40, registered_at=own)
    with asks(network, "custody-a") as reader:
        holdings = queries.list_holdings(reader, Asked()).items
        changes = queries.read_statement(reader, "INV002", Asked()).changes
    network.submissions.close()
    assert {h.as_of for h in holdings} == {own}
    assert {c.as_of for c in changes} == {own}
