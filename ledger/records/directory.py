"""What the shared ledger knows that records are checked against: rights, investors, trades.

Stated as a protocol, so that records say what they need and nothing more is read.
"""

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.gateway import STAMP
from ledger.records.instructions import Particulars
from ledger.records.store import CHUNK
from ledger.store import current_custody, load_rights
from ledger.tables import TransferRow


class LedgerTrade(msgspec.Struct, frozen=True):
    """A transfer that stands on the ledger.

    Args:
        particulars: what it says.
        transfer_txid: its transaction, lower-case hex.
        cancelled: a later transfer on the ledger undoes it.
        own: the member that asks created it: no other transfer of its can have this trade id.
    """

    particulars: Particulars
    transfer_txid: str
    cancelled: bool
    own: bool = False


class Directory(Protocol):
    """Answers about the shared ledger; ids that do not exist are simply absent."""

    def rights(self, session: Session, ids: Iterable[str]) -> set[str]:
        """Return which of `ids` are beneficial rights."""
        ...

    def investors(self, session: Session, ids: Iterable[str]) -> set[str]:
        """Return which of `ids` are investors with a custodian."""
        ...

    def trades(
        self, session: Session, member_id: str, trade_ids: Iterable[str]
    ) -> dict[str, LedgerTrade]:
        """Return the trades that `member_id` was part of as registrar or custodian, by id."""
        ...


class LedgerDirectory:
    """Reads the ledger's own tables, in this process's database."""

    def rights(self, session: Session, ids: Iterable[str]) -> set[str]:
        """Return which of `ids` are beneficial rights."""
        return set(load_rights(session, ids))

    def investors(self, session: Session, ids: Iterable[str]) -> set[str]:
        """Return which of `ids` are investors with a custodian now."""
        return set(current_custody(session, ids))

    def trades(
        self, session: Session, member_id: str, trade_ids: Iterable[str]
    ) -> dict[str, LedgerTrade]:
        """Return the trades that `member_id` was part of, by id; its own before another's."""
        t = TransferRow
        part_of = sa.or_(
            t.transfer_creator_id == member_id,
            t.registrar == member_id,
            t.from_custodian == member_id,
            t.to_custodian == member_id,
        )
        wanted = sorted(set(trade_ids))
        found: dict[str, LedgerTrade] = {}
        for start in range(0, len(wanted), CHUNK):
            names = wanted[start : start + CHUNK]
            undone = sa.select(t.cancels_row).where(t.cancels_row.is_not(None))
            query = (
                sa.select(t.__table__, t.row_id.in_(undone).label("cancelled"))
                .where(t.trade_id.in_(names), part_of)
                .order_by(t.transfer_creator_id == member_id, t.row_id.desc())
            )
            for row in session.execute(query, execution_options=STAMP):
                own = row.transfer_creator_id == member_id
                found[row.trade_id] = _ledger_trade(row, own=own)
        return found


def _ledger_trade(row: sa.Row[Any], *, own: bool) -> LedgerTrade:
    names = Particulars.__struct_fields__
    said = Particulars(**{name: getattr(row, name) for name in names})
    return LedgerTrade(said, row.transfer_txid.hex(), bool(row.cancelled), own)
