"""Writes what a batch of transactions did: tokens, transfers, holdings, snapshots of registers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ledger import working as w
from ledger.components import Transfer
from ledger.gateway import STAMP
from ledger.log.completeness import Scoped
from ledger.lookups import chunks, lookup
from ledger.tables import HoldingRow, RightRow, SnapshotRow, UnspentRow
from ledger.transactions import OUTPUTS, Transaction

MIN_SNAPSHOT = 64
"""Changes of a right between two snapshots, at least: a small register needs none often."""

_U, _H, _R = UnspentRow.__table__.c, HoldingRow.__table__.c, RightRow.__table__.c
_REMOVE = lookup(_U.row_id, sa.delete(UnspentRow).where)
_OF_RIGHT = sa.delete(HoldingRow).where(_H.beneficial_right_id == sa.bindparam("right"))
_EMPTY = lookup(_H.investor_id, _OF_RIGHT.where)
_MOVE = (
    sa.update(RightRow)
    .where(_R.beneficial_right_id == sa.bindparam("right"))
    .values(
        issued_quantity=sa.bindparam("issued"),
        outstanding_quantity=sa.bindparam("outstanding"),
        changes=sa.bindparam("number"),
        effective_at=sa.bindparam("effective"),
    )
)


def _upsert(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=["beneficial_right_id", "investor_id"],
        set_={"quantity": insert.excluded.quantity},
    )


_HOLD = {
    "postgresql": _upsert(postgresql.insert(HoldingRow)),
    "sqlite": _upsert(sqlite.insert(HoldingRow)),
}


def remove_spent(session: Session, rows: Sequence[int]) -> None:
    """Take consumed tokens off the list of those that may be spent."""
    connection = session.connection()
    for part in chunks(rows):
        connection.execute(_REMOVE.on(connection), {"names": part}, execution_options=STAMP)


def write_holdings(session: Session, holdings: Mapping[tuple[str, str], int]) -> None:
    """Set holdings to new quantities; one of zero is gone."""
    connection = session.connection()
    held = [
        {"beneficial_right_id": right, "investor_id": investor, "quantity": quantity}
        for (right, investor), quantity in sorted(holdings.items())
        if quantity
    ]
    if held:
        connection.execute(_HOLD[connection.dialect.name], held, execution_options=STAMP)
    gone = sorted(key for key, quantity in holdings.items() if not quantity)
    for right in {right for right, _ in gone}:
        for part in chunks(investor for r, investor in gone if r == right):
            names = {"right": right, "names": part}
            connection.execute(_EMPTY.on(connection), names, execution_options=STAMP)


def write_rights(session: Session, rights: Mapping[str, w.Right]) -> None:
    """Set what moved in rights, and take a snapshot of each register that is due for one."""
    moved = [
        {
            "right": name,
            "issued": right.issued,
            "outstanding": right.outstanding,
            "number": right.changes,
            "effective": right.effective_at,
        }
        for name, right in sorted(rights.items())
    ]
    session.connection().execute(_MOVE, moved, execution_options=STAMP)
    for name, right in rights.items():
        if right.changes - right.snapshot_change >= max(right.snapshot_holders, MIN_SNAPSHOT):
            _take_snapshot(session, name, right.changes)


def _take_snapshot(session: Session, right: str, change: int) -> None:
    columns = ["beneficial_right_id", "change", "investor_id", "quantity"]
    held = sa.select(
        _H.beneficial_right_id, sa.literal(change, sa.BigInteger), _H.investor_id, _H.quantity
    ).where(_H.beneficial_right_id == right)
    connection = session.connection()
    copy = sa.insert(SnapshotRow).from_select(columns, held)
    connection.execute(copy, execution_options=STAMP)
    holders = sa.select(sa.func.count()).where(_H.beneficial_right_id == right).scalar_subquery()
    update = sa.update(RightRow).where(_R.beneficial_right_id == right)
    taken = update.values(snapshot_change=change, snapshot_holders=holders)
    connection.execute(taken, execution_options=STAMP)


def change_row(change: w.Change, log_index: int) -> dict[str, Any]:
    """Return the row of a change of a holding."""
    return {
        "beneficial_right_id": change.right,
        "change": change.number,
        "investor_id": change.investor,
        "delta": change.delta,
        "quantity": change.quantity,
        "effective_at": change.effective_at,
        "registered_at": change.registered_at,
        "log_index": log_index,
        "registrar": change.registrar,
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


def scoped(
    transfers: Iterable[Mapping[str, Any]], txids: Sequence[bytes], indexes: Sequence[int]
) -> list[Scoped]:
    """Return the registrars and custodians that each transaction must be shown to.

    Args:
        transfers: the rows of all their transfers.
        txids: of the transactions, in the order of the log.
        indexes: of their commitments in the log.
    """
    scopes: dict[bytes, set[str]] = {txid: set() for txid in txids}
    for row in transfers:
        found = scopes[row["transfer_txid"]]
        found.add(f"registrar:{row['registrar']}")
        custodians = (row["from_custodian"], row["to_custodian"])
        found.update(f"custodian:{name}" for name in custodians if name)
    return [
        Scoped(txid, index, tuple(sorted(scopes[txid])))
        for txid, index in zip(txids, indexes, strict=True)
    ]


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
        "component": transaction.groups[OUTPUTS][index],
        "nonce": transaction.output_nonce(index),
        "registrar": right.registrar,
        "custodian": custody.custodian,
        "holder": custody.holder,
        "fundraiser": right.fundraiser,
        "asset_manager": right.asset_manager,
    }
