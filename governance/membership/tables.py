"""Tables of applications, memberships, roles, nodes, invitations and groups."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base

_OPEN = sa.text("state = 'applied'")


class ApplicationRow(Base):
    """An application, by the id of its statement; at most one is open for an organisation."""

    __tablename__ = "applications"
    __table_args__ = (
        sa.Index(
            "uq_open_application_id",
            "member_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        sa.Index(
            "uq_open_application_name",
            "name_key",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    member_id: Mapped[str] = mapped_column(sa.String(64), index=True)
    legal_name: Mapped[str] = mapped_column(sa.String(256))
    name_key: Mapped[str] = mapped_column(sa.String(256))
    key_id: Mapped[str] = mapped_column(sa.String(64))
    body: Mapped[bytes]
    state: Mapped[str] = mapped_column(sa.String(16), index=True)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    applied_at: Mapped[dt.datetime]
    decided_at: Mapped[dt.datetime | None]
    log_index: Mapped[int]


class MembershipRow(Base):
    """A membership; the one with the highest number is the organisation's present one."""

    __tablename__ = "memberships"

    member_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    number: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    legal_name: Mapped[str] = mapped_column(sa.String(256))
    name_key: Mapped[str] = mapped_column(sa.String(256), index=True)
    state: Mapped[str] = mapped_column(sa.String(16))
    roles: Mapped[str] = mapped_column(sa.Text)
    sponsor_id: Mapped[str | None] = mapped_column(sa.String(64), index=True)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    application_id: Mapped[str | None] = mapped_column(sa.String(64))
    since: Mapped[dt.datetime]
    changed_at: Mapped[dt.datetime]


class NodeRow(Base):
    """A node or API client of a membership."""

    __tablename__ = "member_nodes"
    __table_args__ = (sa.Index("ix_member_nodes_membership", "member_id", "number"),)

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    member_id: Mapped[str] = mapped_column(sa.String(64))
    number: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(sa.String(64))
    added_at: Mapped[dt.datetime]
    kind: Mapped[str] = mapped_column(sa.String(16))
    address: Mapped[str] = mapped_column(sa.String(320))
    hosted_key: Mapped[str | None] = mapped_column(sa.String(192))
    removed_at: Mapped[dt.datetime | None]


class MembershipEventRow(Base):
    """What happened to a membership, with the state after it: history can be asked as of a time."""

    __tablename__ = "membership_events"
    __table_args__ = (
        sa.Index("ix_membership_events_member", "member_id", "id"),
        {"info": {APPEND_ONLY: True}},
    )

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    member_id: Mapped[str] = mapped_column(sa.String(64))
    number: Mapped[int] = mapped_column(sa.Integer)
    at: Mapped[dt.datetime]
    event: Mapped[str] = mapped_column(sa.Text)
    membership: Mapped[bytes]
    log_index: Mapped[int]


class RecoveryRow(Base):
    """A request to certify a new key for a node whose own is lost; by the new key's id."""

    __tablename__ = "recoveries"

    key_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    member_id: Mapped[str] = mapped_column(sa.String(64), index=True)
    node: Mapped[str] = mapped_column(sa.String(64))
    csr: Mapped[bytes]
    asked_at: Mapped[dt.datetime]
    decided_at: Mapped[dt.datetime | None]


class InvitationRow(Base):
    """An invitation, by the SHA-256 of its one-time token."""

    __tablename__ = "invitations"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    legal_name: Mapped[str] = mapped_column(sa.String(256))
    role: Mapped[str] = mapped_column(sa.String(32))
    invited_by: Mapped[str] = mapped_column(sa.String(64))
    issued_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_by: Mapped[str | None] = mapped_column(sa.String(64))
    used_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]


class GroupRow(Base):
    """A group of members; only its members see its list."""

    __tablename__ = "member_groups"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(128))
    made_by: Mapped[str] = mapped_column(sa.String(64))
    made_at: Mapped[dt.datetime]


class GroupMemberRow(Base):
    """A member of a group, from when until when."""

    __tablename__ = "member_group_members"

    group_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    member_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True, index=True)
    since: Mapped[dt.datetime]
