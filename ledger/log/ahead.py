"""Reads a large log with the help of another process.

Hashing holds the interpreter lock: an audit that hashes the leaves, hashes the tree and judges the
entries in one process leaves a second processor idle. So a second one, `python -m
ledger.log.ahead DIRECTORY SIZE ROOT START`, which is this same program, verifies most bundles from
entry START on, ahead of the first, and writes of each a *finding* to its standard output: the
SHA-256 of the bundle, and the hashes of its entries. The first one reads each bundle itself and
compares it with the finding. Where they differ, or the second one has ended, it verifies the bundle
from its files, as those of a small log, and says what is wrong with it.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ledger.log.heads import Checkpoint
from ledger.log.merkle import HASH_SIZE
from ledger.log.reader import Audit, Progress, Reader
from ledger.log.sources import DirectorySource
from ledger.log.tiles import Bundle, Tile, bundles_of

ALONE = 1 << 16
"""Entries that are read before the other process has started; a log of fewer is read without it."""

SHARE = 4
"""One bundle of so many is left to the first process, which has less to do than the second."""


def verified_bundles(
    reader: Reader, checkpoint: Checkpoint, progress: Progress | None = None
) -> Iterator[tuple[int, Bundle]]:
    """Yield the first index and the entries of each bundle, as `Reader.bundles` does.

    Args:
        reader: of the log; only one in a directory is read by two processes.
        checkpoint: a verified checkpoint.
        progress: called after each bundle.

    Raises:
        LogWrong: names the first entry or tile that is wrong.
        LogResourceMissing: the source lacks a file.
    """
    source = reader.source
    if not isinstance(source, DirectorySource) or checkpoint.size <= ALONE or os.cpu_count() == 1:
        yield from reader.bundles(checkpoint, 0, progress)
        return
    what = [str(source.directory), str(checkpoint.size), checkpoint.root.hex(), str(ALONE)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
        [sys.executable, "-P", "-m", __name__, *what],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what it finds wrong is found here, too
        start_new_session=True,
    ) as process:
        try:
            audit = Audit(source, checkpoint)
            for tile in bundles_of(checkpoint.size):
                found = b""
                if _is_ahead(tile, ALONE) and process.stdout is not None:
                    found = process.stdout.read((1 + tile.width) * HASH_SIZE)
                yield tile.start, audit.bundle(tile, found)
                if progress is not None:
                    progress(tile.end, checkpoint.size)
        finally:
            process.kill()


def _is_ahead(tile: Tile, start: int) -> bool:
    """Say whether the second process verifies this bundle."""
    return tile.start >= start and tile.index % SHARE != 0


def main(directory: str, size: str, root: str, start: str) -> None:
    """Write what is found of each bundle of a log.

    Args:
        directory: where its files are.
        size: entries, in decimal.
        root: of the tree of so many, in hex.
        start: the first entry, which is the first of a bundle.
    """
    checkpoint = Checkpoint("", int(size), bytes.fromhex(root))
    audit = Audit(DirectorySource(Path(directory)), checkpoint)
    for tile in bundles_of(checkpoint.size):
        if _is_ahead(tile, int(start)):
            bundle = audit.bundle(tile)
            whole = hashlib.sha256(bundle.data).digest()
            sys.stdout.buffer.write(whole + b"".join(bundle.leaf_hashes()))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
