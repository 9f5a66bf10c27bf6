"""Split views: that a log signed two histories, shown to anyone who has its key. Pure.

Two notes of one size with two roots are a proof by themselves. For two sizes, the larger tree's
own consistency proof shows which root it had at the smaller size, and that the log signed another.
"""

import base64
from collections.abc import Sequence

import msgspec

from ledger.errors import NoteInvalid, ProofInvalid
from ledger.log import merkle
from ledger.log.heads import open_checkpoint
from ledger.log.notes import VerifierKey


class SplitView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Evidence that a log signed two histories.

    Args:
        smaller: a signed note, as text.
        larger: another, of the same size or a larger one.
        prefix_root: the root that the larger tree had at the smaller size, base64.
        proof: the consistency proof from that root to the larger one, base64; empty for one size.
    """

    smaller: str
    larger: str
    prefix_root: str
    proof: tuple[str, ...] = ()


def find_split(
    first: bytes, second: bytes, log_key: VerifierKey, nodes: merkle.Nodes | None = None
) -> SplitView | None:
    """Return the proof that two notes contradict each other, or None if they agree.

    Args:
        first: a signed note.
        second: another.
        log_key: the log's key.
        nodes: the tree of the larger checkpoint; not needed for two of one size.

    Raises:
        NoteInvalid: one of them is not signed by the log.
        ProofInvalid: the sizes differ and there is no tree to compare with.
    """
    notes = sorted((first, second), key=lambda note: open_checkpoint(note, log_key).signed.size)
    smaller, larger = (open_checkpoint(note, log_key).checkpoint for note in notes)
    if smaller.size == 0:
        return None
    prefix, proof = larger.root, list[bytes]()
    if smaller.size < larger.size:
        if nodes is None:
            raise ProofInvalid("two sizes are compared through the larger tree, which is missing")
        prefix = merkle.tree_root(nodes, smaller.size)
        proof = merkle.consistency_proof(nodes, smaller.size, larger.size)
        merkle.verify_consistency(smaller.size, larger.size, proof, prefix, larger.root)
    if prefix == smaller.root:
        return None
    return SplitView(notes[0].decode(), notes[1].decode(), _text(prefix), _texts(proof))


def check_split(split: SplitView, log_key: VerifierKey) -> None:
    """Return if `split` proves that the log with `log_key` signed two histories.

    Raises:
        NoteInvalid: a note is not the log's.
        ProofInvalid: the two do not contradict each other.
    """
    smaller = open_checkpoint(split.smaller.encode(), log_key).checkpoint
    larger = open_checkpoint(split.larger.encode(), log_key).checkpoint
    try:
        prefix = base64.b64decode(split.prefix_root, validate=True)
        proof = [base64.b64decode(text, validate=True) for text in split.proof]
    except ValueError as error:
        raise NoteInvalid("the evidence is not base64") from error
    merkle.verify_consistency(smaller.size, larger.size, proof, prefix, larger.root)
    if prefix == smaller.root:
        raise ProofInvalid("the two checkpoints agree: this is no split view")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _texts(values: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(map(_text, values))
