"""The monthly summary: for each operation, what went wrong and for how long. Pure.

A month is a calendar month in Japan, where the market is. Minutes that several incidents of an
operation share count once.
"""

import datetime as dt
from collections.abc import Iterable

import msgspec

from governance.incidents.register import Incident
from policies.responsibility import ResponsibilityMatrix

JST = dt.timezone(dt.timedelta(hours=9), "JST")
MINUTE = dt.timedelta(minutes=1)


class ServiceLevel(msgspec.Struct, frozen=True):
    """How one operation went in a month.

    Args:
        operation: its name in the matrix.
        accountable: the role that answers for it.
        incidents: those that went on at some time in the month.
        acknowledged_late: those of them that were not acknowledged in time.
        escalated: those that escalated.
        unclosed: those not closed yet.
        disturbed_minutes: minutes of the month in which at least one went on, rounded up.
        minutes: minutes of the month that have passed.
    """

    operation: str
    accountable: str
    incidents: int
    acknowledged_late: int
    escalated: int
    unclosed: int
    disturbed_minutes: int
    minutes: int


def month_bounds(year: int, month: int) -> tuple[dt.datetime, dt.datetime]:
    """Return the first moment of a month in Japan and that of the next, in UTC.

    Raises:
        ValueError: there is no such month.
    """
    start = dt.datetime(year, month, 1, tzinfo=JST)
    following = dt.datetime(year + month // 12, month % 12 + 1, 1, tzinfo=JST)
    return start.astimezone(dt.UTC), following.astimezone(dt.UTC)


def summarise(
    matrix: ResponsibilityMatrix,
    incidents: Iterable[Incident],
    year: int,
    month: int,
    at: dt.datetime,
) -> list[ServiceLevel]:
    """Return the summary of every operation, by name, of the month as far as it has passed."""
    start, end = month_bounds(year, month)
    end = max(start, min(end, at))
    by_operation: dict[str, list[Incident]] = {name: [] for name in sorted(matrix.operations)}
    for incident in incidents:
        if incident.started_at < end and (incident.ended_at or at) > start:
            by_operation.setdefault(incident.operation, []).append(incident)
    return [
        ServiceLevel(
            operation=name,
            accountable=matrix.operations[name].accountable if name in matrix.operations else "",
            incidents=len(found),
            acknowledged_late=sum(i.overdue for i in found),
            escalated=sum(i.escalated_at is not None for i in found),
            unclosed=sum(i.closed_at is None for i in found),
            disturbed_minutes=_minutes(_disturbed(found, start, end, at)),
            minutes=_minutes(end - start),
        )
        for name, found in by_operation.items()
    ]


def _disturbed(
    incidents: list[Incident], start: dt.datetime, end: dt.datetime, at: dt.datetime
) -> dt.timedelta:
    """Return the length of the union of the incidents' times within the month."""
    spans = sorted((max(i.started_at, start), min(i.ended_at or at, end)) for i in incidents)
    total, reached = dt.timedelta(), start
    for begins, ends in spans:
        total += max(dt.timedelta(), ends - max(begins, reached))
        reached = max(reached, ends)
    return total


def _minutes(span: dt.timedelta) -> int:
    return -(-span // MINUTE)
