"""Killed at any point: no index is used twice, nothing acknowledged is lost, no tree shrinks."""

import itertools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from ledger.database import reading
from ledger.log import merkle
from ledger.log.heads import open_checkpoint
from ledger.log.store import StoredNodes, level_hashes, log_size, read_entries
from tests.log.support import note_signer, publish

ROOT = Path(__file__).parents[2]


def start(url: str, state: Path, seed: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.log.writer", url, str(state), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def run_and_kill(url: str, state: Path, rng: random.Random) -> list[list[str]]:
    """Start a writer, kill it some time after its first answer, return what it said."""
    process = start(url, state, rng.randrange(1 << 30))
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(rng.uniform(0, 0.25))
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    return [line.split() for line in (first + rest).splitlines(keepends=True) if "\n" in line]


def check(engine: Engine, folder: Path, said: list[list[str]], before: int) -> int:
    """Check all that was promised; return the log's size."""
    appended = [(int(line[1]), int(line[2])) for line in said if line[0] == "appended"]
    shown = [(int(line[1]), line[2]) for line in said if line[0] == "shown"]
    assert appended[0][0] == before
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(appended))
    with reading(engine) as session:
        size = log_size(session)
        assert size >= appended[-1][1]
        assert [i for i, _, _ in read_entries(session, 0, size)] == list(range(size))
        leaves = level_hashes(session, 0, 0, size)
        assert merkle.tree_root(StoredNodes(session), size) == merkle.root_of(leaves)
    for number, root in shown:
        assert merkle.root_of(leaves[:number]).hex() == root
    assert [s for s, _ in shown] == sorted(s for s, _ in shown)
    if (folder / "log.state").exists():
        signed = open_checkpoint((folder / "log.state").read_bytes(), note_signer().key())
        assert signed.checkpoint.root == merkle.root_of(leaves[: signed.checkpoint.size])
        assert signed.checkpoint.size >= max((s for s, _ in shown), default=0)
    assert publish(engine, folder).size == size
    return size


def kill_rounds(url: str, engine: Engine, folder: Path, rounds: int) -> None:
    rng = random.Random(rounds)
    size = 0
    for _ in range(rounds):
        said = run_and_kill(url, folder / "log.state", rng)
        size = check(engine, folder, said, size)


def test_a_killed_writer_loses_and_repeats_nothing(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    kill_rounds(database_url, engine, tmp_path, 2)


@pytest.mark.faults
def test_a_writer_killed_forty_times_loses_and_repeats_nothing(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    kill_rounds(database_url, engine, tmp_path, 40)


def test_of_two_writer_processes_one_wins_and_the_other_says_why(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    state = tmp_path / "log.state"
    first = start(database_url, state, 1)
    assert first.stdout is not None
    first.stdout.readline()
    try:
        second = subprocess.run(
            [sys.executable, "-m", "tests.log.writer", database_url, str(state), "2"],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            check=True,
            timeout=30,
        )
        assert second.stdout.split() == ["refused", "LogWriterRunning"]
    finally:
        first.kill()
        first.communicate()
    assert publish(engine, tmp_path).size > 0
