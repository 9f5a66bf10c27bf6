"""A served network of these tests' own: they freeze and replace its contract."""

from collections.abc import Iterator

import pytest

from tests.http.network import Served, loaded


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of the server together, so that it is started once."""
    for item in items:
        if "governed" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("governed"))


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server with the network, all its transfers committed."""
    home = tmp_path_factory.mktemp("governed")
    with loaded(home) as served:
        yield served
