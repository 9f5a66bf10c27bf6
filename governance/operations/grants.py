"""Least privilege on PostgreSQL: who may do what with which table, and see which rows.

`sekisho_owner` owns the tables and runs upgrades. `sekisho_writer` is what servers log in as: it
adds rows, changes only tables that are not append-only, and cannot truncate, drop or create; of
ledger rows it sees what the gateway's statements may (`ledger.second_net`).
`sekisho_reader` is for reports: it sees the public log, and of the ledger the rows and columns of
one member, by row-level security: a login named `sekisho_reader_<member id>` in that role sees
the rows of which that member is registrar or custodian, and no salts, bodies or signatures.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from governance.errors import DatabaseUnsuited
from governance.upgrading import metadata
from ledger.database import APPEND_ONLY
from ledger.second_net import row_security
from ledger.tables import PROTECTED

OWNER, WRITER, READER = "sekisho_owner", "sekisho_writer", "sekisho_reader"
PREFIX = READER + "_"

ROWS: dict[str, tuple[str, ...]] = {
    "ledger_transfer": ("registrar", "from_custodian", "to_custodian"),
    "ledger_unspent": ("registrar", "custodian"),
    "ledger_right": ("registrar",),
}
"""Tables that a member's reader sees, and the columns that name whose rows they are."""

HIDDEN: dict[str, frozenset[str]] = {
    "ledger_transfer": frozenset({"terms", "token_txid"}),
    "ledger_unspent": frozenset({"component", "nonce"}),
    "ledger_right": frozenset(),
}
"""Columns of them that it does not see: what opens or spends a token."""

PUBLIC = ("log_tiles", "log_checkpoints", "log_cosignatures")
"""Tables that every reader sees whole."""


def grant(engine: Engine) -> list[str]:
    """Create the roles, grant what each needs, and return the statements that were run.

    It can be run again, and must be after an upgrade that brought tables.

    Args:
        engine: logged in as the tables' owner, with the right to create roles.

    Raises:
        DatabaseUnsuited: not PostgreSQL.
    """
    if engine.dialect.name != "postgresql":
        raise DatabaseUnsuited(
            "SQLite has no roles: there, whoever may write the file may do everything;"
            " protect it by the file's owner and mode"
        )
    with engine.begin() as connection:
        statements = list(_statements(connection))
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    return statements


def _statements(connection: sa.Connection) -> Iterator[str]:
    known = set(connection.scalars(sa.text("SELECT rolname FROM pg_roles")))
    for role in (OWNER, WRITER, READER):
        if role not in known:
            yield f"CREATE ROLE {role} NOLOGIN"
    tables = metadata().sorted_tables
    present = set(sa.inspect(connection).get_table_names())
    yield "REVOKE ALL ON SCHEMA public FROM PUBLIC"
    yield f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}"
    yield f"GRANT USAGE ON SCHEMA public TO {WRITER}, {READER}"
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {WRITER}, {READER}"
    yield f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {OWNER}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {WRITER}"
    yield f"GRANT SELECT ON alembic_version TO {WRITER}"
    for table in tables:
        if table.name in present:
            verbs = "SELECT, INSERT" if table.info.get(APPEND_ONLY) else _ALL_ROWS
            yield f"GRANT {verbs} ON {table.name} TO {WRITER}"
    for name in PUBLIC:
        yield f"GRANT SELECT ON {name} TO {READER}"
    for name, parties in ROWS.items():
        yield from _row_security(name, parties)
    yield from row_security(WRITER)
    for name in sorted(set(PROTECTED) - set(ROWS)):
        yield f"DROP POLICY IF EXISTS sekisho_owner ON {name}"
        yield f"CREATE POLICY sekisho_owner ON {name} TO {OWNER} USING (true) WITH CHECK (true)"


_ALL_ROWS = "SELECT, INSERT, UPDATE, DELETE"


def _row_security(table: str, parties: tuple[str, ...]) -> Iterator[str]:
    columns = [c.name for c in metadata().tables[table].columns if c.name not in HIDDEN[table]]
    member = f"substr(current_user::text, {len(PREFIX) + 1})"
    mine = " OR ".join(f"{column} = {member}" for column in parties)
    yield f"GRANT SELECT ({', '.join(columns)}) ON {table} TO {READER}"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    for name in ("writer", "owner", "reader"):
        yield f"DROP POLICY IF EXISTS sekisho_{name} ON {table}"
    yield f"CREATE POLICY sekisho_owner ON {table} TO {OWNER} USING (true) WITH CHECK (true)"
    yield (
        f"CREATE POLICY sekisho_reader ON {table} FOR SELECT TO {READER}"
        f" USING (current_user LIKE '{PREFIX.replace('_', chr(92) + '_')}%' AND ({mine}))"
    )
