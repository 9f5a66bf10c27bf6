"""A network with history under mixed load: payments, lists, registers, proofs, governance."""

import os
import time
from typing import Any

from tests.load.populated import Client, populated, waits_row
from tests.load.traffic import Traffic

SECONDS = float(os.environ.get("SEKISHO_LOAD_SECONDS", "60"))
COUNT = int(os.environ.get("SEKISHO_LOAD_COUNT", "50000"))
"""Requests of each reader at most."""

READS = (
    ("transfers, registrar", "trust-a", "/v1/ledger/transfers?limit=50"),
    ("transfers, custodian", "custody-a", "/v1/ledger/transfers?limit=50"),
    ("register", "trust-a", "/v1/ledger/registers/BR001?limit=50"),
    ("register as of a day", "trust-a", "/v1/ledger/registers/BR001?as_of=2025-04-30&limit=50"),
    ("members", "auditor", "/v1/members?limit=50"),
    ("checkpoint", "", "/log/checkpoint"),
)


def run() -> dict[str, Any]:
    """Load for `SEKISHO_LOAD_SECONDS` (60); check every payment against ledger and log."""
    with populated(verification_workers=2) as served:
        tokens = {member: served.token(member) for _, member, _ in READS if member}
        clients = {
            name: Client(served.settings.port, path, tokens.get(member, {}), COUNT)
            for name, member, path in READS
        }
        with Traffic(served, lanes=4, batch=20) as traffic:
            started = time.monotonic()
            for client in clients.values():
                client.start()
            time.sleep(SECONDS)
            for client in clients.values():
                client.end()
        seconds = time.monotonic() - started
        payments = traffic.check()
    faults = sum(len(client.faults) for client in clients.values())
    rows = [
        waits_row("payments, 20 in a request", traffic.waits, seconds),
        *(waits_row(name, client.waits, seconds) for name, client in clients.items()),
    ]
    return {
        "rows": rows,
        "targets": [
            {"target": "no request failed", "measured": faults, "met": not faults},
            {
                "target": "every acknowledged payment stands in ledger and log once",
                "measured": payments,
                "met": payments > 0,
            },
        ],
        "payments_per_second": round(payments / seconds, 1),
        "asked_to_try_again": dict(traffic.problems),
    }
