"""While no API process lives, who connects waits for the next one; nobody is refused."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from governance.demo.process import ServerProcess
from governance.errors import ServerUnreachable
from governance.settings import Settings
from governance.supervision import YOUNG_SECONDS
from tests.http.joining import within
from tests.serving import server_settings

pytestmark = pytest.mark.faults

CLIENTS = 12
TIMES = 4
SETTLED = YOUNG_SECONDS + 1.0
"""Seconds after which a server whose processes die again and again is not given up."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    settings = server_settings(tmp_path / "server", workers=2)
    with ServerProcess(settings, tmp_path / "server.log") as process:
        yield process


def live(server: ServerProcess) -> int:
    return httpx.get(f"{server.url}/health/live", timeout=60.0).status_code


def test_who_connects_while_every_process_is_dead_is_answered(server: ServerProcess):
    for _ in range(TIMES):
        within(60.0, lambda: len(server.workers()) == 2)
        dead = server.workers()
        for pid in dead:
            os.kill(pid, signal.SIGKILL)
        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = list(clients.map(live, [server] * CLIENTS))
        assert answers == [200] * CLIENTS
        assert not set(dead) & set(server.workers())
        time.sleep(6.0)  # two deaths of one place within 5.5 seconds make all start again


def test_processes_that_die_faster_than_they_start_refuse_nobody(server: ServerProcess):
    ended = threading.Event()
    answers: list[int] = []

    def ask() -> None:
        while not ended.is_set():
            answers.append(live(server))

    def kill_often() -> None:
        for _ in range(TIMES):
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)
            time.sleep(1.0)

    time.sleep(SETTLED)
    kill_often()
    asking = threading.Thread(target=ask)
    asking.start()
    within(60.0, lambda: answers)
    ended.set()
    asking.join()
    assert set(answers) == {200}


def test_a_process_that_is_told_to_end_while_it_starts_ends(server: ServerProcess):
    time.sleep(SETTLED)
    within(60.0, lambda: len(server.workers()) == 2)
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    within(60.0, lambda: set(server.workers()) - set(before))
    (starting,) = set(server.workers()) - set(before)
    os.kill(starting, signal.SIGTERM)
    within(60.0, lambda: starting not in server.workers())
    within(60.0, lambda: len(server.workers()) == 2)
    assert live(server) == 200


def test_a_server_that_was_stopped_refuses(server: ServerProcess):
    port = int(server.url.rpartition(":")[2])
    assert live(server) == 200
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5.0)


def test_a_server_that_cannot_listen_says_so(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(data_dir=tmp_path / "server", port=port)
        with pytest.raises(ServerUnreachable, match=f"cannot listen at 127.0.0.1:{port}"):
            ServerProcess(settings, tmp_path / "server.log").start()
