from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from tests.membership.consortium import Consortium, sealed_store


@pytest.fixture
def consortium(engine: Engine, tmp_path: Path) -> Consortium:
    return Consortium(engine, sealed_store(tmp_path))
