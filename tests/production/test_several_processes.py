"""The sample network on PostgreSQL, with two API processes and two verification workers each."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from governance.access.fronting import free_port
from governance.cli.demo import SAMPLE
from governance.client.connection import Connection, Refused
from governance.client.folder import MemberFolder
from governance.client.ledgering import set_session
from governance.decisions.statements import WITHDRAWAL, Withdrawal
from governance.demo.dataset import Dataset
from governance.demo.play import Result, default_dates, differences, play
from governance.demo.process import ServerProcess
from governance.errors import ServerUnreachable
from governance.settings import Settings
from tests.production.clusters import Cluster

pytestmark = pytest.mark.slow

PATIENCE = 60.0
READY_IN_A_ROW = 10


@contextmanager
def silent(_title: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _done: None


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("network")


@pytest.fixture(scope="module")
def settings(cluster: Cluster) -> Settings:
    url = cluster.create("p" + uuid4().hex)
    return Settings(database_url=url, workers=2, verification_workers=2)


@pytest.fixture(scope="module")
def played(home: Path, settings: Settings) -> Result:
    data = Dataset(SAMPLE)
    return play(data, home, default_dates(data), silent, lambda _line: None, settings)


@pytest.fixture(scope="module")
def server(home: Path, settings: Settings, played: Result) -> Iterator[ServerProcess]:
    assert played.log["verified"]
    again = Settings(
        data_dir=home / "server",
        network="st.example",
        port=free_port(),
        database_url=settings.database_url,
        workers=2,
        verification_workers=1,
    )
    with ServerProcess(again, home / "again.log") as running:
        yield running


@pytest.fixture
def registrar(home: Path, server: ServerProcess) -> Iterator[Connection]:
    with Connection(server.url, MemberFolder(home / "trust-a")) as connection:
        yield connection


def wait_until_ready(server: ServerProcess) -> None:
    """Wait until a connection to whichever process is answered: ready."""
    until = time.monotonic() + PATIENCE
    good = 0
    while good < READY_IN_A_ROW:
        assert time.monotonic() < until
        with suppress(httpx.TransportError):
            ready = httpx.get(f"{server.url}/health/ready", timeout=10.0).status_code == 200
            good = good + 1 if ready else 0
        time.sleep(0.1)


def test_every_expected_count_and_register_comes_out(played: Result):
    assert differences(Dataset(SAMPLE), played) == []


def test_a_statement_counts_once_whichever_process_gets_it(
    registrar: Connection, server: ServerProcess
):
    envelope = registrar.sign(WITHDRAWAL, Withdrawal("sha256:" + "0" * 64, "a mistake"))
    slugs = []
    path = f"/v1/proposals/sha256:{'0' * 64}/withdrawal"
    for _ in range(12):
        with Connection(server.url) as stranger:
            try:
                stranger.post_bytes(path, envelope, "application/json")
            except Refused as refusal:
                slugs.append(refusal.slug)
    assert len(slugs) == 12
    assert slugs[0] != "statement-replayed"
    assert set(slugs[1:]) == {"statement-replayed"}


def test_metrics_are_of_all_processes(server: ServerProcess):
    def requests() -> float:
        text = httpx.get(f"{server.url}/metrics").text
        lines = [li for li in text.splitlines() if li.startswith("sekisho_requests_total{")]
        return sum(float(line.rpartition(" ")[2]) for line in lines if "/health/live" in line)

    before = requests()
    for _ in range(40):  # a connection for each: either process may get it
        assert httpx.get(f"{server.url}/health/live").status_code == 200
    assert requests() - before == 40


def test_a_killed_process_is_replaced_and_nothing_is_lost(
    home: Path, registrar: Connection, server: ServerProcess
):
    seen = [t["trade_id"] for t in registrar.pages("/v1/ledger/transfers", limit=500)]
    for _ in range(2):
        victim = server.workers()[0]
        os.kill(victim, signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while victim in server.workers() or len(server.workers()) < 2:
            assert time.monotonic() < until
            time.sleep(0.1)
    wait_until_ready(server)
    with Connection(server.url, MemberFolder(home / "trust-a")) as again:
        assert [t["trade_id"] for t in again.pages("/v1/ledger/transfers", limit=500)] == seen


def test_the_log_goes_on_being_published_after_its_publisher_died(
    home: Path, server: ServerProcess
):
    for pid in server.workers():  # one of them is the publisher
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + PATIENCE
    first = None
    with Connection(server.url, MemberFolder(home / "server" / "members" / "platform")) as chair:
        while time.monotonic() < until:
            with suppress(ServerUnreachable, Refused, httpx.TransportError):
                set_session(chair, "open")
                size = int(httpx.get(f"{server.url}/log/checkpoint").text.splitlines()[1])
                first = size if first is None else first
                if size > first:
                    return
            time.sleep(0.5)
    pytest.fail("no new checkpoint")
