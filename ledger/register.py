"""The register (原簿) of a beneficial right: who holds how much, now or as of any day or log index.

A snapshot of each register is taken whenever as many holdings have changed since the last one as
it has holders; a register as of any moment is the snapshot before it and the changes since. It
costs what the answer costs, however long the history.

A transfer takes effect at its time of registration, or with the transfer committed before it if
that one registered later: what is committed later never takes effect earlier, so that a day names
one state. A day ends at midnight in Japan.
"""

import datetime as dt

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.gateway import STAMP
from ledger.tables import ChangeRow, RightRow, SnapshotRow

JST = dt.timezone(dt.timedelta(hours=9), "JST")


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
    r = RightRow
    query = sa.select(r.changes).where(r.beneficial_right_id == right)
    return _state(session, right, session.scalar(query, execution_options=STAMP) or 0)


def register_as_of(session: Session, right: str, day: dt.date) -> State:
    """Return the register at the end of `day` in Japan."""
    g = ChangeRow
    query = (
        sa.select(g.change)
        .where(g.beneficial_right_id == right, g.effective_at < end_of_day(day))
        .order_by(g.effective_at.desc(), g.change.desc())
        .limit(1)
    )
    return _state(session, right, session.scalar(query, execution_options=STAMP) or 0)


def register_at_index(session: Session, right: str, log_index: int) -> State:
    """Return the register right after the log entry with this index."""
    g = ChangeRow
    query = (
        sa.select(g.change)
        .where(g.beneficial_right_id == right, g.log_index <= log_index)
        .order_by(g.log_index.desc(), g.change.desc())
        .limit(1)
    )
    return _state(session, right, session.scalar(query, execution_options=STAMP) or 0)


def _state(session: Session, right: str, change: int) -> State:
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
