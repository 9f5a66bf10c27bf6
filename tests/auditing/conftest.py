from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.archives import read_folder
from contracts.packages import make_package
from tests.auditing.network import AuditedNetwork, lively

SHIPPED = Path(__file__).parents[2] / "contracts" / "shipped" / "beneficial_right"


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditedNetwork]:
    made = lively(tmp_path_factory.mktemp("audited"), make_package(read_folder(SHIPPED)))
    yield made
    made.engine.dispose()
