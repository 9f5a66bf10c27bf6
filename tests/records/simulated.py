"""A ledger's answers, held in memory: the real interface over sets that a test fills."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from ledger.records.directory import LedgerTrade


class KnownLedger:
    """Knows what it was told."""

    def __init__(
        self, rights: Iterable[str] = ("BR001",), investors: Iterable[str] = ("INV000009",)
    ) -> None:
        self.known_rights = set(rights)
        self.known_investors = set(investors)
        self.known_trades: dict[str, LedgerTrade] = {}

    def rights(self, _session: Session, ids: Iterable[str]) -> set[str]:
        return self.known_rights & set(ids)

    def investors(self, _session: Session, ids: Iterable[str]) -> set[str]:
        return self.known_investors & set(ids)

    def trades(
        self, _session: Session, _member_id: str, trade_ids: Iterable[str]
    ) -> dict[str, LedgerTrade]:
        return {one: self.known_trades[one] for one in trade_ids if one in self.known_trades}
