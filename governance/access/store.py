"""Rows of `access`."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from governance.access.tables import AccessToken, SpentStatement


def spend(session: Session, identifier: str, author: str, kind: str, at: dt.datetime) -> bool:
    """Use `identifier` up; return whether it was still unused."""
    try:
        session.execute(
            sa.insert(SpentStatement).values(id=identifier, author=author, kind=kind, spent_at=at)
        )
    except IntegrityError:
        session.rollback()
        return False
    return True


def add_token(session: Session, token: AccessToken) -> None:
    """Store a token; forget those that expired."""
    session.execute(sa.delete(AccessToken).where(AccessToken.expires_at < token.issued_at))
    session.add(token)


def token_by_hash(session: Session, token_hash: bytes) -> AccessToken | None:
    """Return the token with this hash."""
    return session.get(AccessToken, token_hash)
