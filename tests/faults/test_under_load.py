"""The sample network is loaded while things are killed: nothing is lost, nothing happens twice.

`SEKISHO_FAULTS` says how many times each kind of process is killed; a few by default. Every line of
`transfers.csv` must end up committed exactly once, every register must be the expected one, and
the whole log must verify, whatever was killed when.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from governance.cli.demo import SAMPLE
from governance.demo import play as playing
from governance.demo.dataset import Dataset
from governance.demo.play import default_dates, differences, play
from governance.demo.process import ServerProcess
from governance.demo.scenario import Scenario
from governance.settings import Settings
from ledger.database import connect
from tests.production.clusters import Cluster

pytestmark = pytest.mark.faults

TIMES = int(os.environ.get("SEKISHO_FAULTS", "4"))
PAUSE = (0.3, 1.2)
"""Seconds between two faults, at random."""

Breaker = Callable[[ServerProcess], None]


@contextmanager
def silent(_title: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _done: None


def kill_worker(server: ServerProcess) -> None:
    os.kill(random.choice(server.workers()), signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def sandboxes(server: ServerProcess) -> list[int]:
    return [pid for worker in server.workers() for pid in descendants(worker)]


def kill_sandbox(server: ServerProcess) -> None:
    for pid in random.sample(found := sandboxes(server), min(2, len(found))):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def freeze_sandbox(server: ServerProcess) -> None:
    """A stuck worker: it takes work and never answers; it is killed after its deadline."""
    for pid in random.sample(found := sandboxes(server), min(1, len(found))):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)


class Disturbed(ServerProcess):
    """The demo's server, with somebody who breaks things while transfers are loaded."""

    breaker: Breaker
    broken = 0
    loading = threading.Event()
    finished = threading.Event()

    def start(self) -> None:
        super().start()
        threading.Thread(target=self._break, daemon=True).start()

    def _break(self) -> None:
        cls = type(self)
        cls.loading.wait()
        while not cls.finished.is_set() and cls.broken < TIMES:
            with suppress(OSError, IndexError):
                cls.breaker(self)
                cls.broken += 1
            cls.finished.wait(random.uniform(*PAUSE))


@pytest.fixture
def url(cluster: Cluster) -> str:
    return cluster.create("f" + uuid4().hex)


def play_disturbed(
    breaker: Breaker, url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> type[Disturbed]:
    class Server(Disturbed):
        loading, finished = threading.Event(), threading.Event()

    Server.breaker = staticmethod(breaker)
    load = Scenario.load_transfers

    def load_disturbed(self: Scenario, advance: Callable[[int], None]) -> None:
        Server.loading.set()
        load(self, advance)
        while Server.broken < TIMES:  # a fast machine: let what is left to break break
            time.sleep(0.1)
        Server.finished.set()
        wait_until_ready(self)

    monkeypatch.setattr(playing, "ServerProcess", Server)
    monkeypatch.setattr(Scenario, "load_transfers", load_disturbed)
    data = Dataset(SAMPLE)
    base = Settings(database_url=url, workers=2, verification_workers=2)
    result = play(data, home, default_dates(data), silent, lambda _line: None, base)
    assert differences(data, result) == []
    assert result.log["verified"]
    assert Server.broken >= TIMES
    check_once(url, data)
    return Server


def wait_until_ready(scenario: Scenario) -> None:
    """Wait until one process after another answers, as a person would."""
    good, until = 0, time.monotonic() + 60
    while good < 10:
        assert time.monotonic() < until
        try:
            scenario.connections[scenario.administrator].get("/health/ready")
            good += 1
        except Exception:  # noqa: BLE001 - whatever it is, it must pass
            good = 0
        time.sleep(0.1)


def check_once(url: str, data: Dataset) -> None:
    engine = connect(url)
    with engine.connect() as connection:
        trades = connection.scalars(sa.text("SELECT trade_id FROM ledger_transfer")).all()
        committed, logged = connection.execute(
            sa.text(
                "SELECT (SELECT count(*) FROM ledger_transaction),"
                " (SELECT count(*) FROM log_entries WHERE kind = 'transaction')"
            )
        ).one()
    engine.dispose()
    assert sorted(trades) == sorted(row.trade_id for row in data.transfers)
    assert committed == logged


@pytest.mark.parametrize("breaker", [kill_worker, kill_sandbox, freeze_sandbox])
def test_processes_are_killed(
    breaker: Breaker, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    play_disturbed(breaker, url, tmp_path, monkeypatch)


def test_connections_are_cut(
    cluster: Cluster, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    database = sa.make_url(url).database

    def cut(_server: ServerProcess) -> None:
        cluster.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{database}' AND application_name = 'sekisho'"
        )

    play_disturbed(cut, url, tmp_path, monkeypatch)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_the_database_is_restarted(
    cluster: Cluster, url: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def restart(_server: ServerProcess) -> None:
        cluster.restart(mode)
        time.sleep(1.0)

    play_disturbed(restart, url, tmp_path, monkeypatch)
