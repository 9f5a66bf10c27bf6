"""Reading incidents: a list, one with its time line, the monthly summary."""

import base64
import binascii
import datetime as dt

import msgspec
from sqlalchemy.orm import Session

from governance.errors import IncidentInvalid
from governance.incidents.register import Incident, IncidentStatus
from governance.incidents.service_levels import ServiceLevel, month_bounds, summarise
from governance.incidents.services import IncidentServices
from governance.incidents.store import (
    events_of,
    incident_of,
    incidents_before,
    incidents_during,
)
from ledger.errors import CursorInvalid
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

MAX_PAGE = 200
"""Incidents in the longest page."""


class Moment(msgspec.Struct, frozen=True):
    """One entry of a time line: what was said, by whom, and its envelope's index in the log."""

    at: dt.datetime
    kind: str
    author: str
    log_index: int
    envelope: msgspec.Raw


class IncidentView(msgspec.Struct, frozen=True):
    """An incident and everything that was said of it, in order."""

    incident: Incident
    timeline: tuple[Moment, ...]


class IncidentPage(msgspec.Struct, frozen=True):
    """Incidents, newest first; `next` is the cursor of the next page, None on the last."""

    incidents: tuple[Incident, ...]
    next: str | None


def page(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    *,
    status: IncidentStatus | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> IncidentPage:
    """Return a page of incidents, newest first.

    Raises:
        Denied: no rule lets the actor read incidents.
        CursorInvalid: the cursor was not given out for this list.
    """
    rules.decide(actor, Action.INCIDENT_READ)
    limit = max(1, min(limit, MAX_PAGE))
    before = None if cursor is None else _read_cursor(cursor)
    found = incidents_before(session, before, status, limit + 1)
    more = _cursor(found[limit - 1][0]) if len(found) > limit else None
    return IncidentPage(tuple(incident for _, incident in found[:limit]), more)


def show(session: Session, rules: CompiledRules, actor: Actor, incident_id: str) -> IncidentView:
    """Return one incident with its time line.

    Raises:
        Denied: no rule lets the actor read incidents.
        IncidentUnknown: there is none with this id.
    """
    rules.decide(actor, Action.INCIDENT_READ)
    incident = incident_of(session, incident_id)
    timeline = tuple(
        Moment(e.said_at, e.kind, e.author, e.log_index, msgspec.Raw(e.envelope))
        for e in events_of(session, incident_id)
    )
    return IncidentView(incident, timeline)


def service_levels(
    session: Session,
    services: IncidentServices,
    rules: CompiledRules,
    actor: Actor,
    month: str,
    at: dt.datetime,
) -> list[ServiceLevel]:
    """Return how every operation went in `month`, written `2026-01`, in Japan.

    Raises:
        Denied: no rule lets the actor read service levels.
        IncidentInvalid: it is no month.
    """
    rules.decide(actor, Action.SERVICE_LEVEL_READ)
    try:
        first = dt.datetime.strptime(month, "%Y-%m").replace(tzinfo=dt.UTC)
        start, end = month_bounds(first.year, first.month)
    except (ValueError, OverflowError) as error:
        raise IncidentInvalid(f"{month!r} is no month; expected for example 2026-01") from error
    found = incidents_during(session, start, end)
    return summarise(services.matrix, found, first.year, first.month, at)


def _cursor(index: int) -> str:
    return base64.urlsafe_b64encode(b"i%d" % index).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return int(data.removeprefix(b"i"))
    except (binascii.Error, ValueError) as error:
        raise CursorInvalid("the cursor was not given out for this list") from error
