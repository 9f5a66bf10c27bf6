"""What a partner without a node may propose: its own name and keys, and nothing else."""

import pytest
from sqlalchemy.engine import Engine

from governance.decisions.actions import ChangeLegalName, RecoverKey, Suspend
from governance.decisions.voting import Status
from governance.errors import NotEntitled
from policies.errors import Denied
from tests.decisions.world import World


@pytest.fixture
def world(engine: Engine) -> World:
    world = World(engine)
    world.join("trust-a", "registrar")
    world.join("broker-a", "intermediary")
    world.join("fund-a", "fundraiser")
    return world


def test_a_partner_proposes_its_own_name_and_takes_it_back(world: World):
    renamed = ChangeLegalName(member_id="broker-a", legal_name="新仲介株式会社")
    first = world.propose("broker-a", renamed)
    world.withdraw("broker-a", first)
    assert world.status(first) is Status.WITHDRAWN
    second = world.propose("broker-a", renamed)
    with pytest.raises(Denied):
        world.vote("broker-a", "intermediary", second)
    world.carry(second)
    assert world.status(second) is Status.APPROVED
    assert world.state().members["broker-a"].legal_name == "新仲介株式会社"
    world.replayed()


def test_a_partner_proposes_the_recovery_of_its_own_key(world: World):
    action = RecoverKey(member_id="fund-a", key_id="5" * 64, reason="the laptop was stolen")
    proposal = world.propose("fund-a", action)
    world.carry(proposal)
    assert world.status(proposal) is Status.APPROVED


def test_a_partner_proposes_nothing_about_others(world: World):
    for action in (
        ChangeLegalName(member_id="fund-a", legal_name="Mine"),
        RecoverKey(member_id="fund-a", key_id="5" * 64, reason="mine"),
        Suspend(member_id="fund-a", reason="a rival"),
    ):
        with pytest.raises(NotEntitled, match="may not propose"):
            world.propose("broker-a", action)
    with pytest.raises(Denied):
        world.deposit("broker-a", b"p, a text")
