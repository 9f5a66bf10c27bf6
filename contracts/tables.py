"""Tables of the contract registry.

Packages, events, activations and evidence are append-only: what was ever submitted, decided,
active or attested stays. Only the version's state and the gate jobs change in place.
"""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base

DIGEST = sa.String(71)  # "sha256:" and 64 hex digits
NAME = sa.String(63)


class PackageRow(Base):
    """The archive of a package, by its digest."""

    __tablename__ = "contract_package"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    archive: Mapped[bytes] = mapped_column(sa.LargeBinary)
    source: Mapped[str] = mapped_column(sa.Text)


class VersionRow(Base):
    """One version of a contract and where it is in its life."""

    __tablename__ = "contract_version"

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    version: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    digest: Mapped[str] = mapped_column(DIGEST, index=True)
    author: Mapped[str] = mapped_column(NAME)
    owner: Mapped[str] = mapped_column(NAME)
    risk_class: Mapped[str] = mapped_column(sa.String(20))
    description: Mapped[str] = mapped_column(sa.String(500))
    runtime: Mapped[str] = mapped_column(DIGEST)
    base_digest: Mapped[str | None] = mapped_column(DIGEST)
    submitted_at: Mapped[dt.datetime]
    state: Mapped[str] = mapped_column(sa.String(20))
    frozen_from: Mapped[str | None] = mapped_column(sa.String(20))
    frozen_until: Mapped[dt.datetime | None]
    scheduled_index: Mapped[int | None]


class EventRow(Base):
    """One step in the life of a version."""

    __tablename__ = "contract_event"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
    )
    name: Mapped[str] = mapped_column(NAME, index=True)
    version: Mapped[str] = mapped_column(sa.String(20))
    step: Mapped[str] = mapped_column(sa.String(20))
    state: Mapped[str] = mapped_column(sa.String(20))
    at: Mapped[dt.datetime]
    reason: Mapped[str] = mapped_column(sa.Text)


class ActivationRow(Base):
    """From which log index on a version judges new transactions."""

    __tablename__ = "contract_activation"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[str] = mapped_column(sa.String(20))
    digest: Mapped[str] = mapped_column(DIGEST)


class EvidenceRow(Base):
    """One signed attestation of one gate."""

    __tablename__ = "contract_evidence"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
    )
    digest: Mapped[str] = mapped_column(DIGEST, index=True)
    gate: Mapped[str] = mapped_column(sa.String(20))
    passed: Mapped[bool]
    payload_digest: Mapped[str] = mapped_column(DIGEST)
    envelope: Mapped[bytes] = mapped_column(sa.LargeBinary)
    at: Mapped[dt.datetime]


class VoteBindingRow(Base):
    """What a proposal to approve a version bound when it was opened: a `deployment.Binding`."""

    __tablename__ = "contract_vote_binding"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    proposal: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    version: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    binding: Mapped[bytes] = mapped_column(sa.LargeBinary)
    at: Mapped[dt.datetime]


class MemberFindingRow(Base):
    """What a member found of one gate when it ran the gate itself."""

    __tablename__ = "contract_member_finding"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    gate: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    digest: Mapped[str] = mapped_column(DIGEST, index=True)
    member: Mapped[str] = mapped_column(NAME)
    payload_digest: Mapped[str] = mapped_column(DIGEST)
    at: Mapped[dt.datetime]


class RuntimeRow(Base):
    """The artifact of a runtime, kept so that every machine of the network can have it."""

    __tablename__ = "contract_runtime"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    id: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    artifact: Mapped[bytes] = mapped_column(sa.LargeBinary)
    added_by: Mapped[str] = mapped_column(NAME)
    at: Mapped[dt.datetime]


class GateJobRow(Base):
    """The work of judging one package: what is done, and what a restart has to take up again."""

    __tablename__ = "contract_gate_job"

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    version: Mapped[str] = mapped_column(sa.String(20))
    status: Mapped[str] = mapped_column(sa.String(20), index=True)
    gate: Mapped[str] = mapped_column(sa.String(20))
    done: Mapped[int]
    total: Mapped[int]
    attempts: Mapped[int]
    message: Mapped[str] = mapped_column(sa.Text)
    queued_at: Mapped[dt.datetime]
    claimed_until: Mapped[dt.datetime | None]
