"""Reads of the contract registry: versions, their life, evidence, archives, progress."""

import base64
import binascii
import datetime as dt

import msgspec
from sqlalchemy.orm import Session

from contracts import store
from contracts.errors import PageInvalid
from contracts.evidence import statement_in
from contracts.in_force import active_version, life_at
from contracts.lifecycle import State
from contracts.tables import VersionRow
from ledger.log.store import log_size
from ledger.verification import ContractVersion
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

MAX_PAGE = 200
"""The most versions on one page."""


class VersionView(msgspec.Struct, frozen=True):
    """One contract version.

    Args:
        name: the contract's name.
        version: the version.
        digest: the package digest.
        state: where it is in its life.
        in_force: whether it judges new transactions now.
        author: the member that submitted it.
        owner: the member that answers for it.
        risk_class: which gates it has to pass.
        description: one line.
        runtime: id of the runtime.
        base_digest: the version that was in force when it was submitted.
        submitted_at: when.
        frozen_until: when a running freeze ends.
        scheduled_index: the log index of its activation, while scheduled.
    """

    name: str
    version: str
    digest: str
    state: State
    in_force: bool
    author: str
    owner: str
    risk_class: str
    description: str
    runtime: str
    base_digest: str | None
    submitted_at: dt.datetime
    frozen_until: dt.datetime | None
    scheduled_index: int | None


class VersionPage(msgspec.Struct, frozen=True):
    """A page of versions; `next` is the cursor of the next page, None on the last."""

    versions: tuple[VersionView, ...]
    next: str | None


class LifeEvent(msgspec.Struct, frozen=True):
    """One step in the life of a version."""

    step: str
    state: str
    at: dt.datetime
    reason: str


class GateView(msgspec.Struct, frozen=True):
    """One attestation, with the envelope that proves it; `summary` is its one sentence."""

    gate: str
    passed: bool
    summary: str
    payload_digest: str
    at: dt.datetime
    envelope: msgspec.Raw


class GateProgress(msgspec.Struct, frozen=True):
    """How far the gates are.

    Args:
        status: waiting, running, passed, failed or broken (this node could not judge).
        gate: the gate that is running, or ran last.
        done: how much of it is done.
        total: how much of it there is; 0 while unknown.
        message: one sentence on the end.
    """

    status: str
    gate: str
    done: int
    total: int
    message: str

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.status in {"passed", "failed", "broken"}


def list_versions(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    at: dt.datetime,
    *,
    cursor: str | None = None,
    limit: int = 50,
) -> VersionPage:
    """Return versions by name, then in the order in which they were submitted.

    Raises:
        Denied: the actor may not read contracts.
        PageInvalid: the cursor is not one of ours.
    """
    rules.decide(actor, Action.CONTRACT_READ)
    count = max(1, min(limit, MAX_PAGE))
    after = None if cursor is None else _read_cursor(cursor)
    rows = store.page_of_versions(session, after, count + 1)
    size = log_size(session)
    names = {row.name for row in rows[:count]}
    active = {name: active_version(session, name, size) for name in names}
    views = tuple(_view(row, at, active[row.name]) for row in rows[:count])
    more = _cursor(rows[count - 1]) if len(rows) > count else None
    return VersionPage(views, more)


def version_view(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    name: str,
    version: str,
    at: dt.datetime,
) -> VersionView:
    """Return one version.

    Raises:
        Denied: the actor may not read contracts.
        VersionNotFound: there is none.
    """
    rules.decide(actor, Action.CONTRACT_READ)
    row = store.version_row(session, name, version)
    return _view(row, at, active_version(session, name, log_size(session)))


def life(
    session: Session, rules: CompiledRules, actor: Actor, name: str, version: str
) -> tuple[LifeEvent, ...]:
    """Return the steps of a version's life, oldest first.

    Raises:
        Denied: the actor may not read contracts.
        VersionNotFound: there is none.
    """
    rules.decide(actor, Action.CONTRACT_READ)
    store.version_row(session, name, version)
    rows = store.events_of(session, name, version)
    return tuple(LifeEvent(row.step, row.state, row.at, row.reason) for row in rows)


def evidence(
    session: Session, rules: CompiledRules, actor: Actor, name: str, version: str
) -> tuple[GateView, ...]:
    """Return every attestation about a version, oldest first.

    Raises:
        Denied: the actor may not read contracts.
        VersionNotFound: there is none.
    """
    rules.decide(actor, Action.CONTRACT_READ)
    row = store.version_row(session, name, version)
    return tuple(
        GateView(
            gate=each.gate,
            passed=each.passed,
            summary=statement_in(each.envelope).predicate.summary,
            payload_digest=each.payload_digest,
            at=each.at,
            envelope=msgspec.Raw(each.envelope),
        )
        for each in store.evidence_rows(session, row.digest)
    )


def archive(session: Session, rules: CompiledRules, actor: Actor, name: str, version: str) -> bytes:
    """Return a version's archive, byte for byte as it was submitted.

    Raises:
        Denied: the actor may not read contracts.
        VersionNotFound: there is none.
    """
    rules.decide(actor, Action.CONTRACT_READ)
    row = store.version_row(session, name, version)
    return store.package_row(session, row.digest).archive


def progress(
    session: Session, rules: CompiledRules, actor: Actor, name: str, version: str
) -> GateProgress:
    """Return how far a version's gates are.

    Raises:
        Denied: the actor may not read contracts.
        VersionNotFound: there is none.
    """
    rules.decide(actor, Action.CONTRACT_READ)
    row = store.version_row(session, name, version)
    job = store.job_row(session, row.digest)
    return GateProgress(job.status, job.gate, job.done, job.total, job.message)


def _view(row: VersionRow, at: dt.datetime, active: ContractVersion | None) -> VersionView:
    """Return what is shown of a version, of whose contract `active` is in force now."""
    now = life_at(row, at)
    return VersionView(
        name=row.name,
        version=row.version,
        digest=row.digest,
        state=now.state,
        in_force=active is not None
        and active.version == row.version
        and now.state in (State.ACTIVE, State.SCHEDULED),
        author=row.author,
        owner=row.owner,
        risk_class=row.risk_class,
        description=row.description,
        runtime=row.runtime,
        base_digest=row.base_digest,
        submitted_at=row.submitted_at,
        frozen_until=now.frozen_until,
        scheduled_index=row.scheduled_index,
    )


def _cursor(row: VersionRow) -> str:
    key = msgspec.json.encode((row.name, row.submitted_at, row.version))
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, dt.datetime, str]:
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(data, type=tuple[str, dt.datetime, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise PageInvalid("the cursor is not one that this list has given") from error
