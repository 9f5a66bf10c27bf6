"""Requests per second and p99 of main endpoints, and the same server answering an empty route."""

import http.client
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from governance.client.connection import Connection
from governance.client.folder import MemberFolder
from governance.demo.process import ServerProcess, free_port
from governance.settings import Settings

EMPTY = "/health/live"
PATHS = (
    "/v1/members?limit=50",
    "/v1/parameters",
    "/v1/proposals?limit=50",
    "/v1/governance/bindings",
    "/log/checkpoint",
)
"""What the administrator of a fresh network may ask: each passes token, rate, rules and masks."""

CLIENTS = int(os.environ.get("SEKISHO_BENCHMARK_CLIENTS", "4"))
COUNT = int(os.environ.get("SEKISHO_BENCHMARK_COUNT", "400"))
"""Requests of each client in a round."""

ROUNDS = 3


def run() -> dict[str, Any]:
    """Measure each path in turns with the empty route: the server is another process."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(data_dir=home / "data", port=free_port(), rate_limit=1_000_000)
        with ServerProcess(settings, home / "server.log"):
            administrator = settings.data_dir / "members" / settings.platform_member
            with Connection(settings.url, MemberFolder(administrator)) as connection:
                headers = {"Authorization": "Bearer " + connection.token()}
            rows = [_compare(settings.port, path, headers) for path in PATHS]
    least = min(row["share_of_empty"] for row in rows)
    target = {"target": "30 % of the empty route", "measured": least, "met": least >= 0.3}
    return {"rows": rows, "targets": [target], "clients": CLIENTS}


def _compare(port: int, path: str, headers: dict[str, str]) -> dict[str, Any]:
    mine: list[float] = []
    empty: list[float] = []
    waits: list[float] = []
    for _ in range(ROUNDS):
        empty.append(_load(port, EMPTY, {})[0])
        rate, latencies = _load(port, path, headers)
        mine.append(rate)
        waits += latencies
    rate, bare = statistics.median(mine), statistics.median(empty)
    return {
        "path": path,
        "per_second": round(rate),
        "p99_ms": round(statistics.quantiles(waits, n=100)[98] * 1000, 2),
        "empty_per_second": round(bare),
        "share_of_empty": round(rate / bare, 2),
    }


def _load(port: int, path: str, headers: dict[str, str]) -> tuple[float, list[float]]:
    """Return the rate, and how long each request took, with every client at it at once."""
    waits: list[float] = []
    faults: list[int] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        mine = []
        for _ in range(COUNT):
            started = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            mine.append(time.perf_counter() - started)
            if answer.status != http.client.OK:
                faults.append(answer.status)
        connection.close()
        waits.extend(mine)

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(f"{path} answered {faults[0]}")
    return CLIENTS * COUNT / (time.perf_counter() - started), waits
