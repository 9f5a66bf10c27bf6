"""Reads of the ledger's own work: what a batch of transactions needs to know.

Only the single writer's use cases call this; what members may see goes through `ledger.gateway`.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import working as w
from ledger.components import CANCEL, Transfer
from ledger.gateway import STAMP
from ledger.lookups import find_rows, lookup
from ledger.notary import find_spent
from ledger.signatures import TransactionSignature
from ledger.tables import (
    AccountKeyRow,
    CustodyRow,
    HoldingRow,
    RightRow,
    SessionRow,
    StatementRow,
    TransactionRow,
    TransferControlRow,
    TransferRow,
    UnspentRow,
)
from ledger.transactions import Transaction
from ledger.verification import ContractVersion

CLOSED = "closed"
"""The market session's state until someone opens it."""

_Query = sa.Select[*tuple[Any, ...]]


class Committed(msgspec.Struct, frozen=True):
    """A transaction as it was committed, by its place on the ledger and in the log."""

    position: int
    txid: bytes
    log_index: int
    creator: str
    committed_at: dt.datetime
    attestations: bytes


_T, _X = TransferRow.__table__.c, TransactionRow.__table__.c
_K, _C = AccountKeyRow.__table__.c, CustodyRow.__table__.c
_R, _L = RightRow.__table__.c, TransferControlRow.__table__.c
_U, _H, _S = UnspentRow.__table__.c, HoldingRow.__table__.c, SessionRow.__table__.c
_COMMAND = [_T[name] for name in Transfer.__struct_fields__]

_RECEIPTS = sa.select(
    _X.position, _X.txid, _X.log_index, _X.creator, _X.committed_at, _X.attestations
)
_COMMITTED = lookup(_X.txid, _RECEIPTS.where)
_VERSIONS = lookup(_X.txid, sa.select(_X.txid, _X.contract, _X.contract_version).where)
_CURRENT_KEYS = sa.select(_K.investor_id, _K.key_id, _K.public_key).where(_K.until_index.is_(None))
_KEYS = lookup(_K.investor_id, _CURRENT_KEYS.where)
_EVERY_KEY = lookup(_K.investor_id, sa.select(AccountKeyRow.__table__).where)
_CURRENT = sa.select(_C.investor_id, _C.custodian, _C.holder).where(_C.until_index.is_(None))
_CUSTODY = lookup(_C.investor_id, _CURRENT.where)
_SESSION: _Query = sa.select(_S.session_status).order_by(_S.log_index.desc()).limit(1)
_RIGHT = sa.select(
    _R.beneficial_right_id,
    _R.registrar,
    _R.fundraiser,
    _R.asset_manager,
    _R.contract,
    _L.transfer_allowed,
    _R.established_quantity,
    _R.issued_quantity,
    _R.outstanding_quantity,
    _R.redemption_date,
    _R.changes,
    _R.effective_at,
    _R.snapshot_change,
    _R.snapshot_holders,
).select_from(
    sa.join(
        RightRow.__table__,
        TransferControlRow.__table__,
        _L.transfer_control_id == _R.transfer_control_id,
    )
)
_RIGHTS = lookup(_R.beneficial_right_id, _RIGHT.where)
_LAST_ROW: _Query = sa.select(sa.func.max(_T.row_id))
_LAST_POSITION: _Query = sa.select(sa.func.max(_X.position))
_UNSPENT = lookup(
    _U.token_txid,
    sa.select(_U.token_txid, _U.output_index, _U.row_id, _U.component, _U.nonce).where,
)
_HELD = sa.select(_H.beneficial_right_id, _H.investor_id, _H.quantity)
_HOLDINGS = lookup(_H.investor_id, _HELD.where)
_TRADE_IDS = lookup(_T.trade_id, sa.select(_T.transfer_creator_id, _T.trade_id).where)
_TRADES = lookup(_T.trade_id, sa.select(_T.row_id, *_COMMAND).order_by(_T.row_id).where)
_CANCELLED = lookup(_T.cancels_row, sa.select(_T.cancels_row).where)


def find_committed(session: Session, txids: Iterable[bytes]) -> dict[bytes, Committed]:
    """Return the transactions among `txids` that were committed."""
    return {row.txid: Committed(*row) for row in find_rows(session, _COMMITTED, txids)}


def find_versions(session: Session, txids: Iterable[bytes]) -> dict[bytes, ContractVersion]:
    """Return under which contract version each committed transaction among `txids` was judged.

    The digest is left empty: a name and version have one digest for ever.
    """
    rows = find_rows(session, _VERSIONS, txids)
    return {row.txid: ContractVersion(row.contract, row.contract_version, "") for row in rows}


def read_transaction(session: Session, txid: bytes) -> sa.Row[Any] | None:
    """Return the row of a committed transaction: for `ledger.disclosure`, which tears it off."""
    query = sa.select(TransactionRow.__table__).where(TransactionRow.txid == txid)
    return session.execute(query, execution_options=STAMP).one_or_none()


def read_statements(session: Session, kind: str, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Return kept statements of a kind after a log index, in order, at most `limit`."""
    query = sa.select(StatementRow.__table__).where(
        StatementRow.kind == kind, StatementRow.log_index > after
    )
    query = query.order_by(StatementRow.log_index).limit(limit)
    return session.execute(query, execution_options=STAMP).all()


def current_keys(session: Session, investors: Iterable[str]) -> dict[str, tuple[str, bytes]]:
    """Return the id and DER bytes of each investor's account key now."""
    rows = find_rows(session, _KEYS, investors)
    return {row.investor_id: (row.key_id, row.public_key) for row in rows}


def signing_keys(
    session: Session, signatures: Iterable[TransactionSignature], log_index: int
) -> list[tuple[str, bytes, int]]:
    """Return investor, DER bytes and first log index of the keys that signed, as of a log index."""
    owners = {s.by: s.key_id for s in signatures if s.role == "account"}
    rows = find_rows(session, _EVERY_KEY, owners)
    return sorted(
        (row.investor_id, row.public_key, row.from_index)
        for row in rows
        if row.key_id == owners[row.investor_id]
        and row.from_index < log_index
        and (row.until_index is None or log_index < row.until_index)
    )


def current_custody(session: Session, investors: Iterable[str]) -> dict[str, w.Custody]:
    """Return who manages each investor now."""
    rows = find_rows(session, _CUSTODY, investors)
    return {row.investor_id: w.Custody(row.custodian, row.holder) for row in rows}


def market_session(session: Session) -> str:
    """Return `open` or `closed`: what was set last; closed before anyone set it."""
    return _scalar(session, _SESSION) or CLOSED


def load_rights(session: Session, rights: Iterable[str]) -> dict[str, w.Right]:
    """Return the beneficial rights among `rights` that are registered."""
    return {row[0]: w.Right(*row[1:]) for row in find_rows(session, _RIGHTS, rights)}


def _scalar(session: Session, query: _Query) -> Any:
    return session.connection().scalar(query, execution_options=STAMP)


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
        holdings=_load_holdings(session, investors),
    )


def _next_row(session: Session) -> int:
    """Return the next row: a transaction's transfers come after its tokens and are never gone."""
    return (_scalar(session, _LAST_ROW) or 0) + 1


def _load_unspent(
    session: Session, transactions: Sequence[Transaction]
) -> dict[tuple[bytes, int], w.Unspent]:
    sources = {bytes.fromhex(i.txid) for t in transactions for i in t.inputs}
    rows = find_rows(session, _UNSPENT, sources)
    return {(row[0], row[1]): w.Unspent(*row[2:]) for row in rows}


def _load_holdings(session: Session, investors: set[str]) -> dict[tuple[str, str], int]:
    return {(row[0], row[1]): row[2] for row in find_rows(session, _HOLDINGS, investors)}


def _load_trade_ids(session: Session, commands: Sequence[Transfer]) -> set[tuple[str, str]]:
    rows = find_rows(session, _TRADE_IDS, {command.trade_id for command in commands})
    return {(row[0], row[1]) for row in rows}


def _load_trades(
    session: Session, commands: Sequence[Transfer]
) -> tuple[dict[str, tuple[w.Trade, ...]], set[int]]:
    names = {x.cancels_trade_id for x in commands if x.transfer_type == CANCEL}
    rows = find_rows(session, _TRADES, names)
    originals: dict[str, tuple[w.Trade, ...]] = {}
    for row in rows:
        fields = {name: getattr(row, name) for name in Transfer.__struct_fields__}
        transfer = Transfer(**fields | {"terms": msgspec.json.decode(row.terms)})
        trade = w.Trade(row.row_id, transfer)
        known = originals.get(trade.transfer.trade_id, ())
        originals[trade.transfer.trade_id] = (*known, trade)
    cancelled = find_rows(session, _CANCELLED, {row.row_id for row in rows})
    return originals, {row[0] for row in cancelled}


def next_position(session: Session) -> int:
    """Return the place of the next transaction; the first is 1."""
    return (_scalar(session, _LAST_POSITION) or 0) + 1
