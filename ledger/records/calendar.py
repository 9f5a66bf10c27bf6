"""Business days of Japanese banks, and record dates (権利確定日) that fall on one.

Pure: no clock, no I/O. The holidays come from the kept library `holidays` (its categories
`public`, 国民の祝日, and `bank`, which adds 31 December to 3 January).
"""

import calendar
import datetime as dt
import re
from enum import StrEnum

import holidays

from ledger.errors import RecordMalformed
from policies.errors import Fault

MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_LEAP_YEAR = 2000
_SATURDAY = 5

FIRST_YEAR = 1949
"""The first whole year after the law on national holidays (国民の祝日に関する法律, July 1948)."""

LAST_YEAR = 2099
"""Equinoxes are computed by formula up to this year."""


class HolidayAdjustment(StrEnum):
    """Where a date moves that is not a business day (休日調整区分)."""

    NONE = "none"
    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified_following"
    PRECEDING = "preceding"


def holiday_name(day: dt.date) -> str | None:
    """Return the name of the Japanese public or bank holiday on `day`, or None.

    Raises:
        RecordMalformed: `day` is outside the years that the calendar covers.
    """
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise RecordMalformed(f"no calendar for {day.year}; expected {FIRST_YEAR} to {LAST_YEAR}")
    return _HOLIDAYS.get(day)


def is_business_day(day: dt.date) -> bool:
    """Return whether banks in Japan are open on `day`."""
    return day.weekday() < _SATURDAY and holiday_name(day) is None


def adjust(day: dt.date, adjustment: HolidayAdjustment) -> dt.date:
    """Return `day`, moved to a business day as `adjustment` says."""
    match adjustment:
        case HolidayAdjustment.NONE:
            return day
        case HolidayAdjustment.FOLLOWING:
            return _next(day, 1)
        case HolidayAdjustment.PRECEDING:
            return _next(day, -1)
        case HolidayAdjustment.MODIFIED_FOLLOWING:
            moved = _next(day, 1)
            return moved if moved.month == day.month else _next(day, -1)


def record_date(month_day: str, year: int, adjustment: HolidayAdjustment) -> dt.date:
    """Return the record date that `month_day` ("03-31") names in `year`.

    A day that the month of that year does not have ("02-29") is the month's last day.

    Raises:
        RecordMalformed: not a month and a day of the calendar.
    """
    month, day = _month_day(month_day)
    last = calendar.monthrange(year, month)[1]
    return adjust(dt.date(year, month, min(day, last)), adjustment)


def record_dates(
    month_days: tuple[str, ...], first: dt.date, last: dt.date, adjustment: HolidayAdjustment
) -> tuple[dt.date, ...]:
    """Return every adjusted record date from `first` to `last`, both included, in order.

    Empty month-days count as absent. A date of one year may move into the next: the years on
    both sides are looked at too.
    """
    found = {
        record_date(text, year, adjustment)
        for text in month_days
        if text
        for year in range(first.year - 1, last.year + 2)
        if FIRST_YEAR < year < LAST_YEAR
    }
    return tuple(sorted(day for day in found if first <= day <= last))


def _month_day(text: str) -> tuple[int, int]:
    if MONTH_DAY.fullmatch(text):
        month, day = int(text[:2]), int(text[3:])
        if day <= calendar.monthrange(_LEAP_YEAR, month)[1]:
            return month, day
    message = f'{text!r} is not a month and a day; expected e.g. "03-31"'
    raise RecordMalformed(message, (Fault("record_date", message),))


def _next(day: dt.date, step: int) -> dt.date:
    while not is_business_day(day):
        day += dt.timedelta(days=step)
    return day


_HOLIDAYS = holidays.country_holidays("JP", categories=("public", "bank"))
