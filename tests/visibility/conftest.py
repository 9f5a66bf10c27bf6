"""A served network of these tests' own, on each database: they add what most may not see."""

from collections.abc import Iterator

import pytest

from tests.conftest import new_postgresql
from tests.http.network import Served, founded, part_of_the_sample


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one network together, so that it is started once."""
    for item in items:
        if "tests/visibility" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("visibility"))


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
)
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The server with a part of the sample, all its transfers committed."""
    home = tmp_path_factory.mktemp("visible")
    options = {}
    if request.param == "postgresql":
        options["database_url"] = new_postgresql(request.getfixturevalue("postgresql_server"))[0]
    with founded(home, part_of_the_sample(home / "data"), **options) as served:
        served.scenario.load_transfers(lambda _: None)
        yield served
