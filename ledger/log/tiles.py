"""Tiles and entry bundles as tlog-tiles names and encodes them (c2sp.org/tlog-tiles).

Pure. A path is relative to the log's prefix: `checkpoint`, `tile/0/x001/x234/067`,
`tile/1/000.p/17`, `tile/entries/000`.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from ledger.errors import LogResourceMissing, LogWrong
from ledger.log.merkle import HASH_SIZE, hash_level

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
"""Hashes in a complete tile, entries in a complete bundle."""

MAX_LEVEL = 63
MAX_ENTRY = 65_535
"""Bytes in the largest entry: bundles give its length in 16 bits."""

CHECKPOINT = "checkpoint"
_INDEX = re.compile(r"(?:x[0-9]{3}/){0,6}[0-9]{3}")  # up to 21 digits: 2**63 has 19
_WIDTH = re.compile(r"[1-9][0-9]{0,2}")
_LEVEL = re.compile(r"0|[1-9][0-9]?")


class Tile(msgspec.Struct, frozen=True):
    """Names one tile or one entry bundle.

    Args:
        level: the tile's level, 0 to 63; None for a bundle of entries.
        index: the tile's index in its level.
        width: hashes or entries in it, 1 to 256.
    """

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The path below the log's prefix."""
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{encode_index(self.index)}{partial}"

    @property
    def start(self) -> int:
        """The first hash of its level, or the first entry, that is in it."""
        return self.index * TILE_WIDTH

    @property
    def end(self) -> int:
        """One past the last hash or entry."""
        return self.start + self.width

    def entries(self) -> tuple[int, int]:
        """Return the range of log entries that it stands for."""
        shift = TILE_HEIGHT * (self.level or 0)
        return self.start << shift, self.end << shift


def encode_index(index: int) -> str:
    """Return `x001/x234/067` for 1234067."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])


def parse_path(path: str) -> Tile:
    """Return what `tile/...` names; only the one encoding that `Tile.path` gives is accepted.

    Raises:
        LogResourceMissing: it is not such a path.
    """
    wrong = LogResourceMissing(f"{path!r} is not tile/<level>/<index>[.p/<width>]")
    head, _, rest = path.partition("/")
    level_text, _, place = rest.partition("/")
    index_text, partial, width_text = place.partition(".p/")
    if head != "tile" or not _INDEX.fullmatch(index_text):
        raise wrong
    if level_text != "entries" and not _LEVEL.fullmatch(level_text):
        raise wrong
    if partial and not _WIDTH.fullmatch(width_text):
        raise wrong
    tile = Tile(
        None if level_text == "entries" else int(level_text),
        int(index_text.replace("/", "").replace("x", "")),
        int(width_text) if partial else TILE_WIDTH,
    )
    if tile.path != path or tile.width > TILE_WIDTH or (tile.level or 0) > MAX_LEVEL:
        raise wrong
    return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile of the tree of `size`, level by level, partial ones last in each."""
    level, count = 0, size
    while count:
        full, rest = divmod(count, TILE_WIDTH)
        for index in range(full):
            yield Tile(level, index)
        if rest:
            yield Tile(level, full, rest)
        level, count = level + 1, full


def bundles_of(size: int) -> Iterator[Tile]:
    """Yield every entry bundle of the tree of `size`."""
    full, rest = divmod(size, TILE_WIDTH)
    for index in range(full):
        yield Tile(None, index)
    if rest:
        yield Tile(None, full, rest)


def tile_width(level: int, index: int, size: int) -> int:
    """Return how many hashes tile `index` of `level` has in the tree of `size`; 0 for none."""
    return max(0, min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - index * TILE_WIDTH))


def tile_nodes(hashes: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the root over 256 hashes, and the 510 nodes below it, widest level first."""
    rows = []
    level = list(hashes)
    while len(level) > 1:
        rows += level
        level = hash_level(level)
    return level[0], b"".join(rows)


def split_hashes(data: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the entries, each after its length as an unsigned 16-bit big-endian integer."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes, start: int, width: int) -> list[bytes]:
    """Return the entries of a bundle.

    Args:
        data: the bundle.
        start: the index of its first entry, for the message.
        width: how many entries it must hold.

    Raises:
        LogWrong: more, fewer or cut-off entries; the message names the entry.
    """
    entries: list[bytes] = []
    place = 0
    size = len(data)
    while place < size and len(entries) < width:
        end = place + 2 + (data[place] << 8 | data[place + 1] if place + 1 < size else size)
        if end > size:
            raise LogWrong(f"entry {start + len(entries)} is cut off")
        entries.append(data[place + 2 : end])
        place = end
    if len(entries) != width or place != len(data):
        raise LogWrong(
            f"the bundle from entry {start} holds {len(entries)} entries and"
            f" {len(data) - place} more bytes; expected {width} entries"
        )
    return entries
