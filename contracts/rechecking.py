"""Running the gates of a version again, because its author or the administrator asks for it."""

import datetime as dt

import msgspec
from sqlalchemy.orm import Session

from contracts import deployment, store
from contracts.errors import TransitionRefused
from contracts.jobs import requeue
from contracts.lifecycle import State
from contracts.services import ContractServices
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

RECHECK_KIND = "contract-recheck"

_AT_WORK = frozenset({"waiting", "running"})


class ContractRecheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a member says when it wants the gates to run again.

    Args:
        name: the contract's name.
        version: the version.
        reason: why; an open vote on the version ends with it.
    """

    name: str
    version: str
    reason: str


def recheck(
    session: Session,
    services: ContractServices,
    rules: CompiledRules,
    actor: Actor,
    opened: Opened[ContractRecheck],
    at: dt.datetime,
) -> None:
    """Make a version a draft again and queue all its gates.

    They compare it with the version that is in force now. A vote that is open on it becomes void:
    nobody is to vote on evidence that is being made anew.

    Args:
        session: in the single-writer transaction.
        services: whom to tell.
        rules: the rules in force.
        actor: the version's author, or who may activate versions.
        opened: the signed request.
        at: the time, UTC.

    Raises:
        Denied: the actor may not.
        VersionNotFound: there is no such version.
        TransitionRefused: its gates run already, or it is approved or beyond.
    """
    body = opened.body
    row = store.version_row(session, body.name, body.version)
    rules.decide(
        actor,
        Action.CONTRACT_SUBMIT if row.author == actor.member_id else Action.CONTRACT_ACTIVATE,
    )
    if row.state not in (State.DRAFT, State.GATED, State.PROPOSED):
        raise TransitionRefused(f"cannot recheck from {row.state}; that is for versions unapproved")
    if row.state == State.DRAFT and store.job_row(session, row.digest).status in _AT_WORK:
        raise TransitionRefused(f"the gates of {row.name} {row.version} run already")
    append(session, [LogEntry(RECHECK_KIND, opened.envelope)])
    reason = f"gates run again, asked for by {actor.member_id}: {body.reason}"
    if row.state == State.DRAFT:
        requeue(session, row.name, row.version, at)
        return
    services.reopened(session, row.name, row.version, reason, at)
    deployment.reopen(session, row.name, row.version, at, reason)
