"""Reads of the log's tables: size, entries, and any node of the tree in O(log n)."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import LogForked, LogResourceMissing
from ledger.log.merkle import HASH_SIZE, hash_level
from ledger.log.tables import CheckpointRow, CosignatureRow, EntryRow
from ledger.log.tiles import TILE_HEIGHT, TILE_WIDTH, tile_width


def log_size(session: Session) -> int:
    """Return the number of entries, those of this transaction included."""
    last = session.connection().exec_driver_sql(_LAST).scalar()
    return 0 if last is None else int(last) + 1


def read_entries(session: Session, start: int, end: int) -> Iterator[tuple[int, str, bytes]]:
    """Yield `(index, kind, data)` of entries `start <= index < end`, in order."""
    rows = session.execute(
        sa.select(EntryRow.entry_index, EntryRow.kind, EntryRow.data)
        .where(EntryRow.entry_index >= start, EntryRow.entry_index < end)
        .order_by(EntryRow.entry_index)
    )
    yield from rows


def level_hashes(session: Session, level: int, start: int, end: int) -> list[bytes]:
    """Return the hashes `start <= i < end` of tile level `level`, as tiles hold them.

    At level 0 they are the leaf hashes, above it the roots of the complete tiles one level below.
    """
    if level == 0:
        return _read(session, _LEAVES, (start, end))
    return _read(session, _ROOTS, (level - 1, start, end))


def complete_tile(session: Session, level: int, index: int) -> bytes | None:
    """Return the nodes of a complete tile, widest level first, or None if it is not complete."""
    found = _read(session, _NODES, (level, index))
    return found[0] if found else None


def _read(session: Session, statement: str, parameters: tuple[int, ...]) -> list[bytes]:
    """Return the only column of a statement; by the driver, since all around it costs far more."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        statement = statement.replace("?", "%s")
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement, parameters)
        return [row[0] for row in cursor.fetchall()]
    finally:
        cursor.close()


def last_checkpoint(session: Session) -> CheckpointRow | None:
    """Return the largest published checkpoint."""
    return session.scalar(sa.select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(1))


def cosignature_lines(session: Session, size: int) -> list[str]:
    """Return the witnesses' signature lines on the checkpoint of `size`."""
    return list(
        session.scalars(
            sa.select(CosignatureRow.line)
            .where(CosignatureRow.size == size)
            .order_by(CosignatureRow.witness)
        )
    )


_LAST = "SELECT max(entry_index) FROM log_entries"
_LEAVES = (
    "SELECT leaf_hash FROM log_entries WHERE entry_index >= ? AND entry_index < ?"
    " ORDER BY entry_index"
)
_ROOTS = (
    "SELECT root FROM log_tiles WHERE level = ? AND tile_index >= ? AND tile_index < ?"
    " ORDER BY tile_index"
)
_NODES = "SELECT nodes FROM log_tiles WHERE level = ? AND tile_index = ?"


class StoredNodes:
    """The tree in the database, read a tile at a time; tiles read once are kept for the next."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._size = log_size(session)
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._edges: dict[tuple[int, int], tuple[Sequence[bytes], ...]] = {}

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree (see `merkle.Nodes`).

        Raises:
            LogResourceMissing: the log is too small to have it.
        """
        if (index + 1) << height > self._size:
            raise LogResourceMissing(f"the log of {self._size} has no node {index} at {height}")
        level, inner = divmod(height, TILE_HEIGHT)
        tile, offset = divmod(index << inner, TILE_WIDTH)
        if tile_width(level, tile, self._size) == TILE_WIDTH:
            # rows of 256, 128, 64 ... hashes: row `inner` starts after 512 - (512 >> inner)
            place = 2 * TILE_WIDTH - (2 * TILE_WIDTH >> inner) + (offset >> inner)
            return self._complete(level, tile)[place * HASH_SIZE : (place + 1) * HASH_SIZE]
        return self._edge(level, tile)[inner][offset >> inner]

    def _complete(self, level: int, tile: int) -> bytes:
        if (level, tile) not in self._tiles:
            nodes = complete_tile(self._session, level, tile)
            if nodes is None:
                raise LogForked(f"the database lacks tile {tile} of level {level}; restore it")
            self._tiles[level, tile] = nodes
        return self._tiles[level, tile]

    def _edge(self, level: int, tile: int) -> tuple[Sequence[bytes], ...]:
        """Return the hashes of a partial tile, and the rows of complete nodes above them."""
        if (level, tile) not in self._edges:
            start = tile * TILE_WIDTH
            hashes = level_hashes(self._session, level, start, start + TILE_WIDTH)
            self._edges[level, tile] = _rows_of(tuple(hashes))
        return self._edges[level, tile]


@lru_cache(maxsize=16)
def _rows_of(hashes: Sequence[bytes]) -> tuple[Sequence[bytes], ...]:
    """Return the hashes, and the rows of complete nodes above them.

    The log's edge stays the same until it grows: proofs at one size hash it once.
    """
    rows = [hashes]
    while len(rows[-1]) > 1:
        rows.append(hash_level(rows[-1][: len(rows[-1]) & ~1]))
    return tuple(rows)
