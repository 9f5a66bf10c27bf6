"""The log as files: what a plain web server or an object store can serve in its place."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy.orm import Session

from ledger.errors import LogResourceMissing
from ledger.log.merkle import HASH_SIZE
from ledger.log.proofs import published
from ledger.log.store import complete_tile, level_hashes, read_entries
from ledger.log.tiles import (
    CHECKPOINT,
    TILE_WIDTH,
    Tile,
    bundles_of,
    encode_bundle,
    tile_width,
    tiles_of,
)


class Exported(msgspec.Struct, frozen=True):
    """What an export wrote.

    Args:
        size: entries in the exported tree.
        written: files written now; complete tiles and bundles already there are left alone.
    """

    size: int
    written: int


def read_tile(session: Session, tile: Tile, size: int) -> bytes:
    """Return the bytes of a tile or a bundle of the published tree.

    Args:
        session: a session on the log's database.
        tile: which one.
        size: the published size; what lies beyond is not shown.

    Raises:
        LogResourceMissing: the tree of `size` has no such tile, or fewer hashes in it.
    """
    width = tile_width(tile.level or 0, tile.index, size)
    if tile.width > width:
        raise LogResourceMissing(f"the published tree of {size} has no {tile.path}")
    if tile.level is None:
        entries = [data for _, _, data in read_entries(session, tile.start, tile.end)]
        return encode_bundle(entries)
    if tile.width == TILE_WIDTH:
        nodes = complete_tile(session, tile.level, tile.index)
        if nodes is not None:
            return nodes[: TILE_WIDTH * HASH_SIZE]
    return b"".join(level_hashes(session, tile.level, tile.start, tile.end))


def export(session: Session, directory: Path) -> Exported:
    """Write the newest published tree to `directory`, the checkpoint last.

    An earlier export there is continued: complete tiles and bundles never change.

    Raises:
        LogResourceMissing: no checkpoint has been published.
    """
    row = published(session)
    written = 0
    for tile in resources(row.size):
        path = directory / tile.path
        if tile.width == TILE_WIDTH and path.exists():
            continue
        write_file(path, read_tile(session, tile, row.size))
        written += 1
    write_file(directory / CHECKPOINT, row.note)
    return Exported(row.size, written + 1)


def resources(size: int) -> Iterator[Tile]:
    """Yield every tile and bundle of the tree of `size`."""
    yield from bundles_of(size)
    yield from tiles_of(size)


def write_file(path: Path, data: bytes) -> None:
    """Write `data` to `path` whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.replace(path)
