"""Memory and open files of every process while payments and reads go on at full load."""

import os
import statistics
import time
from typing import Any

from tests.load.populated import Client, populated, usage, waits_row
from tests.load.traffic import Traffic

SECONDS = float(os.environ.get("SEKISHO_SOAK_SECONDS", "300"))
WARM = 0.2
"""Share of the time after which caches are full and memory counts."""

EVERY = 5.0
"""Seconds between two looks at the processes."""

GROWTH = 1.1
"""The last quarter may take at most a tenth more than the first one after the warm-up."""

PATHS = ("/v1/ledger/transfers?limit=50", "/v1/ledger/registers/BR001?limit=50", "/v1/members")


def run() -> dict[str, Any]:
    """Pay and read for `SEKISHO_SOAK_SECONDS` (300); check every payment against the ledger."""
    with populated(verification_workers=2) as served:
        seen: list[dict[str, tuple[int, int]]] = []
        clients: list[Client] = []
        with Traffic(served, lanes=3, batch=20) as traffic:
            started = time.monotonic()
            while (passed := time.monotonic() - started) < SECONDS:
                for client in clients:  # a token ends after ten minutes; connections come and go
                    client.end()
                token = served.token("trust-a")
                fresh = [Client(served.settings.port, path, token) for path in PATHS]
                for client in fresh:
                    client.start()
                clients += fresh
                time.sleep(EVERY)
                if passed > WARM * SECONDS:
                    seen.append(usage(served))
            for client in clients:
                client.end()
            seconds = time.monotonic() - started
        payments = traffic.check()
    reads = [wait for client in clients for wait in client.waits]
    faults = sum(len(client.faults) for client in clients)
    rows = [
        waits_row("payments, 20 in a request", traffic.waits, seconds),
        waits_row("reads", reads, seconds),
    ]
    targets = [
        *_flat(seen),
        {"target": "no read failed", "measured": faults, "met": not faults},
        {
            "target": "no request asked to try again",
            "measured": sum(traffic.problems.values()),
            "met": not traffic.problems,
        },
    ]
    return {"rows": rows, "targets": targets, "payments": payments, "seconds": round(seconds)}


def _flat(seen: list[dict[str, tuple[int, int]]]) -> list[dict[str, Any]]:
    quarter = max(1, len(seen) // 4)
    found = []
    for name in ("api", "sandbox"):
        for place, unit in enumerate(("MiB", "files")):
            first = statistics.median(look[name][place] for look in seen[:quarter])
            last = statistics.median(look[name][place] for look in seen[-quarter:])
            found.append(
                {
                    "target": f"{name}, {unit}: at most {GROWTH} × from {first:.0f}",
                    "measured": last,
                    "met": last <= max(GROWTH * first, first + 4),
                }
            )
    return found
