"""A network with history and load for benchmarks: rates, waits, and what processes take up."""

import http.client
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from governance.demo.dataset import Dataset
from tests.faults.breaking import descendants
from tests.http.network import Served, founded, part_of_the_sample

RIGHTS = ("BR001", "BR002", "BR003", "BR004")
INVESTORS = 200
TRANSFERS = 1000
NO_LIMIT = 1_000_000
"""Requests a second: benchmarks measure the server, not the limit."""


@contextmanager
def populated(**options: Any) -> Iterator[Served]:
    """Serve the sample's members with a good part of its transfers."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        data: Dataset = part_of_the_sample(home / "data", RIGHTS, TRANSFERS, INVESTORS)
        with founded(home, data, rate_limit=NO_LIMIT, **options) as served:
            served.scenario.load_transfers(lambda _: None)
            yield served


class Client(threading.Thread):
    """Asks one thing over one connection, again and again.

    Args:
        port: of the server, on loopback.
        path: what is asked.
        headers: the member's token.
        count: how often; None until it is ended.
    """

    def __init__(
        self, port: int, path: str, headers: dict[str, str], count: int | None = None
    ) -> None:
        super().__init__(daemon=True)
        self._port, self._path, self._headers = port, path, headers
        self._left = count
        self._end = threading.Event()
        self.waits: list[float] = []
        self.faults: list[int] = []

    def run(self) -> None:
        """Ask until it is enough."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while self._left != 0 and not self._end.is_set():
            started = time.perf_counter()
            connection.request("GET", self._path, headers=self._headers)
            answer = connection.getresponse()
            answer.read()
            self.waits.append(time.perf_counter() - started)
            if answer.status != http.client.OK:
                self.faults.append(answer.status)
            self._left = None if self._left is None else self._left - 1
        connection.close()

    def end(self) -> None:
        """Stop after the request that is under way."""
        self._end.set()
        self.join()


def waits_row(name: str, waits: Sequence[float], seconds: float) -> dict[str, Any]:
    """Return rate, median and p99 of requests that took `waits` seconds each."""
    if not waits:
        return {"what": name, "per_second": 0}
    cuts = statistics.quantiles([*waits, *waits], n=100)
    return {
        "what": name,
        "per_second": round(len(waits) / seconds, 1),
        "median_ms": round(statistics.median(waits) * 1000, 1),
        "p99_ms": round(cuts[98] * 1000, 1),
    }


def usage(served: Served) -> dict[str, tuple[int, int]]:
    """Return MiB of resident memory and open files: of API processes, and of their sandboxes."""
    found = {}
    workers = served.process.workers()
    below = [pid for worker in workers for pid in descendants(worker)]
    for name, pids in (("api", workers), ("sandbox", below)):
        found[name] = (sum(map(_resident, pids)) >> 20, sum(map(_files, pids)))
    return found


def _resident(pid: int) -> int:
    """Return the bytes of memory that only this process has (PSS splits what is shared)."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) << 10


def _files(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0
