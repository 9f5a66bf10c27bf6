"""Names as they are written: characters that are not in every encoding, and look-alikes."""

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from ledger.database import reading
from ledger.records import keeping
from tests.records.conftest import Clerks
from tests.records.files import csv_text, import_file, investor
from tests.records.simulated import KnownLedger

NAMES = {
    "NEC row 13": "①㈱髙島ⅢⅣ㌧",
    "IBM extensions": "髙﨑 德 濵 彅",
    "trail bytes that are backslashes": "ソ能表予十貼",
    "full-width tilde and minus": "１～２－３",
    "half-width kana": "ｶﾞｷﾞｸﾞ ﾊﾟﾋﾟ ｰ｡",
    "yen and overline": "\\ ~ ￥ ￣",
    "quotes and a comma": '関"所", 花子',
    "blanks at both ends": "　関所 ",
}
IN_UNICODE = {
    "wave dash": "１〜２",
    "JIS X 0213": "𠮟る 𩸽 咩",
    "combining voiced mark": "か\u3099き\u3099",
    "variation selector": "葛\U000e0100城",
    "emoji": "👩‍👩‍👧",
    "Arabic": "سكيشو",
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One database is enough here: what differs is before it."""
    return f"sqlite:///{tmp_path / 'test.sqlite'}"


def check_kept(engine: Engine, clerk: Clerks, names: dict[str, str], encoding: str) -> None:
    """Import an investor of each name; compare what is kept, by what is special about it."""
    rows = [
        investor(number, investor_name=name, contact_name=name)
        for number, name in enumerate(names.values())
    ]
    data = csv_text(rows, "\r\n").encode(encoding)
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger())
    assert (state.status, faults) == ("done", ())
    with reading(engine) as session:
        records = keeping.list_records(session, clerk("custody-a"), "investor")
    for field in ("investor_name", "contact_name"):
        kept = [record.values[field] for record in records]
        assert dict(zip(names, kept, strict=True)) == names


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig"])
def test_names_are_kept_as_they_are_written(engine: Engine, clerk: Clerks, encoding: str):
    check_kept(engine, clerk, NAMES, encoding)


def test_names_that_shift_jis_has_not_are_kept(engine: Engine, clerk: Clerks):
    check_kept(engine, clerk, IN_UNICODE, "utf-8")


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("shift_jis_2004", "𠮟責 欄外"), ("euc_jp", "関所 花子"), ("iso2022_jp", "関所 花子")],
)
def test_bytes_of_another_encoding_are_refused(
    engine: Engine, clerk: Clerks, encoding: str, name: str
):
    """Nothing is guessed: a byte that neither encoding has is a problem with its line."""
    rows = [investor(1)]
    rows.append(investor(2, investor_name=name))
    good, bad = (csv_text(rows[:1]), csv_text(rows).splitlines(keepends=True)[2])
    data = good.encode("cp932") + bad.encode(encoding)
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger())
    assert (state.status, state.rows_written) == ("refused", 0)
    assert {fault.line for fault in faults} == {3}


def test_half_width_kana_are_an_account_holders_name(engine: Engine, clerk: Clerks):
    holder = "ｾｷｼﾖ ﾊﾅｺ(ｶ"
    row = investor(1, payee_account_holder_kana=holder)
    data = csv_text([row]).encode("cp932")
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger())
    assert (state.status, faults) == ("done", ())
