"""Gates in the background: jobs in a table, taken up again after a restart.

A worker claims a job for half a minute and renews the claim while it lives; a job whose claim has
run out (its worker was killed) is anybody's again. Each gate's attestation is stored as it comes,
in a transaction of its own with its log entry, and is not made a second time under the same
conditions. Several workers may run.
"""

import contextlib
import datetime as dt
import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from contracts import artifacts, deployment, store
from contracts.errors import ContractError, RuntimeUnknown
from contracts.evidence import (
    Attestation,
    Conditions,
    GateStatement,
    attest,
    statement_in,
    tool_versions,
)
from contracts.gates.requirements import RequirementTable, shipped_requirements
from contracts.gates.subjects import Machines, NodeUnavailable, Recorded, Subject
from contracts.gating import passed, run_gates
from contracts.lifecycle import State
from contracts.packages import Package, open_package
from contracts.services import ContractServices
from contracts.tables import EvidenceRow, GateJobRow, VersionRow
from ledger.database import reading, writing
from ledger.hashing import tagged_hash
from ledger.log.sequencer import LogEntry, append
from ledger.log.tiles import MAX_ENTRY

Clock = Callable[[], dt.datetime]

CLAIM = dt.timedelta(seconds=30)
"""How long a claim holds without being renewed."""

HEARTBEAT = 7.0
"""Seconds between two renewals of a claim, whatever its gate is doing."""

RENEWAL = 1.0
"""Seconds between two notes of progress."""

MAX_ATTEMPTS = 5
"""How often a job is begun without one more gate coming to an end before it is called broken."""

AGAIN = dt.timedelta(seconds=2)
"""How long a job waits that this node could not judge; twice as long after each further attempt."""

EVIDENCE_KIND = "contract-evidence"


class _Work(msgspec.Struct, frozen=True):
    """What a worker needs of a claimed job, read in one transaction."""

    row: VersionRow
    package: Package
    predecessor: Package | None
    recorded: tuple[Recorded, ...]


def run_pending_gates(
    engine: Engine,
    services: ContractServices,
    clock: Clock,
    *,
    machines: Machines | None = None,
    most: int | None = None,
    requirements: tuple[RequirementTable, str] | None = None,
) -> int:
    """Run the gates of waiting packages, one after the other; return how many jobs ended.

    Args:
        engine: the database.
        services: keys and look-ups of this process.
        clock: the time now, UTC.
        machines: to use again; made and closed here if None.
        most: stop after so many jobs; go on until none waits if None.
        requirements: the table of requirements and its digest; the shipped ones if None.
    """
    used = machines or Machines()
    done = 0
    try:
        while most is None or done < most:
            digest = claim(engine, clock())
            if digest is None:
                break
            with _claim_renewed(engine, digest, clock):
                table = requirements or shipped_requirements()
                _run_one(engine, services, clock, used, digest, table)
            done += 1
    finally:
        if machines is None:
            used.close()
    return done


def claim(engine: Engine, at: dt.datetime) -> str | None:
    """Claim the oldest job that nobody holds; return its package digest, or None."""
    free = sa.or_(
        GateJobRow.status == "waiting",
        sa.and_(GateJobRow.status == "running", GateJobRow.claimed_until <= at),
    )
    with reading(engine) as session:
        if session.scalar(sa.select(GateJobRow.digest).where(free).limit(1)) is None:
            return None  # nothing to do is the rule: the writer's lock is not taken for it
    with writing(engine) as session:
        jobs = session.scalars(sa.select(GateJobRow).where(free).order_by(GateJobRow.queued_at))
        for job in jobs.all():
            if job.attempts >= MAX_ATTEMPTS:
                job.status, job.claimed_until = "broken", None
                continue
            job.status = "running"
            job.attempts += 1
            job.claimed_until = at + CLAIM
            return job.digest
    return None


def requeue(session: Session, name: str, version: str, at: dt.datetime) -> None:
    """Let the gates of a draft run again, for instance after a new runtime was fetched."""
    job = store.job_row(session, store.version_row(session, name, version).digest)
    job.status, job.attempts, job.claimed_until, job.queued_at = "waiting", 0, None, at
    session.flush()


def _run_one(
    engine: Engine,
    services: ContractServices,
    clock: Clock,
    machines: Machines,
    digest: str,
    requirements: tuple[RequirementTable, str],
) -> None:
    try:
        work = _read(engine, services, digest)
        subject, conditions = _subject(engine, services, clock, machines, work, requirements)
        known = _known(engine, digest, conditions)
        results = []
        for result in run_gates(subject, known=known):
            if result.gate not in known:
                attestation = attest(result, conditions, services.signer)
                _store(engine, digest, attestation, clock())
            results.append(result)
        failed = [result for result in results if not result.passed]
        failures = "; ".join(f"{result.gate}: {result.summary}" for result in failed)
        if not failures and not passed(subject, results):
            failures = "not every gate that is asked for has run"
        _finish(engine, services, work, clock(), failures)
    except (NodeUnavailable, ContractError, OSError) as error:
        _put_back(engine, digest, clock(), f"{type(error).__name__}: {error}")


def _read(engine: Engine, services: ContractServices, digest: str) -> _Work:
    with reading(engine) as session:
        row = store.version_by_digest(session, digest)
        package = open_package(store.package_row(session, digest).archive)
        predecessor: Package | None = None
        recorded: tuple[Recorded, ...] = ()
        if row.base_digest is not None:
            base = store.version_by_digest(session, row.base_digest)
            predecessor = open_package(store.package_row(session, row.base_digest).archive)
            recorded = tuple(services.recordings(session, base.name, base.version))
        session.expunge(row)
    return _Work(row, package, predecessor, recorded)


def _subject(
    engine: Engine,
    services: ContractServices,
    clock: Clock,
    machines: Machines,
    work: _Work,
    requirements: tuple[RequirementTable, str],
) -> tuple[Subject, Conditions]:
    with reading(engine) as session:
        runtime = artifacts.find_runtime(session, work.row.runtime, services.cache)
    if runtime is None:
        raise RuntimeUnknown(f"runtime {work.row.runtime} is not on this machine; fetch it first")
    table, digest = requirements
    subject = Subject(
        package=work.package,
        runtime=runtime,
        machines=machines,
        requirements=table.of(work.package.manifest.risk_class),
        seed=seed_of(work.package.digest),
        predecessor=work.predecessor,
        history=lambda: iter(work.recorded),
        progress=_Reporter(engine, work.package.digest, clock),
    )
    return subject, conditions_of(subject, digest, work.recorded)


def seed_of(digest: str) -> int:
    """Return the seed for a package: it follows from the digest, so that all use the same."""
    return int(digest.removeprefix("sha256:")[:8], 16)


def conditions_of(
    subject: Subject, requirements: str, recorded: Collection[Recorded]
) -> Conditions:
    """Return under what the gates of `subject` run."""
    history = hashlib.sha256()
    for each in recorded:
        history.update(
            f"{each.txid} {hashlib.sha256(each.transaction.encode()).hexdigest()}\n".encode()
        )
    manifest = subject.package.manifest
    return Conditions(
        package=subject.package.digest,
        name=manifest.name,
        version=manifest.version,
        runtime=subject.runtime.id,
        requirements=requirements,
        risk_class=manifest.risk_class,
        predecessor=None if subject.predecessor is None else subject.predecessor.digest,
        history=f"sha256:{history.hexdigest()}" if recorded else None,
        seed=subject.seed,
    )


def _known(engine: Engine, digest: str, conditions: Conditions) -> dict[str, GateStatement]:
    """Return statements of gates run under these conditions since the job was queued."""
    with reading(engine) as session:
        asked_at = store.job_row(session, digest).queued_at
        rows = store.latest_evidence(session, digest)
    rows = {gate: row for gate, row in rows.items() if row.at >= asked_at}
    known = {}
    for gate, row in rows.items():
        statement = statement_in(row.envelope)
        made = statement.predicate
        same = all(
            getattr(made, field) == getattr(conditions, field)
            for field in ("runtime", "requirements", "predecessor", "history", "seed")
        )
        if same and made.tools == tool_versions():
            known[gate] = statement
    return known


def _store(engine: Engine, digest: str, attestation: Attestation, at: dt.datetime) -> None:
    predicate = attestation.statement.predicate
    envelope = attestation.envelope
    with writing(engine) as session:
        session.add(
            EvidenceRow(
                digest=digest,
                gate=predicate.gate,
                passed=predicate.passed,
                payload_digest=attestation.payload_digest,
                envelope=envelope,
                at=at,
            )
        )
        append(session, [LogEntry(EVIDENCE_KIND, log_leaf(envelope))])
        store.job_row(session, digest).attempts = 1  # it goes on, however often it is interrupted


def log_leaf(envelope: bytes) -> bytes:
    """Return what the log keeps of an attestation: itself, or a commitment if it is too large."""
    if len(envelope) <= MAX_ENTRY:
        return envelope
    commitment = tagged_hash("log/statement", envelope).hex()
    return msgspec.json.encode(
        {"sekisho": "statement/v1", "kind": EVIDENCE_KIND, "commitment": commitment}
    )


def _finish(
    engine: Engine, services: ContractServices, work: _Work, at: dt.datetime, failures: str
) -> None:
    with writing(engine) as session:
        job = store.job_row(session, work.package.digest)
        job.status = "failed" if failures else "passed"
        job.message = failures or "every gate passed"
        job.claimed_until = None
        row = store.version_row(session, work.row.name, work.row.version)
        if row.state != State.DRAFT:
            return
        if failures:
            deployment.gates_failed(session, row.name, row.version, at, failures)
        else:
            deployment.gates_passed(session, row.name, row.version, at)
            services.gated(session, row.name, row.version, at)


def _put_back(engine: Engine, digest: str, at: dt.datetime, message: str) -> None:
    with writing(engine) as session:
        job = store.job_row(session, digest)
        job.message = message
        job.claimed_until = at + AGAIN * 2 ** (job.attempts - 1)
        if job.attempts >= MAX_ATTEMPTS:
            job.status, job.claimed_until = "broken", None


@contextmanager
def _claim_renewed(engine: Engine, digest: str, clock: Clock) -> Iterator[None]:
    """Renew the claim on a job in the background until the work on it ends."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(HEARTBEAT):
            with contextlib.suppress(SQLAlchemyError), writing(engine) as session:
                job = store.job_row(session, digest)
                if job.status == "running" and not ended.is_set():
                    job.claimed_until = clock() + CLAIM

    thread = threading.Thread(target=renew, name="gates-claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Reporter:
    """Writes progress into the job's row, at most once a second."""

    def __init__(self, engine: Engine, digest: str, clock: Clock) -> None:
        self._engine = engine
        self._digest = digest
        self._clock = clock
        self._gate = ""
        self._next = 0.0

    def __call__(self, gate: str, done: int, total: int) -> None:
        moment = time.monotonic()
        if gate == self._gate and moment < self._next:
            return
        self._gate, self._next = gate, moment + RENEWAL
        with writing(self._engine) as session:
            job = store.job_row(session, self._digest)
            job.gate, job.done, job.total = gate, done, total
            if job.status == "running":
                job.claimed_until = self._clock() + CLAIM
