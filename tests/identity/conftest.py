from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.membership.consortium import Consortium, Template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return Template(tmp_path_factory.mktemp("founded"))


@pytest.fixture
def consortium(template: Template, tmp_path: Path) -> Iterator[Consortium]:
    """A founded network on SQLite, copied from one that was founded once."""
    copied = template.copy(tmp_path)
    yield copied
    copied.engine.dispose()
