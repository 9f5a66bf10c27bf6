"""One bit flipped anywhere in a network's exported log: the audit fails."""

import random
import shutil
from pathlib import Path

import pytest

from governance.audit import audit, open_source
from governance.errors import EntryWrong, ReplayDiffers
from ledger.errors import LogResourceMissing, LogWrong
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
        with pytest.raises((EntryWrong, LogResourceMissing, LogWrong, ReplayDiffers)):
            audit(open_source(str(log)), anchors)
        file.write_bytes(whole)
    audit(open_source(str(log)), anchors)
    shutil.rmtree(folder / "log")


def test_a_flipped_bit_is_found(network: AuditedNetwork, tmp_path: Path):
    flip_bits(network, tmp_path, 60)


@pytest.mark.slow
def test_five_hundred_flipped_bits_are_found(network: AuditedNetwork, tmp_path: Path):
    flip_bits(network, tmp_path, 500)
