"""Things are killed, cut and restarted under load: nothing is lost, nothing happens twice.

`SEKISHO_FAULTS` says how many times each is broken; a few by default. Every payment that was
acknowledged must stand in the ledger once and in the log where its receipt says, everybody must
hold what the payments say, and the whole log must verify.
"""

import time

import pytest
import sqlalchemy as sa

from tests.faults import breaking
from tests.faults.breaking import TIMES, Breaker, break_under_load
from tests.http.network import Served
from tests.production.clusters import Cluster

pytestmark = pytest.mark.faults

AWAY = frozenset({"database-unavailable", "commit-failed", "busy"})
"""What a server says whose database is away."""

NO_SANDBOX = frozenset({"verifier-unavailable", "sandbox-unavailable"})


@pytest.mark.parametrize(
    "breaker",
    [
        breaking.kill_worker,
        breaking.kill_publisher,
        breaking.kill_supervisor,
        breaking.kill_sandbox,
        breaking.slow_sandbox,
        breaking.kill_everything,
    ],
)
def test_processes_are_killed_and_slow(breaker: Breaker, network: Served):
    traffic = break_under_load(network, breaker)
    assert set(traffic.problems) <= NO_SANDBOX | AWAY


def test_the_server_is_stopped_in_good_order(network: Served):
    """What asked meanwhile is told to try again; nothing is told that the server failed."""
    traffic = break_under_load(network, breaking.stop_and_start)
    assert set(traffic.problems) <= NO_SANDBOX | AWAY
    assert "request failed" not in network.log.read_text(errors="replace")


def test_sandboxes_are_stuck(network: Served):
    traffic = break_under_load(network, breaking.freeze_sandbox, max(2, TIMES // 10))
    assert set(traffic.problems) <= NO_SANDBOX | AWAY


def test_connections_are_cut(cluster: Cluster, network: Served):
    database = sa.make_url(network.settings.database).database

    def cut(_served: Served) -> None:
        cluster.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{database}' AND application_name = 'sekisho'"
        )

    assert set(break_under_load(network, cut).problems) <= AWAY


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_the_database_is_restarted(cluster: Cluster, network: Served, mode: str):
    traffic = break_under_load(network, lambda _: cluster.restart(mode), max(2, TIMES // 5))
    assert set(traffic.problems) <= AWAY


def test_the_database_is_away_for_a_while(cluster: Cluster, network: Served):
    def away(served: Served) -> None:
        cluster.stop("immediate")
        try:
            unknown = {"Authorization": "Bearer " + "x" * 43}
            answer = served.http.get("/v1/members", headers=unknown)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert answer.json()["type"] == "urn:sekisho:problem:database-unavailable"
            assert served.http.get("/health/live").status_code == 200
            assert served.http.get("/health/ready").status_code == 503
            time.sleep(2.0)
        finally:
            cluster.start()

    assert set(break_under_load(network, away, 1).problems) <= AWAY
