"""The Merkle tree of RFC 6962 and RFC 9162: hashes, roots, proofs and their verification.

Pure functions. A tree is read through `Nodes`, which returns the hash of one complete subtree;
who stores it, and how, is not this module's to know. Verification accepts exactly the proof that
the RFC's algorithm would make, and nothing longer, shorter or of another width. The length is
checked first, so the RFC's counting of skipped levels is not needed: once the path runs along the
right edge of the tree, every further hash is a left one.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from struct import Struct
from typing import Protocol

from ledger.errors import ProofInvalid

HASH_SIZE = 32
"""Bytes in a SHA-256 hash."""

MAX_SIZE = 1 << 63
"""Entries in the largest tree: sizes are signed 64-bit integers in both databases."""

LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without entries (RFC 6962, 2.1)."""

Range = tuple[int, int]
"""Entries `start <= i < end`."""

PAIR = 2 * HASH_SIZE
CHUNK = 128
"""Pairs of hashes that are cut out at once: a tile's lowest level."""

FEW = 8
"""Pairs up to which cutting out takes longer than it saves."""


class Nodes(Protocol):
    """A tree's complete subtrees."""

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of entries `index << height` up to `(index + 1) << height`."""
        ...


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of an entry (RFC 6962, 2.1)."""
    return hashlib.sha256(LEAF_PREFIX + data).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """Return the hash of each entry."""
    sha256 = hashlib.sha256
    return [sha256(LEAF_PREFIX + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees side by side (RFC 6962, 2.1)."""
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


def hash_level(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the level above an even number of `hashes`.

    Many pairs are cut out of the joined hashes and given their prefix at once, not one by one.
    """
    sha256 = hashlib.sha256
    if len(hashes) <= 2 * FEW:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        return [sha256(NODE_PREFIX + left + right).digest() for left, right in pairs]
    data = b"".join(hashes)
    above: list[bytes] = []
    for start in range(0, len(data), CHUNK * PAIR):
        part = data[start : start + CHUNK * PAIR]
        pairs_of, prefixed = _cutters(len(part) // PAIR)
        cut = prefixed.unpack(NODE_PREFIX + NODE_PREFIX.join(pairs_of.unpack(part)))
        above += [sha256(pair).digest() for pair in cut]
    return above


@cache
def _cutters(count: int) -> tuple[Struct, Struct]:
    """Return what cuts `count` pairs of hashes, and what cuts them with their prefixes."""
    return Struct(f"{PAIR}s" * count), Struct(f"{PAIR + 1}s" * count)


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root of the tree over these leaf hashes."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        odd = level.pop() if len(level) % 2 else None
        level = hash_level(level)
        if odd is not None:
            level.append(odd)
    return level[0]


def complete_subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """Return `(height, index)` of the complete subtrees that make up a subtree of the tree.

    Args:
        start: first entry; a multiple of the smallest power of two not below `end - start`.
        end: one past the last entry.
    """
    found = []
    while start < end:
        height = (end - start).bit_length() - 1
        found.append((height, start >> height))
        start += 1 << height
    return found


def range_hash(nodes: Nodes, start: int, end: int) -> bytes:
    """Return the Merkle tree hash of the subtree over `start <= i < end`."""
    parts = [nodes.node(height, index) for height, index in complete_subtrees(start, end)]
    return fold_right(parts)


def fold_right(parts: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees, largest first; `EMPTY_ROOT` for none."""
    if not parts:
        return EMPTY_ROOT
    root = parts[-1]
    for part in reversed(parts[:-1]):
        root = node_hash(part, root)
    return root


def tree_root(nodes: Nodes, size: int) -> bytes:
    """Return the root of the tree of the first `size` entries."""
    return range_hash(nodes, 0, size)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the subtrees whose hashes prove entry `index`, leaf's sibling first.

    Raises:
        ProofInvalid: there is no such entry in a tree of `size`.
    """
    _check_index(index, size)
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    ranges.reverse()
    return ranges


def consistency_ranges(old: int, new: int) -> list[Range]:
    """Return the subtrees whose hashes prove that a tree of `new` extends one of `old`.

    Raises:
        ProofInvalid: the sizes are not `0 < old <= new`.
    """
    _check_sizes(old, new)
    ranges: list[Range] = []
    start, end, known = 0, new, True
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, known = middle, False
    if not known:
        ranges.append((start, end))
    ranges.reverse()
    return ranges


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Return the inclusion proof of entry `index` (RFC 9162, 2.1.3.1)."""
    return [range_hash(nodes, start, end) for start, end in inclusion_ranges(index, size)]


def consistency_proof(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """Return the consistency proof between two sizes (RFC 9162, 2.1.4.1)."""
    return [range_hash(nodes, start, end) for start, end in consistency_ranges(old, new)]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Return if `proof` shows that `leaf` is entry `index` of the tree (RFC 9162, 2.1.3.2).

    Args:
        leaf: the entry's leaf hash, 32 bytes.
        index: the entry's index.
        size: the tree's size.
        proof: hashes, the leaf's sibling first.
        root: the tree's root, 32 bytes.

    Raises:
        ProofInvalid: anything else is true.
    """
    _check_hashes([leaf, root, *proof])
    expected = len(inclusion_ranges(index, size))
    if len(proof) != expected:
        raise ProofInvalid(f"the proof has {len(proof)} hashes; expected {expected}")
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if node & 1 or node == last:
            result = node_hash(sibling, result)
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if result != root:
        raise ProofInvalid(f"the proof leads to root {result.hex()}; expected {root.hex()}")


def verify_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Return if `proof` shows that the new tree extends the old one (RFC 9162, 2.1.4.2).

    Raises:
        ProofInvalid: anything else is true; an old size of 0 needs no proof and has none.
    """
    _check_hashes([old_root, new_root, *proof])
    expected = len(consistency_ranges(old, new))
    if len(proof) != expected:
        raise ProofInvalid(f"the proof has {len(proof)} hashes; expected {expected}")
    if old == new:
        if old_root != new_root:
            raise ProofInvalid(f"two roots for one size {old}")
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_result = new_result = path[0]
    for sibling in path[1:]:
        if node & 1 or node == last:
            old_result = node_hash(sibling, old_result)
            new_result = node_hash(sibling, new_result)
        else:
            new_result = node_hash(new_result, sibling)
        node, last = node >> 1, last >> 1
    if old_result != old_root:
        raise ProofInvalid(f"the proof leads to old root {old_result.hex()}, not {old_root.hex()}")
    if new_result != new_root:
        raise ProofInvalid(f"the proof leads to new root {new_result.hex()}, not {new_root.hex()}")


def _split(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofInvalid(f"no entry {index} in a tree of {size}")


def _check_sizes(old: int, new: int) -> None:
    if not 0 < old <= new <= MAX_SIZE:
        raise ProofInvalid(f"no consistency proof from size {old} to {new}")


def _check_hashes(hashes: Iterable[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise ProofInvalid(f"a hash has {len(value)} bytes; expected {HASH_SIZE}")
