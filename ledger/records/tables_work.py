"""Tables of work in progress: spooled import files, their problems, instructions and trades."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base

_MEMBER = sa.String(63)
_ID = sa.String(64)


class ImportChunkRow(Base):
    """A piece of an import file, compressed, encrypted under the import's key."""

    __tablename__ = "records_import_chunk"

    import_id: Mapped[str] = mapped_column(
        sa.ForeignKey("records_import_file.import_id"), primary_key=True
    )
    start: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)


class ImportProblemRow(Base):
    """One thing wrong with an import file: a line, a column, what was expected; never a value."""

    __tablename__ = "records_import_problem"

    import_id: Mapped[str] = mapped_column(
        sa.ForeignKey("records_import_file.import_id"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int]
    field: Mapped[str]
    message: Mapped[str]


class ImportKeyRow(Base):
    """An id that an import file has used so far, to find it again without holding the file."""

    __tablename__ = "records_import_key"

    import_id: Mapped[str] = mapped_column(
        sa.ForeignKey("records_import_file.import_id"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[int]
    detail: Mapped[str]


class InstructionRow(Base):
    """A transfer instruction (移転指図): what the sender asks of the receiver, who executes it."""

    __tablename__ = "records_instruction"
    __table_args__ = (
        sa.UniqueConstraint("receiver_id", "trade_id"),
        sa.Index("ix_records_instruction_sender", "sender_id", "instruction_id"),
        sa.Index("ix_records_instruction_status", "receiver_id", "status", "instruction_id"),
        sa.Index("ix_records_instruction_cancels", "receiver_id", "cancels_trade_id"),
    )

    instruction_id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    sender_id: Mapped[str] = mapped_column(_MEMBER)
    receiver_id: Mapped[str] = mapped_column(_MEMBER)
    trade_id: Mapped[str] = mapped_column(_ID)
    beneficial_right_id: Mapped[str] = mapped_column(_ID)
    from_investor_id: Mapped[str] = mapped_column(_ID)
    to_investor_id: Mapped[str] = mapped_column(_ID)
    quantity: Mapped[int]
    settlement_date: Mapped[dt.date]
    transfer_type: Mapped[str] = mapped_column(sa.String(32))
    cancels_trade_id: Mapped[str] = mapped_column(_ID)
    registered_at: Mapped[dt.datetime]
    registered_by: Mapped[str] = mapped_column(_MEMBER)
    status: Mapped[str] = mapped_column(sa.String(16))
    reason: Mapped[str] = mapped_column(sa.String(256))
    received_at: Mapped[dt.datetime]
    changed_at: Mapped[dt.datetime]
    transfer_txid: Mapped[str] = mapped_column(sa.String(64))
    import_id: Mapped[str | None] = mapped_column(sa.String(32), index=True)


class InstructionStepRow(Base):
    """One step of an instruction's life: who took it, when, and why."""

    __tablename__ = "records_instruction_step"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    step_id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    instruction_id: Mapped[str] = mapped_column(sa.String(32), index=True)
    status: Mapped[str] = mapped_column(sa.String(16))
    reason: Mapped[str] = mapped_column(sa.String(256))
    taken_at: Mapped[dt.datetime]
    taken_by: Mapped[str] = mapped_column(_MEMBER)


class TradeRow(Base):
    """A trade (約定) as one member reported it to the receiver."""

    __tablename__ = "records_trade"

    receiver_id: Mapped[str] = mapped_column(_MEMBER, primary_key=True)
    trade_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    sender_id: Mapped[str] = mapped_column(_MEMBER, primary_key=True)
    beneficial_right_id: Mapped[str] = mapped_column(_ID)
    from_investor_id: Mapped[str] = mapped_column(_ID)
    to_investor_id: Mapped[str] = mapped_column(_ID)
    quantity: Mapped[int]
    settlement_date: Mapped[dt.date]
    traded_at: Mapped[dt.datetime]
    received_at: Mapped[dt.datetime]
