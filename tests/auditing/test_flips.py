"""One bit flipped anywhere in a network's exported log: the audit fails."""

import random
import re
import shutil
from pathlib import Path

import pytest

from governance.audit import audit, open_source
from governance.errors import EntryWrong, ReplayDiffers
from ledger.errors import LogResourceMissing, LogWrong
from ledger.log.tiles import parse_path
from tests.auditing.network import AuditedNetwork, write_log
from tests.auditing.test_forgeries import Forger


def flip_bits(network: AuditedNetwork, folder: Path, times: int) -> None:
    log, anchors = write_log(folder / "log", Forger(network).log), network.anchors()
    files = sorted(path for path in log.rglob("*") if path.is_file())
    rng = random.Random(times)
    for _ in range(times):
        file = rng.choice(files)
        whole = file.read_bytes()
        place = rng.randrange(8 * len(whole))
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        file.write_bytes(flipped)
        with pytest.raises((EntryWrong, LogResourceMissing, LogWrong, ReplayDiffers)) as caught:
            audit(open_source(str(log)), anchors)
        name = file.relative_to(log).as_posix()
        assert name in str(caught.value) or "entries" in name, (name, caught.value)
        if "entries" in name:
            entry = parse_path(name).start + _entry_at(whole, place // 8)
            assert re.search(rf"entry {entry}\b|{name}: ", str(caught.value)), caught.value
        file.write_bytes(whole)
    audit(open_source(str(log)), anchors)
    shutil.rmtree(folder / "log")


def _entry_at(bundle: bytes, place: int) -> int:
    """Return which entry of a bundle the byte at `place` belongs to."""
    index, end = -1, 0
    while end <= place:
        end += 2 + int.from_bytes(bundle[end : end + 2], "big")
        index += 1
    return index


def test_a_flipped_bit_is_found(network: AuditedNetwork, tmp_path: Path):
    flip_bits(network, tmp_path, 60)


@pytest.mark.slow
def test_five_hundred_flipped_bits_are_found(network: AuditedNetwork, tmp_path: Path):
    flip_bits(network, tmp_path, 500)
