"""Served networks of these tests' own, on each database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import new_postgresql
from tests.http.network import Served, loaded


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one network together, so that it is started once."""
    for item in items:
        if "tests/visibility" in item.path.as_posix():
            named = "lively" if "lively" in getattr(item, "fixturenames", ()) else "visible"
            item.add_marker(pytest.mark.xdist_group(named))


DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


@contextmanager
def serving(request: pytest.FixtureRequest, home: Path) -> Iterator[Served]:
    """Serve a part of the sample, all its transfers committed."""
    options = {}
    if request.param == "postgresql":
        options["database_url"] = new_postgresql(request.getfixturevalue("postgresql_server"))[0]
    with loaded(home, **options) as served:
        yield served


@pytest.fixture(scope="session", params=DATABASES)
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A network of which these tests only ask."""
    with serving(request, tmp_path_factory.mktemp("visible")) as served:
        yield served


@pytest.fixture(scope="session", params=DATABASES)
def lively(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A network in which these tests let more happen."""
    with serving(request, tmp_path_factory.mktemp("lively")) as served:
        yield served
