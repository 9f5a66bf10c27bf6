from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from ledger.keys import PrivateKey
from tests.membership.consortium import DAYS, Consortium, Template, renew, sealed_store


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return Template(tmp_path_factory.mktemp("founded"))


@pytest.fixture
def consortium(template: Template, tmp_path: Path) -> Iterator[Consortium]:
    """A founded network on SQLite, copied from one that was founded once."""
    copied = template.copy(tmp_path)
    yield copied
    copied.engine.dispose()


@pytest.fixture
def consortium_on_each(engine: Engine, tmp_path: Path) -> Consortium:
    """A founded network on each kind of database."""
    return Consortium(engine, sealed_store(tmp_path))


@pytest.fixture(params=["first certificate", "after a renewal"])
def trust(request: pytest.FixtureRequest, consortium: Consortium) -> PrivateKey:
    """A registrar's key; every case also holds after a renewal of its certificate."""
    key = consortium.join("trust-a")
    if request.param == "after a renewal":
        consortium.at += 20 * DAYS
        renew(consortium, "platform", consortium.keys["platform"])
        renew(consortium, "trust-a", key)
        consortium.at += 15 * DAYS  # the first certificate has expired
    return key
