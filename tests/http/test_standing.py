"""Voting and acting over HTTP by who may not, each before and after a certificate renewal."""

import secrets

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from governance.client import governing
from governance.client.connection import Refused, new_statement
from governance.decisions.actions import ChangeLegalName, GrantRole, Reinstate, Revoke, Suspend
from governance.decisions.statements import VOTE, Vote
from governance.membership.members import Role
from governance.membership.statements import (
    ENROLMENT,
    LEAVE,
    RECOVERY,
    RENEWAL,
    Enrolment,
    Leave,
    Recovery,
    Renewal,
)
from ledger.statements import sign_statement
from tests.http.joining import (
    APPLICATIONS,
    JSON,
    Make,
    Newcomer,
    ask_for_token,
    decide,
    faults,
    request_for,
    slug,
    within,
)
from tests.http.network import Served

RENEWALS = "/v1/certificates/renewals"


def test_an_approval_by_who_has_no_vote(served: Served, make: Make) -> None:
    applicant = make()
    applicant.apply()
    proposal = applicant.proposal()
    for role in ("auditor", "platform_administrator"):
        with served.nothing_stored(), pytest.raises(Refused) as refusal:
            governing.vote(served.member("auditor"), proposal, approve=True, role=role)
        assert refusal.value.slug in ("not-entitled", "denied")


def vote_raw(voter: Newcomer, proposal: str) -> httpx.Response:
    body = Vote(proposal=proposal, role=voter.role, approve=True)
    return voter.say(f"/v1/proposals/{proposal}/votes", VOTE, body)


def test_an_approval_by_who_is_suspended(served: Served, make: Make) -> None:
    voter, applicant = make().join(), make()
    applicant.apply()
    proposal = applicant.proposal()
    assert decide(served, Suspend(member_id=voter.member_id, reason="a test")) == "approved"
    with served.nothing_stored():
        assert slug(vote_raw(voter, proposal)) in ("not-entitled", "key-not-certified", "denied")


def test_an_approval_by_an_administrator_who_is_suspended(served: Served, make: Make) -> None:
    """A second platform administrator, who could vote before."""
    admin = make(Role.PLATFORM_ADMINISTRATOR).join()
    first, second = make(), make()
    first.apply()
    assert vote_raw(admin, first.proposal()).is_success
    second.apply()
    proposal = second.proposal()
    assert decide(served, Suspend(member_id=admin.member_id, reason="a test")) == "approved"
    with served.nothing_stored():
        assert slug(vote_raw(admin, proposal)) in ("key-not-certified", "not-entitled", "denied")


def test_an_approval_of_ones_own_application(served: Served, make: Make) -> None:
    applicant = make()
    applicant.apply()
    with served.nothing_stored():
        answer = vote_raw(applicant, applicant.proposal())
        assert (answer.status_code, slug(answer)) == (401, "key-not-certified")


def test_an_approval_in_anothers_name(served: Served, make: Make) -> None:
    """Signed with the applicant's key, but said as the platform administrator."""
    applicant, member = make(), make().join()
    applicant.apply()
    proposal = applicant.proposal()
    body = Vote(proposal=proposal, role="platform_administrator", approve=True)
    said = new_statement(served.chair.own_folder(), body)
    raw = sign_statement(VOTE, said, member.folder.signer)
    with served.nothing_stored():
        answer = served.http.post(f"/v1/proposals/{proposal}/votes", content=raw, headers=JSON)
        assert slug(answer) == "author-mismatch"


def test_an_approval_of_what_is_decided(served: Served, make: Make) -> None:
    proposal = make().join().admission
    with served.nothing_stored(), pytest.raises(Refused) as refusal:
        governing.vote(served.member("custody-b"), proposal, approve=True)
    assert (refusal.value.status, refusal.value.slug) == (409, "proposal-closed")


def test_a_vote_cast_twice_counts_once(served: Served, make: Make) -> None:
    applicant = make()
    applicant.apply()
    proposal = applicant.proposal()
    assert governing.vote(served.chair, proposal, approve=True)["status"] == "open"
    with served.nothing_stored(), pytest.raises(Refused) as refusal:
        governing.vote(served.chair, proposal, approve=True)
    assert (refusal.value.status, refusal.value.slug) == (409, "already-voted")


def acts(newcomer: Newcomer) -> list[httpx.Response]:
    """Return the answers to what a member could do: renew, enrol, propose a new name."""
    node = newcomer.folder.member.node
    request = x509.load_pem_x509_csr(newcomer.folder.request.encode())
    der = request.public_bytes(serialization.Encoding.DER)
    return [
        newcomer.say(RENEWALS, RENEWAL, Renewal(node, der)),
        newcomer.say("/v1/certificates/enrolments", ENROLMENT, Enrolment(node)),
    ]


def refused(answers: list[httpx.Response]) -> None:
    for answer in answers:
        assert answer.status_code in (401, 403), answer.text
        assert slug(answer) in ("unauthenticated", "key-not-certified", "denied", "not-entitled")


def test_acting_while_pending(served: Served, make: Make) -> None:
    applicant = make()
    applicant.apply()
    with served.nothing_stored():
        refused([*acts(applicant), ask_for_token(applicant)])


def test_acting_while_suspended(served: Served, make: Make) -> None:
    member = make().join()
    assert all(answer.is_success for answer in acts(member))
    assert decide(served, Suspend(member_id=member.member_id, reason="a test")) == "approved"
    with served.nothing_stored():
        refused(acts(member))
    assert decide(served, Reinstate(member_id=member.member_id)) == "approved"
    assert all(answer.is_success for answer in acts(member))


def test_acting_while_revoked(served: Served, make: Make) -> None:
    member = make().join()
    assert decide(served, Revoke(member_id=member.member_id, reason="a test")) == "approved"
    with served.nothing_stored():
        refused([*acts(member), ask_for_token(member)])


def test_acting_after_leaving(served: Served, make: Make) -> None:
    member = make().join()
    assert member.say("/v1/members/leave", LEAVE, Leave("a test")).status_code == 204
    with served.nothing_stored():
        refused([*acts(member), ask_for_token(member)])


def test_a_revoked_members_token_stops_working_within_a_second(served: Served, make: Make) -> None:
    member = make().join()
    headers = {"Authorization": "Bearer " + ask_for_token(member).json()["access_token"]}
    assert served.http.get("/v1/members", headers=headers).status_code == 200
    assert decide(served, Revoke(member_id=member.member_id, reason="a test")) == "approved"
    within(1.0, lambda: served.http.get("/v1/members", headers=headers).status_code == 401)


def test_renewing_a_revoked_certificate(served: Served, make: Make) -> None:
    """The member goes on under its new key; the old one renews nothing."""
    member = make().join()
    old = member.folder.signer
    member.rotate()
    request = x509.load_pem_x509_csr(member.folder.request.encode())
    body = Renewal(member.folder.member.node, request.public_bytes(serialization.Encoding.DER))
    raw = sign_statement(RENEWAL, new_statement(member.folder, body), old)
    with served.nothing_stored():
        refused([served.http.post(RENEWALS, content=raw, headers=JSON)])


def test_recovering_in_anothers_name(served: Served, make: Make) -> None:
    member, thief = make().join(), make()
    body = Recovery(
        member.member_id,
        member.folder.member.node,
        request_for(thief.folder.node_key, member),
    )
    raw = sign_statement(RECOVERY, new_statement(thief.folder, body), thief.folder.signer)
    with served.nothing_stored():
        path = "/v1/certificates/recoveries"
        assert slug(served.http.post(path, content=raw, headers=JSON)) == "signature-invalid"


def test_a_role_that_needs_a_node_for_a_member_without_one(served: Served, make: Make) -> None:
    applicant = make(Role.FUNDRAISER)
    body = applicant.application(roles=[Role.CUSTODIAN], sponsor="trust-b")
    with served.nothing_stored():
        answer = applicant.apply(body)
        assert slug(answer) == "application-refused"
    assert "needs a node of kind custodian_node" in faults(answer)


def test_granting_a_role_that_needs_a_node_to_a_member_without_one(
    served: Served, make: Make
) -> None:
    partner = make(Role.FUNDRAISER)
    partner.join(partner.application(sponsor="trust-b"))
    with served.nothing_stored(), pytest.raises(Refused) as refusal:
        decide(served, GrantRole(member_id=partner.member_id, role=Role.CUSTODIAN))
    assert (refusal.value.status, refusal.value.slug) == (422, "proposal-invalid")


def test_a_partner_stands_no_better_than_its_sponsor(served: Served, make: Make) -> None:
    sponsor = make().join()
    partner = make(Role.INTERMEDIARY)
    partner.join(partner.application(sponsor=sponsor.member_id))
    assert all(answer.is_success for answer in acts(partner))
    assert decide(served, Suspend(member_id=sponsor.member_id, reason="a test")) == "approved"
    with served.nothing_stored():
        refused(acts(partner))
        late = make(Role.INTERMEDIARY)
        answer = late.apply(late.application(sponsor=sponsor.member_id))
        assert slug(answer) == "application-refused"
    assert decide(served, Reinstate(member_id=sponsor.member_id)) == "approved"
    assert all(answer.is_success for answer in acts(partner))


def test_joining_again_after_a_revocation(served: Served, make: Make) -> None:
    member = make().join()
    assert decide(served, Revoke(member_id=member.member_id, reason="a test")) == "approved"
    again = make(member_id=member.member_id, legal_name=member.folder.member.legal_name)
    with served.nothing_stored():
        answer = again.apply()
        assert slug(answer) == "application-refused"
    assert "revoked, and that is for good" in faults(answer)


def test_joining_again_after_leaving_is_welcome(make: Make) -> None:
    member = make().join()
    assert member.say("/v1/members/leave", LEAVE, Leave("a test")).status_code == 204
    again = make(member_id=member.member_id, legal_name=member.folder.member.legal_name)
    again.join()
    assert ask_for_token(again).status_code == 200


def test_reinstating_who_is_revoked(served: Served, make: Make) -> None:
    member = make().join()
    assert decide(served, Revoke(member_id=member.member_id, reason="a test")) == "approved"
    with served.nothing_stored(), pytest.raises(Refused) as refusal:
        decide(served, Reinstate(member_id=member.member_id))
    assert (refusal.value.status, refusal.value.slug) == (422, "proposal-invalid")


def test_an_application_is_shown_only_to_who_knows_its_id(served: Served, make: Make) -> None:
    assert make().apply().status_code == 201
    assert served.http.get(APPLICATIONS).status_code == 401
    assert served.http.get(f"{APPLICATIONS}/{secrets.token_hex(16)}").status_code == 404


def test_a_proposal_by_who_may_not_propose(served: Served, make: Make) -> None:
    member = make().join()
    action = ChangeLegalName(member_id=member.member_id, legal_name="Another name")
    with served.nothing_stored(), pytest.raises(Refused) as refusal:
        governing.propose(served.member("auditor"), [action], "a test")
    assert refusal.value.slug in ("not-entitled", "denied")
