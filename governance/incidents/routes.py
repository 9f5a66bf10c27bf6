"""HTTP of incidents."""

import datetime as dt

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, RawBody
from sqlalchemy.engine import Engine

from governance.errors import IncidentUnknown
from governance.incidents import queries, reporting
from governance.incidents.queries import IncidentPage, IncidentView
from governance.incidents.register import Incident, IncidentStatus
from governance.incidents.service_levels import ServiceLevel
from governance.incidents.services import IncidentServices
from governance.incidents.statements import (
    ACKNOWLEDGEMENT,
    CLOSING,
    ESCALATION,
    REPORT,
    Acknowledgement,
    Closing,
    Escalation,
    Report,
)
from ledger.database import reading
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules


@post(
    "/v1/incidents",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["incidents"],
    summary="Report an incident",
)
def report_incident(
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    incidents: NamedDependency[IncidentServices],
) -> Incident:
    """Open an incident signed by any member (kind `incident`)."""
    actor, opened = incidents.desk.open(body, REPORT, Report)
    with incidents.desk.writing(opened) as session:
        return reporting.report(session, incidents, rules, actor, opened, at)


@post(
    "/v1/incidents/{incident:str}/acknowledgement",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["incidents"],
    summary="Acknowledge an incident",
)
def acknowledge_incident(
    incident: FromPath[str],
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    incidents: NamedDependency[IncidentServices],
) -> Incident:
    """Acknowledge what the author answers for (kind `incident-acknowledgement`)."""
    actor, opened = incidents.desk.open(body, ACKNOWLEDGEMENT, Acknowledgement)
    _same(incident, opened.body.incident)
    with incidents.desk.writing(opened) as session:
        return reporting.acknowledge(session, rules, actor, opened, at)


@post(
    "/v1/incidents/{incident:str}/escalation",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["incidents"],
    summary="Escalate an incident",
)
def escalate_incident(
    incident: FromPath[str],
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    incidents: NamedDependency[IncidentServices],
) -> Incident:
    """Hand an incident to the role that takes over (kind `incident-escalation`)."""
    actor, opened = incidents.desk.open(body, ESCALATION, Escalation)
    _same(incident, opened.body.incident)
    with incidents.desk.writing(opened) as session:
        return reporting.escalate(session, incidents, rules, actor, opened, at)


@post(
    "/v1/incidents/{incident:str}/closing",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["incidents"],
    summary="Close an incident with its cause",
)
def close_incident(
    incident: FromPath[str],
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    incidents: NamedDependency[IncidentServices],
) -> Incident:
    """Close an incident (kind `incident-closing`)."""
    actor, opened = incidents.desk.open(body, CLOSING, Closing)
    _same(incident, opened.body.incident)
    with incidents.desk.writing(opened) as session:
        return reporting.close(session, incidents, rules, actor, opened, at)


@get(
    "/v1/incidents",
    opt={"authz": Action.INCIDENT_READ},
    sync_to_thread=True,
    tags=["incidents"],
    summary="List incidents",
)
def list_incidents(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    status: FromQuery[IncidentStatus | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> IncidentPage:
    """Return incidents, newest first."""
    with reading(database) as session:
        return queries.page(session, rules, actor, status=status, cursor=cursor, limit=limit)


@get(
    "/v1/incidents/{incident:str}",
    opt={"authz": Action.INCIDENT_READ},
    sync_to_thread=True,
    tags=["incidents"],
    summary="Show an incident with its signed time line",
)
def show_incident(
    incident: FromPath[str],
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
) -> IncidentView:
    """Return an incident and everything that was said of it."""
    with reading(database) as session:
        return queries.show(session, rules, actor, incident)


@get(
    "/v1/service-levels",
    opt={"authz": Action.SERVICE_LEVEL_READ},
    sync_to_thread=True,
    tags=["incidents"],
    summary="Summarise a month, operation by operation",
)
def show_service_levels(
    month: FromQuery[str],
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    incidents: NamedDependency[IncidentServices],
) -> list[ServiceLevel]:
    """Return how every operation went in a month such as `2026-01`."""
    with reading(database) as session:
        return queries.service_levels(session, incidents, rules, actor, month, at)


def _same(path: str, named: str) -> None:
    if path != named:
        raise IncidentUnknown(f"the statement names {named}, the address {path}")


ROUTES = (
    report_incident,
    acknowledge_incident,
    escalate_incident,
    close_incident,
    list_incidents,
    show_incident,
    show_service_levels,
)
