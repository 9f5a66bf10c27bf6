"""The tree agrees with RFC 6962 word for word, and takes no proof but the right one."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ProofInvalid
from ledger.log import merkle
from tests.log import naive
from tests.log.support import ListNodes, entry

ENTRIES = [entry(i) for i in range(300)]
NODES = ListNodes(ENTRIES)
ROOTS = [naive.mth(ENTRIES[:size]) for size in range(301)]


def test_roots_of_all_sizes_agree() -> None:
    for size in range(301):
        assert merkle.tree_root(NODES, size) == ROOTS[size]
        assert merkle.root_of(NODES.levels[0][:size]) == ROOTS[size]


def test_inclusion_proofs_agree_and_verify() -> None:
    for size in range(1, 301):
        for index in {0, size // 3, size // 2, size - 1, *range(0, size, 37)}:
            proof = merkle.inclusion_proof(NODES, index, size)
            assert proof == naive.path(index, ENTRIES[:size])
            leaf = merkle.leaf_hash(ENTRIES[index])
            merkle.verify_inclusion(leaf, index, size, proof, ROOTS[size])


def test_consistency_proofs_of_all_pairs_agree_and_verify() -> None:
    for new in range(1, 301):
        for old in {1, new // 2 or 1, new - 1 or 1, new, *range(1, new, 29)}:
            proof = merkle.consistency_proof(NODES, old, new)
            assert proof == naive.proof(old, ENTRIES[:new])
            merkle.verify_consistency(old, new, proof, ROOTS[old], ROOTS[new])


@given(st.integers(1, 9_000), st.data())
def test_large_trees_agree(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    entries = [entry(i) for i in range(size)]
    nodes = ListNodes(entries)
    root = naive.mth(entries)
    assert merkle.tree_root(nodes, size) == root
    assert merkle.inclusion_proof(nodes, index, size) == naive.path(index, entries)
    proof = merkle.consistency_proof(nodes, old, size)
    assert proof == naive.proof(old, entries)
    merkle.verify_consistency(old, size, proof, naive.mth(entries[:old]), root)


def broken_proofs(proof: list[bytes], seed: int) -> list[list[bytes]]:
    """Every way in which a proof can be malformed, and a wrong bit."""
    rng = random.Random(seed)
    cases = [
        [*proof, bytes(32)],
        [bytes(32), *proof],
    ]
    if proof:
        place = rng.randrange(len(proof))
        flipped = bytearray(proof[place])
        flipped[rng.randrange(32)] ^= 1 << rng.randrange(8)
        cases += [
            proof[:-1],
            proof[1:],
            [*proof[:place], proof[place][:-1], *proof[place + 1 :]],
            [*proof[:place], proof[place] + b"\0", *proof[place + 1 :]],
            [*proof[:place], bytes(flipped), *proof[place + 1 :]],
        ]
    if len(proof) > 1:
        cases.append([proof[1], proof[0], *proof[2:]])
    return cases


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 255, 256, 257, 300])
def test_malformed_inclusion_proofs_are_refused(size: int) -> None:
    for index in {0, size // 2, size - 1}:
        leaf = merkle.leaf_hash(ENTRIES[index])
        proof = merkle.inclusion_proof(NODES, index, size)
        for wrong in broken_proofs(proof, size):
            with pytest.raises(ProofInvalid):
                merkle.verify_inclusion(leaf, index, size, wrong, ROOTS[size])
        for other in {index - 1, index + 1, size, size + 1} - {index}:
            with pytest.raises(ProofInvalid):
                merkle.verify_inclusion(leaf, other, size, proof, ROOTS[size])


@pytest.mark.parametrize("new", [2, 3, 7, 8, 9, 255, 256, 257, 300])
def test_malformed_consistency_proofs_are_refused(new: int) -> None:
    for old in {1, new // 2, new - 1, new}:
        proof = merkle.consistency_proof(NODES, old, new)
        for wrong in broken_proofs(proof, new):
            with pytest.raises(ProofInvalid):
                merkle.verify_consistency(old, new, wrong, ROOTS[old], ROOTS[new])
        for roots in [(ROOTS[old], bytes(32)), (bytes(32), ROOTS[new])]:
            with pytest.raises(ProofInvalid):
                merkle.verify_consistency(old, new, proof, *roots)


@pytest.mark.parametrize(
    ("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 3), (0, -1), (0, (1 << 63) + 1)]
)
def test_indexes_outside_of_the_tree_are_refused(index: int, size: int) -> None:
    with pytest.raises(ProofInvalid, match="no entry"):
        merkle.verify_inclusion(bytes(32), index, size, [], bytes(32))


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (3, 2), (-1, 2)])
def test_sizes_without_a_proof_are_refused(old: int, new: int) -> None:
    with pytest.raises(ProofInvalid, match="no consistency proof"):
        merkle.verify_consistency(old, new, [], bytes(32), bytes(32))


@pytest.mark.parametrize("length", [0, 20, 31, 33, 64])
def test_leaf_and_roots_have_32_bytes(length: int) -> None:
    wrong = bytes(length)
    with pytest.raises(ProofInvalid, match="bytes"):
        merkle.verify_inclusion(wrong, 0, 1, [], wrong)
    with pytest.raises(ProofInvalid, match="bytes"):
        merkle.verify_consistency(1, 1, [], wrong, wrong)
