"""The life of an incident. Pure.

`open → acknowledged → closed`, escalated on the way when its deadline passes or somebody says so.
Who is accountable, and until when, follows from the responsibility matrix and from whose thing it
happened to; who it went to by escalation answers for it from then on.
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from governance.decisions.network import Member, MemberStatus, NetworkState
from governance.errors import IncidentInvalid, IncidentRefused
from governance.incidents.statements import Closing, Report
from policies.errors import Fault
from policies.responsibility import Operation, ResponsibilityMatrix, Subject, deadlines

MAX_ABOUT = 200
"""Characters that name what an incident is about."""

MAX_TEXT = 2000
"""Characters of the longest summary, note, cause or remedy."""

MAX_AGE = dt.timedelta(days=90)
"""How long before its report an incident may have started."""

Groups = Mapping[str, frozenset[str]]
"""For each role, itself and every group that it belongs to (`RuleSet.inherits`)."""


class IncidentStatus(StrEnum):
    """Where an incident is in its life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Incident(msgspec.Struct, frozen=True):
    """An incident.

    Args:
        id: `sha256:<hex>` of the report's signed payload.
        kind: a kind of the matrix.
        operation: the operation of the matrix that it happened to.
        about: what it concerns.
        summary: what was seen.
        opened_by: who reported it; the administrator where a check did.
        automatic: whether a check reported it.
        opened_at: when it was reported.
        started_at: since when it went on.
        accountable: the member that the matrix makes answer for it.
        answerable: the member that it is with now: the same, until it escalates.
        acknowledge_by: until when it is to be acknowledged.
        escalate_at: when it escalates unless closed.
        status: where it is.
        overdue: whether it was not acknowledged in time.
        acknowledged_at: when it was.
        escalated_at: when it was.
        ended_at: when the trouble ended, as far as known.
        closed_at: when it was closed.
        cause: what caused it.
        remedy: what was done about it.
    """

    id: str
    kind: str
    operation: str
    about: str
    summary: str
    opened_by: str
    automatic: bool
    opened_at: dt.datetime
    started_at: dt.datetime
    accountable: str
    answerable: str
    acknowledge_by: dt.datetime
    escalate_at: dt.datetime
    status: IncidentStatus = IncidentStatus.OPEN
    overdue: bool = False
    acknowledged_at: dt.datetime | None = None
    escalated_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    closed_at: dt.datetime | None = None
    cause: str = ""
    remedy: str = ""


class Rulebook(msgspec.Struct, frozen=True):
    """What incidents are judged by: the matrix, the groups of roles, the network."""

    matrix: ResponsibilityMatrix
    groups: Groups
    network: NetworkState


class Origin(msgspec.Struct, frozen=True):
    """Where a report comes from: its digest, its author, and whether a check made it."""

    id: str
    author: str
    automatic: bool


def open_incident(book: Rulebook, report: Report, origin: Origin, at: dt.datetime) -> Incident:
    """Return the incident that `report` opens.

    Raises:
        IncidentInvalid: with all faults.
    """
    operation = book.matrix.of_incident(report.kind)
    faults = list(_report_faults(report, at))
    if operation is None:
        known = ", ".join(book.matrix.incident_kinds)
        faults.append(Fault("kind", f"{report.kind!r}; expected one of {known}"))
        raise IncidentInvalid("; ".join(map(str, faults)), tuple(faults))
    accountable = _accountable(book, operation, report.concerns)
    if isinstance(accountable, Fault):
        faults.append(accountable)
    if faults or isinstance(accountable, Fault):
        raise IncidentInvalid("; ".join(map(str, faults)), tuple(faults))
    limits = deadlines(operation, at)
    return Incident(
        id=origin.id,
        kind=report.kind,
        operation=operation.name,
        about=report.about,
        summary=report.summary,
        opened_by=origin.author,
        automatic=origin.automatic,
        opened_at=at,
        started_at=report.started_at,
        accountable=accountable,
        answerable=accountable,
        acknowledge_by=limits.acknowledge_by,
        escalate_at=limits.escalate_at,
    )


def acknowledge(incident: Incident, by: str, at: dt.datetime) -> Incident:
    """Return the incident as acknowledged by the member that answers for it.

    Raises:
        IncidentRefused: somebody else, or acknowledged or closed before.
    """
    if incident.status is not IncidentStatus.OPEN:
        raise IncidentRefused(f"the incident is {incident.status}")
    if by not in (incident.answerable, incident.accountable):
        raise IncidentRefused(f"{incident.answerable} answers for this incident, not {by}")
    return msgspec.structs.replace(
        incident,
        status=IncidentStatus.ACKNOWLEDGED,
        acknowledged_at=at,
        overdue=incident.overdue or at > incident.acknowledge_by,
    )


def escalate(incident: Incident, to: str, at: dt.datetime) -> Incident:
    """Return the incident as handed to the member that takes over.

    Raises:
        IncidentRefused: it is closed, or was escalated before.
    """
    if incident.status is IncidentStatus.CLOSED or incident.escalated_at is not None:
        raise IncidentRefused("the incident is closed, or escalated already")
    return msgspec.structs.replace(incident, answerable=to, escalated_at=at)


def recover(incident: Incident, ended_at: dt.datetime) -> Incident:
    """Return the incident with the end of the trouble noted."""
    return msgspec.structs.replace(incident, ended_at=max(ended_at, incident.started_at))


def close(
    book: Rulebook, incident: Incident, by: str, closing: Closing, at: dt.datetime
) -> Incident:
    """Return the incident as closed, with its cause.

    Raises:
        IncidentRefused: by one who does not answer for it, or closed before.
        IncidentInvalid: with all faults.
    """
    if incident.status is IncidentStatus.CLOSED:
        raise IncidentRefused("the incident is closed already")
    if by not in (incident.answerable, incident.accountable, book.network.parameters.notary):
        raise IncidentRefused(f"{incident.answerable} answers for this incident, not {by}")
    faults = [
        Fault(name, f"expected 1 to {MAX_TEXT} characters")
        for name in ("cause", "remedy")
        if not 0 < len(getattr(closing, name)) <= MAX_TEXT
    ]
    ended = closing.ended_at
    if ended.tzinfo is None or not incident.started_at <= ended <= at:
        faults.append(Fault("ended_at", "expected a time between the start and now, with a zone"))
    if faults:
        raise IncidentInvalid("; ".join(map(str, faults)), tuple(faults))
    return msgspec.structs.replace(
        incident,
        status=IncidentStatus.CLOSED,
        acknowledged_at=incident.acknowledged_at or at,
        closed_at=at,
        ended_at=ended,
        cause=closing.cause,
        remedy=closing.remedy,
    )


def is_overdue(incident: Incident, at: dt.datetime) -> bool:
    """Say whether the deadline for acknowledging passed and this was not noted yet."""
    waiting = incident.status is IncidentStatus.OPEN and not incident.overdue
    return waiting and at > incident.acknowledge_by


def must_escalate(incident: Incident, at: dt.datetime) -> bool:
    """Say whether the deadline for closing passed and it did not escalate yet."""
    living = incident.status is not IncidentStatus.CLOSED and incident.escalated_at is None
    return living and at > incident.escalate_at


def escalates_to(book: Rulebook, incident: Incident) -> str:
    """Return the member that takes over: of the matrix's role, another than who answers now.

    Where no other holds the role it is the platform administrator, who keeps the network.
    """
    operation = book.matrix.operations[incident.operation]
    others = [
        member.id
        for member in _holders(book, operation.escalate_to)
        if member.id != incident.answerable
    ]
    return others[0] if others else book.network.parameters.notary


def _report_faults(report: Report, at: dt.datetime) -> list[Fault]:
    faults = []
    if not 0 < len(report.about) <= MAX_ABOUT:
        faults.append(Fault("about", f"expected 1 to {MAX_ABOUT} characters"))
    if not 0 < len(report.summary) <= MAX_TEXT:
        faults.append(Fault("summary", f"expected 1 to {MAX_TEXT} characters"))
    started = report.started_at
    if started.tzinfo is None or not at - MAX_AGE <= started <= at:
        faults.append(
            Fault("started_at", f"expected within {MAX_AGE.days} days before now, with a zone")
        )
    return faults


def _accountable(book: Rulebook, operation: Operation, concerns: str) -> str | Fault:
    """Return the one member that answers for `operation` on what belongs to `concerns`."""
    if operation.subject is Subject.NETWORK:
        return book.network.parameters.notary
    holders = [member.id for member in _holders(book, operation.accountable)]
    if concerns in holders:
        return concerns
    expected = ", ".join(holders) or "nobody: no active member holds the role"
    return Fault(
        "concerns", f"{concerns!r} is no active {operation.accountable}; expected one of {expected}"
    )


def _holders(book: Rulebook, role: str) -> list[Member]:
    """Return the active members that hold a role or belong to a group, by id."""
    return [
        member
        for _, member in sorted(book.network.members.items())
        if member.status is MemberStatus.ACTIVE
        and any(role in book.groups.get(held, frozenset({held})) for held in member.roles)
    ]
