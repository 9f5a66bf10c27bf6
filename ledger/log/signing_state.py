"""The last signed checkpoint, kept in a file outside the database.

It is the memory that a restored database cannot roll back. It is written, with fsync of file and
folder, before the checkpoint is shown to anyone. A lock beside it admits one publisher at a time.
"""

import fcntl
import os
from pathlib import Path
from typing import Self

from ledger.errors import LogStateInvalid, LogWriterRunning, NoteInvalid
from ledger.log.heads import SignedCheckpoint, open_checkpoint
from ledger.log.notes import VerifierKey

_MODE = 0o600


class SigningState:
    """The file and its lock, held from `__init__` to `close`.

    Args:
        path: the file; its folder must exist.

    Raises:
        LogWriterRunning: another process holds the lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        lock = path.with_name(path.name + ".lock")
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise LogWriterRunning(
                f"another process publishes this log: it holds {lock}; stop it first"
            ) from error

    def read(self, key: VerifierKey) -> SignedCheckpoint | None:
        """Return the last signed checkpoint, or None if there is no file.

        Raises:
            LogStateInvalid: what the file holds was not signed by `key`.
        """
        try:
            note = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return open_checkpoint(note, key).signed
        except NoteInvalid as error:
            raise LogStateInvalid(
                f"{self.path} does not hold a checkpoint signed by {key.name}: {error};"
                " restore the file, or start with the key that signed it"
            ) from error

    def write(self, checkpoint: SignedCheckpoint) -> None:
        """Replace the file by `checkpoint`; when this returns it is on the disk."""
        fresh = self.path.with_name(self.path.name + ".new")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
        with os.fdopen(file, "wb") as stream:
            stream.write(checkpoint.note)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        self.close()
