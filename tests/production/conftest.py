"""A server of PostgreSQL that these tests may stop, and networks founded on it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from governance.settings import Settings
from tests.production.clusters import Cluster, running


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a network to be founded, on each kind of database."""
    data = tmp_path / "data"
    if request.param == "sqlite":
        return Settings(data_dir=data, network="st.example")
    cluster: Cluster = request.getfixturevalue("cluster")
    monkeypatch.setenv("PATH", str(cluster.bin), prepend=":")
    url = cluster.create("n" + uuid4().hex)
    return Settings(data_dir=data, network="st.example", database_url=url)
