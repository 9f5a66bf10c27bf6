"""Whether instructions can be taken: ids that exist, customers of the sender, cancels that hold.

One function for the one instruction of an HTTP request and for the batches of an import, so that
they cannot differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.records import instruction_store, store
from ledger.records.directory import Directory
from ledger.records.instructions import (
    CANCEL,
    DEAD,
    ISSUE,
    REDEEM,
    TRANSFER,
    Instruction,
    Particulars,
    cancel_faults,
    particulars,
)
from ledger.records.tables import InvestorRow
from policies.errors import Fault


class Earlier(Protocol):
    """What came earlier in the same file and is not in the tables yet."""

    def originals(self, trade_ids: Iterable[str]) -> dict[str, Particulars]:
        """Return the earlier instructions for those trades."""
        ...

    def cancelled(self, trade_ids: Iterable[str]) -> dict[str, str]:
        """Return which of the trades an earlier line cancels: original -> cancelling trade."""
        ...


class Nothing:
    """Nothing came earlier: there is no file."""

    def originals(self, trade_ids: Iterable[str]) -> dict[str, Particulars]:
        """Return nothing."""
        found: dict[str, Particulars] = {}
        return {key: found[key] for key in trade_ids if key in found}

    def cancelled(self, trade_ids: Iterable[str]) -> dict[str, str]:
        """Return nothing."""
        found: dict[str, str] = {}
        return {key: found[key] for key in trade_ids if key in found}


class Screen:
    """Screens batches of instructions from one sender to one receiver."""

    def __init__(
        self, session: Session, directory: Directory, sender: str, receiver: str, earlier: Earlier
    ) -> None:
        self._session = session
        self._directory = directory
        self._sender = sender
        self._receiver = receiver
        self._earlier = earlier

    def screen(self, batch: Sequence[Instruction]) -> list[list[Fault] | None]:
        """Return for each instruction its faults (none: take it), or None if it is here already.

        Cancels are judged in order: an instruction sees those before it in the batch.
        """
        known = _Known(self, batch)
        return [known.judge(said) for said in batch]

    def rights(self, ids: set[str]) -> set[str]:
        """Return which rights exist: on the ledger, or in the receiver's records."""
        found = self._directory.rights(self._session, ids)
        missing = ids - found
        return found | store.existing_ids(
            self._session, "beneficial_right", self._receiver, missing
        )

    def customers(self, ids: set[str], *, active: bool = False) -> set[str]:
        """Return which investors the sender may move tokens of: the receiver's, and its own.

        With `active`, only those whose status is active.
        """
        query_in = sorted(ids)
        found: set[str] = set()
        for start in range(0, len(query_in), store.CHUNK):
            query = sa.select(InvestorRow.investor_id).where(
                InvestorRow.owner_member_id == self._receiver,
                InvestorRow.investor_id.in_(query_in[start : start + store.CHUNK]),
                InvestorRow.erased_at.is_(None),
            )
            if self._sender != self._receiver:
                query = query.where(InvestorRow.custody_holder_id == self._sender)
            if active:
                query = query.where(InvestorRow.investor_status == "active")
            found.update(self._session.scalars(query))
        return found

    def investors(self, ids: set[str]) -> set[str]:
        """Return which investors exist: in the receiver's records, or on the ledger."""
        found = store.existing_ids(self._session, "investor", self._receiver, ids)
        return found | self._directory.investors(self._session, ids - found)

    def originals(self, trade_ids: set[str]) -> dict[str, tuple[Particulars, str]]:
        """Return trades that may be cancelled, and by what each is cancelled already, if it is."""
        found: dict[str, tuple[Particulars, str]] = {}
        ledger = self._directory.trades(self._session, self._receiver, trade_ids)
        for trade_id, trade in ledger.items():
            found[trade_id] = (trade.particulars, "a transfer on the ledger" * trade.cancelled)
        rows = instruction_store.by_trade(self._session, self._receiver, trade_ids)
        alive = {key: row for key, row in rows.items() if row.status not in DEAD}
        for trade_id, row in alive.items():
            found.setdefault(trade_id, (instruction_store.row_particulars(row), ""))
        for trade_id, said in self._earlier.originals(trade_ids).items():
            found.setdefault(trade_id, (said, ""))
        cancels = instruction_store.cancelled_trades(self._session, self._receiver, trade_ids)
        cancels |= self._earlier.cancelled(trade_ids)
        for trade_id, by in cancels.items():
            if trade_id in found:
                found[trade_id] = (found[trade_id][0], by)
        return found

    def taken(self, trade_ids: set[str]) -> Mapping[str, Particulars | None]:
        """Return what the receiver has under those trade ids already; None if another sent it."""
        rows = instruction_store.by_trade(self._session, self._receiver, trade_ids)
        return {
            key: instruction_store.row_particulars(row) if row.sender_id == self._sender else None
            for key, row in rows.items()
        }

    def transferred(self, trade_ids: set[str]) -> dict[str, Particulars]:
        """Return what the receiver moved on the ledger under those trade ids already."""
        trades = self._directory.trades(self._session, self._receiver, trade_ids)
        return {key: trade.particulars for key, trade in trades.items() if trade.own}

    def executor_fault(self, said: Instruction) -> list[Fault]:
        """Return a fault if the instruction names another executor than its receiver."""
        if said.registered_by in (None, self._receiver):
            return []
        return [Fault("registered_by", f"must be {self._receiver}, which executes it, or empty")]


class _Known:
    """What the tables say about the ids of one batch, and what the batch itself adds."""

    def __init__(self, screen: Screen, batch: Sequence[Instruction]) -> None:
        self._screen = screen
        self._rights = screen.rights({said.beneficial_right_id for said in batch})
        moved = {s.from_investor_id for s in batch if s.transfer_type in (TRANSFER, CANCEL)}
        self._customers = screen.customers(moved)
        self._investors = screen.investors(
            {s.to_investor_id for s in batch} | {s.from_investor_id for s in batch} - {""}
        )
        self._originals = screen.originals({s.cancels_trade_id for s in batch} - {""})
        self._taken = screen.taken({said.trade_id for said in batch})
        self._transferred = screen.transferred({said.trade_id for said in batch})
        self._batch: dict[str, Particulars] = {}

    def judge(self, said: Instruction) -> list[Fault] | None:
        if said.trade_id in self._taken:
            if self._taken[said.trade_id] == particulars(said):
                return None
            return [Fault("trade_id", "is taken by an instruction with other contents")]
        faults = self._screen.executor_fault(said) + self._id_faults(said)
        transferred = self._transferred.get(said.trade_id)
        if transferred is not None and transferred != particulars(said):
            faults.append(Fault("trade_id", "is a transfer on the ledger with other contents"))
        if said.transfer_type == CANCEL and transferred is None:
            faults += self._cancel_faults(said)
        if not faults:
            self._batch[said.trade_id] = particulars(said)
        return faults

    def _id_faults(self, said: Instruction) -> list[Fault]:
        faults = []
        if said.beneficial_right_id not in self._rights:
            faults.append(Fault("beneficial_right_id", "there is no such right"))
        if said.transfer_type in (TRANSFER, CANCEL):
            if said.from_investor_id not in self._customers:
                faults.append(Fault("from_investor_id", "is no customer of the sender"))
        elif said.transfer_type == REDEEM and said.from_investor_id not in self._investors:
            faults.append(Fault("from_investor_id", "there is no such investor"))
        if said.transfer_type in (TRANSFER, CANCEL, ISSUE) and (
            said.to_investor_id not in self._investors
        ):
            faults.append(Fault("to_investor_id", "there is no such investor"))
        return faults

    def _cancel_faults(self, said: Instruction) -> list[Fault]:
        trade_id = said.cancels_trade_id
        original, cancelled_by = self._originals.get(trade_id, (self._batch.get(trade_id), ""))
        faults = cancel_faults(particulars(said), original)
        if cancelled_by not in ("", said.trade_id):
            faults.append(Fault("cancels_trade_id", f"is cancelled already, by {cancelled_by}"))
        if not faults and original is not None:
            self._originals[trade_id] = (original, said.trade_id)
        return faults
