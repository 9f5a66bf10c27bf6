"""The server is killed in the middle of the transfers, as by a power cut, and started again.

The loader is told nothing: it waits, sends the same bytes again, and goes on.
"""

import threading
from collections import Counter
from pathlib import Path

import pytest

from governance.audit import audit
from governance.client.connection import Connection
from ledger.log.sources import UrlSource
from tests.faults.breaking import TIMES
from tests.http.joining import within
from tests.http.network import Served, expected_register, founded, part_of_the_sample

RIGHTS = ("BR001", "BR002", "BR003", "BR004")
INVESTORS = 150
TRANSFERS = 600


class Killer:
    """Kills the server and starts it again, each time so many lines are acknowledged."""

    def __init__(self, served: Served, every: int) -> None:
        self._served = served
        self._every = every
        self._threads: list[threading.Thread] = []
        self.acknowledged = 0
        self.kills = 0

    def advance(self, count: int) -> None:
        """Take note of acknowledged lines."""
        self.acknowledged += count
        if self.kills < TIMES and self.acknowledged >= self._every * (self.kills + 1):
            self.kills += 1
            self.wait()
            self._threads.append(threading.Thread(target=self._kill))
            self._threads[-1].start()

    def wait(self) -> None:
        """Return once the server is up again."""
        while self._threads:
            self._threads.pop().join()

    def _kill(self) -> None:
        self._served.process.kill()
        self._served.process.start()


@pytest.mark.faults
def test_killed_in_the_middle_of_the_transfers(tmp_path: Path) -> None:
    data = part_of_the_sample(tmp_path / "data", RIGHTS, TRANSFERS, INVESTORS)
    assert len(data.transfers) == TRANSFERS
    with founded(tmp_path, data) as served:
        killer = Killer(served, TRANSFERS // (TIMES + 1))
        served.scenario.load_transfers(killer.advance)
        killer.wait()
        assert killer.kills == TIMES
        assert killer.acknowledged == TRANSFERS
        trades = Counter(
            item["trade_id"]
            for registrar in ("trust-a", "trust-b")
            for item in served.member(registrar).pages("/v1/ledger/transfers", limit=500)
        )
        assert trades == Counter(row.trade_id for row in data.transfers)
        assert registers(served) == expected_register(data)
        assert served.rows()["ledger_transaction"] == TRANSFERS
        within(60.0, lambda: logged(served) == TRANSFERS)


def registers(served: Served) -> dict[tuple[str, str], int]:
    """Return what each registrar reads in its registers now."""
    found = {}
    for right in served.scenario.data.rights:
        registrar: Connection = served.member(right.registrar_member_id)
        path = f"/v1/ledger/registers/{right.beneficial_right_id}"
        for item in registrar.pages(path, limit=500):
            if item["quantity"]:
                found[right.beneficial_right_id, item["investor_id"]] = item["quantity"]
    return found


def logged(served: Served) -> int:
    """Return how many transactions the log has under its newest checkpoint, after verifying it."""
    source = UrlSource(f"{served.settings.url}/log", served.http)
    return audit(source, served.scenario.anchors).kinds["transaction"]
