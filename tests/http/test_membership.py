"""Membership's negative cases over HTTP, each before and after a certificate renewal."""

import base64
import secrets
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from governance.access.grants import ASSERTION_TYPE, GRANT_TYPE
from governance.client import governing
from governance.client.connection import Refused, client_assertion, new_statement
from governance.client.renewing import renew
from governance.decisions.actions import ChangeLegalName, GrantRole, Reinstate, Revoke, Suspend
from governance.decisions.statements import VOTE, Vote
from governance.membership.members import NodeKind, Role
from governance.membership.statements import (
    ENROLMENT,
    INVITATION,
    INVITATION_REVOCATION,
    LEAVE,
    RECOVERY,
    RENEWAL,
    Enrolment,
    InvitationRequest,
    InvitationRevocation,
    Leave,
    NodeRequest,
    Recovery,
    Renewal,
)
from governance.membership.tables import InvitationRow
from ledger.database import connect, writing
from ledger.statements import sign_statement
from tests.http.joining import (
    APPLICATIONS,
    JSON,
    Newcomer,
    decide,
    faults,
    new_key,
    request_for,
    slug,
    within,
)
from tests.http.network import Served

RENEWALS = "/v1/certificates/renewals"
Make = Callable[..., Newcomer]


@pytest.fixture(params=[False, True], ids=["first certificate", "renewed certificate"])
def make(request: pytest.FixtureRequest, served: Served, tmp_path: Path) -> Iterator[Make]:
    """Makes newcomers; in the second round everybody who acts has renewed its certificate."""
    made: list[Newcomer] = []

    def new(role: Role = Role.CUSTODIAN, **options: Any) -> Newcomer:
        made.append(Newcomer(served, tmp_path, role, renewed=request.param, **options))
        return made[-1]

    if request.param:
        for member in ("platform", "trust-b", "auditor"):
            connection = served.member(member)
            renew(connection, connection.own_folder())
    yield new
    for newcomer in made:
        newcomer.close()


def test_a_duplicate_application(make: Make) -> None:
    applicant = make()
    assert applicant.apply().status_code == 201
    again = applicant.apply()
    assert (again.status_code, slug(again)) == (422, "application-refused")
    assert "open application already" in faults(again)


def test_an_application_of_a_member(make: Make) -> None:
    member = make().join()
    again = make(member_id=member.member_id, legal_name=member.folder.member.legal_name).apply()
    assert slug(again) == "application-refused"
    assert "is a member already" in faults(again)


def test_an_application_under_a_name_that_is_taken(make: Make) -> None:
    taken = make().join().folder.member.legal_name.upper()
    answer = make(legal_name=taken).apply()
    assert slug(answer) == "application-refused"
    assert "is known here as" in faults(answer)


def test_two_applications_racing(served: Served, make: Make) -> None:
    one = make()
    rival = make(member_id=one.member_id, legal_name=one.folder.member.legal_name)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(Newcomer.apply, (one, rival)))
    assert sorted(a.status_code for a in answers) == [201, 422]
    with served.nothing_stored():
        assert slug(rival.apply()) == "application-refused"


def test_an_application_with_another_members_key(served: Served, make: Make) -> None:
    """The thief has the member's key: the request is in order but for whose key it is."""
    member, thief = make().join(), make()
    body = thief.application(csr=request_for(member.folder.node_key, thief))
    with served.nothing_stored():
        answer = thief.apply(body, member.folder.node_key)
        assert slug(answer) == "application-refused"
    assert "another member" in faults(answer)


def test_an_application_that_somebody_else_signed(served: Served, make: Make) -> None:
    with served.nothing_stored():
        answer = make().apply(key=new_key())
        assert (answer.status_code, slug(answer)) == (400, "signature-invalid")


def test_an_application_in_anothers_name(served: Served, make: Make) -> None:
    """Author and applicant differ, though the key fits the request."""
    applicant = make()
    body = applicant.application(member_id="somebody-else")
    with served.nothing_stored():
        assert slug(applicant.apply(body)) == "signature-invalid"


def test_an_application_with_a_revoked_key(served: Served, make: Make) -> None:
    member = make().join()
    old = member.folder.node_key
    member.rotate()
    returning = make()
    with served.nothing_stored():
        answer = returning.apply(returning.application(csr=request_for(old, returning)), old)
        assert slug(answer) == "application-refused"
    assert "revoked" in faults(answer) or "another member" in faults(answer)


def test_an_application_with_ones_own_revoked_key(served: Served, make: Make) -> None:
    """Who left may come back, but not with a key that ended with its membership."""
    member = make().join()
    old = member.folder.node_key
    assert member.say("/v1/members/leave", LEAVE, Leave("a test")).status_code == 204
    again = make(member_id=member.member_id, legal_name=member.folder.member.legal_name)
    with served.nothing_stored():
        answer = again.apply(again.application(csr=request_for(old, again)), old)
        assert slug(answer) == "application-refused"
    assert "was revoked" in faults(answer)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), "RSA-1024"),
        (lambda: rsa.generate_private_key(3, 3072), "e = 3"),
        (lambda: ec.generate_private_key(ec.SECP192R1()), "secp192r1"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
    ],
    ids=["RSA-1024", "e = 3", "P-192", "secp256k1"],
)
def test_a_weak_or_odd_key(served: Served, make: Make, key: Callable[[], Any], why: str) -> None:
    """In the second node's request, so that the application itself is signed well."""
    answer = apply_with_second_request(served, make(), lambda made: request_for(key(), made))
    assert why in faults(answer)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["-param_enc", "explicit"], ("named curve", "by its OID")),
        (["-param_enc", "named_curve", "-sha1"], ("signed with sha1",)),
    ],
    ids=["explicit parameters", "SHA-1"],
)
def test_an_odd_request(
    served: Served, make: Make, tmp_path: Path, options: list[str], why: tuple[str, ...]
) -> None:
    digest = options[2:] or ["-sha256"]
    openssl(tmp_path, "ecparam -name prime256v1 -genkey -noout -out odd.key", *options[:2])
    openssl(tmp_path, "req -new -key odd.key -subj /CN=odd -outform DER -out odd.csr", *digest)
    request = (tmp_path / "odd.csr").read_bytes()
    answer = apply_with_second_request(served, make(), lambda _: request)
    assert any(part in faults(answer) for part in why)


def test_a_tampered_request(served: Served, make: Make) -> None:
    def tampered(made: Newcomer) -> bytes:
        der = request_for(new_key(), made)
        return der.replace(made.member_id.encode(), made.member_id[::-1].encode(), 1)

    answer = apply_with_second_request(served, make(), tampered)
    assert "possession is not proved" in faults(answer)


def openssl(folder: Path, command: str, *options: str) -> None:
    subprocess.run(
        ["openssl", *command.split(), *options], cwd=folder, check=True, capture_output=True
    )


def apply_with_second_request(
    served: Served, applicant: Newcomer, request: Callable[[Newcomer], bytes]
) -> httpx.Response:
    """Apply with one good request and another one; check the refusal, and return it."""
    body = applicant.application()
    other = NodeRequest("second", NodeKind.API_CLIENT, "", request(applicant))
    with served.nothing_stored():
        answer = applicant.apply(applicant.application(nodes=(*body.nodes, other)))
        assert slug(answer) in ("application-refused", "certificate-request-refused")
    return answer


def enrolment(member: Newcomer) -> tuple[str, str]:
    """Return a one-time token for the member's node, as HTTP Basic credentials."""
    wanted = Enrolment(member.folder.member.node)
    given = member.say("/v1/certificates/enrolments", ENROLMENT, wanted).json()
    return given["user"], given["token"]


def enrol(served: Served, credentials: tuple[str, str]) -> httpx.Response:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    der = builder.sign(new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return served.http.post(
        "/.well-known/est/simpleenroll",
        content=base64.b64encode(der),
        auth=credentials,
        headers={"Content-Type": "application/pkcs10"},
    )


def test_an_enrolment_token_used_twice(served: Served, make: Make) -> None:
    credentials = enrolment(make().join())
    assert enrol(served, credentials).status_code == 200
    with served.nothing_stored():
        assert slug(enrol(served, credentials)) == "enrolment-token-refused"


def test_an_enrolment_token_used_in_a_race(served: Served, make: Make) -> None:
    credentials = enrolment(make().join())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: enrol(served, credentials), range(4)))
    assert sorted(a.status_code for a in answers) == [200, 401, 401, 401]


def test_an_enrolment_token_for_another_node(served: Served, make: Make) -> None:
    member, other = make().join(), make().join()
    _, token = enrolment(member)
    user = f"{other.member_id}/{other.folder.member.node}"
    with served.nothing_stored():
        assert slug(enrol(served, (user, token))) == "enrolment-token-refused"


def assertion_form(assertion: str) -> dict[str, str]:
    return {
        "grant_type": GRANT_TYPE,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }


def ask_for_token(newcomer: Newcomer, assertion: str = "") -> httpx.Response:
    now = newcomer.served.now()
    form = assertion_form(assertion or client_assertion(newcomer.folder, now))
    return newcomer.served.http.post("/oauth/token", data=form)


def test_a_client_assertion_used_in_a_race(served: Served, make: Make) -> None:
    member = make().join()
    assertion = client_assertion(member.folder, served.now())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask_for_token(member, assertion), range(4)))
    assert sorted(a.status_code for a in answers) == [200, 401, 401, 401]
    assert {slug(a) for a in answers if a.is_error} == {"unauthenticated"}


def test_a_statement_sent_twice(served: Served, make: Make) -> None:
    member = make().join()
    body = Enrolment(member.folder.member.node)
    raw = sign_statement(ENROLMENT, new_statement(member.folder, body), member.folder.signer)
    path = "/v1/certificates/enrolments"
    assert served.http.post(path, content=raw, headers=JSON).status_code == 201
    with served.nothing_stored():
        assert slug(served.http.post(path, content=raw, headers=JSON)) == "statement-replayed"


def invited(served: Served, legal_name: str, role: Role = Role.CUSTODIAN) -> Any:
    return served.chair.say("/v1/invitations", INVITATION, InvitationRequest(legal_name, role))


def test_an_invitation_used_twice(served: Served, make: Make) -> None:
    first, second = make(), make()
    token = invited(served, first.folder.member.legal_name)["token"]
    assert first.apply(first.application(invitation=token)).status_code == 201
    with served.nothing_stored():
        answer = second.apply(second.application(invitation=token))
        assert (answer.status_code, slug(answer)) == (403, "invitation-refused")


def test_an_invitation_used_in_a_race(served: Served, make: Make) -> None:
    name = f"Raced {secrets.token_hex(4)}"
    rivals = [make(legal_name=name) for _ in range(3)]
    token = invited(served, name)["token"]
    bodies = [rival.application(invitation=token) for rival in rivals]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(Newcomer.apply, rivals, bodies))
    assert sorted(a.is_success for a in answers) == [False, False, True]
    assert {slug(a) for a in answers if a.is_error} <= {"invitation-refused", "application-refused"}


def test_a_revoked_invitation(served: Served, make: Make) -> None:
    applicant = make()
    invitation = invited(served, applicant.folder.member.legal_name)
    served.chair.say(
        "/v1/invitations/revocations",
        INVITATION_REVOCATION,
        InvitationRevocation(invitation["id"]),
    )
    with served.nothing_stored():
        answer = applicant.apply(applicant.application(invitation=invitation["token"]))
        assert slug(answer) == "invitation-refused"
    assert "revoked" in answer.json()["detail"]


def test_an_expired_invitation(served: Served, make: Make) -> None:
    """Time cannot be turned over HTTP: the invitation is aged in the database, and only that."""
    applicant = make()
    invitation = invited(served, applicant.folder.member.legal_name)
    engine = connect(served.settings.database)
    with writing(engine) as session:
        row = session.get_one(InvitationRow, invitation["id"])
        row.expires_at = row.issued_at
    engine.dispose()
    with served.nothing_stored():
        answer = applicant.apply(applicant.application(invitation=invitation["token"]))
        assert slug(answer) == "invitation-refused"
    assert "expired" in answer.json()["detail"]


def test_a_foreign_invitation(served: Served, make: Make) -> None:
    token = invited(served, "Somebody Else Ltd")["token"]
    applicant = make()
    with served.nothing_stored():
        answer = applicant.apply(applicant.application(invitation=token))
        assert slug(answer) == "invitation-refused"


def test_an_invitation_for_another_role(served: Served, make: Make) -> None:
    applicant = make()
    token = invited(served, applicant.folder.member.legal_name, Role.REGISTRAR)["token"]
    with served.nothing_stored():
        answer = applicant.apply(applicant.application(invitation=token))
        assert slug(answer) == "invitation-refused"


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
