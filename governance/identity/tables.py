"""Tables of authorities, issuances, certificates, revocations, CRLs and network maps."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base


class AuthorityRow(Base):
    """A certificate of a root, an issuing authority or an OCSP responder; the newest counts."""

    __tablename__ = "authorities"
    __table_args__ = (sa.UniqueConstraint("name", "serial"), {"info": {APPEND_ONLY: True}})

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64), index=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    issuer: Mapped[str] = mapped_column(sa.String(64))
    serial: Mapped[str] = mapped_column(sa.String(40))
    der: Mapped[bytes]
    not_before: Mapped[dt.datetime]
    not_after: Mapped[dt.datetime]


class IssuingRow(Base):
    """Which issuing authority issues, from when on; the newest row counts."""

    __tablename__ = "authorities_in_force"
    __table_args__ = ({"info": {APPEND_ONLY: True}},)

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64))
    since: Mapped[dt.datetime]


class KeyRow(Base):
    """A public key seen here, and under whom: the same key never serves two members."""

    __tablename__ = "member_keys"

    key_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    member_id: Mapped[str] = mapped_column(sa.String(64), index=True)
    first_seen_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]


class IssuanceRow(Base):
    """An approved certificate on its way: approved, reserved, then stored, refused or cancelled."""

    __tablename__ = "certificate_issuances"

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    member_id: Mapped[str] = mapped_column(sa.String(64), index=True)
    node: Mapped[str] = mapped_column(sa.String(64))
    key_id: Mapped[str] = mapped_column(sa.String(64), index=True)
    certificate_order: Mapped[bytes]
    supersedes: Mapped[str | None] = mapped_column(sa.String(64))
    state: Mapped[str] = mapped_column(sa.String(16), index=True)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    approved_at: Mapped[dt.datetime]
    issuer: Mapped[str | None] = mapped_column(sa.String(64))
    serial: Mapped[str | None] = mapped_column(sa.String(40), unique=True)
    tbs_digest: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32))
    reserved_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]


class CertificateRow(Base):
    """A certificate that was issued to a member, for ever."""

    __tablename__ = "certificates"
    __table_args__ = (
        sa.Index("ix_certificates_owner", "member_id", "node"),
        {"info": {APPEND_ONLY: True}},
    )

    serial: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    issuance_id: Mapped[int] = mapped_column(sa.Integer, unique=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    issuer: Mapped[str] = mapped_column(sa.String(64))
    member_id: Mapped[str] = mapped_column(sa.String(64))
    node: Mapped[str] = mapped_column(sa.String(64))
    key_id: Mapped[str] = mapped_column(sa.String(64), index=True)
    der: Mapped[bytes]
    thumbprint: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    not_before: Mapped[dt.datetime]
    not_after: Mapped[dt.datetime] = mapped_column(index=True)
    issued_at: Mapped[dt.datetime]
    log_index: Mapped[int]


class RevocationRow(Base):
    """A serial number revoked for good, whether its certificate was stored or only reserved."""

    __tablename__ = "certificate_revocations"
    __table_args__ = ({"info": {APPEND_ONLY: True}},)

    serial: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    issuer: Mapped[str] = mapped_column(sa.String(64), index=True)
    member_id: Mapped[str] = mapped_column(sa.String(64))
    reason: Mapped[str] = mapped_column(sa.String(32))
    revoked_at: Mapped[dt.datetime]
    not_after: Mapped[dt.datetime]
    log_index: Mapped[int]


class HoldRow(Base):
    """A member whose certificates are on hold: it or its sponsor is suspended."""

    __tablename__ = "certificate_holds"

    member_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    since: Mapped[dt.datetime]


class EnrolmentTokenRow(Base):
    """A one-time token for EST, by its SHA-256."""

    __tablename__ = "enrolment_tokens"

    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    member_id: Mapped[str] = mapped_column(sa.String(64), index=True)
    node: Mapped[str] = mapped_column(sa.String(64))
    issued_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]


class RevocationListRow(Base):
    """A CRL as it was published."""

    __tablename__ = "revocation_lists"
    __table_args__ = ({"info": {APPEND_ONLY: True}},)

    issuer: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    der: Mapped[bytes]
    this_update: Mapped[dt.datetime]
    next_update: Mapped[dt.datetime]


class NetworkMapRow(Base):
    """A network map as it was signed."""

    __tablename__ = "network_maps"
    __table_args__ = ({"info": {APPEND_ONLY: True}},)

    version: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    envelope: Mapped[bytes]
    signed_at: Mapped[dt.datetime]
