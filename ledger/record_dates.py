"""The record dates (権利確定日) of a right: the days as of which its register counts."""

from msgspec import UNSET

from ledger import scopes
from ledger import views as v
from ledger.errors import NotFound, RecordMalformed
from ledger.queries import Asked, Reader
from ledger.records.calendar import (
    FIRST_YEAR,
    LAST_YEAR,
    HolidayAdjustment,
    adjust,
    record_date,
)
from policies.actions import Action


def read_record_dates(
    reader: Reader, right: str, year: int, adjustment: HolidayAdjustment
) -> v.RecordDates:
    """Return the record dates that a right has in `year`, in order.

    Args:
        reader: who asks.
        right: whose dates.
        year: of the dates before they are moved; one may move into the next.
        adjustment: where a date moves that is not a business day; the ledger does not hold it
            (休日調整区分 is the registrar's own record), so the caller says.

    Raises:
        NotFound: there is no such right that the actor may see.
        RecordMalformed: the year is outside the calendar.
    """
    viewer = reader.decide(Action.BENEFICIAL_RIGHT_READ)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise RecordMalformed(f"no calendar for {year}; expected {FIRST_YEAR} to {LAST_YEAR}")
    page = reader.rows(scopes.RIGHTS, viewer, Asked({"beneficial_right_id": right}, limit=1))
    if not page.rows:
        raise NotFound(f"there is no right {right} that you may see")
    fields = page.rows[0].fields
    named = [fields.get(name, UNSET) for name in ("record_date_1", "record_date_2")]
    days = {record_date(text, year, HolidayAdjustment.NONE) for text in named if text}
    items = tuple(v.RecordDate(day, adjust(day, adjustment)) for day in sorted(days))
    return v.RecordDates(viewer.decision.rule_set, right, adjustment, items)
