"""The tables beside the dictionary's: wrapped keys, change history, erasures."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base


class RecordKeyRow(Base):
    """The wrapped data key of one row with personal fields; erasing the row deletes this."""

    __tablename__ = "records_key"

    owner_member_id: Mapped[str] = mapped_column(sa.String(63), primary_key=True)
    table_name: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    row_id: Mapped[str] = mapped_column(primary_key=True)
    wrapped_key: Mapped[bytes] = mapped_column(sa.LargeBinary)


class RecordChangeRow(Base):
    """One change of one record: who, when, which fields, and what stood there before.

    `before` is JSON of the plain fields; the personal ones are in `sealed_before`, under the
    row's key, so that erasing the row makes its history unreadable too.
    """

    __tablename__ = "records_change"
    __table_args__ = (
        sa.Index("ix_records_change_row", "owner_member_id", "table_name", "row_id", "change_id"),
    )

    change_id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    owner_member_id: Mapped[str] = mapped_column(sa.String(63))
    table_name: Mapped[str] = mapped_column(sa.String(32))
    row_id: Mapped[str]
    kind: Mapped[str] = mapped_column(sa.String(16))
    fields: Mapped[str]
    before: Mapped[str]
    sealed_before: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    changed_at: Mapped[dt.datetime]
    changed_by: Mapped[str] = mapped_column(sa.String(63))


class ErasureRow(Base):
    """The proof that an erasure took place; `statement` is what the log entry commits to.

    It holds the row's id, a reason out of a closed list, and a random nonce: nothing personal.
    """

    __tablename__ = "records_erasure"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    owner_member_id: Mapped[str] = mapped_column(sa.String(63), primary_key=True)
    table_name: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    row_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(sa.String(32))
    erased_at: Mapped[dt.datetime]
    erased_by: Mapped[str] = mapped_column(sa.String(63))
    statement: Mapped[bytes] = mapped_column(sa.LargeBinary)
    log_index: Mapped[int]
