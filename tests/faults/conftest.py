"""The servers of `tests/production`, and a network on one of them for tests that break things."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.http.network import Served, loaded
from tests.production.clusters import Cluster
from tests.production.conftest import cluster
from tests.serving import PROCESSES

__all__ = ["cluster"]


@pytest.fixture(scope="module")
def network(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A network on PostgreSQL: two API processes, two sandbox processes in each."""
    home = tmp_path_factory.mktemp("network")
    url = cluster.create("f" + uuid4().hex)
    with loaded(home, database_url=url, **PROCESSES) as served:
        yield served
