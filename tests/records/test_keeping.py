"""Keeping, changing, finding and erasing, on both databases."""

import datetime as dt
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.errors import RecordErased, RecordExists, RecordMalformed, RecordMissing
from ledger.log.tables import EntryRow
from ledger.records import erasure, keeping
from ledger.records.erasure import ErasureReason
from ledger.records.tables import InvestorRow
from ledger.records.tables_keys import RecordKeyRow
from policies.errors import Denied
from tests.records.conftest import AT, PERSON, Clerks
from tests.records.searching import database_bytes, found_in

LATER = AT + dt.timedelta(days=1)
PERSONAL = [
    value
    for name, value in PERSON.items()
    if name.startswith(("contact", "payee", "corporate", "registered", "investor_name"))
    and len(value) > 4
]
REASON = ErasureReason.REQUEST_OF_PERSON


def test_a_record_is_read_as_it_was_written(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", PERSON)
    with reading(engine) as session:
        found = keeping.read(session, clerk("custody-a"), "investor", "INV900001")
    assert found.values == PERSON
    assert (found.created_at, found.created_by) == (AT, "custody-a")
    assert (found.updated_at, found.updated_by) == (AT, "custody-a")


def test_creating_twice_changes_nothing_and_creating_otherwise_is_refused(
    engine: Engine, clerk: Clerks
):
    with writing(engine) as session:
        first = keeping.create(session, clerk("custody-a"), "investor", PERSON)
        again = keeping.create(session, clerk("custody-a", LATER), "investor", PERSON)
        assert first == again
        other = PERSON | {"contact_phone": "03-0000-0000"}
        with pytest.raises(RecordExists):
            keeping.create(session, clerk("custody-a"), "investor", other)


def test_another_company_finds_nothing(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", PERSON)
        other = clerk("custody-b")
        with pytest.raises(RecordMissing):
            keeping.read(session, other, "investor", "INV900001")
        with pytest.raises(RecordMissing):
            keeping.change(session, other, "investor", "INV900001", PERSON)
        with pytest.raises(RecordMissing):
            erasure.erase(session, other, "investor", "INV900001", REASON)
        assert keeping.list_records(session, other, "investor") == []
        number = PERSON["corporate_number"]
        assert keeping.find(session, other, "investor", "corporate_number", number) == []
        others = {"custody_holder_id": "custody-b", "custodian_id": "custody-b"}
        keeping.create(session, other, "investor", PERSON | others | {"investor_name": "別人"})
        mine = keeping.read(session, clerk("custody-a"), "investor", "INV900001")
    assert mine.values["investor_name"] == PERSON["investor_name"]


def test_an_actor_without_a_rule_is_denied(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        for member in ("fund-a", "platform"):
            with pytest.raises(Denied):
                keeping.create(session, clerk(member), "investor", PERSON)
            with pytest.raises(Denied):
                keeping.list_records(session, clerk(member), "investor")


def test_a_change_keeps_what_stood_there_before(engine: Engine, clerk: Clerks):
    changed = PERSON | {"contact_phone": "06-1111-2222", "aml_category": "middle"}
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", PERSON)
        kept = keeping.change(session, clerk("custody-a", LATER), "investor", "INV900001", changed)
        assert kept.values == changed
        assert (kept.created_at, kept.updated_at) == (AT, LATER)
        (entry,) = keeping.history(session, clerk("custody-a"), "investor", "INV900001")
    assert entry.fields == ["contact_phone", "aml_category"]
    assert entry.before == {"contact_phone": PERSON["contact_phone"], "aml_category": "low"}
    assert (entry.changed_at, entry.changed_by) == (LATER, "custody-a")


def test_an_unchanged_record_leaves_no_history(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", PERSON)
        keeping.change(session, clerk("custody-a", LATER), "investor", "INV900001", PERSON)
        assert keeping.history(session, clerk("custody-a"), "investor", "INV900001") == []


def test_an_id_never_changes(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", PERSON)
        other = PERSON | {"investor_id": "INV900002"}
        with pytest.raises(RecordMalformed):
            keeping.change(session, clerk("custody-a"), "investor", "INV900001", other)


def test_an_investors_holder_and_custodian_are_known(engine: Engine, clerk: Clerks):
    mine = clerk("custody-a")
    stranger = PERSON | {"custody_holder_id": "entrusted-b", "custodian_id": "nobody"}
    with writing(engine) as session:
        with pytest.raises(RecordMalformed) as refusal:
            keeping.create(session, mine, "investor", stranger)
        assert {f.where for f in refusal.value.faults} == {"custody_holder_id", "custodian_id"}
        assert keeping.list_records(session, mine, "investor") == []
        holder = dict.fromkeys(("custody_holder_id", "custody_holder_name"), "entrusted-b")
        keeping.create(session, mine, "custody_holder", holder | {"custodian_id": "custody-a"})
        keeping.create(session, mine, "investor", stranger | {"custodian_id": "custody-a"})
        other = keeping.read(session, mine, "investor", "INV900001")
        assert other.values["custody_holder_id"] == "entrusted-b"


def test_all_faults_are_named_at_once_and_none_repeats_a_value(engine: Engine, clerk: Clerks):
    wrong = PERSON | {
        "investor_id": "inv 1",
        "aml_category": "関所 花子",
        "contact_phone": "電話なし",
        "created_by": "me",
        "corporate_number": "12",
    }
    del wrong["investor_name"]
    with writing(engine) as session, pytest.raises(RecordMalformed) as refusal:
        keeping.create(session, clerk("custody-a"), "investor", wrong)
    assert {fault.where for fault in refusal.value.faults} == {
        "investor_id",
        "aml_category",
        "contact_phone",
        "created_by",
        "corporate_number",
        "investor_name",
    }
    text = str(refusal.value) + "".join(fault.message for fault in refusal.value.faults)
    assert "花子" not in text
    assert "電話" not in text


def test_a_personal_id_is_found_by_its_blind_index(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", PERSON)
        keeping.create(session, clerk("custody-a"), "investor", PERSON | {"investor_id": "INV2"})
        other = PERSON | {"investor_id": "INV3", "corporate_number": ""}
        keeping.create(session, clerk("custody-a"), "investor", other)
        number = PERSON["corporate_number"]
        found = keeping.find(session, clerk("custody-a"), "investor", "corporate_number", number)
        assert [record.row_id for record in found] == ["INV2", "INV900001"]
        with pytest.raises(RecordMalformed):
            keeping.find(session, clerk("custody-a"), "investor", "investor_name", "関所 花子")


def test_lists_go_page_by_page(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        for number in range(7):
            keeping.create(
                session, clerk("custody-a"), "investor", PERSON | {"investor_id": f"INV{number}"}
            )
        seen, after = [], ""
        while page := keeping.list_records(session, clerk("custody-a"), "investor", after, 3):
            seen += [record.row_id for record in page]
            after = page[-1].row_id
    assert seen == [f"INV{number}" for number in range(7)]


def test_erasing_leaves_the_id_the_proof_and_nothing_personal(engine: Engine, clerk: Clerks):
    changed = PERSON | {"contact_name": "旧姓 花子"}
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", PERSON)
        keeping.change(session, clerk("custody-a"), "investor", "INV900001", changed)
        proof = erasure.erase(session, clerk("custody-a", LATER), "investor", "INV900001", REASON)
    with writing(engine) as session:
        mine = clerk("custody-a")
        found = keeping.read(session, mine, "investor", "INV900001")
        assert found.erased_at == LATER
        assert found.values["investor_name"] == ""
        assert found.values["investor_id"] == "INV900001"
        assert not set(PERSONAL) & set(map(str, found.values.values()))
        entries = keeping.history(session, mine, "investor", "INV900001")
        assert [entry.kind for entry in entries] == ["change", "erase"]
        assert all(entry.before == {} for entry in entries)
        number = PERSON["corporate_number"]
        assert keeping.find(session, mine, "investor", "corporate_number", number) == []
        assert session.scalars(sa.select(RecordKeyRow)).all() == []
        assert erasure.erase(session, mine, "investor", "INV900001", REASON) == proof
        assert erasure.erasure_of(session, mine, "investor", "INV900001") == proof
        for attempt in (keeping.create, lambda s, c, t, v: keeping.change(s, c, t, "INV900001", v)):
            with pytest.raises(RecordErased):
                attempt(session, mine, "investor", PERSON)


def test_an_erasure_is_logged_without_the_data(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", PERSON)
        proof = erasure.erase(session, clerk("custody-a"), "investor", "INV900001", REASON)
        leaf = session.get(EntryRow, proof.log_index)
        assert leaf is not None
        statement = msgspec.json.encode(proof.statement)
        assert leaf.data == erasure.log_entry_of(statement)
        assert erasure.commitment_of(statement) == proof.commitment
        assert b"INV900001" not in leaf.data
        assert b"custody-a" not in leaf.data
        assert len(proof.statement.nonce) == 64


def test_what_was_never_kept_cannot_be_erased(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        with pytest.raises(RecordMissing):
            erasure.erase(session, clerk("custody-a"), "investor", "INV1", REASON)
        with pytest.raises(RecordMissing):
            erasure.erasure_of(session, clerk("custody-a"), "investor", "INV1")


def test_personal_values_are_in_no_byte_of_the_database(tmp_path: Path, clerk: Clerks):
    from ledger.database import Base, connect

    engine = connect(f"sqlite:///{tmp_path / 'records.sqlite'}")
    Base.metadata.create_all(engine)
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", PERSON)
        changed = PERSON | {"contact_address": "北海道札幌市見本区4-5-6"}
        keeping.change(session, clerk("custody-a"), "investor", "INV900001", changed)
    with reading(engine) as session:
        row = session.scalars(sa.select(InvestorRow)).one()
        ciphertexts = [row.investor_name, row.contact_phone, row.payee_account_number]
        index = row.corporate_number_index
        wrapped = session.scalars(sa.select(RecordKeyRow.wrapped_key)).one()
    data = database_bytes(engine)
    assert b"INV900001" in data  # the search finds what is there
    assert found_in(data, {*PERSONAL, "北海道札幌市見本区4-5-6"}) == set()
    for stored in [*ciphertexts, index, wrapped]:
        assert stored in data
    with writing(engine) as session:
        erasure.erase(session, clerk("custody-a"), "investor", "INV900001", REASON)
    erasure.purge(engine)
    data = database_bytes(engine)
    assert b"INV900001" in data
    assert found_in(data, {*PERSONAL, "北海道札幌市見本区4-5-6"}) == set()
    for stored in [*ciphertexts, index, wrapped]:
        assert stored not in data
    engine.dispose()


def test_purging_keeps_everything_else(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", PERSON)
        keeping.create(session, clerk("custody-a"), "investor", PERSON | {"investor_id": "INV2"})
        erasure.erase(session, clerk("custody-a"), "investor", "INV2", REASON)
    erasure.purge(engine)
    with reading(engine) as session:
        found = keeping.read(session, clerk("custody-a"), "investor", "INV900001")
    assert found.values == PERSON
