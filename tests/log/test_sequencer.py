"""Entries get consecutive indexes, and the stored tree is the one of RFC 6962."""

import random

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.errors import EntryRefused
from ledger.log import merkle
from ledger.log.sequencer import LogEntry, append
from ledger.log.store import StoredNodes, level_hashes, log_size, read_entries
from tests.log.support import ListNodes, entry, fill


def test_indexes_are_consecutive_from_zero(engine: Engine) -> None:
    assert fill(engine, 3) == range(3)
    assert fill(engine, 0) == range(3, 3)
    assert fill(engine, 2, 3) == range(3, 5)
    with reading(engine) as session:
        assert log_size(session) == 5
        stored = list(read_entries(session, 1, 4))
    assert stored == [(i, "test", entry(i)) for i in range(1, 4)]


def test_a_rolled_back_append_leaves_no_trace(engine: Engine) -> None:
    fill(engine, 250)
    with writing(engine) as session:
        append(session, [LogEntry("test", b"lost")] * 300)
        session.rollback()
    assert fill(engine, 300, 250) == range(250, 550)
    with reading(engine) as session:
        root = merkle.tree_root(StoredNodes(session), 550)
    assert root == merkle.root_of([merkle.leaf_hash(entry(i)) for i in range(550)])


@pytest.mark.parametrize("seed", range(3))
def test_batches_of_any_size_give_the_same_tree(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    size = 0
    while size < 66_500:
        size = fill(engine, rng.choice([1, 2, 255, 256, 257, 5_000, 30_000]), size).stop
    nodes = ListNodes([entry(i) for i in range(size)])
    with reading(engine) as session:
        stored = StoredNodes(session)
        assert merkle.tree_root(stored, size) == merkle.tree_root(nodes, size)
        for _ in range(25):
            new = rng.randint(1, size)
            index, old = rng.randrange(new), rng.randint(1, new)
            assert merkle.inclusion_proof(stored, index, new) == merkle.inclusion_proof(
                nodes, index, new
            )
            assert merkle.consistency_proof(stored, old, new) == merkle.consistency_proof(
                nodes, old, new
            )


def test_a_batch_of_many_kinds_and_lengths_is_kept_as_it_came(engine: Engine) -> None:
    """Runs of entries alike, longer and shorter than a tile, among others that stand alone."""
    rng = random.Random(7)
    batch: list[LogEntry] = []
    for width in (1, 300, 2, 8, 9, 1, 1, 256, 513, 20, 1):
        kind, length = f"kind-{rng.randrange(3)}", rng.choice([1, 5, 113, 4_000])
        batch += [LogEntry(kind, rng.randbytes(length)) for _ in range(width)]
    batch.append(LogEntry("kind-0", b"\x00" * 65_535))
    fill(engine, 7)
    with writing(engine) as session:
        assert append(session, batch) == range(7, 7 + len(batch))
    with reading(engine) as session:
        stored = list(read_entries(session, 7, 7 + len(batch)))
        hashes = level_hashes(session, 0, 7, 7 + len(batch))
    assert stored == [(i, one.kind, one.data) for i, one in enumerate(batch, 7)]
    assert hashes == [merkle.leaf_hash(one.data) for one in batch]


def test_all_faults_of_a_batch_are_named(engine: Engine) -> None:
    batch = [
        LogEntry("test", b""),
        LogEntry("test", b"x" * 65_535),
        LogEntry("test", b"x" * 65_536),
        LogEntry("", b"x"),
    ]
    with pytest.raises(EntryRefused) as caught, writing(engine) as session:
        append(session, batch)
    assert [f.where for f in caught.value.faults] == ["entries[0]", "entries[2]", "entries[3].kind"]
    with reading(engine) as session:
        assert log_size(session) == 0


@pytest.mark.parametrize("table", ["log_entries", "log_tiles"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_the_tables_are_append_only(engine: Engine, table: str, change: str) -> None:
    fill(engine, 256)
    column = {"log_entries": "leaf_hash", "log_tiles": "root"}[table]
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), writing(engine) as session:
        session.execute(sa.text(change.format(table, column, column)))
