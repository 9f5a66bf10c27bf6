"""One server for each test process; the tests that use it run in one process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance.client.renewing import renew
from governance.membership.members import Role
from tests.http.joining import Make, Newcomer
from tests.http.network import Served, loaded
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
    with loaded(home) as served:
        yield served


@pytest.fixture(params=[False, True], ids=["first certificate", "renewed certificate"])
def make(request: pytest.FixtureRequest, served: Served, tmp_path: Path) -> Iterator[Make]:
    """Makes newcomers; in the second round everybody who acts has renewed its certificate."""
    made: list[Newcomer] = []

    def new(role: Role = Role.CUSTODIAN, **options: Any) -> Newcomer:
        made.append(Newcomer(served, tmp_path, role, renewed=request.param, **options))
        return made[-1]

    if request.param:
        for member in ("platform", "trust-b", "auditor"):
            connection = served.member(member)
            renew(connection, connection.own_folder())
    yield new
    for newcomer in made:
        newcomer.close()
