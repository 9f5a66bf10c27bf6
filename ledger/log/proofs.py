"""Inclusion and consistency proofs from the database, and `.tlog-proof` files for offline use.

A `.tlog-proof` file (c2sp.org/tlog-proof) needs nothing but the log's and the witnesses' public
keys to be checked: no network, no database.
"""

import base64
import re
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import LogResourceMissing, ProofInvalid
from ledger.log import merkle
from ledger.log.heads import OpenedCheckpoint, open_checkpoint
from ledger.log.notes import VerifierKey, unbase64
from ledger.log.store import StoredNodes, last_checkpoint
from ledger.log.tables import CheckpointRow, EntryRow

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
PROOF_SUFFIX = ".tlog-proof"
MAX_PROOF = 1 << 21
"""Bytes in the largest proof file that is looked at."""

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


class InclusionProof(msgspec.Struct, frozen=True):
    """Shows that an entry is in the tree of a checkpoint.

    Args:
        index: the entry's index.
        hashes: the path, the leaf's sibling first.
        checkpoint: the signed note, cosignatures included.
        extra: whatever the maker of a file added; not authenticated by anything.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""


def prove_inclusion(session: Session, index: int, size: int | None = None) -> InclusionProof:
    """Return the proof of entry `index` in the published tree of `size`, else in the newest.

    Raises:
        LogResourceMissing: no such checkpoint, or it does not reach the entry yet.
    """
    row = published(session, size)
    if not 0 <= index < row.size:
        raise LogResourceMissing(f"entry {index} is not in the published tree of {row.size}")
    hashes = merkle.inclusion_proof(StoredNodes(session), index, row.size)
    return InclusionProof(index, tuple(hashes), row.note)


def prove_consistency(session: Session, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `new` extends that of `old`; both at most the published.

    Raises:
        LogResourceMissing: the published tree is smaller.
        ProofInvalid: the sizes are not `0 < old <= new`.
    """
    row = published(session)
    if new > row.size:
        raise LogResourceMissing(f"the published tree has {row.size} entries, not {new}")
    return merkle.consistency_proof(StoredNodes(session), old, new)


def published(session: Session, size: int | None = None) -> CheckpointRow:
    """Return the newest published checkpoint, or the one of `size`.

    Raises:
        LogResourceMissing: there is none.
    """
    row = last_checkpoint(session) if size is None else session.get(CheckpointRow, size)
    if row is None:
        what = "no checkpoint yet" if size is None else f"no checkpoint of size {size}"
        raise LogResourceMissing(f"the log has published {what}")
    return row


def find_entry(session: Session, index: int) -> bytes:
    """Return the bytes of entry `index`.

    Raises:
        LogResourceMissing: there is no such entry.
    """
    data = session.scalar(sa.select(EntryRow.data).where(EntryRow.entry_index == index))
    if data is None:
        raise LogResourceMissing(f"the log has no entry {index}")
    return data


def write_proof(proof: InclusionProof) -> bytes:
    """Return the `.tlog-proof` file of `proof`."""
    lines = [PROOF_HEADER]
    if proof.extra:
        lines.append("extra " + base64.b64encode(proof.extra).decode())
    lines.append(f"index {proof.index}")
    lines += [base64.b64encode(value).decode() for value in proof.hashes]
    return "\n".join([*lines, "", ""]).encode() + proof.checkpoint


def read_proof(data: bytes) -> InclusionProof:
    """Return the proof in a `.tlog-proof` file, not yet checked.

    Raises:
        ProofInvalid: it is not such a file.
        NoteInvalid: a line is not canonical base64.
    """
    if len(data) > MAX_PROOF:
        raise ProofInvalid(f"the file has {len(data)} bytes; at most {MAX_PROOF}")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise ProofInvalid("the proof's lines are not ASCII") from error
    if lines.pop(0) != PROOF_HEADER or not blank or not lines:
        raise ProofInvalid(f"the file does not begin with {PROOF_HEADER}, or has no checkpoint")
    extra = b""
    if lines[0].startswith("extra "):
        extra = unbase64(lines.pop(0).removeprefix("extra "), "the extra data")
    found = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if found is None:
        raise ProofInvalid("the file has no line `index <number>`")
    hashes = tuple(unbase64(line, "a hash of the proof") for line in lines)
    return InclusionProof(int(found[1]), hashes, checkpoint, extra)


def check_proof(
    proof: InclusionProof,
    entry: bytes,
    log_key: VerifierKey,
    witnesses: Sequence[VerifierKey] = (),
    quorum: int = 0,
) -> OpenedCheckpoint:
    """Return the verified checkpoint of a tree that holds `entry` at the proof's index.

    Raises:
        NoteInvalid: the checkpoint is not signed as required.
        ProofInvalid: the entry is not at that index.
    """
    opened = open_checkpoint(proof.checkpoint, log_key, witnesses, quorum)
    checkpoint = opened.checkpoint
    leaf = merkle.leaf_hash(entry)
    merkle.verify_inclusion(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return opened
