"""A server's clock jumps by an hour, there and back, under load; its clients' clocks are right."""

import time
from pathlib import Path

import pytest

from tests.faults.breaking import wait_until_ready
from tests.http.network import founded, part_of_the_sample
from tests.load.traffic import Traffic

pytestmark = pytest.mark.faults

SHIM = Path(__file__).parent / "clock"
HOUR = 3600
UNTIMELY = frozenset({"outside-time-window", "unauthenticated", "creator-unknown"})
"""What a server says to transactions, assertions and certificates of another time than its own:
an hour ago nobody in this network had a certificate yet."""

AT_EACH = 3.0
"""Seconds that the clock stays wrong."""


def test_the_clock_jumps_by_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "moved-by"
    file.write_text("0", encoding="ascii")
    monkeypatch.setenv("MOVED_CLOCK", str(file))
    monkeypatch.setenv("PYTHONPATH", str(SHIM))
    with founded(tmp_path, part_of_the_sample(tmp_path / "data")) as served:
        served.scenario.load_transfers(lambda _: None)
        with Traffic(served, lanes=3, forgiven=UNTIMELY) as traffic:
            for moved in (HOUR, 0, -HOUR, 0, 2 * HOUR, 0):
                time.sleep(AT_EACH)
                file.write_text(str(moved), encoding="ascii")
                met = traffic.problems
                time.sleep(AT_EACH)
                assert served.http.get("/health/live").status_code == 200
                if moved == 2 * HOUR:
                    assert traffic.problems != met  # the clock does move
            wait_until_ready(served)
            before = len(traffic.acknowledged)
            time.sleep(AT_EACH)
            assert len(traffic.acknowledged) > before
        traffic.check()
        assert "request failed" not in served.log.read_text(errors="replace")
