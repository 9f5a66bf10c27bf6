"""What happens to incidents by itself: checks open them, recoveries are noted, deadlines bite.

Everything is said by the service, with its own key, and stands in the log like what members say.
"""

import datetime as dt
import secrets
from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from governance.decisions.folding import payload_digest
from governance.errors import IncidentInvalid
from governance.incidents import register
from governance.incidents.checks import Finding
from governance.incidents.register import Incident, Origin, Rulebook
from governance.incidents.reporting import record, rulebook
from governance.incidents.services import IncidentServices
from governance.incidents.statements import (
    ESCALATION,
    OVERDUE,
    RECOVERY,
    RECURRENCE,
    REPORT,
    Escalation,
    Overdue,
    Recovery,
    Recurrence,
    Report,
)
from governance.incidents.store import add_incident, keep_incident, unclosed
from ledger.keys import key_id
from ledger.statements import MAX_LIFETIME, Opened, Statement, sign_statement
from policies.compilation import CompiledRules


def observe(
    session: Session,
    services: IncidentServices,
    rules: CompiledRules,
    findings: Sequence[Finding],
    at: dt.datetime,
) -> list[Incident]:
    """Open an incident for each thing found unwell, note the end for each well again.

    One thing has one incident of a kind at a time, until it is closed. A finding for which nobody
    can be found to answer is the network's: it opens an incident of the operation all the same
    if the matrix gives it to the network, and is left out otherwise.

    Returns:
        The incidents that were opened.
    """
    book = rulebook(session, services, rules)
    living = {(i.kind, i.about): i for i in unclosed(session)}
    opened = []
    for finding in findings:
        incident = living.get((finding.kind, finding.about))
        if incident is None and not finding.healthy:
            found = _open(session, services, book, finding, at)
            opened += [found] if found else []
        elif incident is not None and incident.automatic:
            _follow(session, services, incident, finding, at)
    return opened


def keep_deadlines(
    session: Session, services: IncidentServices, rules: CompiledRules, at: dt.datetime
) -> list[Incident]:
    """Note what was not acknowledged in time and escalate what was not closed in time.

    Returns:
        The incidents that changed.
    """
    living = unclosed(session)
    late = [i for i in living if register.is_overdue(i, at) or register.must_escalate(i, at)]
    if not late:
        return []
    book = rulebook(session, services, rules)
    changed = []
    for found in late:
        incident = found
        if register.is_overdue(incident, at):
            incident = msgspec.structs.replace(incident, overdue=True)
            _say(session, services, OVERDUE, incident.id, Overdue(incident.id), at)
        if register.must_escalate(incident, at):
            to = register.escalates_to(book, incident)
            incident = register.escalate(incident, to, at)
            said = Escalation(incident.id, f"not closed in time; it goes to {to}")
            _say(session, services, ESCALATION, incident.id, said, at)
        keep_incident(session, incident)
        changed.append(incident)
    return changed


def _open(
    session: Session,
    services: IncidentServices,
    book: Rulebook,
    finding: Finding,
    at: dt.datetime,
) -> Incident | None:
    body = Report(finding.kind, finding.about, finding.concerns, finding.detail, at)
    opened = _sign(services, REPORT, body, at)
    origin = Origin(payload_digest(opened.envelope), services.herald.member_id, automatic=True)
    try:
        incident = register.open_incident(book, body, origin, at)
    except IncidentInvalid:
        return None
    add_incident(session, incident, record(session, incident.id, opened, at))
    return incident


def _follow(
    session: Session,
    services: IncidentServices,
    incident: Incident,
    finding: Finding,
    at: dt.datetime,
) -> None:
    """Note that the trouble ended, or that it came back before the incident was closed."""
    if finding.healthy and incident.ended_at is None:
        _say(session, services, RECOVERY, incident.id, Recovery(incident.id, at), at)
        keep_incident(session, register.recover(incident, at))
    elif not finding.healthy and incident.ended_at is not None:
        said = Recurrence(incident.id, finding.detail)
        _say(session, services, RECURRENCE, incident.id, said, at)
        keep_incident(session, msgspec.structs.replace(incident, ended_at=None))


def _say(
    session: Session,
    services: IncidentServices,
    kind: str,
    incident: str,
    body: Overdue | Escalation | Recovery | Recurrence,
    at: dt.datetime,
) -> None:
    record(session, incident, _sign(services, kind, body, at), at)


def _sign(
    services: IncidentServices,
    kind: str,
    body: Report | Overdue | Escalation | Recovery | Recurrence,
    at: dt.datetime,
) -> Opened[Report | Overdue | Escalation | Recovery | Recurrence]:
    herald = services.herald
    statement = Statement(
        secrets.token_hex(16), herald.network, herald.member_id, at, at + MAX_LIFETIME, body
    )
    envelope = sign_statement(kind, statement, herald.signer)
    return Opened(kind, statement, key_id(herald.signer.public_key()), envelope)
