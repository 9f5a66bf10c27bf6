"""Rows per second of an import, checked and encrypted, against bare CSV reading and inserting."""

import csv
import datetime as dt
import hashlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.database import Base, connect, writing
from ledger.records import imports, keeping, store
from ledger.records.import_work import work
from ledger.records.imports import ImportRequest
from ledger.records.intake import Target
from ledger.records.keeping import Clerk
from policies.actors import Actor
from policies.compilation import compile_rules
from policies.engine import parse_rule_set, shipped_text
from tests.records.conftest import AT, MASTER
from tests.records.files import csv_text, investor, transfer
from tests.records.simulated import KnownLedger

ROWS = 5000
ROUNDS = 3


def run() -> dict[str, Any]:
    """Return medians of rounds, both sides interleaved, each round in a database of its own."""
    people = [investor(n) for n in range(ROWS)]
    transfers = [transfer(n, from_investor_id="INV000001") for n in range(ROWS)]
    cases = {
        "investors": (Target.INVESTOR, csv_text(people).encode("cp932"), False),
        "instructions": (Target.INSTRUCTION, csv_text(transfers).encode("cp932"), True),
    }
    rows = []
    for name, (target, data, needs_customer) in cases.items():
        ours, bare = [], []
        for _ in range(ROUNDS):
            ours.append(_timed(lambda e: _import(e, target, data, customer=needs_customer)))  # noqa: B023 - called at once
            bare.append(_timed(lambda e: _bare(e, data)))  # noqa: B023 - called at once
        mine, floor = statistics.median(ours), statistics.median(bare)
        rows.append(
            {
                "file": name,
                "rows": ROWS,
                "rows_per_second": round(ROWS / mine),
                "bare_rows_per_second": round(ROWS / floor),
                "times_the_floor": round(mine / floor, 1),
            }
        )
    return {"rows": rows}


def _timed(action: Callable[[Engine], None]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        engine = connect(f"sqlite:///{Path(folder) / 'bench.sqlite'}")
        Base.metadata.create_all(engine)
        started = time.perf_counter()
        action(engine)
        took = time.perf_counter() - started
        engine.dispose()
    return took


def _import(engine: Engine, target: Target, data: bytes, *, customer: bool) -> None:
    rules = compile_rules(parse_rule_set(shipped_text()))
    clerk = Clerk(Actor("custody-a", frozenset({"custodian"})), rules, MASTER, AT)
    order = ImportRequest(
        import_target=target,
        file_size=len(data),
        file_timestamp=dt.datetime(2025, 4, 1, tzinfo=dt.UTC),
        file_digest="sha256:" + hashlib.sha256(data).hexdigest(),
    )
    with writing(engine) as session:
        if customer:
            one = investor(1)
            keeping.create(session, clerk, "investor", one)
        import_id = imports.begin(session, clerk, order).import_id
    for offset in range(0, len(data), imports.MAX_BODY):
        with writing(engine) as session:
            piece = data[offset : offset + imports.MAX_BODY]
            imports.receive(session, clerk, import_id, offset, piece)
    status = ""
    while status not in {"done", "refused"}:
        with writing(engine) as session:
            status = work(session, clerk, KnownLedger(), import_id).status
    if status != "done":
        raise RuntimeError("the import was refused")


def _bare(engine: Engine, data: bytes) -> None:
    """Decode, split and insert the same texts into a table without keys, checks or encryption."""
    reader = csv.reader(io.StringIO(data.decode("cp932"), newline=""))
    names = next(reader)
    table = sa.Table("bare", sa.MetaData(), *(sa.Column(name, sa.String) for name in names))
    table.create(engine)
    batch: list[dict[str, str]] = []
    for cells in reader:
        batch.append(dict(zip(names, cells, strict=True)))
        if len(batch) == store.CHUNK * 2:
            _insert(engine, table, batch)
            batch = []
    _insert(engine, table, batch)


def _insert(engine: Engine, table: sa.Table, batch: list[dict[str, str]]) -> None:
    if batch:
        with writing(engine) as session:
            session.execute(sa.insert(table), batch)
