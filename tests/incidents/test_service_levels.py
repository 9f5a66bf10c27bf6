"""The monthly summary against a count minute by minute."""

import datetime as dt

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from governance.incidents.register import Incident, IncidentStatus
from governance.incidents.service_levels import month_bounds, summarise
from policies.responsibility import shipped_matrix

START, END = month_bounds(2026, 2)
MINUTE = dt.timedelta(minutes=1)
BLANK = Incident(
    id="",
    kind="notary_slow",
    operation="notarise",
    about="the notary",
    summary="slow",
    opened_by="platform",
    automatic=True,
    opened_at=START,
    started_at=START,
    accountable="platform",
    answerable="platform",
    acknowledge_by=START,
    escalate_at=START,
)
spans = st.lists(st.tuples(st.integers(-200, 200), st.integers(0, 300), st.booleans()), max_size=6)


def incident(start: int, length: int, closed: bool) -> Incident:  # noqa: FBT001 - drawn
    begins = START + start * MINUTE
    ends = begins + length * MINUTE if closed else None
    status = IncidentStatus.CLOSED if closed else IncidentStatus.OPEN
    return msgspec.structs.replace(
        BLANK, started_at=begins, ended_at=ends, closed_at=ends, status=status
    )


@given(spans, st.integers(1, 600))
def test_minutes_are_those_in_which_something_went_on(
    drawn: list[tuple[int, int, bool]], passed: int
):
    at = START + passed * MINUTE
    incidents = [incident(*one) for one in drawn if START + one[0] * MINUTE <= at]
    (level,) = [
        x for x in summarise(shipped_matrix(), incidents, 2026, 2, at) if x.operation == "notarise"
    ]
    expected = sum(
        any(
            i.started_at <= START + m * MINUTE
            and START + (m + 1) * MINUTE <= min(i.ended_at or at, at)
            for i in incidents
        )
        for m in range(passed)
    )
    assert level.disturbed_minutes == expected
    assert level.minutes == passed


def test_month_is_japans():
    bounds = month_bounds(2026, 2)
    assert bounds == (
        dt.datetime(2026, 1, 31, 15, tzinfo=dt.UTC),
        dt.datetime(2026, 2, 28, 15, tzinfo=dt.UTC),
    )
    assert month_bounds(2026, 12)[1] == dt.datetime(2026, 12, 31, 15, tzinfo=dt.UTC)


def test_every_operation_has_a_line():
    levels = summarise(shipped_matrix(), [], 2026, 2, END)
    assert [x.operation for x in levels] == sorted(shipped_matrix().operations)
