"""Over HTTP, whoever wrote reads what it wrote, though the replica that answers lags behind."""

import time
from collections.abc import Iterator

import pytest

from governance.operations.replica import LOOK_EVERY, MAX_LAG
from ledger.headers import LOG_INDEX_HEADER
from tests.http.joining import within
from tests.http.network import Served
from tests.http.payments import PATH, payment
from tests.production.clusters import Cluster, replicated, running

pytestmark = pytest.mark.slow

TRANSFERS = "/v1/ledger/transfers"


@pytest.fixture(scope="module")
def standby(cluster: Cluster) -> Iterator[Cluster]:
    with running(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def network(
    cluster: Cluster, standby: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A network whose queries a streaming replica answers."""
    with replicated(cluster, standby, tmp_path_factory.mktemp("network")) as served:
        yield served


def pay(served: Served) -> tuple[str, str, int]:
    """Commit a payment; return who made it, its trade id, and the log index of its receipt."""
    made = payment(served)
    signed = made.signed()
    headers = served.token(made.creator)
    answer = served.http.post(PATH, content=signed.data, headers=headers)
    assert answer.status_code == 201, answer.text
    return made.creator, made.command.trade_id, answer.json()["log_index"]


def newest(served: Served, member: str, seen: int | None = None) -> str:
    headers = served.token(member)
    if seen is not None:
        headers[LOG_INDEX_HEADER] = str(seen)
    answer = served.http.get(TRANSFERS, params={"limit": 1}, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["items"][0]["trade_id"])


def test_who_wrote_reads_it_while_the_replica_lags(network: Served, standby: Cluster):
    member, first, index = pay(network)
    within(MAX_LAG, lambda: newest(network, member) == first)
    standby.execute("SELECT pg_wal_replay_pause()")
    try:
        _, second, seen = pay(network)
        assert seen > index
        time.sleep(LOOK_EVERY)
        assert newest(network, member, seen) == second
        assert newest(network, member, index) == first  # the replica may answer: it has that entry
        assert newest(network, member) == first
        within(3 * MAX_LAG, lambda: newest(network, member) == second)  # it lags too long now
    finally:
        standby.execute("SELECT pg_wal_replay_resume()")
    within(MAX_LAG, lambda: newest(network, member, seen) == second)


def test_the_client_of_this_distribution_reads_what_it_wrote(network: Served, standby: Cluster):
    standby.execute("SELECT pg_wal_replay_pause()")
    try:
        made = payment(network)
        client = network.member(made.creator)
        client.post_bytes(PATH, made.signed().data, "application/json")
        page = client.get(TRANSFERS, limit=1)
        assert page["items"][0]["trade_id"] == made.command.trade_id
    finally:
        standby.execute("SELECT pg_wal_replay_resume()")


def test_a_header_that_is_no_index_is_refused(network: Served):
    headers = network.token("trust-a") | {LOG_INDEX_HEADER: "newest"}
    answer = network.http.get(TRANSFERS, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:sekisho:problem:log-index-invalid"
