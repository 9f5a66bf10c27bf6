"""Deploying contracts: what follows for a version when something about it is decided.

These functions apply what was decided by vote, or by the gates: the caller has authorised the
decision, and the state machine of `contracts.lifecycle` has the last word. Nothing here commits.
A member's own act, the submission, is in `contracts.submission`.
"""

import datetime as dt

import msgspec
from sqlalchemy.orm import Session

from contracts import lifecycle, store
from contracts.errors import BindingChanged, LiveStates, TransitionRefused, VersionConflict
from contracts.in_force import active_version, life_at, source
from contracts.lifecycle import Life, State, Step
from contracts.submission import (
    PACKAGE_KIND,
    ContractPackage,
    Submission,
    submit,
)
from contracts.tables import ActivationRow, VersionRow
from ledger.hashing import content_digest
from ledger.log.store import log_size
from ledger.verification import ContractVersion
from policies.errors import Fault

__all__ = [
    "PACKAGE_KIND",
    "Binding",
    "ContractPackage",
    "Submission",
    "activate",
    "activate_due",
    "active_version",
    "approve",
    "binding",
    "bring_into_force",
    "confirm_freeze",
    "deprecate",
    "end_freeze",
    "freeze",
    "gates_failed",
    "gates_passed",
    "propose",
    "reopen",
    "retire",
    "schedule",
    "source",
    "submit",
    "thaw",
    "withdraw",
]


class Binding(msgspec.Struct, frozen=True):
    """What an approval is bound to; a change of any of it voids the votes.

    Args:
        name: the contract's name.
        version: the version.
        package: digest of the package.
        runtime: id of the runtime.
        evidence: digest over the latest attestation of each gate, by gate name.
        rule_set: digest of the rule set in force.
        base: digest of the version that is in force now; None for a new contract.
    """

    name: str
    version: str
    package: str
    runtime: str
    evidence: str
    rule_set: str
    base: str | None

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of all of it."""
        return content_digest(msgspec.json.encode(self))


def gates_passed(session: Session, name: str, version: str, at: dt.datetime) -> None:
    """Move a draft on: every gate that its risk class asks for has passed."""
    _step(session, name, version, Step.PASS_GATES, at, "every gate passed")


def gates_failed(session: Session, name: str, version: str, at: dt.datetime, reason: str) -> None:
    """Note that a draft stays one, and why."""
    _step(session, name, version, Step.FAIL_GATES, at, reason)


def propose(session: Session, name: str, version: str, at: dt.datetime, reason: str = "") -> None:
    """Note that a proposal to approve the version is open; a rollback needs no such step.

    Raises:
        BindingChanged: another version came into force since the gates compared this one with
            its predecessor; `reopen` it, so that they run again.
        TransitionRefused: its gates have not passed.
    """
    row = store.version_row(session, name, version)
    if store.life_of(row).state is State.DEPRECATED:
        return
    base = active_version(session, name, log_size(session))
    now = None if base is None else base.digest
    if row.state == State.GATED and now != row.base_digest:
        fault = Fault("base", f"was {row.base_digest}, is {now}")
        raise BindingChanged("the gates compared it with a version no longer in force", (fault,))
    _step(session, name, version, Step.PROPOSE, at, reason)


def reopen(session: Session, name: str, version: str, at: dt.datetime, reason: str = "") -> None:
    """Make a gated version a draft again, compared with what is in force now; queue its gates.

    Raises:
        TransitionRefused: it is not gated.
    """
    row = _step(session, name, version, Step.REOPEN, at, reason)
    base = active_version(session, name, log_size(session))
    row.base_digest = None if base is None else base.digest
    job = store.job_row(session, row.digest)
    job.status, job.attempts, job.claimed_until, job.queued_at = "waiting", 0, None, at
    session.flush()


def withdraw(session: Session, name: str, version: str, at: dt.datetime, reason: str = "") -> None:
    """Note that the proposal was withdrawn, rejected, voided or ran out.

    A version that is not proposed stays as it is: a vote on a rollback leaves no trace in it, and
    it may have been frozen or retired since.
    """
    if store.life_of(store.version_row(session, name, version)).state is State.PROPOSED:
        _step(session, name, version, Step.WITHDRAW, at, reason)


def binding(session: Session, name: str, version: str, rule_set: str) -> Binding:
    """Return what an approval of the version binds now."""
    row = store.version_row(session, name, version)
    latest = store.latest_evidence(session, row.digest)
    evidence = "".join(f"{gate} {latest[gate].payload_digest}\n" for gate in sorted(latest))
    base = active_version(session, name, log_size(session))
    return Binding(
        name=name,
        version=version,
        package=row.digest,
        runtime=row.runtime,
        evidence=content_digest(evidence.encode()),
        rule_set=rule_set,
        base=None if base is None else base.digest,
    )


def approve(
    session: Session,
    name: str,
    version: str,
    at: dt.datetime,
    *,
    voted_on: Binding,
    rule_set: str,
    reason: str = "",
) -> None:
    """Approve the version, if all that was voted on still stands.

    Args:
        session: in the single-writer transaction.
        name: the contract's name.
        version: the version.
        at: the time, UTC.
        voted_on: what the proposal bound when it was opened.
        rule_set: digest of the rule set in force now.
        reason: for the record.

    Raises:
        BindingChanged: something else stands now than what was voted on.
        TransitionRefused: the version is not proposed.
    """
    now = binding(session, name, version, rule_set)
    changed = [
        field
        for field in Binding.__struct_fields__
        if getattr(now, field) != getattr(voted_on, field)
    ]
    if changed:
        faults = tuple(
            Fault(field, f"was {getattr(voted_on, field)}, is {getattr(now, field)}")
            for field in changed
        )
        raise BindingChanged(f"changed since the vote began: {', '.join(changed)}", faults)
    _step(session, name, version, Step.APPROVE, at, reason)


def schedule(
    session: Session, name: str, version: str, at: dt.datetime, *, log_index: int, reason: str = ""
) -> None:
    """Let an approved version judge new transactions from a log index on.

    Raises:
        VersionConflict: the index is past, or another version of the name has it.
        TransitionRefused: the version is not approved.
    """
    if log_index < (size := log_size(session)):
        raise VersionConflict(f"log index {log_index} is past; the log has {size} entries")
    if any(
        row.scheduled_index == log_index and row.version != version
        for row in store.versions_of(session, name)
    ):
        raise VersionConflict(f"another version of {name} is scheduled at index {log_index}")
    row = _step(session, name, version, Step.SCHEDULE, at, reason or f"at log index {log_index}")
    row.scheduled_index = log_index
    session.flush()


def activate_due(session: Session, at: dt.datetime) -> list[ContractVersion]:
    """Activate every scheduled version whose log index is reached; return them.

    To be called in the writing transaction, before new transactions are judged. A frozen version
    waits; it becomes active at the log's size when the freeze is over.
    """
    size = log_size(session)
    done = []
    for row in store.scheduled_versions(session, size):
        life = lifecycle.current(store.life_of(row), at)
        if life.state is State.SCHEDULED:
            done.append(activate(session, row.name, row.version, at))
    return done


def activate(
    session: Session, name: str, version: str, at: dt.datetime, reason: str = ""
) -> ContractVersion:
    """Make a scheduled version the one in force; the one before is deprecated.

    Raises:
        TransitionRefused: the version is not scheduled.
        VersionConflict: its log index is not reached.
    """
    row = store.version_row(session, name, version)
    size = log_size(session)
    if row.scheduled_index is not None and row.scheduled_index > size:
        raise VersionConflict(f"the log has {size} entries; activation is at {row.scheduled_index}")
    was_frozen = row.frozen_from is not None
    row = _step(session, name, version, Step.ACTIVATE, at, reason)
    index = size if was_frozen or row.scheduled_index is None else row.scheduled_index
    last = store.activation_at(session, name, size)
    if last is not None and last.log_index >= index:
        index = last.log_index + 1
    row.scheduled_index = None
    _deprecate_others(session, row, at)
    session.add(ActivationRow(name=name, log_index=index, version=version, digest=row.digest))
    session.flush()
    return ContractVersion(name, version, row.digest)


def freeze(
    session: Session,
    name: str,
    version: str,
    at: dt.datetime,
    *,
    until: dt.datetime,
    reason: str = "",
) -> None:
    """Stop a version at once, until a time at most 72 h away.

    Raises:
        TransitionRefused: it cannot be frozen from its state, or not for so long.
    """
    row = store.version_row(session, name, version)
    life = lifecycle.freeze(store.life_of(row), until, at)
    store.set_life(session, row, life, "freeze", at, reason)


def thaw(session: Session, name: str, version: str, at: dt.datetime, reason: str = "") -> None:
    """End a freeze by decision.

    Raises:
        TransitionRefused: it is not frozen.
    """
    row = store.version_row(session, name, version)
    _thawed(session, row, lifecycle.thaw(store.life_of(row), at), at, reason)


def end_freeze(
    session: Session, name: str, version: str, at: dt.datetime, reason: str = ""
) -> None:
    """Note that a freeze has run out.

    Raises:
        TransitionRefused: no freeze of it has run out by `at`.
    """
    row = store.version_row(session, name, version)
    life = lifecycle.current(store.life_of(row), at)
    if row.state != State.FROZEN or life.state is State.FROZEN:
        raise TransitionRefused(f"no freeze of {name} {version} has run out; it is {row.state}")
    _thawed(session, row, life, at, reason)


def _thawed(session: Session, row: VersionRow, life: Life, at: dt.datetime, reason: str) -> None:
    """Let a version go on as what it was, unless another one came into force meanwhile."""
    store.set_life(session, row, life, "thaw", at, reason)
    if row.scheduled_index is not None:
        row.scheduled_index = max(row.scheduled_index, log_size(session))
        session.flush()
    last = store.last_activation(session, row.name)
    if life.state is State.ACTIVE and last is not None and last.version != row.version:
        deprecate(session, row.name, row.version, at, f"{last.version} is in force")


def confirm_freeze(
    session: Session, name: str, version: str, at: dt.datetime, reason: str = ""
) -> None:
    """Let a freeze last until it is ended by decision.

    Raises:
        TransitionRefused: it is not frozen.
    """
    row = store.version_row(session, name, version)
    life = lifecycle.confirm_freeze(store.life_of(row), at)
    store.set_life(session, row, life, "confirm_freeze", at, reason)


def bring_into_force(
    session: Session, name: str, version: str, at: dt.datetime, reason: str = ""
) -> ContractVersion:
    """Make an approved version the one in force from the next log entry on.

    Raises:
        TransitionRefused: it is not approved.
    """
    schedule(session, name, version, at, log_index=log_size(session), reason=reason)
    return activate(session, name, version, at, reason)


def deprecate(session: Session, name: str, version: str, at: dt.datetime, reason: str = "") -> None:
    """Let a version judge only tokens that name it; no new one comes under it.

    Raises:
        TransitionRefused: it is not active.
    """
    _step(session, name, version, Step.DEPRECATE, at, reason)


def retire(
    session: Session,
    name: str,
    version: str,
    at: dt.datetime,
    *,
    live_states: int,
    migration: str | None = None,
    reason: str = "",
) -> None:
    """End a version's life; it stays loadable, to verify history.

    Args:
        session: in the single-writer transaction.
        name: the contract's name.
        version: the version.
        at: the time, UTC.
        live_states: how many unconsumed tokens name the version.
        migration: the version that takes those tokens over, if there is one.
        reason: for the record.

    Raises:
        LiveStates: tokens still name it and no version in force takes them over.
        TransitionRefused: it is not deprecated.
    """
    if live_states and migration is None:
        raise LiveStates(f"{live_states} token(s) still name {name} {version}; migrate them first")
    if migration is not None:
        heir = store.version_row(session, name, migration)
        if lifecycle.current(store.life_of(heir), at).state is not State.ACTIVE:
            raise LiveStates(f"{name} {migration} is not active and cannot take tokens over")
    _step(session, name, version, Step.RETIRE, at, reason)


def _step(
    session: Session, name: str, version: str, step: Step, at: dt.datetime, reason: str
) -> VersionRow:
    row = store.version_row(session, name, version)
    life = lifecycle.advance(store.life_of(row), step, at)
    store.set_life(session, row, life, step, at, reason)
    return row


def _deprecate_others(session: Session, row: VersionRow, at: dt.datetime) -> None:
    for other in store.versions_of(session, row.name):
        if other.version != row.version and life_at(other, at).state is State.ACTIVE:
            reason = f"{row.version} is in force"
            deprecate(session, other.name, other.version, at, reason)
