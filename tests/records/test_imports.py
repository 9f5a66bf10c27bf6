"""Importing files of every kind, good and bad, on both databases."""

from typing import Any

import pytest
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.errors import ImportMissing, ImportRefused
from ledger.records import imports, keeping
from ledger.records.imports import Operation
from ledger.records.intake import Target
from ledger.records.tables import InvestorRow
from ledger.records.tables_work import ImportChunkRow, ImportKeyRow
from policies.errors import Denied
from tests.records.conftest import PERSON, Clerks
from tests.records.files import (
    count,
    csv_text,
    import_file,
    investor,
    places,
    request,
    run,
    upload,
)
from tests.records.simulated import KnownLedger

PEOPLE = csv_text([investor(n) for n in range(1, 26)])


@pytest.mark.parametrize(
    ("encoding", "newline"), [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("cp932", "\r\n")]
)
def test_every_encoding_and_line_end_is_read_alike(
    engine: Engine, clerk: Clerks, encoding: str, newline: str
):
    people = [investor(n) for n in range(1, 26)]
    data = csv_text(people, newline).encode(encoding)
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger(), batch=7)
    assert (state.status, faults) == ("done", ())
    assert (state.rows_read, state.rows_written, state.problems) == (25, 25, 0)
    assert state.encoding == ("cp932" if encoding == "cp932" else "utf-8")
    with reading(engine) as session:
        kept = keeping.list_records(session, clerk("custody-a"), "investor")
    assert [record.values for record in kept] == people


def test_nothing_of_the_file_stays_behind(engine: Engine, clerk: Clerks):
    import_file(engine, clerk("custody-a"), PEOPLE.encode(), KnownLedger())
    assert count(engine, ImportChunkRow) == 0
    assert count(engine, ImportKeyRow) == 0


def test_japanese_headings_and_another_order_are_read(engine: Engine, clerk: Clerks):
    row = {
        "AML区分": "low",
        "投資家名称": "関所 花子",
        "投資家ID": "INV000001",
        "保護預り区分": "customer",
        "保護預り先ID": "custody-a",
        "保護預り先内管理ID": "A-1",
        "カストディアンID": "custody-a",
    }
    data = csv_text([row]).encode("cp932")
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger())
    assert (state.status, faults) == ("done", ())


def test_importing_a_file_twice_is_importing_it_once(engine: Engine, clerk: Clerks):
    first, _ = import_file(engine, clerk("custody-a"), PEOPLE.encode(), KnownLedger())
    again, _ = import_file(engine, clerk("custody-a"), PEOPLE.encode(), KnownLedger())
    assert first == again
    assert count(engine, InvestorRow) == 25


def test_of_an_overlapping_file_only_what_is_new_is_written(engine: Engine, clerk: Clerks):
    import_file(engine, clerk("custody-a"), PEOPLE.encode(), KnownLedger())
    more = csv_text([investor(n) for n in range(20, 31)])
    state, faults = import_file(engine, clerk("custody-a"), more.encode(), KnownLedger())
    assert (state.rows_read, state.rows_written, faults) == (11, 5, ())
    assert count(engine, InvestorRow) == 30


def test_a_change_file_changes_what_exists(engine: Engine, clerk: Clerks):
    mine = clerk("custody-a")
    import_file(engine, mine, PEOPLE.encode(), KnownLedger())
    changed = [investor(n, contact_phone="06-0000-0000") for n in (3, 4)]
    data = csv_text([*changed, investor(5)]).encode()
    state, faults = import_file(engine, mine, data, KnownLedger(), operation=Operation.CHANGE)
    assert (state.status, state.rows_written, faults) == ("done", 2, ())
    with reading(engine) as session:
        kept = keeping.read(session, mine, "investor", "INV000003")
        (entry,) = keeping.history(session, mine, "investor", "INV000003")
    assert kept.values["contact_phone"] == "06-0000-0000"
    assert entry.before == {"contact_phone": PERSON["contact_phone"]}
    unknown = csv_text([investor(99)]).encode()
    state, faults = import_file(engine, mine, unknown, KnownLedger(), operation=Operation.CHANGE)
    assert (state.status, places(faults)) == ("refused", [(2, "investor_id")])


BAD_INVESTORS: list[tuple[str, dict[str, Any], str]] = [
    ("a bad id", {"investor_id": "inv-1"}, "investor_id"),
    ("no name", {"investor_name": ""}, "investor_name"),
    ("a wrong category", {"aml_category": "関所 花子"}, "aml_category"),
    ("an unknown custodian", {"custodian_id": "custody-z"}, "custodian_id"),
    ("an unknown holder", {"custody_holder_id": "nobody"}, "custody_holder_id"),
    ("a short account number", {"payee_account_number": "123"}, "payee_account_number"),
    (
        "hiragana for katakana",
        {"payee_account_holder_kana": "せきしょ"},
        "payee_account_holder_kana",
    ),
    ("a control character", {"contact_address": "東京\x07"}, "contact_address"),
    ("a line end in a name", {"investor_name": "関所\n花子"}, "investor_name"),
    ("a duplicate", {"investor_id": "INV000001"}, "investor_id"),
]


def test_one_bad_line_and_nothing_is_written(
    engine: Engine, clerk: Clerks, subtests: pytest.Subtests
):
    for name, change, field in BAD_INVESTORS:
        with subtests.test(name):
            people = [investor(n) for n in range(1, 6)]
            people[3] |= change
            data = csv_text(people).encode()
            state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger(), batch=2)
            assert (state.status, state.problems) == ("refused", 1)
            assert places(faults) == [(5, field)]
            assert count(engine, InvestorRow) == 0
            for value in change.values():
                assert not value or value not in faults[0].message


def test_all_problems_come_in_one_report(engine: Engine, clerk: Clerks):
    people = [investor(n) for n in range(1, 26)]
    people[0]["contact_phone"] = "x"
    people[0]["aml_category"] = "x"
    people[10]["investor_id"] = "INV000001"
    people[24]["payee_bank_code"] = "x"
    data = csv_text(people).encode()
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger(), batch=4)
    assert state.problems == 4
    assert places(faults) == [
        (2, "contact_phone"),
        (2, "aml_category"),
        (12, "investor_id"),
        (26, "payee_bank_code"),
    ]


def test_more_problems_than_a_report_lists_are_counted(engine: Engine, clerk: Clerks):
    people = [investor(n, aml_category="x") for n in range(1, 1301)]
    data = csv_text(people).encode()
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger(), batch=400)
    assert state.problems == 1300
    assert len(faults) == 1000
    assert [fault.line for fault in faults] == list(range(2, 1002))


HEADER, *LINES = PEOPLE.splitlines(keepends=True)
BAD_FILES: list[tuple[str, bytes, list[tuple[int, str]]]] = [
    ("UTF-16", PEOPLE.encode("utf-16"), [(1, "header")]),
    ("EUC-JP", PEOPLE.encode("euc-jp"), []),
    ("no header", "".join(LINES).encode(), []),
    ("a missing column", PEOPLE.replace("investor_name,", "", 1).encode(), []),
    ("an extra column", (HEADER.strip() + ",extra\n" + "".join(LINES)).encode(), []),
    ("a column twice", PEOPLE.replace("contact_name", "contact_phone", 1).encode(), []),
    ("an extra cell", (HEADER + LINES[0].strip() + ",x\n" + LINES[1]).encode(), [(2, "")]),
    ("a missing cell", (HEADER + LINES[0].rpartition(",")[0] + "\n").encode(), [(2, "")]),
    ("cut in the middle of a line", PEOPLE.encode()[:-40], [(26, "")]),
    ("cut in the middle of a character", (HEADER + LINES[0]).encode() + "関".encode()[:2], []),
    ("a quote never closed", (HEADER + '"' + LINES[0] + LINES[1]).encode(), [(2, "")]),
    ("garbage after a quote", (HEADER + '"a"b' + LINES[0] + LINES[1]).encode(), [(2, "")]),
    ("a line without end", (HEADER + "x" * 70_000).encode(), [(2, "")]),
    ("nothing but a line end", b"\n", [(1, "header")]),
    ("zeros", bytes(500), [(1, "header")]),
]


def test_bad_files_are_refused_with_line_numbers(
    engine: Engine, clerk: Clerks, subtests: pytest.Subtests
):
    for name, data, expected in BAD_FILES:
        with subtests.test(name):
            state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger())
            assert state.status == "refused"
            assert state.problems > 0
            assert places(faults)[: len(expected)] == expected
            assert count(engine, InvestorRow) == 0
            assert "花子" not in "".join(fault.message for fault in faults)


def test_a_declared_encoding_is_kept_to(engine: Engine, clerk: Clerks):
    data = PEOPLE.encode("cp932")
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger(), encoding="utf-8")
    assert state.status == "refused"
    assert places(faults) == [(line, "") for line in range(2, 27)]
    state, _ = import_file(engine, clerk("custody-a"), data, KnownLedger(), encoding="shift_jis")
    assert state.status == "done"


def test_a_byte_that_is_no_utf_8_is_named_by_its_line(engine: Engine, clerk: Clerks):
    data = (HEADER + LINES[0]).encode() + LINES[1].encode().replace("関".encode(), b"\xff\xfe")
    _, faults = import_file(engine, clerk("custody-a"), data, KnownLedger(), encoding="utf-8")
    assert places(faults) == [(3, "")]


def test_a_truncated_upload_cannot_be_worked_on(engine: Engine, clerk: Clerks):
    data = PEOPLE.encode()
    mine = clerk("custody-a")
    with writing(engine) as session:
        state = imports.begin(session, mine, request(data))
        imports.receive(session, mine, state.import_id, 0, data[:-1])
    with pytest.raises(ImportRefused, match="send the rest"):
        run(engine, mine, KnownLedger(), state.import_id)


def test_bytes_that_differ_from_the_digest_are_not_used(engine: Engine, clerk: Clerks):
    data, mine = PEOPLE.encode(), clerk("custody-a")
    with writing(engine) as session:
        begun = imports.begin(session, mine, request(data))
        state = imports.receive(session, mine, begun.import_id, 0, data[:-1] + b"x")
        assert (state.status, state.received) == ("receiving", 0)
        assert "digest" in state.result
        state = imports.receive(session, mine, begun.import_id, 0, data)
        assert state.status == "received"
    assert run(engine, mine, KnownLedger(), begun.import_id)[0].status == "done"


def test_sending_goes_on_from_where_it_stopped(engine: Engine, clerk: Clerks):
    data, mine = PEOPLE.encode(), clerk("custody-a")
    with writing(engine) as session:
        one = imports.begin(session, mine, request(data)).import_id
        imports.receive(session, mine, one, 0, data[:1000])
        assert imports.state(session, mine, one).received == 1000
        with pytest.raises(ImportRefused):
            imports.receive(session, mine, one, 1001, data[1001:])
        with pytest.raises(ImportRefused):
            imports.receive(session, mine, one, 1000, data[1000:] + b"x")
        imports.receive(session, mine, one, 500, data[500:2000])
        imports.receive(session, mine, one, 2000, data[2000:])
    assert run(engine, mine, KnownLedger(), one)[0].status == "done"


def test_another_company_has_no_part_in_an_import(engine: Engine, clerk: Clerks):
    one = upload(engine, clerk("custody-a"), PEOPLE.encode())
    other = clerk("custody-b")
    with writing(engine) as session:
        for attempt in (imports.state, imports.report, imports.cancel):
            with pytest.raises(ImportMissing):
                attempt(session, other, one)
        assert imports.list_imports(session, other) == []
        assert [s.import_id for s in imports.list_imports(session, clerk("custody-a"))] == [one]
        with pytest.raises(Denied):
            imports.begin(session, clerk("fund-a"), request(b"x"))


def test_an_import_does_no_more_than_its_lines_one_by_one(engine: Engine, clerk: Clerks):
    """A registrar keeps investors, but neither sends nor executes instructions."""
    with writing(engine) as session:
        assert imports.begin(session, clerk("trust-a"), request(b"x")).status == "receiving"
        with pytest.raises(Denied):
            imports.begin(session, clerk("trust-a"), request(b"x", target=Target.INSTRUCTION))
        for member in ("entrusted-a", "direct-a"):
            imports.begin(session, clerk(member), request(b"x", target=Target.INSTRUCTION))


def test_a_cancelled_import_writes_nothing_and_may_start_anew(engine: Engine, clerk: Clerks):
    mine = clerk("custody-a")
    one = upload(engine, mine, PEOPLE.encode())
    with writing(engine) as session:
        assert imports.cancel(session, mine, one).status == "cancelled"
    assert count(engine, ImportChunkRow) == 0
    state, _ = import_file(engine, mine, PEOPLE.encode(), KnownLedger())
    assert (state.import_id, state.status) == (one, "done")


def test_registrations_go_to_the_sponsor(engine: Engine, clerk: Clerks):
    customers = [investor(n, custody_holder_id="entrusted-a") for n in range(1, 4)]
    people = csv_text(customers).encode()
    firm = clerk("entrusted-a")
    state, faults = import_file(engine, firm, people, KnownLedger(), target=Target.REGISTRATION)
    assert (state.status, faults) == ("done", ())
    with reading(engine) as session:
        kept = keeping.list_records(session, clerk("custody-a"), "investor")
        assert [r.values["investor_status"] for r in kept] == ["applied"] * 3
        assert {r.created_by for r in kept} == {"entrusted-a"}
        assert keeping.list_records(session, firm, "investor") == []
    others = csv_text([investor(9, custody_holder_id="entrusted-b")]).encode()
    state, faults = import_file(engine, firm, others, KnownLedger(), target=Target.REGISTRATION)
    assert (state.status, places(faults)) == ("refused", [(2, "custody_holder_id")])
    with writing(engine) as session, pytest.raises(ImportRefused):
        imports.begin(session, clerk("custody-a"), request(b"x", target=Target.REGISTRATION))
