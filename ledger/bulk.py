"""Inserts many rows at once: COPY on PostgreSQL, statements of many rows on SQLite.

Under row security PostgreSQL refuses COPY; there it is one INSERT, pipelined.

What SQLAlchemy would work out for each row is worked out once for each table; the values are
converted by the column types' own rules.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Session

from ledger.errors import CommitFailed
from ledger.gateway import STAMP

MAX_VALUES = 8_000
"""Values in one statement of SQLite, which takes 32,766."""

MAX_STATEMENT_ROWS = 64
"""Rows in one statement of SQLite: more gain nothing."""

Converter = Callable[[Any], Any]


class _Plan(msgspec.Struct, frozen=True):
    """How rows of one table are written.

    Args:
        table: its name.
        columns: the names of its columns.
        kinds: the database's names of their types.
        converters: what the column's type does to a value; None where it goes as it is.
        whole: takes the values of a row that names every column; None where some are converted.
    """

    table: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    converters: tuple[Converter | None, ...]
    whole: Callable[[Mapping[str, Any]], tuple[Any, ...]] | None

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Return the values of rows in the order of the columns."""
        if self.whole is not None and all(len(row) == len(self.columns) for row in rows):
            return list(map(self.whole, rows))
        by_column = [
            [row.get(name) for row in rows]
            if convert is None
            else [None if (value := row.get(name)) is None else convert(value) for row in rows]
            for name, convert in zip(self.columns, self.converters, strict=True)
        ]
        return list(zip(*by_column, strict=True))


def insert_rows(
    session: Session, table: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert `rows`, mappings by column; a column that one does not name is null in it.

    Args:
        session: a session of the single writer.
        table: whose rows they are.
        rows: any number; none is fine.
    """
    if not rows:
        return
    connection = session.connection()
    plan = _plan(table, connection.dialect.name)
    if connection.dialect.name == "postgresql":
        if _row_secured(connection, plan.table):
            values = ", ".join(["%s"] * len(plan.columns))
            columns = ", ".join(plan.columns)
            statement = f"INSERT INTO {plan.table} ({columns}) VALUES ({values})"  # noqa: S608 - names of our own tables
            connection.exec_driver_sql(statement, plan.rows(rows), execution_options=STAMP)
        else:
            _copy(connection, plan, plan.rows(rows))
    else:
        _insert(connection, plan, plan.rows(rows))


def _row_secured(connection: sa.Connection, table: str) -> bool:
    """Return whether row security holds this login back from `table`: COPY is then refused."""
    key = f"row security of {table}"
    if key not in connection.info:
        query = sa.select(sa.func.row_security_active(sa.literal(table)))
        connection.info[key] = connection.scalar(query)
    return bool(connection.info[key])


def _copy(connection: sa.Connection, plan: _Plan, rows: Sequence[tuple[Any, ...]]) -> None:
    """COPY the rows; bytes go through the driver's own converter, not its DB-API wrapper."""
    from psycopg.types.string import (  # noqa: PLC0415 - SQLite needs no driver of PostgreSQL
        BytesBinaryDumper,
    )

    driver = connection.connection.driver_connection
    if driver is None:
        raise CommitFailed("the connection to the database is closed")
    statement = f"COPY {plan.table} ({', '.join(plan.columns)}) FROM STDIN (FORMAT BINARY)"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        cursor.adapters.register_dumper(bytes, BytesBinaryDumper)
        copy.set_types(plan.kinds)
        for row in rows:
            copy.write_row(row)


def _insert(connection: sa.Connection, plan: _Plan, rows: Sequence[tuple[Any, ...]]) -> None:
    width = len(plan.columns)
    step = min(MAX_STATEMENT_ROWS, MAX_VALUES // width)
    whole = len(rows) - len(rows) % step
    many = [tuple(chain.from_iterable(rows[i : i + step])) for i in range(0, whole, step)]
    for count, values in ((step, many), (1, rows[whole:])):
        if values:
            statement = _statement(plan.table, plan.columns, count)
            connection.exec_driver_sql(statement, list(values), execution_options=STAMP)


@cache
def _statement(table: str, columns: tuple[str, ...], count: int) -> str:
    values = ", ".join(["(" + ", ".join("?" * len(columns)) + ")"] * count)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values}"  # noqa: S608 - names of our own tables


@cache
def _plan(table: type[DeclarativeBase], dialect_name: str) -> _Plan:
    dialect = _dialect(dialect_name)
    columns = list(table.__table__.columns)
    kinds = (str(column.type.compile(dialect)).lower().split("(")[0] for column in columns)
    names = tuple(column.name for column in columns)
    converters = tuple(_converter(column, dialect) for column in columns)
    whole = None if any(converters) else itemgetter(*names)
    return _Plan(str(table.__tablename__), names, tuple(kinds), converters, whole)


def _dialect(name: str) -> Dialect:
    if name == "postgresql":
        return sa.make_url("postgresql+psycopg://").get_dialect()()
    return sa.make_url("sqlite://").get_dialect()()


def _converter(column: sa.ColumnElement[Any], dialect: Dialect) -> Converter | None:
    """Return what makes a value fit for the driver; binary COPY takes every type as it is."""
    if dialect.name == "postgresql" or isinstance(column.type, sa.LargeBinary):
        return None
    return column.type.dialect_impl(dialect).bind_processor(dialect)
