import pytest
from sqlalchemy.engine import Engine

from governance.incidents.services import IncidentServices
from policies.responsibility import shipped_matrix
from tests.decisions.world import World


@pytest.fixture
def world(engine: Engine) -> World:
    """Two registrars, two custodians and a securities firm beside the administrator."""
    world = World(engine)
    world.join("trust-a", "registrar")
    world.join("trust-b", "registrar")
    world.join("custody-a", "custodian")
    world.join("custody-b", "custodian")
    return world


@pytest.fixture
def services(world: World) -> IncidentServices:
    return IncidentServices(world.services.herald, shipped_matrix(), world)
