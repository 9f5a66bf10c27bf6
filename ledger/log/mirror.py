"""A verified copy of a log, which its owner keeps and continues: every member's own memory.

Each update checks that the new tree extends the copy's, verifies what is new, and writes the
checkpoint last. If the log contradicts what the copy remembers, both notes are the evidence.
"""

from pathlib import Path

import msgspec

from ledger.errors import LogWrong, SplitViewFound
from ledger.log.export import resources, write_file
from ledger.log.heads import OpenedCheckpoint, SignedCheckpoint, open_checkpoint
from ledger.log.reader import Audit, Progress, Reader
from ledger.log.sources import DirectorySource
from ledger.log.splits import SplitView, find_split
from ledger.log.tiles import CHECKPOINT, TILE_WIDTH, Bundle, Tile

SPLIT_VIEW = "split-view.json"
"""Where the evidence of a split view is kept in the copy."""


class Mirror:
    """A directory with a verified copy, in the layout of an export.

    Args:
        directory: the copy; made at the first update.
        reader: a reader of the log that it follows.
    """

    def __init__(self, directory: Path, reader: Reader) -> None:
        self._directory = directory
        self._reader = reader
        self._log_key = reader.log_key

    def checkpoint(self) -> SignedCheckpoint | None:
        """Return the checkpoint up to which the copy is verified, or None before the first update.

        Raises:
            NoteInvalid: the copy's checkpoint is not signed by the log.
        """
        try:
            note = (self._directory / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None
        return open_checkpoint(note, self._log_key).signed

    def update(self, progress: Progress | None = None) -> range:
        """Bring the copy up to the source's checkpoint; return the indexes of the new entries.

        Args:
            progress: told how many entries are verified, and how many there are.

        Raises:
            SplitViewFound: the log signed another history than the copy's; the evidence is
                written to `split-view.json`.
            LogWrong: the source is behind the copy, or does not hold what its checkpoint promises.
            LogResourceMissing: the source lacks a file.
        """
        known = self.checkpoint()
        opened = self._reader.checkpoint()
        if known is not None:
            self._check_extends(known, opened)
        size, _ = copy_log(self._reader, self._directory, progress, opened)
        return range(0 if known is None else known.size, size)

    def _check_extends(self, known: SignedCheckpoint, opened: OpenedCheckpoint) -> None:
        split: SplitView | None = None
        if opened.checkpoint.size == known.size:
            split = find_split(known.note, opened.signed.note, self._log_key)
        elif opened.checkpoint.size > known.size:
            nodes = self._reader.nodes(opened.checkpoint)
            split = find_split(known.note, opened.signed.note, self._log_key, nodes)
        else:
            raise LogWrong(
                f"the source shows {opened.checkpoint.size} entries, the copy has {known.size}:"
                " it is behind, or the log has shrunk"
            )
        if split is not None:
            write_file(self._directory / SPLIT_VIEW, msgspec.json.encode(split))
            raise SplitViewFound(
                f"the log signed two histories: {known.size} and {opened.checkpoint.size} entries"
                f" do not agree; the evidence is in {self._directory / SPLIT_VIEW}"
            )


def copy_log(
    reader: Reader,
    directory: Path,
    progress: Progress | None = None,
    opened: OpenedCheckpoint | None = None,
    *,
    anew: bool = False,
) -> tuple[int, int]:
    """Write a verified copy to `directory`, in the layout of an export, the checkpoint last.

    Complete tiles and bundles that are there already are not asked for again. `Mirror` also checks
    that the log still agrees with an earlier copy.

    Args:
        reader: of the log.
        directory: where to; made if it is missing.
        progress: told how many entries are verified, and how many there are.
        opened: the checkpoint to copy up to; the source's newest if None.
        anew: verify what is there already, too, and replace what is not as it was logged.

    Returns:
        How many entries the copy has, and how many files were written.

    Raises:
        LogWrong: names the first entry or tile that is wrong.
        LogResourceMissing: the source lacks a file.
    """
    opened = opened or reader.checkpoint()
    size, written = opened.checkpoint.size, 1
    audit = Audit(reader.source, opened.checkpoint)
    for tile in resources(size):
        path = directory / tile.path
        kept = path.exists() and tile.width == TILE_WIDTH
        if not kept or (anew and not _as_logged(audit, directory, tile)):
            write_file(path, audit.resource(tile))
            written += 1
        if progress is not None and tile.level is None:
            progress(tile.end, size)
    write_file(directory / CHECKPOINT, opened.signed.note)
    return size, written


def _as_logged(audit: Audit, directory: Path, tile: Tile) -> bool:
    """Say whether a file of the copy holds what the log has there."""
    hashes = audit.tile(tile.level or 0, tile.index)
    data = DirectorySource(directory).fetch(tile.path)
    if tile.level is not None:
        return data == b"".join(hashes)
    try:
        return Bundle(data, tile.start, tile.width).leaf_hashes() == hashes
    except LogWrong:
        return False


def read_split(data: bytes) -> SplitView:
    """Return the evidence in a `split-view.json`, to be checked with `splits.check_split`.

    Raises:
        LogWrong: it is not such a file.
    """
    try:
        return msgspec.json.decode(data, type=SplitView)
    except msgspec.MsgspecError as error:
        raise LogWrong(f"not the evidence of a split view: {error}") from error
