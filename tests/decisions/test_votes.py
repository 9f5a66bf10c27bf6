"""Votes that must not count, each by name."""

import msgspec
import pytest

from governance.decisions.actions import (
    ApproveContract,
    ChangeLegalName,
    ChangeVotingRules,
    ConfirmFreeze,
    FreezeContract,
    GrantRole,
    RecoverKey,
    Reinstate,
    Suspend,
)
from governance.decisions.network import ContractStatus, MemberStatus
from governance.decisions.statements import Proposal, Vote
from governance.decisions.voting import Status
from governance.errors import (
    AlreadyVoted,
    KeyNotCertified,
    NotEntitled,
    ProposalClosed,
    ProposalInvalid,
    ProposalUnknown,
    StatementReplayed,
    StatementUntimely,
)
from ledger.errors import SignatureInvalid
from ledger.keys import key_id
from ledger.statements import Signature, read_envelope
from policies.errors import Denied
from tests.decisions.world import DAY, HOUR, World, new_key

SUSPEND = Suspend(member_id="custody-b", reason="reports are late")


def suspend(world: World, member: str) -> None:
    world.carry(world.propose("platform", Suspend(member_id=member, reason="outage")))
    assert world.state().members[member].status is MemberStatus.SUSPENDED


def test_vote_of_a_non_member(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    consortium.keys["stranger"] = new_key()
    consortium.signers.append(consortium.keys["stranger"])
    with pytest.raises(NotEntitled, match="no member"):
        consortium.vote("stranger", "registrar", proposal)


def test_vote_of_a_suspended_member(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    suspend(consortium, "trust-b")
    with pytest.raises(NotEntitled, match="suspended"):
        consortium.vote("trust-b", "registrar", proposal)


def test_vote_in_a_role_that_the_member_does_not_hold(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    with pytest.raises(NotEntitled, match="does not hold"):
        consortium.vote("trust-a", "platform_administrator", proposal)


def test_vote_in_a_role_without_a_seat(consortium: World):
    consortium.join("fund-a", "fundraiser")
    proposal = consortium.propose("trust-a", SUSPEND)
    with pytest.raises((NotEntitled, Denied)):
        consortium.vote("fund-a", "fundraiser", proposal)


def test_vote_about_oneself(consortium: World):
    proposal = consortium.propose("trust-a", GrantRole(member_id="trust-a", role="custodian"))
    with pytest.raises(NotEntitled, match="does not decide about itself"):
        consortium.vote("trust-a", "registrar", proposal)


def test_vote_after_the_close(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    consortium.carry(proposal)
    with pytest.raises(ProposalClosed, match="approved"):
        consortium.vote("trust-b", "registrar", proposal)


def test_vote_after_the_expiry(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    consortium.at += 14 * DAY
    with pytest.raises(ProposalClosed):
        consortium.vote("trust-b", "registrar", proposal)
    consortium.pass_time(HOUR)
    assert consortium.status(proposal) is Status.EXPIRED


def test_vote_twice(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    consortium.vote("trust-a", "registrar", proposal)
    with pytest.raises(AlreadyVoted):
        consortium.vote("trust-a", "registrar", proposal, approve=False)


def test_vote_on_an_altered_proposal(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    with pytest.raises(ProposalUnknown):
        consortium.vote(
            "trust-a", "registrar", proposal[:-1] + ("0" if proposal[-1] != "0" else "1")
        )


def test_vote_whose_bytes_were_altered(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    yes = read_envelope(consortium.sign("trust-a", "vote", Vote(proposal, "registrar", True)))
    no = read_envelope(consortium.sign("trust-a", "vote", Vote(proposal, "registrar", False)))
    forged = msgspec.structs.replace(
        no, signatures=(Signature(**msgspec.structs.asdict(yes.signatures[0])),)
    )
    with pytest.raises(SignatureInvalid):
        consortium.read(msgspec.json.encode(forged), Vote)


def test_vote_replayed(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    opened = consortium.read(
        consortium.sign("trust-a", "vote", Vote(proposal, "registrar", True)), Vote
    )
    consortium.submit_vote(opened)
    with pytest.raises(StatementReplayed):
        consortium.submit_vote(opened)


def test_vote_from_the_future(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    later = consortium.sign(
        "trust-a", "vote", Vote(proposal, "registrar", True), issued_at=consortium.at + HOUR
    )
    with pytest.raises(StatementUntimely):
        consortium.submit_vote(consortium.read(later, Vote))


def test_vote_with_an_expired_certificate(consortium: World):
    consortium.join("trust-c", "registrar", days=1)
    proposal = consortium.propose("trust-a", SUSPEND)
    consortium.pass_time(2 * DAY)
    with pytest.raises(KeyNotCertified):
        consortium.vote("trust-c", "registrar", proposal)


def test_vote_of_the_service_itself(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    signed = consortium.sign(
        "platform", "vote", Vote(proposal, "platform_administrator", True), key=consortium.service
    )
    with pytest.raises(NotEntitled, match="service does not vote"):
        consortium.submit_vote(consortium.read(signed, Vote))


def test_proposal_of_the_service_for_anything_but_an_admission(consortium: World):
    signed = consortium.sign(
        "platform", "proposal", Proposal((SUSPEND,), {}, ""), key=consortium.service
    )
    with pytest.raises(NotEntitled, match="admissions only"):
        consortium.submit_proposal(consortium.read(signed, Proposal))


def test_owner_of_a_contract_does_not_approve_it(consortium: World):
    consortium.gate("right", "1.0.0", "trust-a")
    proposal = consortium.propose("trust-a", ApproveContract(name="right", version="1.0.0"))
    with pytest.raises(NotEntitled, match="own contract"):
        consortium.vote("trust-a", "registrar", proposal)


def test_two_keys_of_one_organisation_count_once(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    consortium.vote("trust-a", "registrar", proposal)
    consortium.certify("trust-a")
    with pytest.raises(AlreadyVoted):
        consortium.vote("trust-a", "registrar", proposal)


def test_two_roles_of_one_organisation_count_once_in_a_seat(consortium: World):
    grant = consortium.propose("platform", GrantRole(member_id="platform", role="custodian"))
    consortium.carry(grant)
    proposal = consortium.propose("platform", SUSPEND)
    consortium.vote("platform", "platform_administrator", proposal)
    assert consortium.vote("platform", "custodian", proposal) is Status.OPEN
    assert consortium.vote("trust-a", "registrar", proposal) is Status.APPROVED


def test_rejection_holds_over_an_approval_in_another_role(consortium: World):
    consortium.carry(
        consortium.propose("platform", GrantRole(member_id="trust-a", role="custodian"))
    )
    proposal = consortium.propose("platform", SUSPEND)
    consortium.vote("trust-a", "registrar", proposal)
    consortium.vote("trust-a", "custodian", proposal, approve=False)
    assert consortium.vote("platform", "platform_administrator", proposal) is Status.OPEN


def test_new_gate_result_voids_the_proposal(consortium: World):
    consortium.gate("right", "1.0.0", "trust-a", evidence="e1")
    proposal = consortium.propose("trust-a", ApproveContract(name="right", version="1.0.0"))
    consortium.vote("platform", "platform_administrator", proposal)
    consortium.gate("right", "1.0.0", "trust-a", evidence="e2")
    assert consortium.status(proposal) is Status.VOID
    assert consortium.decision(proposal).reasons == (
        "contract:right@1.0.0:evidence changed: bound e1, now e2",
    )


def test_proposal_that_binds_something_else_is_refused(consortium: World):
    consortium.gate("right", "1.0.0", "trust-a")
    with pytest.raises(ProposalInvalid) as refusal:
        consortium.propose(
            "trust-a",
            ApproveContract(name="right", version="1.0.0"),
            binds={"contract:right@1.0.0:evidence": "e0"},
        )
    assert {fault.where for fault in refusal.value.faults} == {
        "binds.active:right",
        "binds.contract:right@1.0.0:evidence",
        "binds.contract:right@1.0.0:package",
        "binds.contract:right@1.0.0:runtime",
        "binds.rule_set",
    }


def active_contract(world: World) -> None:
    world.gate("right", "1.0.0", "trust-a")
    world.carry(world.propose("trust-a", ApproveContract(name="right", version="1.0.0")))


def test_emergency_freeze_expires_unless_confirmed(consortium: World):
    active_contract(consortium)
    freeze = FreezeContract(name="right", version="1.0.0", reason="overflow")
    assert (
        consortium.vote(
            "platform", "platform_administrator", consortium.propose("platform", freeze)
        )
        is Status.APPROVED
    )
    assert consortium.state().contracts["right@1.0.0"].status is ContractStatus.FROZEN
    consortium.pass_time(71 * HOUR)
    assert consortium.state().contracts["right@1.0.0"].status is ContractStatus.FROZEN
    consortium.pass_time(HOUR)
    assert consortium.state().contracts["right@1.0.0"].status is ContractStatus.ACTIVE
    assert consortium.notebook.done[-1][0] == "thaw"


def test_emergency_freeze_holds_once_confirmed(consortium: World):
    active_contract(consortium)
    freeze = FreezeContract(name="right", version="1.0.0", reason="overflow")
    consortium.carry(consortium.propose("platform", freeze))
    consortium.carry(consortium.propose("trust-b", ConfirmFreeze(name="right", version="1.0.0")))
    consortium.pass_time(200 * HOUR)
    assert consortium.state().contracts["right@1.0.0"].status is ContractStatus.FROZEN


def test_only_the_administrator_may_freeze(consortium: World):
    active_contract(consortium)
    with pytest.raises(NotEntitled):
        consortium.propose("trust-b", FreezeContract(name="right", version="1.0.0", reason="x"))


def easier(world: World) -> ChangeVotingRules:
    """Voting rules under which the administrator alone decides about membership."""
    rules = world.state().voting_rules
    alone = msgspec.structs.replace(
        rules.procedures["partnership"], seats=rules.procedures["partnership"].seats[:1], alone=True
    )
    procedures = {**rules.procedures, "partnership": alone}
    return ChangeVotingRules(voting_rules=msgspec.structs.replace(rules, procedures=procedures))


def test_change_of_voting_rules_decides_open_proposals_anew(consortium: World):
    open_one = consortium.propose("trust-a", SUSPEND)
    assert consortium.vote("platform", "platform_administrator", open_one) is Status.OPEN
    change = consortium.propose("platform", easier(consortium))
    consortium.carry(change)
    assert consortium.status(change) is Status.OPEN  # the veto window of a day
    consortium.pass_time(DAY)
    assert consortium.status(change) is Status.APPROVED
    assert consortium.status(open_one) is Status.APPROVED


def test_veto_window_lets_two_organisations_stop_a_change_of_voting_rules(consortium: World):
    change = consortium.propose("platform", easier(consortium))
    for member, role in (
        ("platform", "platform_administrator"),
        ("trust-a", "registrar"),
        ("trust-b", "registrar"),
        ("custody-a", "custodian"),
    ):
        consortium.vote(member, role, change)
    consortium.pass_time(23 * HOUR)
    consortium.vote("custody-b", "custodian", change, approve=False)
    assert (
        consortium.vote("direct-a", "direct_securities_firm", change, approve=False)
        is Status.REJECTED
    )


def test_votes_in_a_seat_that_the_new_rules_do_not_have_are_dropped(consortium: World):
    open_one = consortium.propose("trust-a", SUSPEND)
    consortium.vote("trust-a", "registrar", open_one)
    consortium.carry(consortium.propose("platform", easier(consortium)))
    consortium.pass_time(DAY)
    consortium.vote("platform", "platform_administrator", open_one)
    (dropped,) = consortium.decision(open_one).dropped
    assert (dropped.member_id, dropped.reason) == (
        "trust-a",
        "no seat is open to the role 'registrar'",
    )


def test_certificate_that_expires_between_vote_and_count(consortium: World):
    consortium.join("trust-c", "registrar", days=1)
    proposal = consortium.propose("trust-a", SUSPEND)
    consortium.vote("trust-c", "registrar", proposal)
    consortium.pass_time(2 * DAY)
    assert consortium.vote("platform", "platform_administrator", proposal) is Status.OPEN
    consortium.vote("trust-b", "registrar", proposal)
    (dropped,) = consortium.decision(proposal).dropped
    assert dropped.member_id == "trust-c"
    assert "not valid at the count" in dropped.reason


def test_stale_vote_may_be_cast_anew(consortium: World):
    consortium.join("trust-c", "registrar", days=1)
    proposal = consortium.propose("trust-a", SUSPEND)
    consortium.vote("trust-c", "registrar", proposal)
    consortium.pass_time(2 * DAY)
    consortium.certify("trust-c")
    consortium.vote("trust-c", "registrar", proposal)
    assert consortium.vote("platform", "platform_administrator", proposal) is Status.APPROVED
    assert consortium.decision(proposal).dropped == ()


def test_author_withdraws_and_nobody_else(consortium: World):
    proposal = consortium.propose("trust-a", SUSPEND)
    with pytest.raises(NotEntitled):
        consortium.withdraw("trust-b", proposal)
    consortium.withdraw("trust-a", proposal)
    assert consortium.status(proposal) is Status.WITHDRAWN
    with pytest.raises(ProposalClosed):
        consortium.vote("trust-b", "registrar", proposal)


def test_rejected_admission_declines_the_application(consortium: World):
    proposal = consortium.apply("shop", "custodian")
    assert (
        consortium.vote("platform", "platform_administrator", proposal, approve=False)
        is Status.REJECTED
    )
    assert consortium.state().applications == {}
    assert consortium.notebook.done[-1][0] == "decline"
    consortium.apply("shop", "custodian")


def test_suspended_member_proposes_nothing(consortium: World):
    suspend(consortium, "trust-b")
    with pytest.raises(NotEntitled):
        consortium.propose("trust-b", Reinstate(member_id="trust-b"))


def test_member_proposes_its_own_new_name_and_others_decide(consortium: World):
    rename = ChangeLegalName(member_id="custody-a", legal_name="かえで信託株式会社")
    proposal = consortium.propose("custody-a", rename)
    consortium.carry(proposal)
    assert consortium.state().members["custody-a"].legal_name == "かえで信託株式会社"


def test_recovered_key_ends_the_old_ones_of_its_node_and_no_other_key_does(consortium: World):
    fresh = new_key()
    consortium.certify("trust-a", node="second")
    recover = RecoverKey(
        member_id="trust-a", key_id=key_id(fresh.public_key()), reason="the HSM is lost"
    )
    consortium.carry(consortium.propose("platform", recover))
    consortium.certify("trust-a")
    assert [c.revoked_at for c in consortium.state().members["trust-a"].certificates] == [None] * 3
    consortium.certify("trust-a", key=fresh)
    ends = [c.revoked_at for c in consortium.state().members["trust-a"].certificates]
    assert ends == [consortium.at, None, consortium.at, None]


def test_recovery_to_another_members_key_is_refused(consortium: World):
    stolen = key_id(consortium.keys["trust-b"].public_key())
    with pytest.raises(ProposalInvalid, match="another member"):
        consortium.propose("platform", RecoverKey(member_id="trust-a", key_id=stolen, reason="x"))
