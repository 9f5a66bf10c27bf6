"""Where rows live: engines, sessions and types that are the same on SQLite and PostgreSQL.

The caller (a route or a command) opens the transaction; use cases take a `Session` and never
commit. A writer takes the single-writer lock first: on SQLite `BEGIN IMMEDIATE`, on PostgreSQL
an advisory lock for the length of the transaction.
"""

import datetime as dt
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import Pool

WRITER_LOCK = 0x53454B49
"""The PostgreSQL advisory lock of the single writer: "SEKI"."""

BUSY_TIMEOUT_MS = 30_000
"""How long a SQLite writer waits for another, in milliseconds."""

PASSING_STATES = frozenset({"25006", "25P03", "25P04"})
"""SQLSTATEs of PostgreSQL after which to try again: a standby, and a transaction that timed out."""

PASSING_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
"""SQLSTATE classes after which to try again (PostgreSQL, appendix A): connection, conflict between
transactions, no room (disk, memory, connections), lock, intervention of the operator, system."""

NUMBER_OUT_OF_RANGE = "22003"
"""SQLSTATE of PostgreSQL."""

TOO_LARGE = "a number is larger than any that is stored here"
NUL = "a text has a NUL character, which no text that is stored here has"

APPEND_ONLY = "append_only"
"""Key in a table's `info` that forbids UPDATE and DELETE, by trigger."""


class UtcDateTime(sa.types.TypeDecorator[dt.datetime]):
    """A moment in UTC, with microseconds; aware in Python, sortable in both databases."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """Store UTC; SQLite gets it without a zone, as text of fixed width."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002 - the base class's signature
        """Return an aware UTC datetime."""
        if value is None:
            return None
        moment: dt.datetime = value
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


class Base(DeclarativeBase):
    """The tables of every package share one metadata, so that migrations see them all."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dt.datetime: UtcDateTime(), int: sa.BigInteger()}  # noqa: RUF012 - SQLAlchemy reads it as is


def connect(url: str, **options: Any) -> Engine:
    """Return an engine for `url` (`sqlite:///file` or `postgresql+psycopg://...`).

    SQLite runs in WAL mode with `synchronous=FULL` and foreign keys on. Errors do not show the
    values of their statements: they are logged, and the values may be personal.
    """
    engine = sa.create_engine(url, hide_parameters=True, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Yield a session that holds the single-writer lock; commit at the end, or roll back."""
    writer = engine.execution_options(sekisho_writer=True)
    with (
        _turn(engine),
        Session(writer, expire_on_commit=False) as session,
        session.begin(),
    ):
        if engine.dialect.name == "postgresql":
            session.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITER_LOCK)))
        else:
            session.connection()
        yield session


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Order the writers of this process on SQLite.

    One that finds the file locked sleeps, up to 100 ms at a time; a lock wakes the next at once.
    PostgreSQL's lock wakes the next by itself. After the time-out SQLite itself decides.
    """
    if engine.dialect.name == "postgresql":
        yield
        return
    with _turns_made:
        lock = _turns.setdefault(engine.pool, threading.Lock())
    held = lock.acquire(timeout=BUSY_TIMEOUT_MS / 1000)
    try:
        yield
    finally:
        if held:
            lock.release()


_turns: WeakKeyDictionary[Pool, threading.Lock] = WeakKeyDictionary()
_turns_made = threading.Lock()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Yield a session on one consistent snapshot; nothing that it does is kept."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with Session(engine.execution_options(**options)) as session:
        yield session


def may_pass(error: BaseException) -> bool:
    """Return whether `error` is the database's state, not the statement's fault: it may pass.

    A lost or refused connection, a time-out, a full disk, a lock, a conflict: nothing was
    committed, and the same may be sent again.
    """
    if isinstance(error, PoolExhausted | OperationalError | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return error.connection_invalidated or state in PASSING_STATES or state[:2] in PASSING_CLASSES


def never_stored(error: BaseException) -> str | None:
    """Return what was asked for that no row can have, if that is why the database refused."""
    if isinstance(error, OverflowError) and "SQLite INTEGER" in str(error):  # by sqlite3, as it is
        return TOO_LARGE
    cause = error.orig if isinstance(error, DBAPIError) else error
    if getattr(cause, "sqlstate", None) == NUMBER_OUT_OF_RANGE:
        return TOO_LARGE
    refused = type(cause).__name__ == "DataError" and "cannot contain NUL" in str(cause)
    return NUL if refused else None  # by psycopg, before it asks the server


def protect_append_only(connection: sa.Connection) -> None:
    """Create the triggers that refuse UPDATE and DELETE on append-only tables."""
    tables = [t.name for t in Base.metadata.sorted_tables if t.info.get(APPEND_ONLY)]
    for statement in append_only_ddl(connection.dialect.name, tables):
        connection.exec_driver_sql(statement)


def append_only_ddl(dialect: str, tables: list[str]) -> Iterator[str]:
    """Yield the DDL that makes `tables` append-only on `dialect`."""
    if dialect == "postgresql":
        yield (
            "CREATE OR REPLACE FUNCTION sekisho_refuse_change() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$"
        )
        for table in tables:
            yield (
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION sekisho_refuse_change()"
            )
        return
    for table in tables:
        for verb in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # this module says BEGIN itself
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writer = connection.get_execution_options().get("sekisho_writer")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN DEFERRED")
