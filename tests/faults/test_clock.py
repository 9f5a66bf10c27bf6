"""A server's clock jumps by an hour, there and back, under load; its clients' clocks are right."""

import time
from pathlib import Path

import pytest

from tests.faults.breaking import wait_until_ready
from tests.http.joining import within
from tests.http.network import loaded
from tests.load.traffic import Traffic

pytestmark = pytest.mark.faults

SHIM = Path(__file__).parent / "clock"
HOUR = 3600
UNTIMELY = frozenset({"outside-time-window", "unauthenticated", "creator-unknown"})
"""What a server says to transactions, assertions and certificates of another time than its own:
an hour ago nobody in this network had a certificate yet."""

AT_EACH = 3.0
"""Seconds that the clock stays wrong."""

PATIENCE = 120.0


def move(file: Path, seconds: int) -> None:
    """Move the clock of whoever reads this file, at any moment."""
    written = file.with_suffix(".new")
    written.write_text(str(seconds), encoding="ascii")
    written.replace(file)


def test_the_clock_jumps_by_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "moved-by"
    move(file, 0)
    monkeypatch.setenv("MOVED_CLOCK", str(file))
    monkeypatch.setenv("PYTHONPATH", str(SHIM))
    with loaded(tmp_path) as served:
        with Traffic(served, lanes=3, forgiven=UNTIMELY) as traffic:
            for moved in (HOUR, 0, -HOUR, 0, 2 * HOUR, 0):
                time.sleep(AT_EACH)
                met = traffic.problems
                move(file, moved)
                time.sleep(AT_EACH)
                assert served.http.get("/health/live").status_code == 200
                if moved == 2 * HOUR:
                    within(PATIENCE, lambda met=met: traffic.problems != met)  # it does move
            wait_until_ready(served)
            before = len(traffic.acknowledged)
            within(PATIENCE, lambda: len(traffic.acknowledged) > before)
        traffic.check()
        assert "request failed" not in served.log.read_text(errors="replace")
