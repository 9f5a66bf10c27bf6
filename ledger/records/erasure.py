"""Erasing a person: the row's key is destroyed, its personal fields are emptied, and it is logged.

What is left is the id, which the ledger knows anyway, and plain fields such as a status. The
log gets a commitment to a statement that names row, reason and time, and nothing personal. No
ledger proof changes: the ledger never held any of it.

The database may keep old pages, free space and write-ahead log for a while: they hold ciphertext
and the *wrapped* key. `purge` rewrites the files, after which they hold neither.
"""

import datetime as dt
import os
from enum import StrEnum

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ledger.errors import RecordMissing
from ledger.hashing import tagged_hash
from ledger.log.sequencer import LogEntry, append
from ledger.records import store
from ledger.records.keeping import Clerk, known_table, write_action
from ledger.records.sealing import has_personal
from ledger.records.tables import ROWS
from ledger.records.tables_keys import ErasureRow, RecordChangeRow, RecordKeyRow
from policies.actions import Action

KIND = "erasure"
"""The kind of the log entry."""

NONCE_SIZE = 32
"""Bytes that keep the committed statement from being guessed."""

_ERASE_ACTIONS = {"investor": Action.INVESTOR_ERASE}


class ErasureReason(StrEnum):
    """Why a person's data are erased: a closed list, so that nothing personal slips in."""

    ENTERED_BY_MISTAKE = "entered_by_mistake"
    LEGAL_ORDER = "legal_order"
    REQUEST_OF_PERSON = "request_of_person"
    RETENTION_ENDED = "retention_ended"


class ErasureStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the log entry commits to; kept by the company as its proof."""

    sekisho: str
    owner_member_id: str
    table: str
    row_id: str
    reason: ErasureReason
    erased_at: dt.datetime
    erased_by: str
    nonce: str


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """The proof of an erasure: the statement, and where the log commits to it."""

    statement: ErasureStatement
    commitment: str
    log_index: int


class _Commitment(msgspec.Struct, frozen=True):
    sekisho: str
    kind: str
    commitment: str


def erase(
    session: Session, clerk: Clerk, table: str, row_id: str, reason: ErasureReason
) -> Erasure:
    """Erase the personal data of one record for ever; erasing again gives the same proof.

    Raises:
        Denied: no rule allows it.
        RecordMissing: there is none with this id, or the table holds nothing personal.
    """
    clerk.rules.decide(clerk.actor, erase_action(table))
    done = store.find_erasure(session, table, clerk.owner, row_id)
    if done is not None:
        return _proof(done)
    row = store.find_row(session, table, clerk.owner, row_id)
    if row is None or not has_personal(table):
        raise RecordMissing(f"{clerk.owner} keeps no personal data in {table} {row_id}")
    store.destroy_key(session, table, clerk.owner, row_id)
    store.blank_changes(session, table, clerk.owner, row_id)
    written = {"erased_at": clerk.at, "updated_at": clerk.at, "updated_by": clerk.actor.member_id}
    store.update_row(session, table, clerk.owner, row_id, store.blank_columns(table) | written)
    store.insert_changes(session, [_history_entry(clerk, table, row_id)])
    return _record(session, clerk, table, row_id, reason)


def erasure_of(session: Session, clerk: Clerk, table: str, row_id: str) -> Erasure:
    """Return the proof that a record was erased.

    Raises:
        Denied: no rule allows it.
        RecordMissing: it was not erased.
    """
    clerk.rules.decide(clerk.actor, erase_action(table))
    done = store.find_erasure(session, table, clerk.owner, row_id)
    if done is None:
        raise RecordMissing(f"{table} {row_id} of {clerk.owner} was not erased")
    return _proof(done)


def erase_action(table: str) -> Action:
    """Return the action of erasing records of `table`.

    Raises:
        RecordMissing: there is no such table.
    """
    return _ERASE_ACTIONS.get(table) or write_action(known_table(table))


def commitment_of(statement: bytes) -> str:
    """Return the hex commitment that the log holds to a statement's exact bytes."""
    return tagged_hash("log/statement", statement).hex()


def log_entry_of(statement: bytes) -> bytes:
    """Return the exact bytes of the log entry that commits to `statement`."""
    return msgspec.json.encode(_Commitment("statement/v1", KIND, commitment_of(statement)))


def purge(engine: Engine) -> None:
    """Rewrite the database so that its files hold nothing of erased rows any more.

    SQLite: the write-ahead log is emptied, the file vacuumed (all of it is rewritten), and the
    log emptied again; other connections must be idle. PostgreSQL: `VACUUM FULL` of the tables
    with personal data, whose old files go at the next checkpoint; write-ahead segments and
    backups go as their retention ends. Run it after erasures, at a quiet hour: it locks what it
    rewrites.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            _purge_sqlite(connection)
            return
        for name in _purged_tables():
            connection.exec_driver_sql(f"VACUUM FULL {name}")


def _purge_sqlite(connection: sa.Connection) -> None:
    driver = connection.connection.driver_connection
    if driver is None:
        raise RecordMissing("the connection to the database is closed")
    connection.rollback()
    for statement in (
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "VACUUM",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    ):
        driver.execute(statement).fetchall()


def _purged_tables() -> list[str]:
    tables = [row.__tablename__ for name, row in ROWS.items() if has_personal(name)]
    return [*tables, RecordKeyRow.__tablename__, RecordChangeRow.__tablename__]


def _history_entry(clerk: Clerk, table: str, row_id: str) -> dict[str, object]:
    return {
        "owner_member_id": clerk.owner,
        "table_name": table,
        "row_id": row_id,
        "kind": "erase",
        "fields": msgspec.json.encode(sorted(store.blank_columns(table))).decode(),
        "before": "{}",
        "sealed_before": None,
        "changed_at": clerk.at,
        "changed_by": clerk.actor.member_id,
    }


def _record(
    session: Session, clerk: Clerk, table: str, row_id: str, reason: ErasureReason
) -> Erasure:
    statement = msgspec.json.encode(
        ErasureStatement(
            sekisho="erasure/v1",
            owner_member_id=clerk.owner,
            table=table,
            row_id=row_id,
            reason=reason,
            erased_at=clerk.at,
            erased_by=clerk.actor.member_id,
            nonce=os.urandom(NONCE_SIZE).hex(),
        )
    )
    row = ErasureRow(
        owner_member_id=clerk.owner,
        table_name=table,
        row_id=row_id,
        reason=reason.value,
        erased_at=clerk.at,
        erased_by=clerk.actor.member_id,
        statement=statement,
        log_index=append(session, [LogEntry(KIND, log_entry_of(statement))])[0],
    )
    session.add(row)
    session.flush()
    return _proof(row)


def _proof(row: ErasureRow) -> Erasure:
    statement = msgspec.json.decode(row.statement, type=ErasureStatement)
    return Erasure(
        statement=statement, commitment=commitment_of(row.statement), log_index=row.log_index
    )
