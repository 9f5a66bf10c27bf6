"""Checkpoints: what a log signs about its tree (c2sp.org/tlog-checkpoint). Pure."""

import base64
import re
from collections.abc import Sequence

import msgspec

from ledger.errors import NoteInvalid
from ledger.log.merkle import EMPTY_ROOT, HASH_SIZE, MAX_SIZE
from ledger.log.notes import Note, Verified, VerifierKey, parse_note, unbase64, verify_note

SIZE_TEXT = re.compile(r"0|[1-9][0-9]{0,18}")
"""A tree size in decimal without leading zeroes."""

_LINES = 3


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of a log at one size.

    Args:
        origin: names the log.
        size: entries in the tree.
        root: the tree's root, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed: three lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class SignedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint with the note that it came in.

    Args:
        checkpoint: what it says.
        note: the exact bytes, every signature included.
    """

    checkpoint: Checkpoint
    note: bytes

    @property
    def size(self) -> int:
        """Entries in the tree."""
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        """The tree's root."""
        return self.checkpoint.root


class OpenedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint whose log signature, and any known witness's, were verified."""

    signed: SignedCheckpoint
    witnesses: tuple[Verified, ...]

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        return self.signed.checkpoint


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint in a note's text; extension lines, which nobody audits, are refused.

    Raises:
        NoteInvalid: it is not a checkpoint.
    """
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines[-1] or not lines[0]:
        raise NoteInvalid("a checkpoint has three lines: origin, size and root")
    origin, size_text, root_text, _ = lines
    if not SIZE_TEXT.fullmatch(size_text) or int(size_text) > MAX_SIZE:
        raise NoteInvalid(f"{size_text!r} is no tree size")
    size, root = int(size_text), unbase64(root_text, "the root")
    if len(root) != HASH_SIZE:
        raise NoteInvalid(f"the root has {len(root)} bytes; expected {HASH_SIZE}")
    if size == 0 and root != EMPTY_ROOT:
        raise NoteInvalid("the root of an empty tree is the hash of nothing")
    return Checkpoint(origin, size, root)


def open_checkpoint(
    note: bytes, log_key: VerifierKey, witnesses: Sequence[VerifierKey] = (), quorum: int = 0
) -> OpenedCheckpoint:
    """Return the checkpoint in `note`, if the log and enough witnesses signed it.

    Args:
        note: the signed note.
        log_key: the log's key; its name is the origin that the checkpoint must have.
        witnesses: the keys of known witnesses; others are ignored.
        quorum: how many of them must have cosigned.

    Raises:
        NoteInvalid: a signature is missing or does not hold, or it is another log's.
    """
    parsed = parse_note(note)
    return open_parsed(parsed, note, log_key, witnesses, quorum)


def open_parsed(
    parsed: Note,
    note: bytes,
    log_key: VerifierKey,
    witnesses: Sequence[VerifierKey] = (),
    quorum: int = 0,
) -> OpenedCheckpoint:
    """Return what `open_checkpoint` returns, for a note that was parsed already."""
    verified = verify_note(parsed, [log_key, *witnesses])
    by_log = [v for v in verified if v.key == log_key]
    if not by_log:
        raise NoteInvalid(f"the checkpoint is not signed by {log_key.name}")
    cosigned = tuple(v for v in verified if v.key != log_key)
    if len({v.key.public for v in cosigned}) < quorum:
        raise NoteInvalid(f"{len(cosigned)} witnesses cosigned; expected at least {quorum}")
    checkpoint = parse_checkpoint(parsed.text)
    if checkpoint.origin != log_key.name:
        raise NoteInvalid(f"a checkpoint of {checkpoint.origin!r}; expected {log_key.name!r}")
    return OpenedCheckpoint(SignedCheckpoint(checkpoint, note), cosigned)
