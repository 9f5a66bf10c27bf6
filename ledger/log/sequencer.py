"""The single writer: gives each entry its index, in the transaction that also writes its row.

Called inside `ledger.database.writing`, whose lock makes sure that there is one writer at a time;
the primary key makes sure of it again. What is committed has its index for ever; what is rolled
back leaves no trace, and its index goes to the next entry.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import EntryRefused
from ledger.log.merkle import HASH_SIZE, leaf_hashes
from ledger.log.store import level_hashes, log_size
from ledger.log.tables import EntryRow, TileRow
from ledger.log.tiles import MAX_ENTRY, TILE_WIDTH, complete_tiles
from policies.errors import Fault

MAX_KIND = 64
"""Characters in the longest kind."""

FEW = 8
"""Entries alike up to which SQLite gets them one by one."""

COLUMNS = ("entry_index", "kind", "leaf_hash", "data")
Row = tuple[int, str, bytes, bytes]

_INSERT = f"INSERT INTO {EntryRow.__tablename__} ({', '.join(COLUMNS)})"
_INSERT_ONE = f"{_INSERT} VALUES (?, ?, ?, ?)"
_INSERT_ALIKE = f"""
{_INSERT}
WITH place (i) AS (VALUES {", ".join(f"({place})" for place in range(TILE_WIDTH))})
SELECT ?1 + i, ?2, substr(?3, {HASH_SIZE} * i + 1, {HASH_SIZE}), substr(?4, ?6 * i + 1, ?6)
FROM place WHERE i < ?5
"""  # noqa: S608 - constants only
"""Rows alike, cut by SQLite out of two values; to bind each takes thrice as long."""


class LogEntry(msgspec.Struct, frozen=True):
    """One entry to come.

    Args:
        kind: what it is, for finding it again; not part of the leaf.
        data: the exact bytes that are hashed, 1 to 65,535; larger things by digest.
    """

    kind: str
    data: bytes


def append(session: Session, entries: Sequence[LogEntry]) -> range:
    """Append `entries` to the log and return their indexes.

    Args:
        session: a session of `ledger.database.writing`.
        entries: in order; none gives an empty range.

    Raises:
        EntryRefused: some entry is empty, too large, or of a kind that is no word; all are named.
    """
    start = log_size(session)
    end = start + len(entries)
    if not entries:
        return range(start, end)
    kinds = [entry.kind for entry in entries]
    data = [entry.data for entry in entries]
    _check(kinds, data)
    hashes = leaf_hashes(data)
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _copy_rows(connection, zip(range(start, end), kinds, hashes, data, strict=True))
    else:
        _insert_rows(connection, start, kinds, hashes, data)
    _complete_tiles(session, start, hashes)
    return range(start, end)


def _check(kinds: list[str], data: list[bytes]) -> None:
    sizes = list(map(len, data))
    if (
        min(sizes) > 0
        and max(sizes) <= MAX_ENTRY
        and all(0 < len(k) <= MAX_KIND for k in set(kinds))
    ):
        return
    faults = []
    for place, (size, kind) in enumerate(zip(sizes, kinds, strict=True)):
        if not 0 < size <= MAX_ENTRY:
            faults.append(Fault(f"entries[{place}]", f"{size} bytes; expected 1 to {MAX_ENTRY}"))
        if not 0 < len(kind) <= MAX_KIND:
            faults.append(Fault(f"entries[{place}].kind", f"expected 1 to {MAX_KIND} characters"))
    raise EntryRefused("; ".join(map(str, faults)), tuple(faults))


def _insert_rows(
    connection: sa.Connection, start: int, kinds: list[str], hashes: list[bytes], data: list[bytes]
) -> None:
    """Write the rows to SQLite: those alike together, as a ledger's commitments are."""
    single: list[Row] = []
    together: list[tuple[int, str, bytes, bytes, int, int]] = []
    last = 0
    for (kind, length), group in groupby(zip(kinds, map(len, data), strict=True)):
        first, last = last, last + len(list(group))
        if last - first <= FEW:
            single += [(start + i, kind, hashes[i], data[i]) for i in range(first, last)]
            continue
        for place in range(first, last, TILE_WIDTH):
            end = min(place + TILE_WIDTH, last)
            joined = b"".join(hashes[place:end]), b"".join(data[place:end])
            together.append((start + place, kind, *joined, end - place, length))
    for statement, rows in ((_INSERT_ALIKE, together), (_INSERT_ONE, single)):
        if rows:
            connection.exec_driver_sql(statement, rows)


def _copy_rows(connection: sa.Connection, rows: Iterable[Row]) -> None:
    """Write the rows with COPY in binary form: the fastest way into PostgreSQL."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise EntryRefused("the connection to the database is closed")
    statement = f"COPY {EntryRow.__tablename__} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(("int8", "varchar", "bytea", "bytea"))
        for row in rows:
            copy.write_row(row)


def _complete_tiles(session: Session, start: int, hashes: list[bytes]) -> None:
    """Write the tiles that the hashes from `start` on complete, level by level."""
    level = 0
    tiles: list[dict[str, object]] = []
    while hashes:
        first = start - start % TILE_WIDTH
        if start % TILE_WIDTH + len(hashes) < TILE_WIDTH:
            break
        hashes = level_hashes(session, level, first, start) + hashes
        start, roots = first // TILE_WIDTH, []
        for index, (root, nodes) in enumerate(complete_tiles(hashes), start):
            roots.append(root)
            tiles.append({"level": level, "tile_index": index, "root": root, "nodes": nodes})
        level, hashes = level + 1, roots
    if tiles:
        session.execute(sa.insert(TileRow), tiles)
