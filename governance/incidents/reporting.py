"""What members do with incidents: report, acknowledge, escalate, close."""

import datetime as dt
from typing import TypeVar

import msgspec
from sqlalchemy.orm import Session

from governance.decisions.folding import payload_digest
from governance.decisions.store import load_state
from governance.errors import IncidentInvalid
from governance.incidents import register
from governance.incidents.register import MAX_TEXT, Incident, Origin, Rulebook
from governance.incidents.services import IncidentServices
from governance.incidents.statements import Acknowledgement, Closing, Escalation, Report
from governance.incidents.store import add_event, add_incident, incident_of, keep_incident
from governance.incidents.tables import IncidentEventRow
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

Body = TypeVar("Body", bound=msgspec.Struct)


def report(
    session: Session,
    services: IncidentServices,
    rules: CompiledRules,
    actor: Actor,
    opened: Opened[Report],
    at: dt.datetime,
) -> Incident:
    """Open an incident; any member may.

    Raises:
        Denied: no rule lets the actor.
        IncidentInvalid: with all faults.
    """
    rules.decide(actor, Action.INCIDENT_OPEN)
    origin = Origin(payload_digest(opened.envelope), actor.member_id, automatic=False)
    incident = register.open_incident(rulebook(session, services, rules), opened.body, origin, at)
    add_incident(session, incident, record(session, incident.id, opened, at))
    return incident


def acknowledge(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    opened: Opened[Acknowledgement],
    at: dt.datetime,
) -> Incident:
    """Acknowledge an incident that the actor answers for.

    Raises:
        Denied: no rule lets the actor.
        IncidentUnknown, IncidentRefused: as they say.
    """
    rules.decide(actor, Action.INCIDENT_ACKNOWLEDGE)
    _check_text(opened.body.note)
    incident = incident_of(session, opened.body.incident)
    return _keep(session, register.acknowledge(incident, actor.member_id, at), opened, at)


def escalate(
    session: Session,
    services: IncidentServices,
    rules: CompiledRules,
    actor: Actor,
    opened: Opened[Escalation],
    at: dt.datetime,
) -> Incident:
    """Hand an incident to the role that takes over, before its deadline does.

    Raises:
        Denied: no rule lets the actor.
        IncidentUnknown, IncidentRefused: as they say.
    """
    rules.decide(actor, Action.INCIDENT_ESCALATE)
    _check_text(opened.body.reason)
    incident = incident_of(session, opened.body.incident)
    to = register.escalates_to(rulebook(session, services, rules), incident)
    return _keep(session, register.escalate(incident, to, at), opened, at)


def close(
    session: Session,
    services: IncidentServices,
    rules: CompiledRules,
    actor: Actor,
    opened: Opened[Closing],
    at: dt.datetime,
) -> Incident:
    """Close an incident with its cause.

    Raises:
        Denied: no rule lets the actor.
        IncidentUnknown, IncidentRefused, IncidentInvalid: as they say.
    """
    rules.decide(actor, Action.INCIDENT_CLOSE)
    incident = incident_of(session, opened.body.incident)
    book = rulebook(session, services, rules)
    closed = register.close(book, incident, actor.member_id, opened.body, at)
    return _keep(session, closed, opened, at)


def rulebook(session: Session, services: IncidentServices, rules: CompiledRules) -> Rulebook:
    """Return what incidents are judged by now."""
    return Rulebook(services.matrix, rules.rule_set.inherits, load_state(session))


def record(session: Session, incident: str, opened: Opened[Body], at: dt.datetime) -> int:
    """Append a statement to the log and to the incident's time line; return its index."""
    index = append(session, [LogEntry(opened.kind, opened.envelope)])[0]
    event = IncidentEventRow(
        log_index=index,
        incident=incident,
        kind=opened.kind,
        author=opened.statement.author,
        said_at=at,
        envelope=opened.envelope,
    )
    add_event(session, event)
    return index


def _keep(session: Session, incident: Incident, opened: Opened[Body], at: dt.datetime) -> Incident:
    record(session, incident.id, opened, at)
    keep_incident(session, incident)
    return incident


def _check_text(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise IncidentInvalid(f"a text of {len(text)} characters; at most {MAX_TEXT}")
