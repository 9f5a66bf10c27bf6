"""Commitments judged a bundle at a time are judged as each alone would be."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.auditing.transactions import Transactions
from governance.errors import EntryWrong
from ledger.commitment import log_commitment
from ledger.log.merkle import leaf_hashes
from ledger.log.tiles import Bundle, encode_bundle

SAID = b'{"sekisho":"statement/v1","kind":"custody","commitment":"%064x"}'


def bundle(entries: list[bytes]) -> Bundle:
    return Bundle(encode_bundle(entries), 512, len(entries))


def mixed(seed: int, width: int = 256) -> list[bytes]:
    """Return commitments to transactions and, among them, to statements."""
    rng = random.Random(seed)
    return [
        SAID % index if rng.random() < 0.05 else log_commitment(rng.randbytes(32)).data
        for index in range(width)
    ]


@given(st.lists(st.tuples(st.binary(max_size=9), st.integers(1, 40)), min_size=1, max_size=6))
def test_runs_hash_and_read_as_the_entries_that_they_are(runs: list[tuple[bytes, int]]) -> None:
    entries = [entry for entry, times in runs for _ in range(times)][:256]
    read = bundle(entries)
    assert list(read) == entries
    assert read.leaf_hashes() == leaf_hashes(entries)
    assert sum(run.width for run in read.runs) == len(entries)


def test_all_commitments_of_a_mixed_bundle_are_taken_once() -> None:
    transactions = Transactions({})
    for seed in range(4):
        entries = mixed(seed)
        expected = sum(b"transaction/v1" in entry for entry in entries)
        assert transactions.take_bundle(bundle(entries)) == expected
    for seed in range(4):
        assert transactions.take_bundle(bundle(mixed(seed))) == 0
        repeated = next(entry for entry in mixed(seed) if b"transaction/v1" in entry)
        with pytest.raises(EntryWrong, match=r"entry 7 .* committed before"):
            transactions.take(7, repeated)


@pytest.mark.parametrize("seed", range(40))
def test_a_changed_byte_of_a_commitment_is_never_taken(seed: int) -> None:
    """One byte of one commitment becomes another, so that it is no commitment any more."""
    rng = random.Random(seed)
    entries = mixed(seed, rng.choice([1, 2, 30, 256]))
    places = [i for i, entry in enumerate(entries) if b"transaction/v1" in entry]
    if not places:
        entries, places = [log_commitment(b"x" * 32).data], [0]
    place = rng.choice(places)
    changed = bytearray(entries[place])
    at = rng.randrange(len(changed))
    in_digits = len(changed) - 66 <= at < len(changed) - 2
    other = b"ABCDEFgG:/ \x00\xff" if in_digits else b"0123456789abcdefAZ{ \x00\xff"
    changed[at] = rng.choice([byte for byte in other if byte != changed[at]])
    entries[place] = bytes(changed)
    assert Transactions({}).take_bundle(bundle(entries)) == 0
    with pytest.raises(EntryWrong, match=f"entry {512 + place} "):
        Transactions({}).take(512 + place, entries[place])


def test_a_commitment_twice_in_one_bundle_is_found() -> None:
    entries = mixed(1)
    first, last = [i for i, entry in enumerate(entries) if b"transaction/v1" in entry][
        :: len(entries) // 2
    ][:2]
    entries[last] = entries[first]
    transactions = Transactions({})
    assert transactions.take_bundle(bundle(entries)) == 0
    for index, entry in enumerate(entries[:last]):
        if b"transaction/v1" in entry:
            transactions.take(index, entry)
    with pytest.raises(EntryWrong, match=f"entry {last} .* committed before"):
        transactions.take(last, entries[last])
