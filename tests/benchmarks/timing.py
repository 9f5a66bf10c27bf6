"""How long an answer takes for what is shown, what is hidden, and what is not there.

A viewer names things by id: its own (hit), another company's (hidden), and none (absent). The three
are asked in turn, in random order, and so is a second absent one: what absent differs from absent
is the machine's noise. `separation` is the chance that a single answer tells hidden from absent by
its time (0.5: not at all), `noise` that it tells absent from absent. The hidden investor has
thousands of transfers, the absent one none.

A registrar asks about former holders too: its own against another's and none (`former`), and its
own former and present holders, of whom one trades in another's right all day and others do not
(`left`, `held`): what is hidden is then not that there is an investor but what it does elsewhere.
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
REGISTRARS = ("register", "former", "left", "held")
"""What trust-a, a registrar, asks."""

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
    _leave(network)
    _crowd(network.engine, "INV-HIDDEN", 1_000)
    _crowd(network.engine, "INV-BUSY", 1_000_000)
    _crowd(network.engine, "INV-EAGER", 2_000_000)
    _analyse(network.engine)
    txids = (shown, hidden, "ab" * 32, "cd" * 32)
    trades = ("TRD-SHOWN", "TRD-HIDDEN", "TRD-ABSENT", "TRD-NOBODY")
    investors = ("INV001", "INV-HIDDEN", "INV-ABSENT", "INV-NOBODY")
    rights = ("BR001", "BR002", "BR998", "BR999")
    former = ("INV-LEFT", *investors[1:])
    left = ("INV001", "INV-BUSY", "INV-LEFT", "INV-QUIET")
    held = ("INV001", "INV-EAGER", "INV-HELD", "INV-CALM")

    def each(names: Sequence[str], ask: Callable[[Reader, str], object]) -> dict[str, Ask]:
        return {kind: lambda r, n=name: ask(r, n) for kind, name in zip(KINDS, names, strict=True)}

    def listed(listing: Callable[[Reader, Asked], object], field: str) -> Any:
        return lambda r, name: listing(r, Asked({field: name}))

    def state(reader: Reader, name: str) -> object:
        return queries.read_statement(reader, name, Asked())

    return {
        "transaction": each(txids, disclosure.read_transaction),
        "trade": each(trades, listed(queries.list_transfers, "trade_id")),
        "holdings": each(investors, listed(queries.list_holdings, "investor_id")),
        "tokens": each(investors, listed(queries.list_tokens, "investor_id")),
        "custody": each(investors, listed(queries.list_custody, "investor_id")),
        "statement": each(investors, state),
        "former": each(former, state),
        "left": each(left, state),
        "held": each(held, state),
        "register": each(rights, lambda r, n: queries.read_register(r, n, When(), Asked())),
        "explained": each(txids, lambda r, n: find_arms(r.session, "transfer", n, VIEWER)),
    }


def _leave(network: TestNetwork) -> None:
    """Let investors hold trust-a's right, some no longer; one of each to trade elsewhere since."""
    left, held = ("INV-BUSY", "INV-LEFT", "INV-QUIET"), ("INV-EAGER", "INV-HELD", "INV-CALM")
    network.customer("direct-a", *left, *held)
    for name in (*left, *held):
        network.do("trust-a", "BR001", "", name, 10)
        network.do("trust-a", "BR001", name, "", 10 if name in left else 5)
    for name in (left[0], held[0]):
        network.do("trust-b", "BR002", "", name, 10)


def _crowd(engine: Engine, investor: str, number: int) -> None:
    """Give an investor many changes of trust-b's right, as if it traded all day."""
    with writing(engine) as session:
        options = {"sekisho_ledger": True}
        of = (ChangeRow.investor_id == investor, ChangeRow.beneficial_right_id == "BR002")
        first = session.scalars(sa.select(ChangeRow).where(*of), execution_options=options).first()
        if first is None:
            raise ValueError(f"{investor} holds nothing")
        names = [column.name for column in ChangeRow.__table__.c]
        rows = [
            {name: getattr(first, name) for name in names} | {"change": number + i}
            for i in range(MANY)
        ]
        insert_rows(session, ChangeRow, rows)
        last = session.scalar(sa.select(sa.func.max(TransferRow.row_id)), execution_options=options)
        if not last or not session.scalar(
            sa.select(sa.func.count()).select_from(TransactionRow), execution_options=options
        ):
            raise ValueError("there are no transfers")


def _analyse(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _measure(name: str, network: TestNetwork, way: str, asks: dict[str, Ask]) -> dict[str, Any]:
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    rnd = random.Random(way)
    with reading(network.engine) as session:
        gateway = Gateway(Pseudonyms(b"s" * 32))
        actor = network.actor("trust-a" if way in REGISTRARS else VIEWER)
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
