"""Statements and assertions that were used up, and the access tokens in force."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base


class SpentStatement(Base):
    """The id of a statement or client assertion that was opened once; it never opens again."""

    __tablename__ = "spent_statement"
    __table_args__ = (sa.Index(None, "author", "spent_at"), {"info": {APPEND_ONLY: True}})

    id: Mapped[str] = mapped_column(primary_key=True)
    author: Mapped[str]
    kind: Mapped[str]
    spent_at: Mapped[dt.datetime]


class AccessToken(Base):
    """A token in force, known by its hash only."""

    __tablename__ = "access_token"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    member_id: Mapped[str] = mapped_column(index=True)
    key_id: Mapped[str]
    certificate_thumbprint: Mapped[bytes | None]
    """SHA-256 of the client certificate to which the token is bound (RFC 8705), if it is."""
    issued_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
