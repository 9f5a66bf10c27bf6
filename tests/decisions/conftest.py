from collections.abc import Iterator

import pytest
from sqlalchemy.engine import Engine

from tests.decisions.world import World


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    """A network with its platform administrator alone; the log must replay at the end."""
    world = World(engine)
    yield world
    world.replayed()


@pytest.fixture
def consortium(world: World) -> World:
    """Two registrars, two custodians and a securities firm beside the administrator."""
    world.join("trust-a", "registrar")
    world.join("trust-b", "registrar")
    world.join("custody-a", "custodian")
    world.join("custody-b", "custodian")
    world.join("direct-a", "direct_securities_firm")
    return world
