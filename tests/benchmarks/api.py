"""Requests per second and p99 of main endpoints, and the same server answering an empty route."""

import os
import statistics
import time
from typing import Any

from tests.http.network import Served
from tests.load.populated import Client, populated, waits_row
from tests.load.traffic import Traffic

EMPTY = "/health/live"
PATHS = (
    ("trust-a", "/v1/ledger/transfers?limit=50"),
    ("custody-a", "/v1/ledger/transfers?limit=50"),
    ("trust-a", "/v1/ledger/registers/BR001?limit=50"),
    ("trust-a", "/v1/members?limit=50"),
    ("trust-a", "/v1/contracts?limit=50"),
    ("trust-a", "/v1/proposals?limit=50"),
    ("trust-a", "/v1/governance/bindings"),
    ("trust-a", "/v1/parameters"),
    ("", "/log/checkpoint"),
)
"""Who asks for what: each but the last passes token, rate, rules and masks."""

CLIENTS = int(os.environ.get("SEKISHO_BENCHMARK_CLIENTS", "4"))
COUNT = int(os.environ.get("SEKISHO_BENCHMARK_COUNT", "300"))
"""Requests of each client in a round."""

ROUNDS = 3
SUBMITTING = 8.0
"""Seconds of single submissions."""

SHARE = 0.3
"""Of the empty route's rate: what a policy-checked page must reach."""


def run() -> dict[str, Any]:
    """Measure each path in turns with the empty route: the server is another process."""
    with populated(verification_workers=2) as served:
        rows = [_compare(served, member, path) for member, path in PATHS]
        submitting = _submit(served)
    least = min(row["share_of_empty"] for row in rows)
    target = {"target": "30 % of the empty route", "measured": least, "met": least >= SHARE}
    return {"rows": [*rows, submitting], "targets": [target], "clients": CLIENTS}


def _compare(served: Served, member: str, path: str) -> dict[str, Any]:
    headers = served.token(member) if member else {}
    mine: list[float] = []
    empty: list[float] = []
    waits: list[float] = []
    for _ in range(ROUNDS):
        empty.append(_load(served.settings.port, EMPTY, {})[0])
        rate, latencies = _load(served.settings.port, path, headers)
        mine.append(rate)
        waits += latencies
    rate, bare = statistics.median(mine), statistics.median(empty)
    row = waits_row(f"{member} {path}".strip(), waits, len(waits) / rate)
    return row | {"empty_per_second": round(bare), "share_of_empty": round(rate / bare, 2)}


def _load(port: int, path: str, headers: dict[str, str]) -> tuple[float, list[float]]:
    """Return the rate, and how long each request took, with every client at it at once."""
    clients = [Client(port, path, headers, COUNT) for _ in range(CLIENTS)]
    started = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    took = time.perf_counter() - started
    faults = [status for client in clients for status in client.faults]
    if faults:
        raise RuntimeError(f"{path} answered {faults[0]}")
    return CLIENTS * COUNT / took, [wait for client in clients for wait in client.waits]


def _submit(served: Served) -> dict[str, Any]:
    """Measure one transaction in a request: composed, signed, judged, attested, durable."""
    with Traffic(served, lanes=CLIENTS, batch=1) as traffic:
        started = time.perf_counter()
        time.sleep(SUBMITTING)
        took = time.perf_counter() - started
        waits = traffic.waits
    traffic.check()
    return waits_row("one transaction in a request, composing included", waits, took)
