"""Reads a log that somebody else serves, and believes nothing that does not check.

A *source* is where the files of tlog-tiles come from: a URL, a directory, an export. The reader
verifies the checkpoint's signatures, then every entry against its tile and every tile against the
one above it, up to the signed root, and names the first file or entry that is wrong.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from ledger.errors import LogWrong, NoteInvalid
from ledger.log import merkle
from ledger.log.heads import Checkpoint, OpenedCheckpoint, open_checkpoint
from ledger.log.notes import VerifierKey
from ledger.log.sources import Source
from ledger.log.tiles import (
    CHECKPOINT,
    TILE_HEIGHT,
    TILE_WIDTH,
    Bundle,
    Tile,
    bundles_of,
    split_hashes,
    tile_width,
)

Progress = Callable[[int, int], None]
"""Told how many entries are verified, and how many there are."""


class TileNodes:
    """A tree behind a source, for proofs and roots; its tiles are fetched once.

    Nothing is verified here: what is computed from it has to be compared with a signed root.
    """

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def tile(self, level: int, index: int) -> list[bytes]:
        """Return the hashes of a tile as wide as the tree makes it (see `fetch_tile`)."""
        if (level, index) not in self._tiles:
            tile = Tile(level, index, tile_width(level, index, self._size))
            self._tiles[level, index] = fetch_tile(self._source, tile)
        return self._tiles[level, index]

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree (see `merkle.Nodes`)."""
        level, inner = divmod(height, TILE_HEIGHT)
        tile, offset = divmod(index << inner, TILE_WIDTH)
        return merkle.root_of(self.tile(level, tile)[offset : offset + (1 << inner)])


class Reader:
    """A verifying reader of one log.

    Args:
        source: where its files come from.
        log_key: the log's key; its name is the origin.
        witnesses: keys of the witnesses that are known.
        quorum: how many of them must have cosigned.
    """

    def __init__(
        self,
        source: Source,
        log_key: VerifierKey,
        witnesses: Sequence[VerifierKey] = (),
        quorum: int = 0,
    ) -> None:
        self.source = source
        self.log_key = log_key
        self._witnesses = tuple(witnesses)
        self._quorum = quorum

    def checkpoint(self) -> OpenedCheckpoint:
        """Return the source's checkpoint, its signatures verified.

        Raises:
            LogWrong: it is not signed as required.
            LogResourceMissing: the source has none.
        """
        note = self.source.fetch(CHECKPOINT)
        try:
            return open_checkpoint(note, self.log_key, self._witnesses, self._quorum)
        except NoteInvalid as error:
            raise LogWrong(f"checkpoint: {error}") from error

    def nodes(self, checkpoint: Checkpoint) -> TileNodes:
        """Return the tree of `checkpoint`, its right edge compared with the signed root.

        Raises:
            LogWrong: the tiles do not lead to the root.
        """
        nodes = TileNodes(self.source, checkpoint.size)
        root = merkle.tree_root(nodes, checkpoint.size)
        if root != checkpoint.root:
            raise LogWrong(
                f"the tiles lead to root {root.hex()} at size {checkpoint.size}; the checkpoint"
                f" signs {checkpoint.root.hex()}"
            )
        return nodes

    def extends(self, old: Checkpoint, new: Checkpoint) -> None:
        """Return if the tree of `new`, as this source serves it, extends that of `old`.

        Raises:
            LogWrong: it does not.
        """
        if old.size > new.size:
            raise LogWrong(f"the log has shrunk from {old.size} to {new.size} entries")
        root = merkle.tree_root(self.nodes(new), old.size)
        if root != old.root:
            raise LogWrong(
                f"the tree of {new.size} had root {root.hex()} at size {old.size}; the earlier"
                f" checkpoint signs {old.root.hex()}"
            )

    def entries(
        self, checkpoint: Checkpoint, start: int = 0, progress: Progress | None = None
    ) -> Iterator[tuple[int, bytes]]:
        """Yield `(index, entry)` from `start` on, each verified before it is yielded.

        Args:
            checkpoint: a verified checkpoint.
            start: the first index to yield.
            progress: called after each bundle.

        Raises:
            LogWrong: names the first entry or tile that is wrong.
            LogResourceMissing: the source lacks a file.
        """
        for index, bundle in self.bundles(checkpoint, start, progress):
            first = max(start, index)
            yield from enumerate(bundle[first - index :], first)

    def bundles(
        self, checkpoint: Checkpoint, start: int = 0, progress: Progress | None = None
    ) -> Iterator[tuple[int, Bundle]]:
        """Yield the first index and the entries of each bundle, as `entries` yields them singly."""
        audit = Audit(self.source, checkpoint)
        for bundle in bundles_of(checkpoint.size):
            if bundle.end <= start:
                continue
            yield bundle.start, audit.bundle(bundle)
            if progress is not None:
                progress(bundle.end, checkpoint.size)

    def verify(self, progress: Progress | None = None) -> OpenedCheckpoint:
        """Return the checkpoint, once every entry and every tile was found to agree with it.

        Raises:
            LogWrong: names the first entry or tile that is wrong.
            LogResourceMissing: the source lacks a file.
        """
        opened = self.checkpoint()
        audit = Audit(self.source, opened.checkpoint)
        for bundle in bundles_of(opened.checkpoint.size):
            audit.bundle(bundle)
            if progress is not None:
                progress(bundle.end, opened.checkpoint.size)
        return opened


class Audit:
    """Ties entries to the signed root through authenticated tiles, from the top down.

    The rightmost partial tile of each level (the edge) leads to the root; every complete tile
    leads to a hash in the tile above it.
    """

    def __init__(self, source: Source, checkpoint: Checkpoint) -> None:
        self._source = source
        self._size = checkpoint.size
        self._last: dict[int, tuple[int, list[bytes]]] = {}
        nodes = TileNodes(source, checkpoint.size)
        root = merkle.tree_root(nodes, checkpoint.size)
        self._edge = {tile: nodes.tile(*tile) for tile in _edge(checkpoint.size)}
        if root != checkpoint.root:
            raise self._blame_edge(checkpoint, root)

    def bundle(self, tile: Tile, known: bytes = b"") -> Bundle:
        """Return a bundle, verified.

        Args:
            tile: which one.
            known: what another process found it to be, if one did (a finding of `ahead`).

        Raises:
            LogWrong: names the first wrong entry, or the wrong tile.
        """
        if len(known) == (1 + tile.width) * merkle.HASH_SIZE:  # not cut off
            data = self._source.fetch(tile.path)
            if hashlib.sha256(data).digest() == known[: merkle.HASH_SIZE]:
                return Bundle(data, tile.start, tile.width, split_hashes(known[merkle.HASH_SIZE :]))
        if tile.width < TILE_WIDTH or self._kept(0, tile.index):
            hashes = self.tile(0, tile.index)
            bundle = self._fetch(tile)
            found = bundle.leaf_hashes()
        else:
            leaves = Tile(0, tile.index)
            data = fetch_data(self._source, leaves)
            bundle = self._fetch(tile)
            found = bundle.leaf_hashes()
            hashes = found if data == b"".join(found) else split_hashes(data)
            self._accept(leaves, hashes)
        if found != hashes:
            wrong = tile.start + _first_difference(found, hashes)
            raise LogWrong(f"entry {wrong} in {tile.path} is not the entry that was logged")
        return bundle

    def resource(self, tile: Tile) -> bytes:
        """Return the bytes of a tile or a bundle, verified."""
        if tile.level is None:
            return self.bundle(tile).data
        return b"".join(self.tile(tile.level, tile.index))

    def tile(self, level: int, index: int) -> list[bytes]:
        """Return a tile's hashes, compared with what the level above, or the root, has for it.

        Raises:
            LogWrong: they differ.
        """
        kept = self._kept(level, index)
        if kept is not None:
            return kept
        tile = Tile(level, index)
        hashes = fetch_tile(self._source, tile)
        self._accept(tile, hashes)
        return hashes

    def _kept(self, level: int, index: int) -> list[bytes] | None:
        """Return a tile that was verified before, if it is one of the edge or its level's last."""
        if (level, index) in self._edge:
            return self._edge[level, index]
        last = self._last.get(level)
        return last[1] if last is not None and last[0] == index else None

    def _accept(self, tile: Tile, hashes: list[bytes]) -> None:
        """Keep a complete tile whose hashes lead to the one that the level above has for it."""
        level = tile.level or 0
        parent, offset = divmod(tile.index, TILE_WIDTH)
        expected = self.tile(level + 1, parent)[offset]
        if merkle.root_of(hashes) != expected:
            first, end = tile.entries()
            raise LogWrong(
                f"{tile.path} (entries {first} to {end - 1}) does not have the hash that the"
                " level above it holds"
            )
        self._last[level] = (tile.index, hashes)

    def _fetch(self, tile: Tile) -> Bundle:
        try:
            return Bundle(self._source.fetch(tile.path), tile.start, tile.width)
        except LogWrong as error:
            raise LogWrong(f"{tile.path}: {error}") from error

    def _blame_edge(self, checkpoint: Checkpoint, root: bytes) -> LogWrong:
        """Return the error for the first edge tile that what lies below it contradicts."""
        for (level, index), hashes in sorted(self._edge.items()):
            tile = Tile(level, index, len(hashes))
            below = self._below(tile)
            if below != hashes:
                wrong = _first_difference(below, hashes)
                first = (tile.start + wrong) << TILE_HEIGHT * level
                return LogWrong(
                    f"{tile.path} does not lead to the signed root: its hash {wrong} is not that"
                    f" of entry {first}" + (" and those after it" if level else "")
                )
        return LogWrong(
            f"entries and tiles agree on root {root.hex()} at size {checkpoint.size}, but the"
            f" checkpoint signs {checkpoint.root.hex()}: this is another history"
        )

    def _below(self, tile: Tile) -> list[bytes]:
        """Return what the hashes of `tile` should be, by the level below."""
        if tile.level:
            level = tile.level - 1
            children = (Tile(level, index) for index in range(tile.start, tile.end))
            return [merkle.root_of(fetch_tile(self._source, child)) for child in children]
        return self._fetch(Tile(None, tile.index, tile.width)).leaf_hashes()


def fetch_tile(source: Source, tile: Tile) -> list[bytes]:
    """Return the hashes of a tile, not verified (see `fetch_data`)."""
    return split_hashes(fetch_data(source, tile))


def fetch_data(source: Source, tile: Tile) -> bytes:
    """Return a tile as it is served, not verified.

    Raises:
        LogWrong: it has another length.
        LogResourceMissing: the source does not have it.
    """
    data = source.fetch(tile.path)
    expected = tile.width * merkle.HASH_SIZE
    if len(data) != expected:
        first, end = tile.entries()
        raise LogWrong(
            f"{tile.path} (entries {first} to {end - 1}) has {len(data)} bytes; expected {expected}"
        )
    return data


def _edge(size: int) -> list[tuple[int, int]]:
    """Return level and index of every partial tile of the tree of `size`."""
    found, level, count = [], 0, size
    while count:
        if count % TILE_WIDTH:
            found.append((level, count // TILE_WIDTH))
        level, count = level + 1, count // TILE_WIDTH
    return found


def _first_difference(found: list[bytes], expected: list[bytes]) -> int:
    pairs = enumerate(zip(found, expected, strict=True))
    return next(place for place, (one, other) in pairs if one != other)
