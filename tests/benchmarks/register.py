"""The register as of a date with ten times more history and the same holders, both databases.

Two rights with the same holders: one has ten times as many changes as the other. Each register is
read as of some dates near the start, in the middle and at the end of its history; what one costs
depends on how many changes came after the snapshot before it, so the median is over many dates.
`replayed` folds every change up to the date instead, as a ledger without snapshots would.
"""

import datetime as dt
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ledger import effects, store
from ledger import working as w
from ledger.bulk import insert_rows
from ledger.database import reading, writing
from ledger.gateway import STAMP
from ledger.register import JST, register_as_of
from ledger.tables import ChangeRow
from tests.benchmarks.submit import _postgresql, _sqlite
from tests.ledger.network import standard

HOLDERS = int(os.environ.get("SEKISHO_BENCHMARK_HOLDERS", "1000"))
"""Holders of each right."""

CHANGES = int(os.environ.get("SEKISHO_BENCHMARK_COUNT", "20000"))
"""Changes of the shorter history; the longer one has ten times as many."""

ROUNDS = 24
BATCH = 250
START = dt.datetime(2024, 1, 1, 3, tzinfo=dt.UTC)
DAYS = 397
RIGHTS = {"BR001": 1, "BR002": 10}
REGISTRARS = {"BR001": "trust-a", "BR002": "trust-b"}
DATES = {"early": 40, "middle": 180, "last": 320}
"""Days from the start to the first of as many days as there are rounds."""
STEP = 3


def run() -> dict[str, Any]:
    """Measure each database."""
    rows: list[dict[str, Any]] = []
    for name, opened in (("sqlite", _sqlite), ("postgresql", _postgresql)):
        with opened() as (engine, _):
            network = standard(engine)
            network.submissions.close()
            for right, times in RIGHTS.items():
                _write_history(engine, right, CHANGES * times)
            rows += [_measure(name, engine, when, days) for when, days in DATES.items()]
    worst = max(row["times_as_long"] for row in rows)
    target = {"target": "the same with 10 x more history (at most 1.3 x)", "measured": worst}
    return {"rows": rows, "targets": [target | {"met": worst <= 1.3}], "holders": HOLDERS}


def _write_history(engine: Engine, right: str, count: int) -> None:
    """Write `count` changes of a right, evenly over the days, as the ledger's own pipeline does."""
    number = 0
    while number < count:
        with writing(engine) as session:
            batch = [_change(right, n, count) for n in range(number + 1, number + BATCH + 1)]
            insert_rows(session, ChangeRow, [effects.change_row(c, c.number) for c in batch])
            held = {(right, c.investor): c.quantity for c in batch}
            effects.write_holdings(session, held)
            moved = _right(session, right, batch[-1])
            effects.write_rights(session, {right: moved})
        number += BATCH


def _change(right: str, number: int, count: int) -> w.Change:
    """Return a change: every holder in turn, never down to nothing."""
    investor = f"INV{(number * 7919) % HOLDERS:06d}"
    at = START + dt.timedelta(seconds=(number - 1) * DAYS * 86_400 // count)
    return w.Change(right, REGISTRARS[right], number, investor, 1, 1 + number, at, at)


def _right(session: Session, right: str, last: w.Change) -> w.Right:
    known = store.load_rights(session, [right])[right]
    return msgspec.structs.replace(known, changes=last.number, effective_at=last.effective_at)


def _measure(name: str, engine: Engine, when: str, days: int) -> dict[str, Any]:
    short, long, replayed = [], [], []
    for number in range(ROUNDS):
        at = START + dt.timedelta(days=days + STEP * number)
        day = at.astimezone(JST).date()
        short.append(_time(lambda day=day: _read(engine, "BR001", day)))
        long.append(_time(lambda day=day: _read(engine, "BR002", day)))
        if number % 8 == 0:
            replayed.append(_time(lambda day=day: _replay(engine, "BR002", day)))
    one, ten = statistics.median(short), statistics.median(long)
    return {
        "database": name,
        "date": when,
        "milliseconds": round(one * 1000, 2),
        "with_ten_times_the_history": round(ten * 1000, 2),
        "times_as_long": round(ten / one, 2),
        "replayed_milliseconds": round(statistics.median(replayed) * 1000, 2),
    }


def _time(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _read(engine: Engine, right: str, day: dt.date) -> None:
    with reading(engine) as session:
        state = register_as_of(session, right, day)
    if len(state.holdings) != HOLDERS:
        raise AssertionError(f"{len(state.holdings)} holders; expected {HOLDERS}")


def _replay(engine: Engine, right: str, day: dt.date) -> None:
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), JST)
    g = ChangeRow
    query = (
        sa.select(g.investor_id, g.quantity)
        .where(g.beneficial_right_id == right, g.effective_at < end)
        .order_by(g.change)
    )
    with reading(engine) as session:
        dict(session.execute(query, execution_options=STAMP).all())
