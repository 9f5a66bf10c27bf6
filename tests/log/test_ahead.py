"""A log that two processes read says the same as one that a single process reads."""

import hashlib
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import LogWrong
from ledger.log import ahead
from ledger.log.ahead import verified_bundles
from ledger.log.reader import Audit, Reader
from ledger.log.sources import DirectorySource
from ledger.log.tiles import CHECKPOINT, TILE_WIDTH, Tile
from tests.log.support import entry
from tests.log.test_reader import KEYS, exported

SIZE = 20_100
"""Entries whose findings are nine times what a pipe holds."""

FIRST = 2 * TILE_WIDTH
"""The first entry that the other process verifies."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("ahead"), SIZE)


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "copy")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that read ahead, of logs from 512 entries on."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        processes.append(popen(*args, **kwargs))
        return processes[-1]

    popen = subprocess.Popen
    monkeypatch.setattr(ahead, "ALONE", FIRST)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(subprocess, "Popen", start)
    return processes


def read(copy: Path, checkpoint: Any = None) -> list[bytes]:
    reader = Reader(DirectorySource(copy), *KEYS)
    bundles = verified_bundles(reader, checkpoint or reader.checkpoint().checkpoint)
    return [data for _, bundle in bundles for data in bundle]


def test_both_yield_the_same_and_the_other_process_is_gone(
    copy: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    reader = Reader(DirectorySource(copy), *KEYS)
    checkpoint = reader.checkpoint().checkpoint
    bundles = verified_bundles(reader, checkpoint, lambda done, _: seen.append(done))
    found = {first: list(bundle) for first, bundle in bundles}
    assert found == {first: list(bundle) for first, bundle in reader.bundles(checkpoint)}
    assert seen[-1] == SIZE
    assert [process.poll() is None for process in started] == [False]
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert read(copy) == [entry(i) for i in range(SIZE)]
    assert len(started) == 1


def test_a_wrong_bit_is_named_alike(copy: Path, started: list[subprocess.Popen[bytes]]) -> None:
    files = sorted(f for f in copy.rglob("*") if f.is_file() and f.name != CHECKPOINT)
    reader = Reader(DirectorySource(copy), *KEYS)
    checkpoint = reader.checkpoint().checkpoint
    rng = random.Random(2026_11)
    for _ in range(12):
        path = rng.choice(files)
        good = path.read_bytes()
        wrong = bytearray(good)
        wrong[rng.randrange(len(wrong))] ^= 1 << rng.randrange(8)
        path.write_bytes(wrong)
        with pytest.raises(LogWrong) as alone:
            list(reader.bundles(checkpoint))
        with pytest.raises(LogWrong) as together:
            read(copy, checkpoint)
        assert str(together.value) == str(alone.value)
        path.write_bytes(good)
    assert len(started) == 12


def test_what_changes_after_it_was_verified_ahead_is_found(
    copy: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    reader = Reader(DirectorySource(copy), *KEYS)
    bundles = verified_bundles(reader, reader.checkpoint().checkpoint)
    while next(bundles)[0] < FIRST:  # what was verified ahead waits in the pipe
        pass
    path = copy / "tile/entries/003"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(LogWrong, match=r"entry 1023 in tile/entries/003 is not the entry"):
        list(bundles)


def test_a_killed_process_is_gone_on_without(
    copy: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    reader = Reader(DirectorySource(copy), *KEYS)
    found: list[bytes] = []
    for first, bundle in verified_bundles(reader, reader.checkpoint().checkpoint):
        found += bundle
        if first == FIRST:
            started[0].kill()
            started[0].wait()
    assert found == [entry(i) for i in range(SIZE)]


def test_a_finding_that_is_cut_off_is_none(copy: Path) -> None:
    checkpoint = Reader(DirectorySource(copy), *KEYS).checkpoint().checkpoint
    audit = Audit(DirectorySource(copy), checkpoint)
    tile = Tile(None, 5)
    good = audit.bundle(tile)
    finding = hashlib.sha256(good.data).digest() + b"".join(good.leaf_hashes())
    for length in (0, 31, 32, 64, len(finding) - 32, len(finding)):
        found = audit.bundle(tile, finding[:length])
        assert (found.data, found.leaf_hashes()) == (good.data, good.leaf_hashes())


def test_who_stops_reading_leaves_no_process_behind(
    copy: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    reader = Reader(DirectorySource(copy), *KEYS)
    bundles = verified_bundles(reader, reader.checkpoint().checkpoint)
    next(bundles)
    bundles.close()  # type: ignore[attr-defined] - it is a generator
    assert started[0].returncode is not None
