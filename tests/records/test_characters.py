"""Names as they are written: characters that are not in every encoding, and look-alikes."""

from typing import Any

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


def kept_name(engine: Engine, clerk: Clerks, name: str, encoding: str) -> Any:
    row = investor(1, custody_holder_id="custody-a", investor_name=name, contact_name=name)
    data = csv_text([row], "\r\n").encode(encoding)
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger())
    assert (state.status, faults) == ("done", ())
    with reading(engine) as session:
        (record,) = keeping.list_records(session, clerk("custody-a"), "investor")
    assert record.values["investor_name"] == record.values["contact_name"]
    return record.values["investor_name"]


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_is_kept_as_it_is_written(engine: Engine, clerk: Clerks, name: str, encoding: str):
    assert kept_name(engine, clerk, name, encoding) == name


@pytest.mark.parametrize("name", IN_UNICODE.values(), ids=IN_UNICODE)
def test_a_name_that_shift_jis_has_not_is_kept(engine: Engine, clerk: Clerks, name: str):
    assert kept_name(engine, clerk, name, "utf-8") == name


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("shift_jis_2004", "𠮟責 欄外"), ("euc_jp", "関所 花子"), ("iso2022_jp", "関所 花子")],
)
def test_bytes_of_another_encoding_are_refused(
    engine: Engine, clerk: Clerks, encoding: str, name: str
):
    """Nothing is guessed: a byte that neither encoding has is a problem with its line."""
    rows = [investor(1, custody_holder_id="custody-a")]
    rows.append(investor(2, custody_holder_id="custody-a", investor_name=name))
    good, bad = (csv_text(rows[:1]), csv_text(rows).splitlines(keepends=True)[2])
    data = good.encode("cp932") + bad.encode(encoding)
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger())
    assert (state.status, state.rows_written) == ("refused", 0)
    assert {fault.line for fault in faults} == {3}


def test_half_width_kana_are_an_account_holders_name(engine: Engine, clerk: Clerks):
    holder = "ｾｷｼﾖ ﾊﾅｺ(ｶ"
    row = investor(1, custody_holder_id="custody-a", payee_account_holder_kana=holder)
    data = csv_text([row]).encode("cp932")
    state, faults = import_file(engine, clerk("custody-a"), data, KnownLedger())
    assert (state.status, faults) == ("done", ())
