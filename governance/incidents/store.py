"""Rows of incidents."""

import datetime as dt
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from governance.errors import IncidentUnknown
from governance.incidents.register import Incident, IncidentStatus
from governance.incidents.tables import IncidentEventRow, IncidentRow


def add_incident(session: Session, incident: Incident, opened_index: int) -> None:
    """Store a new incident."""
    session.execute(
        sa.insert(IncidentRow).values(
            id=incident.id,
            opened_index=opened_index,
            kind=incident.kind,
            operation=incident.operation,
            about=incident.about,
            **_changing(incident),
        )
    )


def keep_incident(session: Session, incident: Incident) -> None:
    """Store an incident as it stands now."""
    session.execute(
        sa.update(IncidentRow).where(IncidentRow.id == incident.id).values(**_changing(incident))
    )


def add_event(session: Session, event: IncidentEventRow) -> None:
    """Store what was said of an incident."""
    session.add(event)
    session.flush()


def incident_of(session: Session, incident_id: str) -> Incident:
    """Return an incident.

    Raises:
        IncidentUnknown: there is none with this id.
    """
    data = session.scalar(sa.select(IncidentRow.data).where(IncidentRow.id == incident_id))
    if data is None:
        raise IncidentUnknown(f"no incident {incident_id}")
    return _decoded(data)


def unclosed(session: Session) -> list[Incident]:
    """Return all incidents that are not closed, oldest first."""
    return [
        _decoded(data)
        for data in session.scalars(
            sa.select(IncidentRow.data)
            .where(IncidentRow.status != IncidentStatus.CLOSED)
            .order_by(IncidentRow.opened_index)
        )
    ]


def incidents_before(
    session: Session, before: int | None, status: IncidentStatus | None, limit: int
) -> list[tuple[int, Incident]]:
    """Return up to `limit` incidents with their log index, newest first."""
    query = (
        sa.select(IncidentRow.opened_index, IncidentRow.data)
        .order_by(IncidentRow.opened_index.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(IncidentRow.opened_index < before)
    if status is not None:
        query = query.where(IncidentRow.status == status)
    return [(index, _decoded(data)) for index, data in session.execute(query)]


def incidents_during(session: Session, start: dt.datetime, end: dt.datetime) -> list[Incident]:
    """Return the incidents that went on at some time in `start <= t < end`."""
    query = sa.select(IncidentRow.data).where(
        IncidentRow.started_at < end,
        sa.or_(IncidentRow.closed_at.is_(None), IncidentRow.closed_at >= start),
    )
    return [_decoded(data) for data in session.scalars(query)]


def events_of(session: Session, incident_id: str) -> Sequence[IncidentEventRow]:
    """Return everything that was said of an incident, in order."""
    return session.scalars(
        sa.select(IncidentEventRow)
        .where(IncidentEventRow.incident == incident_id)
        .order_by(IncidentEventRow.log_index)
    ).all()


def _changing(incident: Incident) -> dict[str, object]:
    return {
        "answerable": incident.answerable,
        "status": incident.status,
        "started_at": incident.started_at,
        "closed_at": incident.closed_at,
        "data": msgspec.json.encode(incident),
    }


def _decoded(data: bytes) -> Incident:
    return msgspec.json.decode(data, type=Incident)
