"""Submitting a contract version: a member's signed statement and an archive become a draft."""

import datetime as dt
from collections.abc import Collection

import msgspec
from sqlalchemy.orm import Session

from contracts import store
from contracts.errors import (
    ContractError,
    DigestMismatch,
    RuntimeUnknown,
    SubmissionMismatch,
    VersionConflict,
)
from contracts.in_force import active_version
from contracts.lifecycle import Life, State
from contracts.manifest import MANIFEST, is_version, line_of, version_key
from contracts.packages import Package, open_package
from contracts.tables import GateJobRow, PackageRow, VersionRow
from ledger.log.sequencer import LogEntry, append
from ledger.log.store import log_size
from ledger.statements import Opened
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault

PACKAGE_KIND = "contract-package"

Finding = tuple[type[ContractError], Fault]
"""What is wrong with a submission, and as which error it is refused."""


class ContractPackage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a member says when it submits a contract version.

    Args:
        name: the contract's name.
        version: the version.
        digest: the package digest, `sha256:<hex>`.
        runtime: id of the runtime under which it is to run.
    """

    name: str
    version: str
    digest: str
    runtime: str


class Submission(msgspec.Struct, frozen=True):
    """The answer to a submission.

    Args:
        name: the contract's name.
        version: the version.
        digest: the package digest.
        state: where the version is in its life.
        created: false when the same was submitted before.
    """

    name: str
    version: str
    digest: str
    state: State
    created: bool


def submit(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    opened: Opened[ContractPackage],
    archive: bytes,
    runtimes: Collection[str],
    at: dt.datetime,
) -> Submission:
    """Register a contract version in state `draft` and queue its gates.

    Args:
        session: in the single-writer transaction.
        rules: the rules in force.
        actor: who submits.
        opened: the signed statement about the package.
        archive: the package's archive.
        runtimes: ids of the runtimes that the network has registered.
        at: the time, UTC.

    Raises:
        Denied: the actor may not submit contracts.
        PackageInvalid: the package has faults.
        DigestMismatch: the archive is not the one that was signed.
        SubmissionMismatch: statement and manifest disagree.
        RuntimeUnknown: the runtime is not registered.
        VersionConflict: another package has this version, or the version does not rise.
    """
    rules.decide(actor, Action.CONTRACT_SUBMIT)
    body = opened.body
    package = open_package(archive)
    known = _check(session, body, package, runtimes)
    if known is not None:
        state = State(known.state)
        return Submission(known.name, known.version, known.digest, state, created=False)
    row = _insert(session, actor, package, body.runtime, at)
    append(session, [LogEntry(PACKAGE_KIND, opened.envelope)])
    return Submission(row.name, row.version, row.digest, State(row.state), created=True)


def _check(
    session: Session, body: ContractPackage, package: Package, runtimes: Collection[str]
) -> VersionRow | None:
    """Return the version as it is registered already, or None if it may be registered.

    Raises:
        DigestMismatch, SubmissionMismatch, RuntimeUnknown, VersionConflict: the first of these
            that is true; its faults are those of all.
    """
    found = _statement_faults(body, package, runtimes)
    known = store.find_version(session, body.name, body.version)
    if known is None:
        found += _rising_faults(session, body, package)
    elif (known.digest, known.runtime) != (body.digest, body.runtime):
        message = f"{known.version} is taken by {known.digest} on {known.runtime}; raise it"
        found.append((VersionConflict, _in_manifest(package, "version", message)))
    if found:
        error, first = found[0]
        raise error(first.message, tuple(fault for _, fault in found))
    return known


def _statement_faults(
    body: ContractPackage, package: Package, runtimes: Collection[str]
) -> list[Finding]:
    found: list[Finding] = []
    if body.digest != package.digest:
        message = f"signed for {body.digest}; the archive has {package.digest}"
        found.append((DigestMismatch, Fault("statement.digest", message)))
    for key in ("name", "version"):
        signed, said = getattr(body, key), getattr(package.manifest, key)
        if signed != said:
            message = f"is {said}; signed for {signed}"
            found.append((SubmissionMismatch, _in_manifest(package, key, message)))
    if body.runtime not in runtimes:
        message = f"{body.runtime[:80]} is not a registered runtime of this network"
        found.append((RuntimeUnknown, Fault("statement.runtime", message)))
    return found


def _rising_faults(session: Session, body: ContractPackage, package: Package) -> list[Finding]:
    versions = store.versions_of(session, body.name)
    last = versions[-1].version if versions else None
    if last is None or not is_version(body.version):
        return []
    if version_key(body.version) > version_key(last):
        return []
    message = f"{body.version} does not rise above {last}, which is registered"
    return [(VersionConflict, _in_manifest(package, "version", message))]


def _in_manifest(package: Package, key: str, message: str) -> Fault:
    return Fault(MANIFEST, message, line_of(package.files[MANIFEST].decode(), key))


def _insert(
    session: Session, actor: Actor, package: Package, runtime: str, at: dt.datetime
) -> VersionRow:
    manifest = package.manifest
    base = active_version(session, manifest.name, log_size(session))
    row = VersionRow(
        name=manifest.name,
        version=manifest.version,
        digest=package.digest,
        author=actor.member_id,
        owner=manifest.owner,
        risk_class=manifest.risk_class,
        description=manifest.description,
        runtime=runtime,
        base_digest=None if base is None else base.digest,
        submitted_at=at,
        state=State.DRAFT,
        frozen_from=None,
        frozen_until=None,
        scheduled_index=None,
    )
    session.add(row)
    session.add(PackageRow(digest=package.digest, archive=package.archive(), source=package.source))
    session.add(new_job(package, at))
    store.set_life(session, row, Life(State.DRAFT), "submit", at, f"by {actor.member_id}")
    return row


def new_job(package: Package, at: dt.datetime) -> GateJobRow:
    """Return the row of a gate job that waits."""
    return GateJobRow(
        digest=package.digest,
        name=package.manifest.name,
        version=package.manifest.version,
        status="waiting",
        gate="",
        done=0,
        total=0,
        attempts=0,
        message="",
        queued_at=at,
        claimed_until=None,
    )
