"""Tiles and entry bundles as tlog-tiles names and encodes them (c2sp.org/tlog-tiles).

Pure. A path is relative to the log's prefix: `checkpoint`, `tile/0/x001/x234/067`,
`tile/1/000.p/17`, `tile/entries/000`.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from struct import Struct
from typing import NamedTuple, overload

import msgspec

from ledger.errors import LogResourceMissing, LogWrong
from ledger.log.merkle import HASH_SIZE, LEAF_PREFIX, hash_level

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
"""Hashes in a complete tile, entries in a complete bundle."""

MAX_LEVEL = 63
MAX_ENTRY = 65_535
"""Bytes in the largest entry: bundles give its length in 16 bits."""

LENGTH = 2
"""Bytes of an entry's length, which stands before it."""

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


def complete_tiles(hashes: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield, of each complete tile, its root and the 510 nodes below it, widest level first.

    Args:
        hashes: of tiles side by side; those of an incomplete last one are left out.
    """
    count = len(hashes) // TILE_WIDTH
    level = list(hashes[: count * TILE_WIDTH])
    rows = []
    while len(level) > count:
        rows.append((b"".join(level), len(level) // count * HASH_SIZE))
        level = hash_level(level)
    for place, root in enumerate(level):
        yield root, b"".join([row[place * size : (place + 1) * size] for row, size in rows])


def split_hashes(data: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    return list(_hash_cutter(len(data) // HASH_SIZE).unpack(data))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the entries, each after its length as an unsigned 16-bit big-endian integer."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


class Run(NamedTuple):
    """Entries of one length that follow each other in a bundle, as commitments do.

    Args:
        first: the place of the first of them in the bundle.
        width: how many they are.
        offset: where the first one's length stands in the bytes.
        step: bytes from one to the next.
    """

    first: int
    width: int
    offset: int
    step: int

    @property
    def end(self) -> int:
        """Where the bytes after the last of them stand."""
        return self.offset + self.width * self.step


class Bundle(Sequence[bytes]):
    """The entries of a bundle, told apart only once somebody asks for them.

    Args:
        data: the bundle.
        start: the index of its first entry, for the message.
        width: how many entries it must hold.
        hashes: the hash of each entry, where they are known.

    Raises:
        LogWrong: more, fewer or cut-off entries; the message names the entry.
    """

    def __init__(
        self, data: bytes, start: int, width: int, hashes: list[bytes] | None = None
    ) -> None:
        self.data, self.start, self._width = data, start, width
        self.runs = _runs(data, start, width)
        self._entries: list[bytes] | None = None
        self._hashes = hashes

    def __len__(self) -> int:
        """Return how many entries it holds."""
        return self._width

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        """Return the entry at `place`, or those of a slice."""
        return self.entries()[place]

    def entries(self) -> list[bytes]:
        """Return the entries."""
        if self._entries is None:
            self._entries = [entry for run in self.runs for entry in self.entries_of(run)]
        return self._entries

    def entries_of(self, run: Run) -> list[bytes]:
        """Return the entries of one run."""
        data, step = self.data, run.step
        ends = range(run.offset + step, run.end + 1, step)
        return [data[end - step + LENGTH : end] for end in ends]

    def leaf_hashes(self) -> list[bytes]:
        """Return the hash of each entry, as `merkle.leaf_hashes` does.

        The second byte of each length makes room for the prefix: then entries are cut out with
        their prefixes, a run at once.
        """
        if self._hashes is None:
            self._hashes = self._hash()
        return self._hashes

    def _hash(self) -> list[bytes]:
        sha256 = hashlib.sha256
        prefixed = bytearray(self.data)
        hashes: list[bytes] = []
        for run in self.runs:
            prefixed[run.offset + 1 : run.end : run.step] = LEAF_PREFIX * run.width
            if run.width == 1:
                hashes.append(sha256(prefixed[run.offset + 1 : run.end]).digest())
            else:
                cut = _cutter(run.step, run.width).unpack_from(prefixed, run.offset)
                hashes += [sha256(entry).digest() for entry in cut]
        return hashes


@lru_cache(maxsize=TILE_WIDTH)
def _hash_cutter(count: int) -> Struct:
    """Return what cuts `count` hashes."""
    return Struct(f"{HASH_SIZE}s" * count)


@lru_cache(maxsize=2 * TILE_WIDTH)
def _cutter(step: int, count: int) -> Struct:
    """Return what cuts `count` entries, each with its prefix, out of a run."""
    return Struct(f"x{step - 1}s" * count)


def decode_bundle(data: bytes, start: int, width: int) -> list[bytes]:
    """Return the entries of a bundle (see `Bundle`)."""
    return Bundle(data, start, width).entries()


def _runs(data: bytes, start: int, width: int) -> list[Run]:
    """Return the runs of a bundle; what is wrong with it is said of the first wrong entry."""
    runs: list[Run] = []
    first = offset = 0
    size = len(data)
    while first < width and offset < size:
        if offset + 1 == size:
            raise LogWrong(f"entry {start + first} is cut off")
        high, low = data[offset : offset + 1], data[offset + 1 : offset + 2]
        step = int.from_bytes(high + low, "big") + LENGTH
        end = offset + (width - first) * step
        count = min(
            _leading(data[offset:end:step], high), _leading(data[offset + 1 : end : step], low)
        )
        run = Run(first, count, offset, step)
        if run.end > size:
            raise LogWrong(f"entry {start + first + count - 1} is cut off")
        runs.append(run)
        first, offset = first + count, run.end
    if first != width or offset != size:
        raise LogWrong(
            f"the bundle from entry {start} holds {first} entries and {size - offset} more bytes;"
            f" expected {width} entries"
        )
    return runs


def _leading(data: bytes, value: bytes) -> int:
    """Return how many bytes of `value` stand at the beginning of `data`."""
    return len(data) - len(data.lstrip(value))
