from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.archives import read_folder
from contracts.packages import make_package
from governance.assembly.founding import create_network
from governance.settings import Settings
from tests.auditing.network import AuditedNetwork, lively
from tests.serving import server_settings

SHIPPED = Path(__file__).parents[2] / "contracts" / "shipped" / "beneficial_right"


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditedNetwork]:
    made = lively(tmp_path_factory.mktemp("audited"), make_package(read_folder(SHIPPED)))
    yield made
    made.engine.dispose()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a server whose network is founded."""
    made = server_settings(tmp_path / "data", network="st.example")
    create_network(made, lambda _line: None)
    return made
