"""Reads and writes of the ledger's own work: what a batch needs, and what it did.

Only the single writer's use cases call this; what members may see goes through `ledger.gateway`.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session

from ledger import working as w
from ledger.components import CANCEL, Transfer, canonical
from ledger.gateway import STAMP
from ledger.notary import MAX_NAMES, find_spent
from ledger.tables import (
    AccountKeyRow,
    CustodyRow,
    HoldingRow,
    RightRow,
    SessionRow,
    SnapshotRow,
    TransactionRow,
    TransferControlRow,
    TransferRow,
    UnspentRow,
)
from ledger.transactions import Transaction

MIN_SNAPSHOT = 64
"""Changes of a right between two snapshots, at least: a small register needs none often."""

CLOSED = "closed"
"""The market session's state until someone opens it."""

_Name = TypeVar("_Name", str, bytes, int)


class Committed(msgspec.Struct, frozen=True):
    """A transaction as it was committed, by its place on the ledger and in the log."""

    position: int
    txid: bytes
    log_index: int
    creator: str
    committed_at: dt.datetime
    attestations: bytes


def _chunks(names: Iterable[_Name]) -> Iterable[list[_Name]]:
    ordered = sorted(set(names))
    return [ordered[i : i + MAX_NAMES] for i in range(0, len(ordered), MAX_NAMES)]


def _rows(
    session: Session,
    query: Callable[[list[Any]], sa.Select[*tuple[Any, ...]]],
    names: Iterable[Any],
) -> list[sa.Row[*tuple[Any, ...]]]:
    found: list[sa.Row[*tuple[Any, ...]]] = []
    for part in _chunks(names):
        found += session.execute(query(part), execution_options=STAMP).all()
    return found


def find_committed(session: Session, txids: Iterable[bytes]) -> dict[bytes, Committed]:
    """Return the transactions among `txids` that were committed."""
    t = TransactionRow
    columns = (t.position, t.txid, t.log_index, t.creator, t.committed_at, t.attestations)
    rows = _rows(session, lambda part: sa.select(*columns).where(t.txid.in_(part)), txids)
    return {row.txid: Committed(*row) for row in rows}


def read_transaction(session: Session, txid: bytes) -> TransactionRow | None:
    """Return the row of a committed transaction: for `ledger.disclosure`, which tears it off."""
    query = sa.select(TransactionRow).where(TransactionRow.txid == txid)
    return session.scalars(query, execution_options=STAMP).one_or_none()


def current_keys(session: Session, investors: Iterable[str]) -> dict[str, tuple[str, bytes]]:
    """Return the id and DER bytes of each investor's account key now."""
    k = AccountKeyRow
    rows = _rows(
        session,
        lambda part: sa.select(k.investor_id, k.key_id, k.public_key).where(
            k.investor_id.in_(part), k.until_index.is_(None)
        ),
        investors,
    )
    return {row.investor_id: (row.key_id, row.public_key) for row in rows}


def current_custody(session: Session, investors: Iterable[str]) -> dict[str, w.Custody]:
    """Return who manages each investor now."""
    k = CustodyRow
    rows = _rows(
        session,
        lambda part: sa.select(k.investor_id, k.custodian, k.holder).where(
            k.investor_id.in_(part), k.until_index.is_(None)
        ),
        investors,
    )
    return {row.investor_id: w.Custody(row.custodian, row.holder) for row in rows}


def market_session(session: Session) -> str:
    """Return `open` or `closed`: what was set last; closed before anyone set it."""
    query = sa.select(SessionRow.session_status).order_by(SessionRow.log_index.desc()).limit(1)
    return session.scalar(query, execution_options=STAMP) or CLOSED


def load_rights(session: Session, rights: Iterable[str]) -> dict[str, w.Right]:
    """Return the beneficial rights among `rights` that are registered."""
    r, t = RightRow, TransferControlRow
    query = sa.select(
        r.beneficial_right_id,
        r.registrar,
        r.fundraiser,
        r.asset_manager,
        r.contract,
        t.transfer_allowed,
        r.established_quantity,
        r.issued_quantity,
        r.outstanding_quantity,
        r.redemption_date,
        r.changes,
        r.effective_at,
    ).join(t, t.transfer_control_id == r.transfer_control_id)
    rows = _rows(session, lambda part: query.where(r.beneficial_right_id.in_(part)), rights)
    return {row[0]: w.Right(*row[1:]) for row in rows}


def load_working(session: Session, batch: Sequence[w.Candidate]) -> w.Working:
    """Return the state that the transactions of `batch` touch."""
    transactions = [candidate.transaction for candidate in batch]
    rights = {r for t in transactions for r in t.rights}
    investors = {i for t in transactions for i in w.investors_of(t)}
    commands = [command for t in transactions for command in t.commands]
    originals, cancelled = _load_trades(session, commands)
    nullifiers = [bytes.fromhex(n) for t in transactions for n in t.nullifiers]
    owners = {o for t in transactions for o in t.owners}
    return w.Working(
        session=market_session(session),
        next_row=_next_row(session),
        rights=load_rights(session, rights),
        custody=current_custody(session, investors),
        keys={i: key for i, (key, _) in current_keys(session, owners).items()},
        unspent=_load_unspent(session, transactions),
        spent=find_spent(session, nullifiers),
        trades=_load_trade_ids(session, commands),
        originals=originals,
        cancelled=cancelled,
        holdings=_load_holdings(session, rights, investors),
    )


def _next_row(session: Session) -> int:
    """Return the next row: a transaction's transfers come after its tokens and are never gone."""
    last = session.scalar(sa.select(sa.func.max(TransferRow.row_id)), execution_options=STAMP)
    return (last or 0) + 1


def _load_unspent(
    session: Session, transactions: Sequence[Transaction]
) -> dict[tuple[bytes, int], w.Unspent]:
    u = UnspentRow
    rows = _rows(
        session,
        lambda part: sa.select(u.token_txid, u.output_index, u.row_id, u.component, u.nonce).where(
            u.token_txid.in_(part)
        ),
        {bytes.fromhex(i.txid) for t in transactions for i in t.inputs},
    )
    return {(row[0], row[1]): w.Unspent(*row[2:]) for row in rows}


def _load_holdings(
    session: Session, rights: set[str], investors: set[str]
) -> dict[tuple[str, str], int]:
    h = HoldingRow
    rows = _rows(
        session,
        lambda part: sa.select(h.beneficial_right_id, h.investor_id, h.quantity).where(
            h.investor_id.in_(part), h.beneficial_right_id.in_(sorted(rights))
        ),
        investors,
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _load_trade_ids(session: Session, commands: Sequence[Transfer]) -> set[tuple[str, str]]:
    t = TransferRow
    rows = _rows(
        session,
        lambda part: sa.select(t.transfer_creator_id, t.trade_id).where(t.trade_id.in_(part)),
        {command.trade_id for command in commands},
    )
    return {(row[0], row[1]) for row in rows}


def _load_trades(
    session: Session, commands: Sequence[Transfer]
) -> tuple[dict[str, tuple[w.Trade, ...]], set[int]]:
    t = TransferRow
    names = {x.cancels_trade_id for x in commands if x.transfer_type == CANCEL}
    columns = [getattr(t, name) for name in Transfer.__struct_fields__]
    rows = _rows(
        session,
        lambda part: sa.select(t.row_id, *columns).where(t.trade_id.in_(part)).order_by(t.row_id),
        names,
    )
    originals: dict[str, tuple[w.Trade, ...]] = {}
    for row in rows:
        fields = {name: getattr(row, name) for name in Transfer.__struct_fields__}
        transfer = Transfer(**fields | {"terms": msgspec.json.decode(row.terms)})
        trade = w.Trade(row.row_id, transfer)
        known = originals.get(trade.transfer.trade_id, ())
        originals[trade.transfer.trade_id] = (*known, trade)
    cancelled = _rows(
        session,
        lambda part: sa.select(t.cancels_row).where(t.cancels_row.in_(part)),
        {row.row_id for row in rows},
    )
    return originals, {row[0] for row in cancelled}


def next_position(session: Session) -> int:
    """Return the place of the next transaction; the first is 1."""
    last = session.scalar(sa.select(sa.func.max(TransactionRow.position)), execution_options=STAMP)
    return (last or 0) + 1


def write_rows(session: Session, table: type[DeclarativeBase], rows: Sequence[Any]) -> None:
    """Insert `rows`, as mappings by column."""
    if rows:
        session.execute(sa.insert(table), rows, execution_options=STAMP)


def remove_spent(session: Session, rows: Sequence[int]) -> None:
    """Take consumed tokens off the list of those that may be spent."""
    for part in _chunks(rows):
        delete = sa.delete(UnspentRow).where(UnspentRow.row_id.in_(part))
        session.execute(delete, execution_options={**STAMP, "synchronize_session": False})


def write_holdings(session: Session, holdings: Mapping[tuple[str, str], int]) -> None:
    """Set holdings to new quantities; one of zero is gone."""
    rows = [
        {"beneficial_right_id": right, "investor_id": investor, "quantity": quantity}
        for (right, investor), quantity in sorted(holdings.items())
    ]
    held = [row for row in rows if row["quantity"]]
    gone = [key for key, quantity in sorted(holdings.items()) if not quantity]
    connection = session.connection()
    if held:
        on_postgresql = connection.dialect.name == "postgresql"
        insert = postgresql.insert(HoldingRow) if on_postgresql else sqlite.insert(HoldingRow)
        upsert = insert.on_conflict_do_update(
            index_elements=["beneficial_right_id", "investor_id"],
            set_={"quantity": insert.excluded.quantity},
        )
        connection.execute(upsert, held, execution_options=STAMP)
    h = HoldingRow
    for right in {right for right, _ in gone}:
        for part in _chunks(investor for r, investor in gone if r == right):
            delete = sa.delete(h).where(h.beneficial_right_id == right, h.investor_id.in_(part))
            connection.execute(delete, execution_options=STAMP)


def write_right(session: Session, right_id: str, right: w.Right) -> None:
    """Set what moved in a right, and take a snapshot of its register when one is due."""
    r = RightRow
    session.execute(
        sa.update(r)
        .where(r.beneficial_right_id == right_id)
        .values(
            issued_quantity=right.issued,
            outstanding_quantity=right.outstanding,
            changes=right.changes,
            effective_at=right.effective_at,
        ),
        execution_options={**STAMP, "synchronize_session": False},
    )
    last, holders = session.execute(
        sa.select(r.snapshot_change, r.snapshot_holders).where(r.beneficial_right_id == right_id),
        execution_options=STAMP,
    ).one()
    if right.changes - last >= max(holders, MIN_SNAPSHOT):
        _take_snapshot(session, right_id, right.changes)


def _take_snapshot(session: Session, right_id: str, change: int) -> None:
    h, r = HoldingRow, RightRow
    columns = ["beneficial_right_id", "change", "investor_id", "quantity"]
    held = sa.select(
        h.beneficial_right_id, sa.literal(change, sa.BigInteger), h.investor_id, h.quantity
    ).where(h.beneficial_right_id == right_id)
    session.execute(sa.insert(SnapshotRow).from_select(columns, held), execution_options=STAMP)
    holders = sa.select(sa.func.count()).where(h.beneficial_right_id == right_id).scalar_subquery()
    session.execute(
        sa.update(r)
        .where(r.beneficial_right_id == right_id)
        .values(snapshot_change=change, snapshot_holders=holders),
        execution_options={**STAMP, "synchronize_session": False},
    )


def change_row(change: w.Change, log_index: int) -> dict[str, Any]:
    """Return the row of a change of a holding."""
    return {
        "beneficial_right_id": change.right,
        "change": change.number,
        "investor_id": change.investor,
        "delta": change.delta,
        "quantity": change.quantity,
        "effective_at": change.effective_at,
        "log_index": log_index,
    }


def concerning(state: w.Working, right_id: str, source: str, target: str) -> dict[str, str]:
    """Return whom a transfer concerns now, in the columns of its row."""
    right = state.rights[right_id]
    nobody = w.Custody("", "")
    giver, taker = state.custody.get(source, nobody), state.custody.get(target, nobody)
    return {
        "registrar": right.registrar,
        "from_custodian": giver.custodian,
        "to_custodian": taker.custodian,
        "from_holder": giver.holder,
        "to_holder": taker.holder,
        "fundraiser": right.fundraiser,
        "asset_manager": right.asset_manager,
    }


def transfer_row(
    transaction: Transaction,
    place: int,
    effect: tuple[int, int | None, Transfer],
    state: w.Working,
) -> dict[str, Any]:
    """Return the row of the command at `place`."""
    row, cancels, transfer = effect
    right = transfer.beneficial_right_id
    fields = {name: getattr(transfer, name) for name in Transfer.__struct_fields__}
    moved = [t for t in transaction.outputs if t.token_id == right]
    source = [i.txid for i in transaction.inputs if i.token.token_id == right]
    token_txid = bytes.fromhex(source[0]) if source and not moved else transaction.txid
    return {
        **fields,
        "terms": msgspec.json.encode(transfer.terms, order="sorted"),
        "row_id": row,
        "transfer_txid": transaction.txid,
        "command_index": place,
        "token_txid": token_txid,
        "cancels_row": cancels,
        **concerning(state, right, transfer.from_investor_id, transfer.to_investor_id),
    }


def unspent_row(
    transaction: Transaction, created: tuple[int, int, Any], state: w.Working
) -> dict[str, Any]:
    """Return the row of a token that was created."""
    row, index, token = created
    right, custody = state.rights[token.token_id], state.custody[token.investor_id]
    return {
        "row_id": row,
        "token_txid": transaction.txid,
        "output_index": index,
        "token_id": token.token_id,
        "investor_id": token.investor_id,
        "quantity": token.quantity,
        "issuer_info": token.issuer_info,
        "component": canonical(token),
        "nonce": transaction.output_nonce(index),
        "registrar": right.registrar,
        "custodian": custody.custodian,
        "holder": custody.holder,
        "fundraiser": right.fundraiser,
        "asset_manager": right.asset_manager,
    }
