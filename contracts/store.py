"""Reads and writes of the contract registry's tables: functions that take a `Session`."""

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contracts.errors import VersionNotFound
from contracts.lifecycle import Life, State, Step
from contracts.manifest import version_key
from contracts.tables import (
    ActivationRow,
    EventRow,
    EvidenceRow,
    GateJobRow,
    MemberFindingRow,
    PackageRow,
    RuntimeRow,
    VersionRow,
    VoteBindingRow,
)


def find_version(session: Session, name: str, version: str) -> VersionRow | None:
    """Return the row of one version, or None."""
    return session.get(VersionRow, (name, version))


def version_row(session: Session, name: str, version: str) -> VersionRow:
    """Return the row of one version.

    Raises:
        VersionNotFound: there is none.
    """
    row = find_version(session, name, version)
    if row is None:
        raise VersionNotFound(f"no version {version} of {name} is registered")
    return row


def versions_of(session: Session, name: str) -> list[VersionRow]:
    """Return every version of a contract, lowest first."""
    rows = session.scalars(sa.select(VersionRow).where(VersionRow.name == name))
    return sorted(rows, key=lambda row: version_key(row.version))


def version_by_digest(session: Session, digest: str) -> VersionRow:
    """Return the row of the version that has this package digest.

    Raises:
        VersionNotFound: there is none.
    """
    row = session.scalar(sa.select(VersionRow).where(VersionRow.digest == digest))
    if row is None:
        raise VersionNotFound(f"no version with digest {digest} is registered")
    return row


def runtimes_of(session: Session, states: Collection[State]) -> list[str]:
    """Return the runtimes that versions in these states name, sorted."""
    query = sa.select(VersionRow.runtime).where(VersionRow.state.in_(states)).distinct()
    return sorted(session.scalars(query))


def page_of_versions(
    session: Session, after: tuple[str, dt.datetime, str] | None, limit: int
) -> list[VersionRow]:
    """Return `limit` versions by name, then in the order in which they came, from `after` on."""
    key = sa.tuple_(VersionRow.name, VersionRow.submitted_at, VersionRow.version)
    query = sa.select(VersionRow).order_by(
        VersionRow.name, VersionRow.submitted_at, VersionRow.version
    )
    if after is not None:
        name, moment, version = after
        query = query.where(
            key
            > sa.tuple_(
                sa.literal(name),
                sa.literal(moment, VersionRow.submitted_at.type),
                sa.literal(version),
            )
        )
    return list(session.scalars(query.limit(limit)))


def life_of(row: VersionRow) -> Life:
    """Return the state in the row."""
    frozen_from = None if row.frozen_from is None else State(row.frozen_from)
    return Life(State(row.state), frozen_from, row.frozen_until)


def set_life(
    session: Session, row: VersionRow, life: Life, step: Step | str, at: dt.datetime, reason: str
) -> None:
    """Write the new state, and the event that made it."""
    row.state = life.state
    row.frozen_from = life.frozen_from
    row.frozen_until = life.frozen_until
    session.add(
        EventRow(
            name=row.name,
            version=row.version,
            step=str(step),
            state=life.state,
            at=at,
            reason=reason,
        )
    )
    session.flush()


def events_of(session: Session, name: str, version: str) -> list[EventRow]:
    """Return the steps of a version's life, oldest first."""
    return list(
        session.scalars(
            sa.select(EventRow)
            .where(EventRow.name == name, EventRow.version == version)
            .order_by(EventRow.id)
        )
    )


def package_row(session: Session, digest: str) -> PackageRow:
    """Return the stored package.

    Raises:
        VersionNotFound: there is none.
    """
    row = session.get(PackageRow, digest)
    if row is None:
        raise VersionNotFound(f"no package with digest {digest} is registered")
    return row


_ACTIVATION = (
    sa.select(ActivationRow)
    .where(ActivationRow.name == sa.bindparam("contract"))
    .where(ActivationRow.log_index <= sa.bindparam("at_index"))
    .order_by(ActivationRow.log_index.desc())
    .limit(1)
)


def activation_at(session: Session, name: str, at_index: int) -> ActivationRow | None:
    """Return the latest activation at or before a log index, or None."""
    return session.scalar(_ACTIVATION, {"contract": name, "at_index": at_index})


def last_activation(session: Session, name: str) -> ActivationRow | None:
    """Return the latest activation of a contract, or None."""
    return session.scalar(
        sa.select(ActivationRow)
        .where(ActivationRow.name == name)
        .order_by(ActivationRow.log_index.desc())
        .limit(1)
    )


_SCHEDULED = (
    sa.select(VersionRow)
    .where(VersionRow.scheduled_index.is_not(None))
    .where(VersionRow.scheduled_index <= sa.bindparam("up_to"))
    .order_by(VersionRow.scheduled_index, VersionRow.name)
)


def scheduled_versions(session: Session, up_to: int) -> list[VersionRow]:
    """Return versions whose activation index is reached, in the order of the indexes."""
    return list(session.scalars(_SCHEDULED, {"up_to": up_to}))


def evidence_rows(session: Session, digest: str) -> list[EvidenceRow]:
    """Return all attestations about a package, oldest first."""
    return list(
        session.scalars(
            sa.select(EvidenceRow).where(EvidenceRow.digest == digest).order_by(EvidenceRow.id)
        )
    )


def latest_evidence(session: Session, digest: str) -> dict[str, EvidenceRow]:
    """Return the last attestation of each gate about a package."""
    return {row.gate: row for row in evidence_rows(session, digest)}


def job_row(session: Session, digest: str) -> GateJobRow:
    """Return the gate job of a package.

    Raises:
        VersionNotFound: there is none.
    """
    row = session.get(GateJobRow, digest)
    if row is None:
        raise VersionNotFound(f"no package with digest {digest} is registered")
    return row


def vote_binding(session: Session, proposal: str, name: str, version: str) -> VoteBindingRow | None:
    """Return what a proposal bound of a version, or None."""
    return session.get(VoteBindingRow, (proposal, name, version))


def member_findings(session: Session, digest: str) -> list[MemberFindingRow]:
    """Return what members found of a package, oldest first."""
    return list(
        session.scalars(
            sa.select(MemberFindingRow)
            .where(MemberFindingRow.digest == digest)
            .order_by(MemberFindingRow.log_index, MemberFindingRow.gate)
        )
    )


def find_artifact(session: Session, runtime: str) -> bytes | None:
    """Return the artifact of a runtime that was uploaded, or None."""
    row = session.get(RuntimeRow, runtime)
    return None if row is None else row.artifact


def has_artifact(session: Session, runtime: str) -> bool:
    """Return whether the artifact of a runtime was uploaded."""
    query = sa.select(RuntimeRow.id).where(RuntimeRow.id == runtime)
    return session.scalar(query) is not None
