"""What is signed is what was committed, and never two histories."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.database import Base, connect, writing
from ledger.errors import (
    LogForked,
    LogRolledBack,
    LogStateInvalid,
    LogWriterRunning,
    WitnessQuorumMissing,
)
from ledger.log import merkle
from ledger.log.checkpoints import Publisher, adopt
from ledger.log.heads import open_checkpoint
from ledger.log.sequencer import LogEntry, append
from tests.log.support import AT, entry, fill, note_signer, publish


def another_engine(folder: Path, entries: int, data: bytes | None = None) -> Engine:
    """A second database: an old backup, or another history."""
    engine = connect(f"sqlite:///{folder / 'other.sqlite'}")
    Base.metadata.create_all(engine)
    with writing(engine) as session:
        append(session, [LogEntry("test", data or entry(i)) for i in range(entries)])
    return engine


def test_the_published_checkpoint_is_the_tree_as_committed(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 700)
    signed = publish(engine, tmp_path)
    opened = open_checkpoint(signed.note, note_signer().key())
    assert opened.checkpoint.size == 700
    assert opened.checkpoint.root == merkle.root_of(
        [merkle.leaf_hash(entry(i)) for i in range(700)]
    )
    assert (tmp_path / "log.state").read_bytes() == signed.note


def test_an_empty_log_has_a_checkpoint_and_nothing_new_is_not_signed_again(
    engine: Engine, tmp_path: Path
) -> None:
    first = publish(engine, tmp_path)
    assert (first.size, first.root) == (0, merkle.EMPTY_ROOT)
    assert publish(engine, tmp_path) == first
    fill(engine, 1)
    assert publish(engine, tmp_path).size == 1


def test_a_restored_old_backup_is_refused(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 10)
    publish(engine, tmp_path)
    old = another_engine(tmp_path, 9)
    with pytest.raises(LogRolledBack, match=r"9 entries, but a checkpoint of 10 .* old backup"):
        publish(old, tmp_path)
    fill(old, 1, 9)  # the way out: the missing entries come back
    fill(old, 5, 10)
    assert publish(old, tmp_path).size == 15
    old.dispose()


def test_another_history_is_refused(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 10)
    publish(engine, tmp_path)
    other = another_engine(tmp_path, 12, b"something else")
    with pytest.raises(LogForked, match="not the one that was signed"):
        publish(other, tmp_path)
    other.dispose()


def test_a_second_publisher_with_the_same_file_is_refused(engine: Engine, tmp_path: Path) -> None:
    state = tmp_path / "log.state"
    with Publisher(engine, note_signer(), state) as first:
        with pytest.raises(LogWriterRunning, match="another process publishes"):
            Publisher(engine, note_signer(), state)
        first.publish(AT)
    Publisher(engine, note_signer(), state).close()


def test_a_second_publisher_with_its_own_file_is_superseded(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 1)
    with (
        Publisher(engine, note_signer(), tmp_path / "a") as one,
        Publisher(engine, note_signer(), tmp_path / "b") as two,
    ):
        one.publish(AT)
        with pytest.raises(LogStateInvalid, match="adopt"):
            two.publish(AT)
    adopt(engine, note_signer(), tmp_path / "b")
    with (
        Publisher(engine, note_signer(), tmp_path / "a") as one,
        Publisher(engine, note_signer(), tmp_path / "b") as two,
    ):
        fill(engine, 1, 1)
        one.publish(AT)
        fill(engine, 1, 2)
        with pytest.raises(LogWriterRunning, match="another writer published size 2"):
            two.publish(AT)


def test_a_lost_file_is_refused_until_the_operator_adopts(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 4)
    publish(engine, tmp_path)
    (tmp_path / "log.state").unlink()
    with pytest.raises(LogStateInvalid, match="adopt"):
        publish(engine, tmp_path)
    adopted = adopt(engine, note_signer(), tmp_path / "log.state")
    assert adopted is not None
    assert adopted.size == 4
    assert publish(engine, tmp_path).size == 4


def test_adopting_does_not_forget_a_larger_checkpoint(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 10)
    publish(engine, tmp_path)
    old = another_engine(tmp_path, 9)
    with Publisher(old, note_signer(), tmp_path / "fresh") as publisher:
        publisher.publish(AT)
    with pytest.raises(LogRolledBack):
        adopt(old, note_signer(), tmp_path / "log.state")
    old.dispose()


def test_a_file_of_another_log_is_refused(engine: Engine, tmp_path: Path) -> None:
    publish(engine, tmp_path)
    with pytest.raises(LogStateInvalid, match="does not hold a checkpoint signed by"):
        Publisher(engine, note_signer("other.example"), tmp_path / "log.state")
    damaged = bytearray((tmp_path / "log.state").read_bytes())
    damaged[-10] ^= 1
    (tmp_path / "log.state").write_bytes(damaged)
    with pytest.raises(LogStateInvalid):
        publish(engine, tmp_path)


def test_a_signed_but_unshown_checkpoint_is_shown_next(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 3)
    signed = publish(engine, tmp_path)
    with engine.begin() as connection:  # as after a crash between file and database
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER log_checkpoints_no_delete")
        else:
            connection.exec_driver_sql("ALTER TABLE log_checkpoints DISABLE TRIGGER USER")
        connection.execute(sa.text("DELETE FROM log_checkpoints"))
    assert publish(engine, tmp_path) == signed


def test_a_quorum_needs_that_many_witnesses(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 1)
    with (
        Publisher(engine, note_signer(), tmp_path / "log.state", (), lambda _: 1) as publisher,
        pytest.raises(WitnessQuorumMissing, match="quorum of 1 from 0"),
    ):
        publisher.publish(AT)


def test_two_writers_at_once_share_the_indexes(engine: Engine) -> None:
    ranges: list[range] = []

    def write(count: int) -> None:
        for _ in range(count):
            with writing(engine) as session:
                ranges.append(append(session, [LogEntry("test", b"x")] * 7))

    threads = [threading.Thread(target=write, args=(20,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(i for r in ranges for i in r) == list(range(280))
