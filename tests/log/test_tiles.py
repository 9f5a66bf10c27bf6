"""Tiles and bundles are named and encoded as tlog-tiles says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import LogResourceMissing, LogWrong
from ledger.log.tiles import (
    Tile,
    bundles_of,
    decode_bundle,
    encode_bundle,
    encode_index,
    parse_path,
    tile_width,
    tiles_of,
)


@pytest.mark.parametrize(
    ("index", "path"),
    [(0, "000"), (67, "067"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")],
)
def test_indexes_are_encoded_as_the_specification_shows(index: int, path: str) -> None:
    assert encode_index(index) == path
    assert parse_path(f"tile/0/{path}") == Tile(0, index)
    assert parse_path(f"tile/entries/{path}.p/7") == Tile(None, index, 7)


@given(st.none() | st.integers(0, 63), st.integers(0, 1 << 55), st.integers(1, 256))
def test_paths_read_back(level: int | None, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x01/000",
        "tile/0/001/000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/a/000",
        "tile/entry/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/1/",
        "tile/0/٠٠٠",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/000\n",
    ],
)
def test_other_spellings_are_refused(path: str) -> None:
    with pytest.raises(LogResourceMissing):
        parse_path(path)


def test_the_tree_of_70000_has_the_tiles_of_the_specifications_example() -> None:
    tiles = list(tiles_of(70_000))
    assert sum(t.level == 0 and t.width == 256 for t in tiles) == 273
    assert [t for t in tiles if t.width < 256] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert [t for t in tiles if t.level == 1] == [Tile(1, 0), Tile(1, 1, 17)]


def test_the_tree_of_256_has_one_full_tile_and_a_partial_one_above() -> None:
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(bundles_of(256)) == [Tile(None, 0)]
    assert list(tiles_of(0)) == list(bundles_of(0)) == []


@given(st.integers(0, 1 << 20))
def test_widths_agree_with_the_list_of_tiles(size: int) -> None:
    for tile in tiles_of(size):
        assert tile.level is not None
        assert tile_width(tile.level, tile.index, size) == tile.width


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_read_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), 0, len(entries)) == entries


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds 0 entries"),
        (b"\x00\x01a", "holds 1 entries"),
        (b"\x00\x01a\x00\x02b", "entry 513 is cut off"),
        (b"\x00\x01a\x00", "entry 513 is cut off"),
        (b"\x00\x01a\x00\x01b\x00", "1 more bytes"),
    ],
)
def test_malformed_bundles_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(LogWrong, match=message):
        decode_bundle(data, 512, 2)
