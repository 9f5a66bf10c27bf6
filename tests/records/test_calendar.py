import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import RecordMalformed
from ledger.records.calendar import (
    HolidayAdjustment,
    adjust,
    holiday_name,
    is_business_day,
    record_date,
    record_dates,
)

NONE, FOLLOWING = HolidayAdjustment.NONE, HolidayAdjustment.FOLLOWING
MODIFIED, PRECEDING = HolidayAdjustment.MODIFIED_FOLLOWING, HolidayAdjustment.PRECEDING
DAYS = st.dates(dt.date(1950, 1, 15), dt.date(2099, 11, 30))


@pytest.mark.parametrize(
    "day",
    [
        "2025-01-01",  # 元日
        "2025-01-02",  # bank holiday
        "2025-12-31",  # bank holiday
        "2025-02-11",  # 建国記念の日
        "2025-05-06",  # substitute for Sunday 4 May
        "2026-09-22",  # between two holidays: 国民の休日
        "2026-03-20",  # vernal equinox
        "2019-05-01",  # enthronement
        "2021-07-23",  # moved for the Olympics
    ],
)
def test_holidays_of_japan(day: str):
    assert holiday_name(dt.date.fromisoformat(day)) is not None
    assert not is_business_day(dt.date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2025-01-06", "2025-12-30", "2021-10-11", "2026-09-24"])
def test_business_days(day: str):
    assert is_business_day(dt.date.fromisoformat(day))


@pytest.mark.parametrize(
    ("rule", "year", "adjustment", "expected"),
    [
        ("03-31", 2025, NONE, "2025-03-31"),  # Monday
        ("03-31", 2024, NONE, "2024-03-31"),  # Sunday
        ("03-31", 2024, FOLLOWING, "2024-04-01"),
        ("03-31", 2024, PRECEDING, "2024-03-29"),
        ("03-31", 2024, MODIFIED, "2024-03-29"),  # following would be in April
        ("09-30", 2028, MODIFIED, "2028-09-29"),  # Saturday, the last day of its month
        ("12-31", 2025, FOLLOWING, "2026-01-05"),  # bank holidays, then a weekend
        ("12-31", 2025, PRECEDING, "2025-12-30"),
        ("05-03", 2025, FOLLOWING, "2025-05-07"),  # Golden Week with a substitute holiday
        ("02-29", 2025, NONE, "2025-02-28"),
        ("02-29", 2024, NONE, "2024-02-29"),
    ],
)
def test_record_dates_with_adjustment(
    rule: str, year: int, adjustment: HolidayAdjustment, expected: str
):
    assert record_date(rule, year, adjustment) == dt.date.fromisoformat(expected)


@pytest.mark.parametrize(
    "rule", ["", "3-31", "02-30", "13-01", "00-10", "04-31", "03-31\n", "0331"]
)
def test_what_is_no_day_of_the_year_is_refused(rule: str):
    with pytest.raises(RecordMalformed):
        record_date(rule, 2025, NONE)


def test_a_day_outside_the_calendar_is_refused():
    with pytest.raises(RecordMalformed):
        is_business_day(dt.date(1948, 1, 5))


def test_all_record_dates_of_a_span_come_in_order():
    found = record_dates(("03-31", "09-30"), dt.date(2024, 3, 29), dt.date(2025, 9, 30), FOLLOWING)
    assert [str(day) for day in found] == ["2024-04-01", "2024-09-30", "2025-03-31", "2025-09-30"]


def test_a_record_date_that_moves_over_new_year_is_found():
    found = record_dates(("12-31", ""), dt.date(2026, 1, 1), dt.date(2026, 1, 31), FOLLOWING)
    assert found == (dt.date(2026, 1, 5),)


@given(DAYS)
def test_an_adjusted_day_is_the_nearest_business_day_on_its_side(day: dt.date):
    after, before = adjust(day, FOLLOWING), adjust(day, PRECEDING)
    assert before <= day <= after
    assert is_business_day(before)
    assert is_business_day(after)
    between = range(before.toordinal() + 1, after.toordinal())
    if before != after:
        assert not any(is_business_day(dt.date.fromordinal(n)) for n in between)
    modified = adjust(day, MODIFIED)
    assert modified.month == day.month
    assert modified in (after, before)
    assert adjust(day, NONE) == day
