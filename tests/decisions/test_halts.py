"""The tables refuse what was decided, or fail: nothing half-done, nothing in the way."""

import pytest

from contracts.errors import LiveStates
from governance.decisions.actions import ApproveContract, FreezeContract, Suspend
from governance.decisions.network import ContractStatus, MemberStatus
from governance.decisions.voting import Status
from tests.decisions.world import DAY, World

SUSPEND = Suspend(member_id="custody-b", reason="reports are late")
RIGHT = "right@1.0.0"


def test_proposal_that_the_tables_refuse_is_void_and_blocks_nothing(consortium: World):
    refused = consortium.propose("trust-a", SUSPEND)
    consortium.notebook.failing = "suspend"
    consortium.notebook.refusal = LiveStates("it holds customers' keys")
    consortium.carry(refused)
    assert consortium.status(refused) is Status.VOID
    assert consortium.decision(refused).reasons == ("not applicable: it holds customers' keys",)
    assert consortium.state().members["custody-b"].status is MemberStatus.ACTIVE
    consortium.notebook.failing = ""
    again = consortium.propose("trust-a", SUSPEND)
    consortium.carry(again)
    assert consortium.status(again) is Status.APPROVED


def test_second_action_that_is_refused_undoes_the_first(consortium: World):
    both = consortium.propose("trust-a", SUSPEND, Suspend(member_id="custody-a", reason="x"))
    before = len(consortium.notebook.done)
    consortium.notebook.refusal = LiveStates("no")
    consortium.notebook.failing = "suspend"
    consortium.carry(both)
    assert consortium.status(both) is Status.VOID
    assert len(consortium.notebook.done) == before


def test_fault_of_the_program_leaves_the_vote_uncast(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    consortium.vote("trust-a", "registrar", proposal)
    log = consortium.log()
    consortium.notebook.failing = "suspend"
    with pytest.raises(RuntimeError):
        consortium.vote("platform", "platform_administrator", proposal)
    assert consortium.log() == log
    consortium.notebook.failing = ""
    assert consortium.vote("platform", "platform_administrator", proposal) is Status.APPROVED


def approved(world: World, **when: object) -> None:
    world.gate("right", "1.0.0", "trust-a")
    action = ApproveContract(name="right", version="1.0.0", **when)  # type: ignore[arg-type]  # a time
    world.carry(world.propose("trust-b", action))


def test_activation_that_is_refused_leaves_the_version_frozen(consortium: World):
    approved(consortium, activate_at=consortium.at + DAY)
    consortium.notebook.failing = "activate"
    consortium.notebook.refusal = LiveStates("the runtime is gone")
    consortium.pass_time(2 * DAY)
    assert consortium.state().contracts[RIGHT].status is ContractStatus.FROZEN
    consortium.pass_time(30 * DAY)
    assert consortium.state().contracts[RIGHT].status is ContractStatus.FROZEN


def test_thaw_that_is_refused_leaves_the_version_frozen(consortium: World):
    approved(consortium)
    freeze = FreezeContract(name="right", version="1.0.0", reason="overflow")
    consortium.carry(consortium.propose("platform", freeze))
    consortium.notebook.failing = "thaw"
    consortium.notebook.refusal = LiveStates("not yet")
    consortium.pass_time(4 * DAY)
    contract = consortium.state().contracts[RIGHT]
    assert (contract.status, contract.frozen_until) == (ContractStatus.FROZEN, None)
