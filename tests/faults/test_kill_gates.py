"""Processes are killed while the gates of a version run: the gates go on, and nobody is blamed.

Whoever follows them by server-sent events sees the stream break, asks again, and sees the end.
"""

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from governance.client import contracts as authoring
from tests.faults.breaking import PAUSE, TIMES, sandboxes, send_signal
from tests.governed.versions import later, path
from tests.http.network import Served, loaded

GOING_ON = ("waiting", "running")
LONG = ("determinism", "bounds", "properties", "replay", "behaviour")

KILLS_BETWEEN_GATES = 3
"""A job in which five attempts bring no gate to its end would be called broken."""


def events(served: Served, version: str) -> Iterator[dict[str, Any]]:
    """Yield what the stream of progress says, until it ends or breaks."""
    header = {**served.token("trust-b"), "Accept": "text/event-stream"}
    url = f"{path(version)}/gates/stream"
    with served.http.stream("GET", url, headers=header, timeout=120.0) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))


@pytest.mark.faults
def test_gates_go_on_after_a_kill(tmp_path: Path) -> None:
    with loaded(tmp_path) as served:
        author = served.member("trust-a")
        runtime = authoring.choose_runtime(author, "beneficial_right")
        authoring.submit(
            author, later(served, tmp_path / "1.2.0", "1.2.0", announced=True), runtime
        )
        with pytest.raises(httpx.TransportError):  # noqa: PT012 -- the stream breaks in the loop
            for event in events(served, "1.2.0"):
                assert event["status"] in GOING_ON, event
                if event["gate"] in LONG:
                    served.process.kill()
        served.process.start()
        done = attested(served)
        assert done, "what had passed before the kill is kept"
        last = list(events(served, "1.2.0"))[-1]
        assert (last["status"], last["message"]) == ("passed", "every gate passed")
        assert authoring.wait_for_gates(author, "beneficial_right", "1.2.0") == last
        found = attested(served)
        gates = [gate for gate, _ in found]
        assert len(gates) == len(set(gates)) == 9
        assert found[: len(done)] == done


@pytest.mark.faults
def test_gates_go_on_whichever_of_their_processes_dies(network: Served, tmp_path: Path) -> None:
    author = network.member("trust-a")
    runtime = authoring.choose_runtime(author, "beneficial_right")
    kills = 0
    for number in range(TIMES):
        version = f"1.{number + 3}.0"
        package = later(network, tmp_path / version, version, announced=True)
        others = set(sandboxes(network))  # they judge transactions, not versions
        authoring.submit(author, package, runtime)
        kills += kill_while_gates_run(network, version, others, TIMES - kills)
        found = author.get(path(version) + "/gates")
        assert found["status"] == "passed", found
        gates = [gate for gate, _ in attested(network, version)]
        assert len(gates) == len(set(gates)) == 9
        if kills == TIMES:
            return


def kill_while_gates_run(served: Served, version: str, others: set[int], most: int) -> int:
    """Kill processes of the gates until these have ended; return how many were killed."""
    author = served.member("trust-a")
    killed: Counter[int] = Counter()
    while author.get(path(version) + "/gates")["status"] in GOING_ON:
        time.sleep(random.uniform(*PAUSE))
        done = len(attested(served, version))
        victims = [pid for pid in sandboxes(served) if pid not in others]
        if killed.total() < most and killed[done] < KILLS_BETWEEN_GATES:
            killed[done] += send_signal(signal.SIGKILL, victims) is not None
    return killed.total()


def attested(served: Served, version: str = "1.2.0") -> list[tuple[str, str]]:
    """Return gate and digest of each attestation, oldest first."""
    found = served.chair.get(path(version) + "/evidence")
    return [(each["gate"], each["payload_digest"]) for each in found]
