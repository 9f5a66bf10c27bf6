"""Reads of the log's tables: size, entries, and any node of the tree in O(log n)."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.log.merkle import HASH_SIZE, hash_level
from ledger.log.tables import CheckpointRow, CosignatureRow, EntryRow, TileRow
from ledger.log.tiles import TILE_HEIGHT, TILE_WIDTH


def log_size(session: Session) -> int:
    """Return the number of entries, those of this transaction included."""
    last = session.scalar(sa.select(sa.func.max(EntryRow.entry_index)))
    return 0 if last is None else last + 1


def read_entries(session: Session, start: int, end: int) -> Iterator[tuple[int, str, bytes]]:
    """Yield `(index, kind, data)` of entries `start <= index < end`, in order."""
    rows = session.execute(
        sa.select(EntryRow.entry_index, EntryRow.kind, EntryRow.data)
        .where(EntryRow.entry_index >= start, EntryRow.entry_index < end)
        .order_by(EntryRow.entry_index)
    )
    yield from rows


def leaf_hashes(session: Session, start: int, end: int) -> list[bytes]:
    """Return the leaf hashes of entries `start <= index < end`, in order."""
    return list(
        session.scalars(
            sa.select(EntryRow.leaf_hash)
            .where(EntryRow.entry_index >= start, EntryRow.entry_index < end)
            .order_by(EntryRow.entry_index)
        )
    )


def tile_roots(session: Session, level: int, start: int, end: int) -> list[bytes]:
    """Return the roots of the complete tiles `start <= tile_index < end` of `level`."""
    return list(
        session.scalars(
            sa.select(TileRow.root)
            .where(TileRow.level == level, TileRow.tile_index >= start, TileRow.tile_index < end)
            .order_by(TileRow.tile_index)
        )
    )


def level_hashes(session: Session, level: int, start: int, end: int) -> list[bytes]:
    """Return the hashes `start <= i < end` of tile level `level`, as tiles hold them."""
    if level == 0:
        return leaf_hashes(session, start, end)
    return tile_roots(session, level - 1, start, end)


def complete_tile(session: Session, level: int, index: int) -> bytes | None:
    """Return the nodes of a complete tile, widest level first, or None if it is not complete."""
    return session.scalar(
        sa.select(TileRow.nodes).where(TileRow.level == level, TileRow.tile_index == index)
    )


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


class StoredNodes:
    """The tree in the database, read a tile at a time; tiles read once are kept for the next."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tiles: dict[tuple[int, int], bytes | None] = {}
        self._edges: dict[tuple[int, int], list[bytes]] = {}

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree (see `merkle.Nodes`)."""
        level, inner = divmod(height, TILE_HEIGHT)
        tile, offset = divmod(index << inner, TILE_WIDTH)
        nodes = self._complete(level, tile)
        if nodes is not None:
            # rows of 256, 128, 64 ... hashes: row `inner` starts after 512 - (512 >> inner)
            place = 2 * TILE_WIDTH - (2 * TILE_WIDTH >> inner) + (offset >> inner)
            return nodes[place * HASH_SIZE : (place + 1) * HASH_SIZE]
        hashes = self._edge(level, tile)[offset : offset + (1 << inner)]
        if len(hashes) != 1 << inner:
            raise IndexError(f"no node {index} at height {height}")
        while len(hashes) > 1:
            hashes = hash_level(hashes)
        return hashes[0]

    def _complete(self, level: int, tile: int) -> bytes | None:
        if (level, tile) not in self._tiles:
            self._tiles[level, tile] = complete_tile(self._session, level, tile)
        return self._tiles[level, tile]

    def _edge(self, level: int, tile: int) -> list[bytes]:
        if (level, tile) not in self._edges:
            start = tile * TILE_WIDTH
            self._edges[level, tile] = level_hashes(self._session, level, start, start + TILE_WIDTH)
        return self._edges[level, tile]
