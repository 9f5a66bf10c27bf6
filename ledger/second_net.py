"""The nets under the gateway: what reaches ledger rows past it, the process or database refuses.

1. The tripwire (`ledger.gateway.guard`) looks at every statement that goes through SQLAlchemy.
2. On SQLite an authorizer on each connection refuses to prepare anything on a protected table
   while no stamped statement runs: raw DBAPI use included.
3. On PostgreSQL row-level security asks for whom a transaction reads (`sekisho.member`, set for
   the length of the transaction by stamped statements alone): for a member, rows that name it;
   for the ledger itself (`*`), all; for nobody, none.

What these nets do not hold: code of this process that sets out to deceive them. They hold mistakes.
"""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from ledger.gateway import MEMBER, guard
from ledger.tables import PROTECTED

SETTING = "sekisho.member"
"""The PostgreSQL setting that names for whom a transaction reads."""

PLANS = "plan_cache_mode"
"""The PostgreSQL setting that says whether a statement is planned anew for its parameters.

For a member it is not: its statements have one good plan whoever asks, and a plan that depends on
how many rows name whom would take time to make and tell by its timing.
"""

_SETTINGS = "SELECT set_config(%s, %s, true), set_config(%s, %s, true)"

ITSELF = "*"
"""Its value when the ledger reads and writes for itself; no member has this id."""

NAMING: dict[str, tuple[str, ...]] = {
    "ledger_transfer": (
        "registrar",
        "from_custodian",
        "to_custodian",
        "from_holder",
        "to_holder",
        "fundraiser",
        "asset_manager",
    ),
    "ledger_unspent": ("registrar", "custodian", "holder", "fundraiser", "asset_manager"),
}
"""Tables whose rows name whom they concern; a member's statement sees no other rows of them."""

OWN = ("ledger_transaction", "ledger_snapshot", "ledger_statement")
"""Tables that no statement reads for a member: what they hold is cut out before it is shown."""

POLICY = "sekisho_gateway"
_OPEN = "sekisho_open"
_CHANGES = frozenset(
    {
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_DROP_TABLE,
    }
)


def attach(engine: Engine) -> None:
    """Spread every net that the database knows under `engine`, before its first connection."""
    guard(engine)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _authorize)
        event.listen(engine, "before_cursor_execute", _open)
        event.listen(engine, "after_cursor_execute", _shut)
        event.listen(engine, "handle_error", _shut_after_error)
    else:
        event.listen(engine, "begin", _forget)
        event.listen(engine, "rollback_savepoint", _forget_in_savepoint)
        event.listen(engine, "before_cursor_execute", _read_for)


def row_security(role: str) -> Iterator[str]:
    """Yield the DDL that makes PostgreSQL ask for whom `role` reads; it may be run again.

    `role` must not own the tables: for the owner, who upgrades and backs up (`pg_dump` refuses to
    work under row security), nothing changes. PostgreSQL refuses COPY into such a table: servers
    in `role` insert instead.
    """
    who = f"(SELECT nullif(current_setting('{SETTING}', true), ''))"  # reset, it is empty, not null
    for table in PROTECTED:
        itself = f"{who} = '{ITSELF}'"
        rows = f"{who} IS NOT NULL"
        if table in NAMING:
            rows = f"{who} IN ('{ITSELF}', {', '.join(NAMING[table])})"
        elif table in OWN:
            rows = itself
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"DROP POLICY IF EXISTS {POLICY} ON {table}"
        yield f"CREATE POLICY {POLICY} ON {table} TO {role} USING ({rows}) WITH CHECK ({itself})"


def _authorize(connection: sqlite3.Connection, record: Any) -> None:
    record.info[_OPEN] = False
    connection.set_authorizer(_authorizer(record.info))


def _authorizer(info: dict[str, Any]) -> Callable[..., int]:
    protected = frozenset(PROTECTED)

    def authorize(action: int, table: str | None, *_: str | None) -> int:
        if action in _CHANGES and not info[_OPEN] and str(table).lower() in protected:
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    return authorize


def _stamped(connection: sa.Connection, context: Any) -> bool:
    options = connection.get_execution_options() if context is None else context.execution_options
    return bool(options.get("sekisho_ledger"))


def _open(connection: sa.Connection, *args: Any) -> None:
    connection.info[_OPEN] = _stamped(connection, args[3])


def _shut(connection: sa.Connection, *_: Any) -> None:
    connection.info[_OPEN] = False


def _shut_after_error(failed: Any) -> None:
    if failed.connection is not None and not failed.connection.invalidated:
        failed.connection.info[_OPEN] = False


def _forget(connection: sa.Connection) -> None:
    connection.info.pop(SETTING, None)


def _forget_in_savepoint(connection: sa.Connection, _name: str, _context: object) -> None:
    _forget(connection)


def _read_for(connection: sa.Connection, *args: Any) -> None:
    """Say for whom a stamped statement reads, if the transaction does not read for it already."""
    context = args[3]
    if not _stamped(connection, context):
        return
    member = context.execution_options.get(MEMBER, ITSELF)
    driver = connection.connection.driver_connection
    if driver is not None and connection.info.get(SETTING) != member:
        plans = "auto" if member == ITSELF else "force_generic_plan"
        driver.execute(_SETTINGS, (SETTING, member, PLANS, plans))
        connection.info[SETTING] = member
