"""The server is killed while the gates of a version run, and started again: they go on.

Whoever follows them by server-sent events sees the stream break, asks again, and sees the end.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from governance.client import contracts as authoring
from tests.governed.versions import later, path
from tests.http.network import Served, founded, part_of_the_sample

LONG = ("determinism", "bounds", "properties", "replay", "behaviour")


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
    with founded(tmp_path, part_of_the_sample(tmp_path / "data")) as served:
        served.scenario.load_transfers(lambda _: None)
        author = served.member("trust-a")
        runtime = authoring.choose_runtime(author, "beneficial_right")
        authoring.submit(
            author, later(served, tmp_path / "1.2.0", "1.2.0", announced=True), runtime
        )
        with pytest.raises(httpx.TransportError):  # noqa: PT012 -- the stream breaks in the loop
            for event in events(served, "1.2.0"):
                assert event["status"] in ("waiting", "running"), event
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


def attested(served: Served) -> list[tuple[str, str]]:
    """Return gate and digest of each attestation, oldest first."""
    found = served.chair.get(path("1.2.0") + "/evidence")
    return [(each["gate"], each["payload_digest"]) for each in found]
