"""A vote on a version is about what stood when it opened; what changes makes it void, visibly."""

import pytest
from sqlalchemy.engine import Engine

from contracts import store
from contracts.errors import BindingChanged, TransitionRefused
from contracts.packages import Package
from governance.decisions.actions import (
    AdoptRuleSet,
    ApproveContract,
    ConfirmFreeze,
    DeprecateContract,
    FreezeContract,
    RegisterRuntime,
    RetireContract,
)
from governance.decisions.voting import Status
from governance.errors import NotEntitled, ProposalInvalid
from ledger.database import reading, writing
from ledger.tables import RightRow
from policies.engine import shipped_text
from policies.errors import Denied
from tests.contracts.conftest import package as package  # noqa: PLC0414 - a fixture
from tests.contracts.versions import at_version
from tests.decisions.world import HOUR
from tests.governed.registered import NAME, Registered


@pytest.fixture
def world(engine: Engine) -> Registered:
    return Registered(engine)


def approval(version: str) -> ApproveContract:
    return ApproveContract(name=NAME, version=version)


def gated(world: Registered, package: Package, version: str = "1.0.0") -> None:
    world.submit(at_version(package, version))
    world.pass_gates(version)


def test_what_a_vote_is_about_is_kept_when_it_opens(world: Registered, package: Package):
    gated(world, package)
    proposal = world.propose("trust-a", approval("1.0.0"))
    bound = world.bound(proposal, "1.0.0")
    assert bound["package"] == package.digest
    assert bound["base"] is None
    assert bound["rule_set"] == world.state().parameters.rule_set
    assert world.version("1.0.0").state == "proposed"
    world.carry(proposal)
    assert world.status(proposal) is Status.APPROVED
    assert world.version("1.0.0").state == "active"
    assert world.bound(proposal, "1.0.0") == bound
    world.replayed()


def test_evidence_that_changed_in_the_registry_voids_the_vote(world: Registered, package: Package):
    gated(world, package)
    proposal = world.propose("trust-a", approval("1.0.0"))
    world.attested("1.0.0", "somebody wrote this into the registry")
    world.carry(proposal)
    assert world.status(proposal) is Status.VOID
    assert "changed since the vote began: evidence" in world.reasons(proposal)
    assert world.version("1.0.0").state == "gated"
    with pytest.raises(BindingChanged, match="other evidence than the log") as caught:
        world.propose("trust-a", approval("1.0.0"))
    assert [fault.where for fault in caught.value.faults] == ["evidence"]
    world.recheck("trust-a", "1.0.0")
    world.pass_gates("1.0.0")
    again = world.propose("trust-a", approval("1.0.0"))
    world.carry(again)
    assert world.version("1.0.0").state == "active"
    world.replayed()


def test_another_base_voids_the_vote(world: Registered, package: Package):
    world.deploy(package)
    gated(world, package, "1.1.0")
    gated(world, package, "1.2.0")
    late = world.propose("trust-a", approval("1.2.0"))
    world.decided(approval("1.1.0"))
    assert world.status(late) is Status.VOID
    assert f"active:{NAME} changed" in world.reasons(late)
    assert world.version("1.2.0").state == "gated"
    with pytest.raises(ProposalInvalid, match="gated against"):
        world.propose("trust-a", approval("1.2.0"))
    world.recheck("trust-a", "1.2.0")
    assert world.version("1.2.0").base_digest == at_version(package, "1.1.0").digest
    world.pass_gates("1.2.0")
    world.decided(approval("1.2.0"))
    assert [world.version(v).state for v in ("1.0.0", "1.1.0", "1.2.0")] == [
        "deprecated",
        "deprecated",
        "active",
    ]
    world.replayed()


def test_another_rule_set_voids_the_vote(world: Registered, package: Package):
    gated(world, package)
    proposal = world.propose("trust-a", approval("1.0.0"))
    text = shipped_text() + "\n# read once more\n"
    digest = world.deposit("platform", text[text.index("p,") :].encode())
    world.decided(AdoptRuleSet(rule_set=digest, difference=""))
    assert world.status(proposal) is Status.VOID
    assert "rule_set changed" in world.reasons(proposal)
    assert world.version("1.0.0").state == "gated"
    world.replayed()


@pytest.mark.parametrize("asker", ["trust-a", "platform"])
def test_running_the_gates_again_voids_the_vote(world: Registered, package: Package, asker: str):
    gated(world, package)
    proposal = world.propose("trust-a", approval("1.0.0"))
    world.vote("trust-b", "registrar", proposal)
    world.recheck(asker, "1.0.0")
    assert world.status(proposal) is Status.VOID
    assert "now gone" in world.reasons(proposal)
    assert world.version("1.0.0").state == "draft"
    with reading(world.engine) as session:
        assert store.job_row(session, package.digest).status == "waiting"
        told = [(e.step, e.reason) for e in store.events_of(session, NAME, "1.0.0")]
    assert told[-1][0] == "reopen"
    assert asker in told[-1][1]
    with pytest.raises(ProposalInvalid, match="no gated version"):
        world.propose("trust-a", approval("1.0.0"))
    with pytest.raises(TransitionRefused, match="run already"):
        world.recheck(asker, "1.0.0")
    world.pass_gates("1.0.0", "another finding")
    world.decided(approval("1.0.0"))
    assert world.version("1.0.0").state == "active"
    world.replayed()


def test_who_may_not_have_the_gates_run_again(world: Registered, package: Package):
    gated(world, package)
    for stranger in ("trust-b", "custody-a"):
        with pytest.raises(Denied):
            world.recheck(stranger, "1.0.0")
    assert world.version("1.0.0").state == "gated"
    world.decided(approval("1.0.0"))
    with pytest.raises(TransitionRefused, match="cannot recheck from active"):
        world.recheck("trust-a", "1.0.0")


def test_the_authors_organisation_has_no_vote(world: Registered, package: Package):
    gated(world, package)
    proposal = world.propose("trust-a", approval("1.0.0"))
    with pytest.raises(NotEntitled):
        world.vote("trust-a", "registrar", proposal)
    for member, role in (("platform", "platform_administrator"), ("trust-b", "registrar")):
        world.vote(member, role, proposal)
    assert world.status(proposal) is Status.OPEN
    world.vote("custody-a", "custodian", proposal)
    assert world.status(proposal) is Status.OPEN
    world.vote("custody-b", "custodian", proposal)
    assert world.status(proposal) is Status.APPROVED


def test_a_rollback_is_a_new_activation_of_the_old_digest(world: Registered, package: Package):
    world.deploy(package)
    world.deploy(at_version(package, "1.1.0"))
    proposal = world.decided(approval("1.0.0"))
    assert world.bound(proposal, "1.0.0")["base"] == at_version(package, "1.1.0").digest
    assert [world.version(v).state for v in ("1.0.0", "1.1.0")] == ["active", "deprecated"]
    world.replayed()


def test_a_rollback_that_came_too_late_ends_in_peace(world: Registered, package: Package):
    """The version was retired while the vote on it was open: the vote is void, nothing stops."""
    world.deploy(package)
    world.deploy(at_version(package, "1.1.0"))
    rollback = world.propose("platform", approval("1.0.0"))
    world.decided(RetireContract(name=NAME, version="1.0.0"))
    assert world.version("1.0.0").state == "retired"
    for member in ("trust-b", "custody-a", "custody-b"):
        role = "registrar" if member == "trust-b" else "custodian"
        world.vote(member, role, rollback)
    world.vote("platform", "platform_administrator", rollback)
    assert world.status(rollback) is Status.VOID
    assert world.version("1.0.0").state == "retired"
    world.pass_time(HOUR)
    world.replayed()


def test_a_freeze_is_the_administrators_alone_and_ends_by_itself(
    world: Registered, package: Package
):
    world.deploy(package)
    action = FreezeContract(name=NAME, version="1.0.0", reason="wrong sums")
    with pytest.raises(NotEntitled, match="may not propose"):
        world.propose("trust-b", action)
    proposal = world.propose("platform", action)
    world.vote("platform", "platform_administrator", proposal)
    assert world.status(proposal) is Status.APPROVED
    frozen = world.version("1.0.0")
    assert (frozen.state, frozen.frozen_until) == ("frozen", world.at + 72 * HOUR)
    world.pass_time(71 * HOUR)
    assert world.version("1.0.0").state == "frozen"
    world.pass_time(2 * HOUR)
    assert world.version("1.0.0").state == "active"
    world.replayed()


def test_a_confirmed_freeze_lasts_and_the_version_may_be_retired(
    world: Registered, package: Package
):
    world.deploy(package)
    world.decided(FreezeContract(name=NAME, version="1.0.0", reason="wrong sums"))
    world.decided(ConfirmFreeze(name=NAME, version="1.0.0"))
    world.pass_time(100 * HOUR)
    assert world.version("1.0.0").state == "frozen"
    world.deploy(at_version(package, "1.1.0"))
    world.decided(RetireContract(name=NAME, version="1.0.0"))
    assert world.version("1.0.0").state == "retired"
    world.replayed()


def test_a_version_thawed_beside_its_successor_is_deprecated(world: Registered, package: Package):
    world.deploy(package)
    world.decided(FreezeContract(name=NAME, version="1.0.0", reason="wrong sums"))
    world.deploy(at_version(package, "1.1.0"))
    assert [world.version(v).state for v in ("1.0.0", "1.1.0")] == ["frozen", "active"]
    world.pass_time(73 * HOUR)
    assert [world.version(v).state for v in ("1.0.0", "1.1.0")] == ["deprecated", "active"]
    states = {c.version: str(c.status) for c in world.state().contracts.values()}
    assert states == {"1.0.0": "deprecated", "1.1.0": "active"}
    world.replayed()


def test_a_scheduled_version_can_be_frozen_and_comes_after_the_freeze(
    world: Registered, package: Package
):
    gated(world, package)
    later = ApproveContract(name=NAME, version="1.0.0", activate_at=world.at + 24 * HOUR)
    world.decided(later)
    assert world.version("1.0.0").state == "approved"
    world.decided(FreezeContract(name=NAME, version="1.0.0", reason="not yet"))
    world.pass_time(25 * HOUR)
    assert world.version("1.0.0").state == "frozen"
    world.pass_time(48 * HOUR)
    assert world.version("1.0.0").state == "active"
    world.replayed()


def test_a_version_is_compared_with_a_deprecated_one_where_none_is_active(
    world: Registered, package: Package
):
    world.deploy(package)
    world.decided(DeprecateContract(name=NAME, version="1.0.0"))
    world.deploy(at_version(package, "1.1.0"))
    assert world.version("1.1.0").base_digest == package.digest
    world.replayed()


def test_no_version_is_retired_while_its_rights_live_and_none_follows(
    world: Registered, package: Package
):
    world.deploy(package)
    world.decided(DeprecateContract(name=NAME, version="1.0.0"))
    proposal = world.propose("platform", RetireContract(name=NAME, version="1.0.0"))
    with writing(world.engine) as session:
        session.add(outstanding(5))
    world.carry(proposal)
    assert world.status(proposal) is Status.VOID
    assert "5 token(s) still name" in world.reasons(proposal)
    assert world.version("1.0.0").state == "deprecated"
    world.replayed()


def test_a_runtime_that_nobody_has_is_not_registered(world: Registered):
    proposal = world.decided(RegisterRuntime(runtime="sha256:" + "4" * 64))
    assert world.status(proposal) is Status.VOID
    assert "no artifact" in world.reasons(proposal)
    assert world.state().parameters.runtimes == ("runtime-1",)


def outstanding(quantity: int) -> RightRow:
    return RightRow(
        beneficial_right_id="BR1",
        beneficial_right_name="",
        beneficial_right_type="",
        registrar="trust-a",
        fundraiser="",
        asset_manager="",
        contract=NAME,
        transfer_control_id="",
        issuer_info="",
        established_quantity=quantity,
        record_date_1="",
        record_date_2="",
        issued_quantity=quantity,
        outstanding_quantity=quantity,
        changes=0,
        snapshot_change=0,
        snapshot_holders=0,
        log_index=0,
    )
