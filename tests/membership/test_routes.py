"""Memberships and identities over HTTP: what is served, and every refusal as a problem."""

import base64
import datetime as dt
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509 import ocsp
from litestar import Litestar
from litestar.testing import TestClient

from governance.access.tokens import BELIEVED_SECONDS
from governance.identity.network_map import verify_network_map
from governance.membership import statements
from governance.membership.members import NodeKind, Role
from governance.membership.statements import NodeRequest
from ledger.keys import key_id
from tests.membership.consortium import (
    Consortium,
    application,
    csr,
    new_key,
    renew,
    revoke,
    suspend,
)
from tests.membership.serving import Partner, serving

JSON_PROBLEM = "application/problem+json"


@pytest.fixture
def client(consortium: Consortium) -> Iterator[TestClient[Litestar]]:
    with serving(consortium) as client:
        yield client


@pytest.fixture
def admin(client: TestClient[Litestar], consortium: Consortium) -> Partner:
    return Partner(client, consortium, "platform", consortium.keys["platform"])


@pytest.fixture
def trust(client: TestClient[Litestar], consortium: Consortium) -> Partner:
    return Partner(client, consortium, "trust-a", consortium.join("trust-a"))


def test_apply_and_follow(client: TestClient[Litestar], consortium: Consortium) -> None:
    key = new_key()
    applicant = Partner(client, consortium, "trust-a", key)
    answer = applicant.say("/v1/applications", statements.APPLICATION, application("trust-a", key))
    assert answer.status_code == 201
    wanted = answer.json()["application_id"]
    assert client.get(f"/v1/applications/{wanted}").json()["state"] == "applied"
    assert applicant.token().status_code == 401
    consortium.admit(wanted)
    shown = client.get(f"/v1/applications/{wanted}").json()
    assert shown["state"] == "accepted"
    certificate = x509.load_der_x509_certificate(base64.b64decode(shown["certificates"][0]))
    assert certificate.public_key() == key.public_key()
    assert applicant.get("/v1/members/trust-a").json()["roles"] == ["registrar"]


def test_an_application_is_withdrawn_once(
    client: TestClient[Litestar], consortium: Consortium
) -> None:
    key = new_key()
    applicant = Partner(client, consortium, "trust-a", key)
    body = application("trust-a", key)
    wanted = applicant.say("/v1/applications", statements.APPLICATION, body).json()
    kind = statements.APPLICATION_WITHDRAWAL
    withdrawal = statements.ApplicationWithdrawal(wanted["application_id"])
    assert applicant.say("/v1/applications/withdrawals", kind, withdrawal).status_code == 204
    assert applicant.say("/v1/applications/withdrawals", kind, withdrawal).status_code == 409


def test_every_fault_is_in_one_problem(
    client: TestClient[Litestar], consortium: Consortium
) -> None:
    key = new_key()
    body = application("trust-a", key, legal_name="x" * 65, roles=())
    answer = Partner(client, consortium, "trust-a", key).say(
        "/v1/applications", statements.APPLICATION, body
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith(JSON_PROBLEM)
    places = {fault["where"] for fault in answer.json()["faults"]}
    assert {"legal_name", "roles"} <= places


def test_members_are_listed_page_by_page(consortium: Consortium, trust: Partner) -> None:
    for letter in "bcd":
        consortium.join(f"trust-{letter}")
    token = trust.token().json()["access_token"]
    seen, cursor = [], ""
    while cursor is not None:
        page = trust.get(f"/v1/members?limit=2&cursor={cursor}", token).json()
        seen += [member["member_id"] for member in page["members"]]
        cursor = page["next"]
    assert seen == ["platform", "trust-a", "trust-b", "trust-c", "trust-d"]


def test_history_certificates_and_expiry(consortium: Consortium, trust: Partner) -> None:
    consortium.at += dt.timedelta(days=21)
    assert trust.get("/v1/certificates/expiring").json()[0]["node"] == "node-1"
    renew(consortium, "trust-a", trust.key)
    assert trust.get("/v1/certificates/expiring").json() == []
    assert len(trust.get("/v1/members/trust-a/certificates").json()) == 2
    assert trust.get("/v1/members/trust-a/history").json()[0]["event"] == {"type": "admitted"}
    assert trust.get("/v1/members/nobody/history").status_code == 404


def test_renew_rotate_and_recover(consortium: Consortium, trust: Partner) -> None:
    path, kind = "/v1/certificates/renewals", statements.RENEWAL
    same = statements.Renewal("node-1", csr(trust.key))
    assert trust.say(path, kind, same).status_code == 201
    new = new_key()
    rotation = statements.Renewal("node-1", csr(new))
    assert trust.say(path, kind, rotation).status_code in (400, 401, 422)
    assert trust.say(path, kind, rotation, new).status_code == 201
    assert trust.token().status_code == 401
    lost = new_key()
    newcomer = Partner(trust.client, consortium, "trust-a", lost)
    recovery = statements.Recovery("trust-a", "node-1", csr(lost))
    answer = newcomer.say("/v1/certificates/recoveries", statements.RECOVERY, recovery)
    assert answer.json() == {"key_id": key_id(lost.public_key())}
    assert newcomer.token().status_code == 401


def test_nodes_come_and_go(trust: Partner) -> None:
    request = NodeRequest("client", NodeKind.API_CLIENT, "", csr(new_key()))
    addition = statements.NodeAddition(request)
    assert trust.say("/v1/nodes", statements.NODE_ADDITION, addition).status_code == 201
    removal = statements.NodeRemoval("client")
    path = "/v1/nodes/removals"
    assert trust.say(path, statements.NODE_REMOVAL, removal).status_code == 204
    assert trust.say(path, statements.NODE_REMOVAL, removal).status_code == 409


def test_who_left_is_out_at_once(trust: Partner) -> None:
    assert trust.say("/v1/members/leave", statements.LEAVE, statements.Leave()).status_code == 204
    assert trust.token().status_code == 401


def test_a_token_dies_with_the_membership_within_a_second(
    consortium: Consortium, trust: Partner
) -> None:
    """Asked of two processes: neither believes an old answer for a second."""
    token = trust.token().json()["access_token"]
    with serving(consortium) as other:
        elsewhere = Partner(other, consortium, "trust-a", trust.key)
        for process in (trust, elsewhere):
            assert process.get("/v1/members", token).status_code == 200
        revoke(consortium, "trust-a")
        time.sleep(0.9)
        for process in (trust, elsewhere):
            assert process.get("/v1/members", token).status_code == 401


def test_a_suspended_member_reads_its_own_past_and_acts_on_nothing(
    consortium: Consortium, trust: Partner
) -> None:
    before = trust.token().json()["access_token"]
    suspend(consortium, "trust-a")
    during = trust.token().json()["access_token"]
    time.sleep(BELIEVED_SECONDS)
    for token in (before, during):
        history = trust.get("/v1/members/trust-a/history", token)
        assert history.json()[-1]["event"]["type"] == "suspended"
        assert trust.get("/v1/invitations", token).status_code == 200
    body = statements.Renewal("node-1", csr(trust.key))
    refused = trust.say("/v1/certificates/renewals", statements.RENEWAL, body)
    assert refused.status_code == 401
    assert trust.say("/v1/members/leave", statements.LEAVE, statements.Leave()).status_code == 401
    revoke(consortium, "trust-a")
    time.sleep(BELIEVED_SECONDS)
    assert trust.get("/v1/members/trust-a/history", during).status_code == 401
    assert trust.token().status_code == 401


def test_the_network_map_takes_a_token(client: TestClient[Litestar]) -> None:
    assert client.get("/v1/network/map").status_code == 401


def test_invitations(admin: Partner, trust: Partner) -> None:
    body = statements.InvitationRequest("みどり信託", Role.REGISTRAR)
    made = admin.say("/v1/invitations", statements.INVITATION, body)
    assert made.status_code == 201
    assert made.json()["token"]
    [listed] = admin.get("/v1/invitations").json()
    assert (listed["state"], listed["token"]) == ("open", "")
    revocation = statements.InvitationRevocation(listed["id"])
    path, kind = "/v1/invitations/revocations", statements.INVITATION_REVOCATION
    assert trust.say(path, kind, revocation).status_code in (403, 404)
    assert admin.say(path, kind, revocation).status_code == 204


def test_groups_show_their_members_to_their_members_only(
    consortium: Consortium, admin: Partner, trust: Partner
) -> None:
    other = Partner(trust.client, consortium, "trust-b", consortium.join("trust-b"))
    body = statements.GroupChange("pilot", "Pilot", ("trust-a",))
    assert admin.say("/v1/groups", statements.GROUP_CHANGE, body).status_code == 201
    assert [group["id"] for group in trust.get("/v1/groups").json()] == ["pilot"]
    assert trust.get("/v1/groups/pilot").json()["members"][0]["member_id"] == "trust-a"
    assert other.get("/v1/groups").json() == []
    assert other.get("/v1/groups/pilot").status_code == 404
    assert trust.say("/v1/groups", statements.GROUP_CHANGE, body).status_code == 403


class TestEst:
    def test_enrol_and_enrol_again(self, trust: Partner) -> None:
        wanted = statements.Enrolment("node-1")
        path = "/v1/certificates/enrolments"
        given = trust.say(path, statements.ENROLMENT, wanted).json()
        key = new_key()
        answer = trust.client.post(
            "/.well-known/est/simpleenroll",
            content=base64.b64encode(csr(key)),
            auth=(given["user"], given["token"]),
        )
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/pkcs7-mime")
        [certificate] = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))
        assert certificate.public_key() == key.public_key()
        request = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(certificate.subject)
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER)
        )
        der = certificate.public_bytes(serialization.Encoding.DER)
        again = trust.client.post(
            "/.well-known/est/simplereenroll",
            content=base64.b64encode(request),
            headers={"Client-Cert": f":{base64.b64encode(der).decode()}:"},
        )
        assert again.status_code == 200

    def test_without_credentials_it_asks_for_them(self, trust: Partner) -> None:
        answer = trust.client.post("/.well-known/est/simpleenroll", content=b"")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")

    def test_a_guessed_token_is_refused(self, trust: Partner) -> None:
        answer = trust.client.post(
            "/.well-known/est/simpleenroll",
            content=base64.b64encode(csr(new_key())),
            auth=("trust-a/node-1", "guess"),
        )
        assert answer.status_code == 401

    def test_authorities_and_attributes_are_public(self, client: TestClient[Litestar]) -> None:
        found = client.get("/.well-known/est/cacerts")
        assert len(pkcs7.load_der_pkcs7_certificates(base64.b64decode(found.content))) == 2
        attributes = client.get("/.well-known/est/csrattrs")
        assert base64.b64decode(attributes.content)[:1] == b"\x30"


def test_crl_and_ocsp(consortium: Consortium, trust: Partner) -> None:
    client = trust.client
    issuer = x509.load_der_x509_certificate(client.get("/ca/issuing-1.cer").content)
    shown = trust.get("/v1/members/trust-a/certificates").json()[0]
    subject = x509.load_der_x509_certificate(base64.b64decode(shown["certificate"]))
    question = ocsp.OCSPRequestBuilder().add_certificate(subject, issuer, hashes.SHA256())
    raw = question.build().public_bytes(serialization.Encoding.DER)

    def statuses() -> tuple[bool, set[ocsp.OCSPCertStatus]]:
        found = x509.load_der_x509_crl(client.get("/crl/issuing-1.crl").content)
        assert found.is_signature_valid(issuer.public_key())
        listed = found.get_revoked_certificate_by_serial_number(subject.serial_number)
        answers = (
            client.post("/ocsp", content=raw),
            client.get(f"/ocsp/{base64.b64encode(raw).decode()}"),
        )
        said = {
            ocsp.load_der_ocsp_response(answer.content).certificate_status for answer in answers
        }
        return listed is not None, said

    assert statuses() == (False, {ocsp.OCSPCertStatus.GOOD})
    revoke(consortium, "trust-a")
    assert statuses() == (True, {ocsp.OCSPCertStatus.REVOKED})
    assert client.get("/crl/issuing-9.crl").status_code == 404
    assert client.get("/ca/nobody.cer").status_code == 404


def test_slashes_of_a_question_in_the_path_are_part_of_it(trust: Partner) -> None:
    """Base64 has slashes; some stand together, or at the end."""

    def question(serial: int) -> str:
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            bytes(20), bytes(20), serial, hashes.SHA1()
        )
        raw = builder.build().public_bytes(serialization.Encoding.DER)
        return base64.b64encode(raw).decode()

    serials = (int.from_bytes(b"\x7f" + b"\xff" * size) for size in range(8, 20))
    encoded = next(q for q in map(question, serials) if "//" in q and q.endswith("/"))
    for sent in (encoded, quote(encoded, safe="")):
        answer = ocsp.load_der_ocsp_response(trust.client.get(f"/ocsp/{sent}").content)
        unknown = ocsp.OCSPResponseStatus.UNAUTHORIZED  # another authority's; it was understood
        assert answer.response_status is unknown


def test_the_network_map_is_verified_by_who_reads_it(
    consortium: Consortium, trust: Partner
) -> None:
    answer = trust.get("/v1/network/map")
    pinned = consortium.root_certificate()
    found = verify_network_map(answer.content, pinned, consortium.at)
    assert [member.member_id for member in found.members] == ["platform", "trust-a"]
    token = trust.token().json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "If-None-Match": answer.headers["etag"]}
    assert trust.client.get("/v1/network/map", headers=headers).status_code == 304
