"""The replica that answers queries lags, and dies, under load: who wrote reads what it wrote."""

import time
from collections.abc import Callable, Iterator

import pytest

from governance.operations.replica import MAX_LAG
from ledger.headers import LOG_INDEX_HEADER
from tests.faults.breaking import TIMES, wait_until_all_pay, wait_until_ready
from tests.http.network import Served
from tests.http.payments import PATH
from tests.load.traffic import Traffic
from tests.production.clusters import Cluster, replicated, running
from tests.serving import PROCESSES

pytestmark = pytest.mark.faults

READS = 20
"""Reads by each payer while the replica is not what it should be."""


@pytest.fixture(scope="module")
def standby(cluster: Cluster) -> Iterator[Cluster]:
    with running(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def network(
    cluster: Cluster, standby: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A network by several processes whose queries a streaming replica answers."""
    with replicated(cluster, standby, tmp_path_factory.mktemp("network"), **PROCESSES) as served:
        yield served


def read_own(served: Served, traffic: Traffic) -> None:
    """Let every payer read the payment that was acknowledged last."""
    rights = served.scenario.data.rights
    registrars = {right.beneficial_right_id: right.registrar_member_id for right in rights}
    for lane in traffic.lanes:
        paid = lane.tally.acknowledged[-1]
        headers = served.token(registrars[paid.right]) | {LOG_INDEX_HEADER: str(paid.log_index)}
        answer = served.http.get(f"{PATH}/{paid.txid}", headers=headers)
        assert answer.status_code == 200, answer.text


def under_load(served: Served, spoil: Callable[[], object], mend: Callable[[], object]) -> None:
    with Traffic(served) as traffic:
        for _ in range(TIMES):
            wait_until_all_pay(traffic)
            spoil()
            try:
                for _ in range(READS):
                    read_own(served, traffic)
            finally:
                mend()
            wait_until_all_pay(traffic)
            read_own(served, traffic)
        wait_until_ready(served)
    assert not traffic.problems
    traffic.check()


def test_the_replica_lags(network: Served, standby: Cluster):
    under_load(
        network,
        lambda: standby.execute("SELECT pg_wal_replay_pause()"),
        lambda: standby.execute("SELECT pg_wal_replay_resume()"),
    )


def test_the_replica_lags_for_longer_than_it_may(network: Served, standby: Cluster):
    def lag() -> None:
        standby.execute("SELECT pg_wal_replay_pause()")
        time.sleep(MAX_LAG + 1)

    under_load(network, lag, lambda: standby.execute("SELECT pg_wal_replay_resume()"))


def test_the_replica_dies(network: Served, standby: Cluster):
    under_load(network, lambda: standby.stop("immediate"), standby.start)
