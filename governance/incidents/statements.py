"""What is said of incidents: the bodies of their statements.

They go into the log, which every member reads: nothing personal, nothing of a customer.
"""

import datetime as dt

import msgspec

REPORT = "incident"
ACKNOWLEDGEMENT = "incident-acknowledgement"
ESCALATION = "incident-escalation"
RECOVERY = "incident-recovery"
RECURRENCE = "incident-recurrence"
OVERDUE = "incident-overdue"
CLOSING = "incident-closing"


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something went wrong.

    Args:
        kind: a kind of incident of the responsibility matrix.
        about: what it concerns: a node, a right, a contract version, "the log".
        concerns: the member whose node, right, contract or record it is; empty where it is the
            network's.
        summary: what is seen.
        started_at: since when, as far as known.
    """

    kind: str
    about: str
    concerns: str
    summary: str
    started_at: dt.datetime


class Acknowledgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The accountable member has seen it and is at it."""

    incident: str
    note: str


class Escalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It goes to the role that takes over."""

    incident: str
    reason: str


class Recovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was checked is well again; the incident stays open until its cause is known."""

    incident: str
    ended_at: dt.datetime


class Recurrence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was well again is not, before the incident was closed."""

    incident: str
    detail: str


class Overdue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It was not acknowledged in time."""

    incident: str


class Closing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It is over: what caused it, what was done about it, and when the trouble ended."""

    incident: str
    cause: str
    remedy: str
    ended_at: dt.datetime
