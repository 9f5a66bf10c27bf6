"""How long an answer takes for what is shown, what is hidden, and what is not there.

A viewer names things by id: its own (hit), another company's (hidden), and none (absent). The three
are asked in turn, in random order, and so is a second absent one: what absent differs from absent
is the machine's noise. `separation` is the chance that a single answer tells hidden from absent by
its time (0.5: not at all), `noise` that it tells absent from absent. The hidden investor has
thousands of transfers, the absent one none.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger import disclosure, queries
from ledger.bulk import insert_rows
from ledger.database import reading, writing
from ledger.errors import NotFound
from ledger.explaining import find_arms
from ledger.gateway import Gateway
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader, When
from ledger.tables import ChangeRow, TransactionRow, TransferRow
from tests.benchmarks.submit import _postgresql, _sqlite
from tests.ledger.network import TestNetwork, standard
from tests.ledger.test_gateway import hidden_world

REPEATS = 400
MANY = 5_000
"""Changes of the hidden investor's holding."""

VIEWER = "custody-a"
MOST = 0.1
"""How far `separation` may be from a coin's, beyond what `noise` is."""

Ask = Callable[[Reader], object]
KINDS = ("hit", "hidden", "absent", "absent again")


def run() -> dict[str, Any]:
    """Measure each way to name a thing on both databases."""
    rows = []
    for name, opened in (("sqlite", _sqlite), ("postgresql", _postgresql)):
        with opened() as (engine, _):
            network = standard(engine)
            rows += [_measure(name, network, way, asks) for way, asks in _ways(network).items()]
            network.submissions.close()
    worst = max(abs(row["separation"] - 0.5) - abs(row["noise"] - 0.5) for row in rows)
    target = f"hidden is told from absent at most {MOST} better than absent from absent"
    return {"rows": rows, "targets": [{"target": target, "measured": worst, "met": worst <= MOST}]}


def _ways(network: TestNetwork) -> dict[str, dict[str, Ask]]:
    """Return, for each way to name a thing, what is asked of each kind."""
    shown = network.do("trust-a", "BR001", "", "INV001", 100, trade_id="TRD-SHOWN").txid
    hidden = hidden_world(network)
    _crowd(network.engine)
    txids = (shown, hidden, "ab" * 32, "cd" * 32)
    trades = ("TRD-SHOWN", "TRD-HIDDEN", "TRD-ABSENT", "TRD-NOBODY")
    investors = ("INV001", "INV-HIDDEN", "INV-ABSENT", "INV-NOBODY")
    rights = ("BR001", "BR002", "BR998", "BR999")

    def each(names: Sequence[str], ask: Callable[[Reader, str], object]) -> dict[str, Ask]:
        return {kind: lambda r, n=name: ask(r, n) for kind, name in zip(KINDS, names, strict=True)}

    def listed(listing: Callable[[Reader, Asked], object], field: str) -> Any:
        return lambda r, name: listing(r, Asked({field: name}))

    return {
        "transaction": each(txids, disclosure.read_transaction),
        "trade": each(trades, listed(queries.list_transfers, "trade_id")),
        "holdings": each(investors, listed(queries.list_holdings, "investor_id")),
        "tokens": each(investors, listed(queries.list_tokens, "investor_id")),
        "custody": each(investors, listed(queries.list_custody, "investor_id")),
        "statement": each(investors, lambda r, n: queries.read_statement(r, n, Asked())),
        "register": each(rights, lambda r, n: queries.read_register(r, n, When(), Asked())),
        "explained": each(txids, lambda r, n: find_arms(r.session, "transfer", n, VIEWER)),
    }


def _crowd(engine: Engine) -> None:
    """Give the hidden investor many changes, as if it traded all day."""
    with writing(engine) as session:
        options = {"sekisho_ledger": True}
        hidden = sa.select(ChangeRow).where(ChangeRow.investor_id == "INV-HIDDEN")
        first = session.scalars(hidden, execution_options=options).first()
        if first is None:
            raise ValueError("the hidden investor holds nothing")
        names = [column.name for column in ChangeRow.__table__.c]
        rows = [
            {name: getattr(first, name) for name in names} | {"change": 1_000 + i}
            for i in range(MANY)
        ]
        insert_rows(session, ChangeRow, rows)
        last = session.scalar(sa.select(sa.func.max(TransferRow.row_id)), execution_options=options)
        if not last or not session.scalar(
            sa.select(sa.func.count()).select_from(TransactionRow), execution_options=options
        ):
            raise ValueError("there are no transfers")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _measure(name: str, network: TestNetwork, way: str, asks: dict[str, Ask]) -> dict[str, Any]:
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    rnd = random.Random(way)
    with reading(network.engine) as session:
        gateway = Gateway(Pseudonyms(b"s" * 32))
        actor = network.actor("trust-a" if way == "register" else VIEWER)
        reader = Reader(session, gateway, network.rules, actor)
        for turn in range(REPEATS + 20):
            for kind in rnd.sample(KINDS, len(KINDS)):
                took = _time(asks[kind], reader)
                if turn >= 20:  # the first ones prepare statements
                    times[kind].append(took)
    medians = {f"{kind}_ms": round(statistics.median(t) * 1000, 3) for kind, t in times.items()}
    return {
        "database": name,
        "way": way,
        **medians,
        "separation": separation(times["hidden"], times["absent"]),
        "noise": separation(times["absent again"], times["absent"]),
    }


def _time(ask: Ask, reader: Reader) -> float:
    started = time.perf_counter()
    with suppress(NotFound):
        ask(reader)
    return time.perf_counter() - started


def separation(some: Sequence[float], others: Sequence[float]) -> float:
    """Return the chance that one of `some` took longer than one of `others` (Mann-Whitney)."""
    ranked = sorted([(t, 1) for t in some] + [(t, 0) for t in others])
    below = wins = 0
    for _, mine in ranked:
        wins += below if mine else 0
        below += not mine
    return round(wins / (len(some) * len(others)), 3)
