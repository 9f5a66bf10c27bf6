"""Rows of the records, by owner: every statement here names the owner in its WHERE clause."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.database import Base
from ledger.records.tables import ID_FIELDS, PERSONAL, ROWS, SEARCHABLE, SECRET, RecordRow
from ledger.records.tables_keys import ErasureRow, RecordChangeRow, RecordKeyRow

CHUNK = 500
"""Ids in one IN list: SQLite and PostgreSQL both plan it as index lookups."""


def find_row(session: Session, table: str, owner: str, row_id: str) -> RecordRow | None:
    """Return that company's row, if there is one."""
    return find_rows(session, table, owner, [row_id]).get(row_id)


def find_rows(
    session: Session, table: str, owner: str, row_ids: Iterable[str]
) -> dict[str, RecordRow]:
    """Return those of the rows that exist, by id."""
    row_class, column = ROWS[table], id_column(table)
    wanted = list(row_ids)
    found: dict[str, RecordRow] = {}
    for start in range(0, len(wanted), CHUNK):
        query = sa.select(row_class).where(
            owner_column(table) == owner, column.in_(wanted[start : start + CHUNK])
        )
        found |= {getattr(row, ID_FIELDS[table]): row for row in session.scalars(query)}
    return found


def existing_ids(session: Session, table: str, owner: str, row_ids: Iterable[str]) -> set[str]:
    """Return which of `row_ids` that company keeps."""
    column, wanted = id_column(table), list(row_ids)
    found: set[str] = set()
    for start in range(0, len(wanted), CHUNK):
        query = sa.select(column).where(
            owner_column(table) == owner, column.in_(wanted[start : start + CHUNK])
        )
        found.update(session.scalars(query))
    return found


def page_rows(
    session: Session, table: str, owner: str, after: str, limit: int
) -> Sequence[RecordRow]:
    """Return up to `limit` of the owner's rows with an id greater than `after`, in order."""
    column = id_column(table)
    query = sa.select(ROWS[table]).where(owner_column(table) == owner, column > after)
    return session.scalars(query.order_by(column).limit(limit)).all()


def search_rows(
    session: Session, table: str, owner: str, field: str, index: bytes
) -> Sequence[RecordRow]:
    """Return the owner's rows whose blind index of `field` is `index`, in order of id."""
    row_class = ROWS[table]
    query = sa.select(row_class).where(
        owner_column(table) == owner, getattr(row_class, f"{field}_index") == index
    )
    return session.scalars(query.order_by(id_column(table))).all()


def insert_into(session: Session, row_class: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new rows of any table, without making objects of them."""
    if rows:
        table = cast("sa.Table", row_class.__table__)
        session.execute(sa.insert(table), list(rows))


def insert_rows(session: Session, table: str, rows: list[dict[str, Any]]) -> None:
    """Write new rows."""
    insert_into(session, ROWS[table], rows)


def update_row(
    session: Session, table: str, owner: str, row_id: str, values: Mapping[str, Any]
) -> None:
    """Write `values` into one row."""
    session.execute(
        sa.update(ROWS[table])
        .where(owner_column(table) == owner, id_column(table) == row_id)
        .values(**values)
    )
    session.expire_all()


def blank_columns(table: str) -> dict[str, None]:
    """Return every column that erasing empties: ciphertexts, blind indexes, password hashes."""
    columns = ROWS[table].__table__.columns
    names = [c.name for c in columns if c.info.get(PERSONAL) or c.info.get(SECRET)]
    return dict.fromkeys([*names, *(f"{name}_index" for name in SEARCHABLE.get(table, ()))])


def wrapped_keys(
    session: Session, table: str, owner: str, row_ids: Iterable[str]
) -> dict[str, bytes]:
    """Return the wrapped keys of those rows that have one, by row id."""
    wanted = list(row_ids)
    found: dict[str, bytes] = {}
    for start in range(0, len(wanted), CHUNK):
        query = sa.select(RecordKeyRow.row_id, RecordKeyRow.wrapped_key).where(
            RecordKeyRow.owner_member_id == owner,
            RecordKeyRow.table_name == table,
            RecordKeyRow.row_id.in_(wanted[start : start + CHUNK]),
        )
        found |= {row.row_id: row.wrapped_key for row in session.execute(query)}
    return found


def insert_keys(session: Session, rows: list[dict[str, Any]]) -> None:
    """Write wrapped keys of new rows."""
    insert_into(session, RecordKeyRow, rows)


def destroy_key(session: Session, table: str, owner: str, row_id: str) -> None:
    """Delete a row's wrapped key, overwriting it where the database can be told to."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")
    session.execute(
        sa.delete(RecordKeyRow).where(
            RecordKeyRow.owner_member_id == owner,
            RecordKeyRow.table_name == table,
            RecordKeyRow.row_id == row_id,
        )
    )


def insert_changes(session: Session, rows: list[dict[str, Any]]) -> None:
    """Write entries of the change history."""
    insert_into(session, RecordChangeRow, rows)


def changes_of(session: Session, table: str, owner: str, row_id: str) -> Sequence[RecordChangeRow]:
    """Return a row's history, oldest first."""
    query = sa.select(RecordChangeRow).where(*_change_key(table, owner, row_id))
    return session.scalars(query.order_by(RecordChangeRow.change_id)).all()


def blank_changes(session: Session, table: str, owner: str, row_id: str) -> None:
    """Empty the sealed parts of a row's history."""
    session.execute(
        sa.update(RecordChangeRow)
        .where(*_change_key(table, owner, row_id))
        .values(sealed_before=None)
    )


def find_erasure(session: Session, table: str, owner: str, row_id: str) -> ErasureRow | None:
    """Return the proof of the erasure of that row, if it was erased."""
    return session.get(ErasureRow, (owner, table, row_id))


def owner_column(table: str) -> sa.ColumnElement[str]:
    """Return the owner's column of `table`."""
    column: sa.ColumnElement[str] = ROWS[table].__table__.c.owner_member_id
    return column


def id_column(table: str) -> sa.ColumnElement[str]:
    """Return the id column of `table`."""
    column: sa.ColumnElement[str] = ROWS[table].__table__.c[ID_FIELDS[table]]
    return column


def _change_key(table: str, owner: str, row_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        RecordChangeRow.owner_member_id == owner,
        RecordChangeRow.table_name == table,
        RecordChangeRow.row_id == row_id,
    )
