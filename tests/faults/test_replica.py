"""The replica that answers queries lags, and dies, under load: who wrote reads what it wrote."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from governance.operations.replica import MAX_LAG
from ledger.headers import LOG_INDEX_HEADER
from tests.faults.breaking import TIMES, wait_until_all_pay, wait_until_ready
from tests.http.network import Served, founded, part_of_the_sample
from tests.http.payments import PATH
from tests.load.traffic import Traffic
from tests.production.clusters import Cluster
from tests.serving import PROCESSES

pytestmark = pytest.mark.faults

READS = 20
"""Reads by each payer while the replica is not what it should be."""


@pytest.fixture(scope="module")
def standby(cluster: Cluster) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="sekisho-") as home:
        made = Cluster(Path(home), cluster)
        yield made
        made.stop("immediate")


@pytest.fixture(scope="module")
def network(
    cluster: Cluster, standby: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A network by several processes whose queries a streaming replica answers."""
    home = tmp_path_factory.mktemp("network")
    name = "r" + uuid4().hex
    urls = {"database_url": cluster.create(name), "replica_url": standby.url(name)}
    with founded(home, part_of_the_sample(home / "data"), **urls, **PROCESSES) as served:
        served.scenario.load_transfers(lambda _: None)
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
