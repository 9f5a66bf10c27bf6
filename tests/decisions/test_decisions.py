"""From nothing to decided: admissions, contracts, parameters, rules."""

import msgspec

from governance.decisions.actions import (
    AdoptRuleSet,
    ApproveContract,
    ChangeParameters,
    Suspend,
)
from governance.decisions.network import ContractStatus, MemberStatus
from governance.decisions.voting import Status
from tests.decisions.world import DAY, World


def test_first_admission_takes_the_administrator_alone(world: World):
    proposal = world.apply("trust-a", "registrar")
    assert world.status(proposal) is Status.OPEN
    assert world.vote("platform", "platform_administrator", proposal) is Status.APPROVED
    assert world.state().members["trust-a"].status is MemberStatus.ACTIVE
    assert [name for name, _ in world.notebook.done] == ["publish_parameters", "admit"]


def test_second_admission_takes_another_operating_partner(world: World):
    world.join("trust-a", "registrar")
    proposal = world.apply("custody-a", "custodian")
    assert world.vote("platform", "platform_administrator", proposal) is Status.OPEN
    assert world.vote("trust-a", "registrar", proposal) is Status.APPROVED
    seats = {seat.seat: seat for seat in world.decision(proposal).seats}
    assert seats["another operating partner"].approved == ("platform", "trust-a")
    assert seats["another operating partner"].required == 1


def test_contract_is_approved_by_all_registrars_but_its_owner(consortium: World):
    consortium.gate("beneficial_right", "1.0.0", "trust-a")
    proposal = consortium.propose(
        "trust-a", ApproveContract(name="beneficial_right", version="1.0.0")
    )
    consortium.vote("platform", "platform_administrator", proposal)
    consortium.vote("custody-a", "custodian", proposal)
    consortium.vote("direct-a", "direct_securities_firm", proposal)
    assert consortium.status(proposal) is Status.OPEN
    assert consortium.vote("trust-b", "registrar", proposal) is Status.APPROVED
    contract = consortium.state().contracts["beneficial_right@1.0.0"]
    assert contract.status is ContractStatus.ACTIVE


def test_contract_scheduled_is_activated_when_its_moment_comes(consortium: World):
    consortium.gate("beneficial_right", "1.0.0", "trust-a")
    later = consortium.at + DAY
    proposal = consortium.propose(
        "trust-b",
        ApproveContract(name="beneficial_right", version="1.0.0", activate_at=later),
    )
    consortium.carry(proposal)
    key = "beneficial_right@1.0.0"
    assert consortium.state().contracts[key].status is ContractStatus.SCHEDULED
    consortium.pass_time(DAY)
    assert consortium.state().contracts[key].status is ContractStatus.ACTIVE
    assert consortium.notebook.done[-1][0] == "activate"


def test_parameters_change_by_two_thirds_and_are_announced(consortium: World):
    now = consortium.state().parameters
    changed = msgspec.structs.replace(now, version=2, witness_quorum=2)
    proposal = consortium.propose("trust-a", ChangeParameters(parameters=changed))
    consortium.vote("platform", "platform_administrator", proposal)
    consortium.vote("trust-a", "registrar", proposal)
    assert consortium.vote("trust-b", "registrar", proposal) is Status.OPEN
    assert consortium.vote("custody-b", "custodian", proposal) is Status.APPROVED
    assert consortium.state().parameters == changed
    assert consortium.notebook.done[-1] == ("publish_parameters", changed)


def test_rule_set_is_adopted_by_the_text_that_was_deposited(consortium: World):
    digest = consortium.deposit("trust-a", b"p, role:member, policy, read, any, *, allow\n")
    proposal = consortium.propose("trust-a", AdoptRuleSet(rule_set=digest, difference=""))
    consortium.carry(proposal)
    assert consortium.state().parameters.rule_set == digest
    assert consortium.state().parameters.version == 2


def test_actions_of_a_proposal_apply_wholly_or_not_at_all(consortium: World):
    both = consortium.propose(
        "trust-a",
        Suspend(member_id="custody-a", reason="outage"),
        Suspend(member_id="custody-b", reason="outage"),
    )
    one = consortium.propose("trust-a", Suspend(member_id="custody-b", reason="outage"))
    consortium.carry(one)
    assert consortium.status(one) is Status.APPROVED
    consortium.carry(both)
    assert consortium.status(both) is Status.VOID
    assert consortium.state().members["custody-a"].status is MemberStatus.ACTIVE
