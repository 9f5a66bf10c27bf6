"""Invitations: one-time tokens bound to a legal name and a role, expiring, revocable.

Only the SHA-256 of a token is kept. The application that uses one carries it in clear and is
logged: by then it is used, in the same transaction.
"""

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from governance.errors import InvitationRefused, InvitationUnknown
from governance.membership.members import Role, name_key
from governance.membership.statements import (
    INVITATION,
    INVITATION_REVOCATION,
    InvitationRequest,
    InvitationRevocation,
)
from governance.membership.tables import InvitationRow
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

TOKEN_BYTES = 24
"""Random bytes of a token: 192 bits."""

MAX_DAYS = 90
"""The longest life of an invitation, in days."""


class Invitation(msgspec.Struct, frozen=True):
    """An invitation as its issuer sees it; the token is there only when it is made."""

    id: str
    legal_name: str
    role: Role
    invited_by: str
    expires_at: dt.datetime
    state: str
    token: str = ""


def invite(
    session: Session,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[InvitationRequest],
    at: dt.datetime,
) -> Invitation:
    """Make an invitation; its token is told this once.

    Raises:
        Denied: the actor may not invite.
        InvitationRefused: a lifetime out of 1 to 90 days, or no name.
    """
    rules.decide(actor, Action.INVITATION_ISSUE)
    body = opened.body
    if not 0 < body.days <= MAX_DAYS or not body.legal_name.strip():
        raise InvitationRefused(f"an invitation has a legal name and 1 to {MAX_DAYS} days")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = InvitationRow(
        id=secrets.token_hex(8),
        digest=_digest(token),
        legal_name=body.legal_name,
        role=body.role,
        invited_by=actor.member_id,
        issued_at=at,
        expires_at=at + dt.timedelta(days=body.days),
    )
    session.add(row)
    append(session, [LogEntry(INVITATION, opened.envelope)])
    session.flush()
    return _shown(row, at, token)


def revoke_invitation(
    session: Session,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[InvitationRevocation],
    at: dt.datetime,
) -> None:
    """Take an invitation back.

    Raises:
        Denied: the actor may not.
        InvitationUnknown: there is no open one with this id of the actor's.
    """
    rules.decide(actor, Action.INVITATION_REVOKE)
    row = session.get(InvitationRow, opened.body.invitation_id)
    if row is None or row.invited_by != actor.member_id or _state(row, at) != "open":
        raise InvitationUnknown("there is no open invitation of yours with this id")
    row.revoked_at = at
    append(session, [LogEntry(INVITATION_REVOCATION, opened.envelope)])


def list_invitations(
    session: Session, actor: Actor, rules: CompiledRules, at: dt.datetime
) -> list[Invitation]:
    """Return the actor's own invitations, newest first, without tokens.

    Raises:
        Denied: the actor may not read invitations.
    """
    rules.decide(actor, Action.INVITATION_READ)
    rows = session.scalars(
        sa.select(InvitationRow)
        .where(InvitationRow.invited_by == actor.member_id)
        .order_by(InvitationRow.issued_at.desc(), InvitationRow.id)
    )
    return [_shown(row, at, "") for row in rows]


def use_invitation(
    session: Session,
    token: str,
    legal_name: str,
    roles: Sequence[Role],
    member_id: str,
    at: dt.datetime,
) -> None:
    """Use an invitation up, for an application.

    Raises:
        InvitationRefused: unknown, used, revoked, expired, or for another organisation or role.
    """
    row = session.scalars(
        sa.select(InvitationRow).where(InvitationRow.digest == _digest(token)).with_for_update()
    ).first()
    if row is None:
        raise InvitationRefused("the invitation is unknown")
    state = _state(row, at)
    if state != "open":
        raise InvitationRefused(f"the invitation is {state}")
    if name_key(row.legal_name) != name_key(legal_name):
        raise InvitationRefused("the invitation is for an organisation of another name")
    if list(roles) != [Role(row.role)]:
        raise InvitationRefused(f"the invitation is for the role {row.role} alone")
    row.used_by, row.used_at = member_id, at


def _state(row: InvitationRow, at: dt.datetime) -> str:
    if row.used_at is not None:
        return "used"
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if at >= row.expires_at else "open"


def _shown(row: InvitationRow, at: dt.datetime, token: str) -> Invitation:
    state = _state(row, at)
    role = Role(row.role)
    return Invitation(row.id, row.legal_name, role, row.invited_by, row.expires_at, state, token)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
