"""Rows of instructions and trades; every statement names the sender's or the receiver's side."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.records.instructions import DEAD, Instruction, Particulars, Status, instruction_id
from ledger.records.store import CHUNK, insert_into
from ledger.records.tables import ImportFileRow
from ledger.records.tables_work import InstructionRow, InstructionStepRow, TradeRow

APPLYING = "applying"
"""The status of an import whose instructions are not shown to their receiver yet."""


def by_trade(
    session: Session, receiver: str, trade_ids: Iterable[str]
) -> dict[str, InstructionRow]:
    """Return the receiver's instructions for those trades, by trade id."""
    found: dict[str, InstructionRow] = {}
    for part in _parts(trade_ids):
        query = sa.select(InstructionRow).where(
            InstructionRow.receiver_id == receiver, InstructionRow.trade_id.in_(part)
        )
        found |= {row.trade_id: row for row in session.scalars(query)}
    return found


def cancelled_trades(session: Session, receiver: str, trade_ids: Iterable[str]) -> dict[str, str]:
    """Return which trades an instruction that is alive cancels: original -> cancelling trade."""
    found: dict[str, str] = {}
    for part in _parts(trade_ids):
        query = sa.select(InstructionRow.cancels_trade_id, InstructionRow.trade_id).where(
            InstructionRow.receiver_id == receiver,
            InstructionRow.cancels_trade_id.in_(part),
            InstructionRow.status.not_in([status.value for status in DEAD]),
        )
        found |= {row.cancels_trade_id: row.trade_id for row in session.execute(query)}
    return found


def by_ids(session: Session, member_id: str, ids: Sequence[str]) -> dict[str, InstructionRow]:
    """Return those of the instructions that `member_id` sent, or received and may see, by id."""
    found: dict[str, InstructionRow] = {}
    for part in _parts(ids):
        for side in (_sent(member_id), _received(member_id)):
            query = sa.select(InstructionRow).where(side, InstructionRow.instruction_id.in_(part))
            found |= {row.instruction_id: row for row in session.scalars(query)}
    return found


def page(
    session: Session, member_id: str, status: Status | None, after: str, limit: int
) -> list[InstructionRow]:
    """Return up to `limit` instructions that `member_id` sent or received, in order of id."""
    found: dict[str, InstructionRow] = {}
    for side in (_sent(member_id), _received(member_id)):
        query = sa.select(InstructionRow).where(side, InstructionRow.instruction_id > after)
        if status is not None:
            query = query.where(InstructionRow.status == status.value)
        ordered = query.order_by(InstructionRow.instruction_id).limit(limit)
        found |= {row.instruction_id: row for row in session.scalars(ordered)}
    return [found[key] for key in sorted(found)[:limit]]


def insert(
    session: Session,
    said: Sequence[Instruction],
    *,
    sender: str,
    receiver: str,
    at: dt.datetime,
    import_id: str | None = None,
) -> None:
    """Write new instructions, received `at`, and the first step of their lives."""
    rows = [_columns(one, sender, receiver, at, import_id) for one in said]
    if rows:
        insert_into(session, InstructionRow, rows)
        insert_steps(
            session, [row["instruction_id"] for row in rows], Status.RECEIVED, "", at, sender
        )


def insert_steps(
    session: Session,
    ids: Iterable[str],
    status: Status,
    reason: str,
    at: dt.datetime,
    by: str,
) -> None:
    """Write one step of each instruction's life."""
    rows = [
        {
            "instruction_id": one,
            "status": status.value,
            "reason": reason,
            "taken_at": at,
            "taken_by": by,
        }
        for one in ids
    ]
    insert_into(session, InstructionStepRow, rows)


def steps_of(session: Session, one: str) -> Sequence[InstructionStepRow]:
    """Return an instruction's life, oldest first."""
    query = sa.select(InstructionStepRow).where(InstructionStepRow.instruction_id == one)
    return session.scalars(query.order_by(InstructionStepRow.step_id)).all()


def trades(session: Session, receiver: str, trade_ids: Iterable[str]) -> dict[str, list[TradeRow]]:
    """Return what was reported to the receiver about those trades, by trade id."""
    found: dict[str, list[TradeRow]] = {}
    for part in _parts(trade_ids):
        query = sa.select(TradeRow).where(
            TradeRow.receiver_id == receiver, TradeRow.trade_id.in_(part)
        )
        for row in session.scalars(query.order_by(TradeRow.sender_id)):
            found.setdefault(row.trade_id, []).append(row)
    return found


def row_particulars(row: InstructionRow) -> Particulars:
    """Return what of an instruction is compared."""
    return Particulars(**{name: getattr(row, name) for name in Particulars.__struct_fields__})


def trade_particulars(row: TradeRow) -> Particulars:
    """Return what of a reported trade is compared."""
    return Particulars(
        beneficial_right_id=row.beneficial_right_id,
        from_investor_id=row.from_investor_id,
        to_investor_id=row.to_investor_id,
        quantity=row.quantity,
        settlement_date=row.settlement_date,
    )


def _sent(member_id: str) -> sa.ColumnElement[bool]:
    return InstructionRow.sender_id == member_id


def _received(member_id: str) -> sa.ColumnElement[bool]:
    """Return what admits received instructions, except those of an import not yet complete."""
    pending = sa.select(ImportFileRow.import_id).where(
        ImportFileRow.receiver_id == member_id, ImportFileRow.status == APPLYING
    )
    whole = InstructionRow.import_id.is_(None) | InstructionRow.import_id.not_in(pending)
    return sa.and_(InstructionRow.receiver_id == member_id, whole)


def _columns(
    said: Instruction, sender: str, receiver: str, at: dt.datetime, import_id: str | None
) -> dict[str, Any]:
    return {
        "instruction_id": instruction_id(receiver, said.trade_id),
        "sender_id": sender,
        "receiver_id": receiver,
        "trade_id": said.trade_id,
        "beneficial_right_id": said.beneficial_right_id,
        "from_investor_id": said.from_investor_id,
        "to_investor_id": said.to_investor_id,
        "quantity": said.quantity,
        "settlement_date": said.settlement_date,
        "transfer_type": said.transfer_type,
        "cancels_trade_id": said.cancels_trade_id,
        "registered_at": said.registered_at or at,
        "registered_by": receiver,
        "status": Status.RECEIVED.value,
        "reason": "",
        "received_at": at,
        "changed_at": at,
        "transfer_txid": "",
        "import_id": import_id,
    }


def _parts(ids: Iterable[str]) -> Iterable[list[str]]:
    wanted = list(ids)
    return (wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK))
