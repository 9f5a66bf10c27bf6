"""A record as its owner reads it, and as the database holds it.

Sealing is the only way from a checked record into a row: whatever the dictionary marks as
personal leaves here as ciphertext.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ledger.records.dictionary import Protection, record_tables
from ledger.records.encryption import MasterKey, RowCipher, blind_index
from ledger.records.schemas import Record
from ledger.records.tables import ID_FIELDS, SEARCHABLE, RecordRow

BOOKKEEPING = frozenset({"created_at", "created_by", "updated_at", "updated_by"})
"""Fields that the system writes, in every table."""

HISTORY_FIELD = "change_history"
"""The field name under which a former state is sealed."""

Value = str | int | dt.date | dt.datetime | None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it is kept.

    Args:
        table: its table in the data dictionary.
        row_id: its id for its owner.
        values: by field name, in the dictionary's order; without secrets, and without what the
            rules hide from the reader. Empty personal fields where they were erased.
        erased_at: when its personal fields were erased, if they were.
    """

    table: str
    row_id: str
    owner_member_id: str
    values: dict[str, Any]
    created_at: dt.datetime
    created_by: str
    updated_at: dt.datetime
    updated_by: str
    erased_at: dt.datetime | None


def row_id_of(table: str, record: Record, owner_member_id: str) -> str:
    """Return the id under which `record` is kept."""
    found: str = getattr(record, ID_FIELDS[table], owner_member_id)
    return found


def seal_record(
    master: MasterKey, table: str, record: Record, owner_member_id: str, cipher: RowCipher | None
) -> dict[str, Any]:
    """Return the column values of `record`, personal fields as ciphertext.

    Args:
        master: makes the blind indexes.
        table: the record's table.
        record: checked.
        owner_member_id: the company that keeps it.
        cipher: the row's cipher; None for a table without personal fields.
    """
    personal = _PERSONAL[table]
    columns: dict[str, Any] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name in personal:
            value = cipher.seal_text(name, value) if cipher and value else None
        columns[name] = str(value) if isinstance(value, str) else value
    for name in SEARCHABLE.get(table, ()):
        value = getattr(record, name)
        columns[f"{name}_index"] = (
            blind_index(master, owner_member_id, table, name, value) if value else None
        )
    return columns


def open_values(row: RecordRow, table: str, cipher: RowCipher | None) -> dict[str, Value]:
    """Return every field of `row` that may ever be shown, decrypted; erased ones are empty."""
    values: dict[str, Value] = {}
    for field in record_tables()[table].fields:
        if field.personal_data is Protection.SECRET or field.field in BOOKKEEPING:
            continue
        value = getattr(row, field.field)
        if field.personal_data is Protection.PERSONAL:
            value = cipher.open_text(field.field, value) if cipher and value else ""
        values[field.field] = value
    return values


def kept(row: RecordRow, table: str, values: dict[str, Value]) -> Kept:
    """Return the record of `row` with `values`."""
    return Kept(
        table=table,
        row_id=getattr(row, ID_FIELDS[table]),
        owner_member_id=row.owner_member_id,
        values=values,
        created_at=row.created_at,
        created_by=row.created_by,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
        erased_at=row.erased_at,
    )


def split_before(
    table: str, values: Mapping[str, Value], changed: Iterable[str]
) -> tuple[str, bytes]:
    """Return the former values of `changed`: the plain ones as JSON text, the personal as bytes."""
    personal = _PERSONAL[table]
    names = list(changed)
    plain = {n: values[n] for n in names if n not in personal}
    private = {n: values[n] for n in names if n in personal}
    return msgspec.json.encode(plain).decode(), msgspec.json.encode(private) if private else b""


def has_personal(table: str) -> bool:
    """Return whether rows of `table` have keys of their own."""
    return bool(_PERSONAL[table])


_PERSONAL = {
    name: frozenset(table.named(Protection.PERSONAL)) for name, table in record_tables().items()
}
