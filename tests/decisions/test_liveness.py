"""The network can always govern itself."""

import msgspec
import pytest

from governance.decisions.actions import ChangeParameters, RemoveRole, Revoke, Suspend
from governance.decisions.liveness import forecast, undecidable
from governance.decisions.network import ContractStatus, MemberStatus
from governance.decisions.statements import CertificateRevoked, MemberLeft
from governance.decisions.voting import Status
from governance.errors import NetworkStranded
from tests.decisions.world import DAY, World


def test_a_new_network_can_decide_all_but_contracts(world: World):
    lost = undecidable(world.state(), world.at)
    assert lost == {
        "approve_contract",
        "confirm_freeze",
        "deprecate_contract",
        "retire_contract",
        "unfreeze_contract",
    }


def test_removing_the_last_administrator(consortium: World):
    for action in (
        RemoveRole(member_id="platform", role="platform_administrator"),
        Revoke(member_id="platform", reason="x"),
        Suspend(member_id="platform", reason="x"),
    ):
        with pytest.raises(NetworkStranded, match="admit, "):
            consortium.propose("trust-a", action)


def test_suspending_one_of_the_last_two_registrars_and_then_revoking_the_other(consortium: World):
    first = consortium.propose("platform", Suspend(member_id="trust-a", reason="x"))
    second = consortium.propose("platform", Revoke(member_id="trust-b", reason="x"))
    consortium.carry(first)
    consortium.carry(second)
    assert (consortium.status(first), consortium.status(second)) == (Status.APPROVED, Status.VOID)
    assert "would leave undecidable: approve_contract" in consortium.decision(second).reasons
    assert consortium.state().members["trust-b"].status is MemberStatus.ACTIVE
    with pytest.raises(NetworkStranded):
        consortium.propose("platform", Revoke(member_id="trust-b", reason="x"))


def test_last_registrar_cannot_leave_nor_lose_its_only_certificate(world: World):
    world.join("trust-a", "registrar")
    with pytest.raises(NetworkStranded, match="approve_contract"):
        world.report(MemberLeft("trust-a"))
    (certificate,) = world.state().members["trust-a"].certificates
    with pytest.raises(NetworkStranded, match="approve_contract"):
        world.report(CertificateRevoked("trust-a", certificate.serial, "keyCompromise"))
    world.certify("trust-a")
    world.report(CertificateRevoked("trust-a", certificate.serial, "keyCompromise"))


def test_notary_goes_only_once_another_has_taken_over(consortium: World):
    consortium.join("other-platform", "platform_administrator")
    with pytest.raises(NetworkStranded, match="notarise"):
        consortium.propose("trust-a", Suspend(member_id="platform", reason="x"))
    now = consortium.state().parameters
    handed = msgspec.structs.replace(now, version=2, notary="other-platform")
    consortium.carry(consortium.propose("trust-a", ChangeParameters(parameters=handed)))
    consortium.carry(consortium.propose("trust-a", Suspend(member_id="platform", reason="x")))
    assert consortium.state().members["platform"].status is MemberStatus.SUSPENDED
    consortium.join("custody-c", "custodian")


def test_member_without_a_certificate_neither_helps_nor_blocks(world: World):
    world.carry(world.apply("trust-a", "registrar"))
    proposal = world.apply("custody-a", "custodian")
    assert world.vote("platform", "platform_administrator", proposal) is Status.APPROVED


def test_forecast_names_the_day_and_whom_to_remind(world: World):
    world.join("trust-a", "registrar", days=10)
    world.join("trust-b", "registrar", days=20)
    found = forecast(world.state(), world.at, world.at + 60 * DAY)
    assert [(s.at - world.at, s.remind) for s in found] == [
        (10 * DAY, ("trust-a",)),
        (20 * DAY, ("trust-b",)),
        (30 * DAY, ("platform",)),
    ]
    assert "approve_contract" in found[0].actions
    assert "admit" in found[1].actions
    assert "freeze_contract" in found[2].actions
    world.certify("trust-a")
    later = forecast(world.state(), world.at, world.at + 60 * DAY)
    assert later[0].at == world.at + 20 * DAY


def test_partner_with_an_expired_key_does_not_block_recoveries(world: World):
    world.join("trust-a", "registrar", days=1)
    world.join("trust-b", "registrar", days=1)
    world.pass_time(2 * DAY)
    assert "admit" in undecidable(world.state(), world.at)
    assert "recover_key" not in undecidable(world.state(), world.at)


def test_contract_stays_decidable_with_its_owner_as_the_only_registrar(world: World):
    world.join("trust-a", "registrar")
    world.gate("right", "1.0.0", "trust-a")
    assert "approve_contract right@1.0.0" not in undecidable(world.state(), world.at)
    assert world.state().contracts["right@1.0.0"].status is ContractStatus.GATED
