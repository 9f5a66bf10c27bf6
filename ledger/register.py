"""The register (原簿) of a beneficial right: who holds how much, now or as of any day or log index.

A snapshot of each register is taken whenever as many holdings have changed since the last one as
it has holders; a register as of any moment is the snapshot before it and the changes since. It
costs what the answer costs, however long the history.

A transfer takes effect at its time of registration, or with the transfer committed before it if
that one registered later: what is committed later never takes effect earlier, so that a day names
one state. A day ends at midnight in Japan.
"""

import datetime as dt
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.gateway import STAMP
from ledger.tables import ChangeRow, RightRow, SnapshotRow

JST = dt.timezone(dt.timedelta(hours=9), "JST")

KEPT_LINES = 200_000
"""Lines of registers that a process keeps worked out: some 40 MB."""


class State(msgspec.Struct, frozen=True):
    """A register at one moment.

    Args:
        change: the number of the last change of the right that counts; 0 before the first.
        log_index: in the log, of the transaction that made that change; None before the first.
        effective_at: when it took effect.
        holdings: quantity by investor, sorted by investor; no zeros.
    """

    change: int
    log_index: int | None
    effective_at: dt.datetime | None
    holdings: dict[str, int]

    @property
    def total(self) -> int:
        """What all investors hold together."""
        return sum(self.holdings.values())


def end_of_day(day: dt.date) -> dt.datetime:
    """Return the first moment after `day` in Japan."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), JST)


def register_now(session: Session, right: str) -> State:
    """Return the register as it stands."""
    return register_at_change(session, right, find_change(session, right))


def register_as_of(session: Session, right: str, day: dt.date) -> State:
    """Return the register at the end of `day` in Japan."""
    return register_at_change(session, right, find_change(session, right, day=day))


def register_at_index(session: Session, right: str, log_index: int) -> State:
    """Return the register right after the log entry with this index."""
    return register_at_change(session, right, find_change(session, right, log_index=log_index))


def find_change(
    session: Session, right: str, *, day: dt.date | None = None, log_index: int | None = None
) -> int:
    """Return the number of the last change by the end of `day`, by `log_index`, or by now."""
    g, r = ChangeRow, RightRow
    query = sa.select(g.change).where(g.beneficial_right_id == right).limit(1)
    if day is not None:
        last = query.where(g.effective_at < end_of_day(day))
        last = last.order_by(g.effective_at.desc(), g.change.desc())
    elif log_index is not None:
        last = query.where(g.log_index <= log_index)
        last = last.order_by(g.log_index.desc(), g.change.desc())
    else:
        last = sa.select(r.changes).where(r.beneficial_right_id == right)
    return session.scalar(last, execution_options=STAMP) or 0


def register_at_change(session: Session, right: str, change: int) -> State:
    """Return the register right after the right's change with this number."""
    s, g = SnapshotRow, ChangeRow
    last = sa.select(sa.func.max(s.change)).where(
        s.beneficial_right_id == right, s.change <= change
    )
    start = session.scalar(last, execution_options=STAMP) or 0
    held = sa.select(s.investor_id, s.quantity).where(
        s.beneficial_right_id == right, s.change == start
    )
    holdings = {row[0]: row[1] for row in session.execute(held, execution_options=STAMP)}
    since = (
        sa.select(g.investor_id, g.quantity, g.log_index, g.effective_at)
        .where(g.beneficial_right_id == right, g.change > start, g.change <= change)
        .order_by(g.change)
    )
    for row in session.execute(since, execution_options=STAMP):
        holdings[row.investor_id] = row.quantity
    at = sa.select(g.log_index, g.effective_at).where(
        g.beneficial_right_id == right, g.change == change
    )
    moment = session.execute(at, execution_options=STAMP).first()
    index, effective = (moment[0], moment[1]) if moment else (None, None)
    return State(change, index, effective, {i: q for i, q in sorted(holdings.items()) if q})


class Lines:
    """The lines of a register in order of the names shown: a page costs what it holds."""

    def __init__(self, lines: Sequence[tuple[str, int]]) -> None:
        self._lines = sorted(lines)
        self._names = [name for name, _ in self._lines]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._lines)

    def after(self, name: str | None, limit: int) -> tuple[list[tuple[str, int]], bool]:
        """Return at most `limit` lines after `name`, and whether more follow."""
        start = 0 if name is None else bisect_right(self._names, name)
        return self._lines[start : start + limit], start + limit < len(self._lines)


class Registers:
    """Registers worked out before: what one was right after a change, it stays.

    For one database; safe to be shared by threads. The least recently used go first.

    Args:
        lines: how many lines to keep, all registers together.
    """

    def __init__(self, lines: int = KEPT_LINES) -> None:
        self._most = lines
        self._kept: OrderedDict[tuple[str, str, int], tuple[State, Lines]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def find(
        self,
        key: tuple[str, str, int],
        state: Callable[[], State],
        name: Callable[[str], str] | None,
    ) -> tuple[State, Lines]:
        """Return a register and its lines, worked out only if they are not at hand.

        Args:
            key: for whom names are made ("" where they are clear), the right, the change.
            state: works the register out.
            name: makes the name under which an investor is shown; None where it is clear.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = state()
        shown = [(name(i) if name else i, q) for i, q in made.holdings.items()]
        found = made, Lines(shown)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._size += len(found[1])
            while self._size > self._most:
                _, (_, gone) = self._kept.popitem(last=False)
                self._size -= len(gone)
        return found
