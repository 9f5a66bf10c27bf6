"""Joining over HTTP: what is refused, each before and after a certificate renewal."""

import base64
import secrets
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from governance.client.connection import client_assertion, new_statement
from governance.membership.members import NodeKind, Role
from governance.membership.statements import (
    ENROLMENT,
    INVITATION,
    INVITATION_REVOCATION,
    LEAVE,
    Enrolment,
    InvitationRequest,
    InvitationRevocation,
    Leave,
    NodeRequest,
)
from governance.membership.tables import InvitationRow
from ledger.database import connect, writing
from ledger.statements import sign_statement
from tests.http.joining import (
    JSON,
    Make,
    Newcomer,
    ask_for_token,
    faults,
    new_key,
    request_for,
    slug,
)
from tests.http.network import Served


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
