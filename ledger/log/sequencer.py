"""The single writer: gives each entry its index, in the transaction that also writes its row.

Called inside `ledger.database.writing`, whose lock makes sure that there is one writer at a time;
the primary key makes sure of it again. What is committed has its index for ever; what is rolled
back leaves no trace, and its index goes to the next entry.
"""

import hashlib
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import EntryRefused
from ledger.log.merkle import LEAF_PREFIX
from ledger.log.store import level_hashes, log_size
from ledger.log.tables import EntryRow, TileRow
from ledger.log.tiles import MAX_ENTRY, TILE_WIDTH, tile_nodes
from policies.errors import Fault

MAX_KIND = 64
"""Characters in the longest kind."""


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
    _check(entries)
    start = log_size(session)
    end = start + len(entries)
    if not entries:
        return range(start, end)
    sha256 = hashlib.sha256
    hashes = [sha256(LEAF_PREFIX + entry.data).digest() for entry in entries]
    _insert_entries(session, start, entries, hashes)
    _complete_tiles(session, start, hashes)
    return range(start, end)


def _check(entries: Sequence[LogEntry]) -> None:
    faults = []
    for place, entry in enumerate(entries):
        if not 0 < len(entry.data) <= MAX_ENTRY:
            faults.append(
                Fault(f"entries[{place}]", f"{len(entry.data)} bytes; expected 1 to {MAX_ENTRY}")
            )
        if not 0 < len(entry.kind) <= MAX_KIND:
            faults.append(Fault(f"entries[{place}].kind", f"expected 1 to {MAX_KIND} characters"))
    if faults:
        raise EntryRefused("; ".join(map(str, faults)), tuple(faults))


def _insert_entries(
    session: Session, start: int, entries: Sequence[LogEntry], hashes: Sequence[bytes]
) -> None:
    rows = [
        (index, entry.kind, leaf, entry.data)
        for index, (entry, leaf) in enumerate(zip(entries, hashes, strict=True), start)
    ]
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _copy_entries(connection, rows)
        return
    columns = "entry_index, kind, leaf_hash, data"
    connection.exec_driver_sql(
        f"INSERT INTO {EntryRow.__tablename__} ({columns}) VALUES (?, ?, ?, ?)",  # noqa: S608 - constants only
        rows,
    )


def _copy_entries(connection: sa.Connection, rows: list[tuple[int, str, bytes, bytes]]) -> None:
    """Write the rows with COPY in binary form: the fastest way into PostgreSQL."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise EntryRefused("the connection to the database is closed")
    with (
        driver.cursor() as cursor,
        cursor.copy(
            f"COPY {EntryRow.__tablename__} (entry_index, kind, leaf_hash, data)"
            " FROM STDIN (FORMAT BINARY)"
        ) as copy,
    ):
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
        roots = []
        for place in range(0, len(hashes) - TILE_WIDTH + 1, TILE_WIDTH):
            root, nodes = tile_nodes(hashes[place : place + TILE_WIDTH])
            roots.append(root)
            tiles.append(
                {
                    "level": level,
                    "tile_index": (first + place) // TILE_WIDTH,
                    "root": root,
                    "nodes": nodes,
                }
            )
        level, start, hashes = level + 1, first // TILE_WIDTH, roots
    if tiles:
        session.execute(sa.insert(TileRow), tiles)
