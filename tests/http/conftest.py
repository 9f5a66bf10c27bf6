"""One server for each test process; the tests that use it run in one process."""

from collections.abc import Iterator

import pytest

from tests.http.network import Served, founded, part_of_the_sample
from tests.http.shell import run

__all__ = ("run",)  # a fixture


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of the server together, so that it is started once."""
    for item in items:
        if "served" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("server"))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server with the network, all its transfers committed."""
    home = tmp_path_factory.mktemp("network")
    data = part_of_the_sample(home / "data")
    with founded(home, data) as served:
        served.scenario.load_transfers(lambda _: None)
        yield served
