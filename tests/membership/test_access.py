"""Access tokens: every way in which a client assertion is refused, and what a token is bound to.

The requirements are those of RFC 7523, 3 (assertions), RFC 6749, 4.4 (client credentials) and
RFC 8705, 3 (bound tokens). Each case is also asked after a renewal of the member's certificate.
"""

import base64
import datetime as dt
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from litestar import Litestar
from litestar.testing import TestClient

from governance.access.tokens import BELIEVED_SECONDS, MAX_JTI
from governance.identity import store as identity
from ledger.database import reading
from ledger.keys import PrivateKey, key_id
from tests.membership.consortium import NETWORK, Consortium, new_key, renew, revoke, suspend
from tests.membership.serving import ASSERTION_TYPE, client_assertion, serving

MINUTES = dt.timedelta(minutes=1)


@pytest.fixture(params=["first certificate", "after a renewal"])
def key(request: pytest.FixtureRequest, consortium: Consortium) -> PrivateKey:
    made = consortium.join("trust-a")
    if request.param == "after a renewal":
        consortium.at += dt.timedelta(days=20)
        renew(consortium, "trust-a", made)
        consortium.at += dt.timedelta(days=15)
    return made


@pytest.fixture
def client(consortium: Consortium) -> Iterator[TestClient[Litestar]]:
    with serving(consortium) as client:
        yield client


class Asker:
    """Asks for tokens for `trust-a`."""

    def __init__(
        self, client: TestClient[Litestar], consortium: Consortium, key: PrivateKey
    ) -> None:
        self.client, self.consortium, self.key = client, consortium, key

    def send(self, assertion: str, certificate: bytes | None = None, **form: str) -> Any:
        data = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        } | form
        return self.client.post("/oauth/token", data=data, headers=shown(certificate))

    def claim(self, **changed: Any) -> Any:
        return self.send(client_assertion(self.key, "trust-a", self.consortium.at, **changed))

    def certificate(self, member_id: str = "trust-a") -> bytes:
        with reading(self.consortium.engine) as session:
            return identity.certificates_of(session, member_id)[0].der

    def read(self, token: str, certificate: bytes | None = None) -> int:
        headers = {"Authorization": f"Bearer {token}"} | shown(certificate)
        return self.client.get("/v1/members", headers=headers).status_code


def shown(certificate: bytes | None) -> dict[str, str]:
    """The header by which the tests' server knows a client certificate, as from a proxy."""
    if certificate is None:
        return {}
    return {"Client-Cert": f":{base64.b64encode(certificate).decode()}:"}


@pytest.fixture
def asker(client: TestClient[Litestar], consortium: Consortium, key: PrivateKey) -> Asker:
    return Asker(client, consortium, key)


def refused(answer: Any) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.json()["type"] == "urn:sekisho:problem:unauthenticated"
    assert "access_token" not in answer.text


def test_a_good_assertion_gets_a_token_of_ten_minutes(asker: Asker) -> None:
    answer = asker.claim()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    assert asker.read(body["access_token"]) == 200
    asker.consortium.at += 10 * MINUTES - dt.timedelta(seconds=1)
    assert asker.read(body["access_token"]) == 200


def test_a_token_ends_after_ten_minutes(asker: Asker) -> None:
    token = asker.claim().json()["access_token"]
    asker.consortium.at += 10 * MINUTES
    assert asker.read(token) == 401


def test_a_replayed_assertion(asker: Asker) -> None:
    assertion = client_assertion(asker.key, "trust-a", asker.consortium.at)
    assert asker.send(assertion).status_code == 200
    refused(asker.send(assertion))


def test_another_assertion_with_the_same_id(asker: Asker) -> None:
    assert asker.claim(jti="one-and-the-same-id").status_code == 200
    refused(asker.claim(jti="one-and-the-same-id", exp=int(asker.consortium.at.timestamp()) + 90))


@pytest.mark.parametrize(
    "audience",
    ["another-network", "", "https://elsewhere.example/oauth/token", [NETWORK, "elsewhere"], None],
)
def test_another_audience(asker: Asker, audience: object) -> None:
    """A list is refused too: what is meant for others as well could be replayed by them."""
    refused(asker.claim(aud=audience))


@pytest.mark.parametrize(
    ("issued", "expires"),
    [
        (0, 301),
        (0, 86_400),
        (-120, -61),
        (-600, -300),
        (61, 120),
        (0, 0),
        (0, -1),
    ],
    ids=["too long", "a day", "just over", "long over", "from the future", "no time", "backwards"],
)
def test_the_times_of_an_assertion(asker: Asker, issued: int, expires: int) -> None:
    now = int(asker.consortium.at.timestamp())
    refused(asker.claim(iat=now + issued, exp=now + expires))


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "jti"])
def test_a_claim_that_is_missing(asker: Asker, claim: str) -> None:
    refused(asker.claim(**{claim: None}))


@pytest.mark.parametrize("claim", ["iss", "sub"])
def test_in_anothers_name(asker: Asker, claim: str) -> None:
    refused(asker.claim(**{claim: "platform"}))


@pytest.mark.parametrize("value", [7, ["a"], {"a": 1}, "x" * (MAX_JTI + 1)], ids=str)
def test_an_odd_id(asker: Asker, value: object) -> None:
    refused(asker.claim(jti=value))


@pytest.mark.parametrize("value", ["soon", [1], {}, 1e400, True], ids=str)
@pytest.mark.parametrize("claim", ["iat", "exp"])
def test_an_odd_time(asker: Asker, claim: str, value: object) -> None:
    refused(asker.claim(**{claim: value}))


def test_a_foreign_key(asker: Asker) -> None:
    """A key that nobody here has certified, under its own id and under the member's."""
    stranger = new_key()
    at = asker.consortium.at
    refused(asker.send(client_assertion(stranger, "trust-a", at)))
    refused(asker.send(signed(stranger, claims_of(asker), kid=key_id(asker.key.public_key()))))


def test_another_members_key(asker: Asker) -> None:
    other = asker.consortium.join("trust-b")
    refused(asker.send(client_assertion(other, "trust-a", asker.consortium.at)))


def claims_of(asker: Asker) -> dict[str, Any]:
    assertion = client_assertion(asker.key, "trust-a", asker.consortium.at)
    return jwt.decode(assertion, options={"verify_signature": False})


def signed(key: Any, claims: dict[str, Any], kid: str) -> str:
    return jwt.encode(claims, key, "ES256", {"kid": kid})


def part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("name", ["none", "None", "NONE", ""])
def test_no_signature(asker: Asker, name: str) -> None:
    header = {"alg": name, "kid": key_id(asker.key.public_key())}
    refused(asker.send(f"{part(header)}.{part(claims_of(asker))}."))


def test_a_public_key_as_the_secret_of_a_mac(asker: Asker) -> None:
    """RFC 8725, 2.1: the algorithm is the key's, not the header's."""
    public = asker.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = {"alg": "HS256", "typ": "JWT", "kid": key_id(asker.key.public_key())}
    said = f"{part(header)}.{part(claims_of(asker))}"
    code = hmac.digest(public, said.encode(), "sha256")
    refused(asker.send(said + "." + base64.urlsafe_b64encode(code).rstrip(b"=").decode()))


@pytest.mark.parametrize("change", [lambda a: a[:-4] + "AAAA", lambda a: a + ".x", lambda _: "a.b"])
def test_a_tampered_assertion(asker: Asker, change: Callable[[str], str]) -> None:
    refused(asker.send(change(client_assertion(asker.key, "trust-a", asker.consortium.at))))


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password"},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_secret": "a" * 16},
    ],
    ids=str,
)
def test_another_grant(asker: Asker, form: dict[str, str]) -> None:
    assertion = client_assertion(asker.key, "trust-a", asker.consortium.at)
    assert asker.send(assertion, **form).status_code == 400


def test_who_is_revoked_gets_none(asker: Asker) -> None:
    revoke(asker.consortium, "trust-a")
    refused(asker.claim())


def test_who_is_suspended_gets_one_to_read_with(asker: Asker) -> None:
    suspend(asker.consortium, "trust-a")
    assert asker.claim().status_code == 200


def test_whose_certificate_has_expired_gets_none(asker: Asker) -> None:
    asker.consortium.at += dt.timedelta(days=30)
    refused(asker.claim())


class TestBound:
    """With mutual TLS on, a token is its certificate's."""

    def issued(self, asker: Asker, certificate: bytes | None) -> Any:
        assertion = client_assertion(asker.key, "trust-a", asker.consortium.at)
        return asker.send(assertion, certificate)

    def test_works_with_its_certificate_alone(self, asker: Asker) -> None:
        own, others = asker.certificate(), asker.certificate("platform")
        token = self.issued(asker, own).json()["access_token"]
        assert asker.read(token, own) == 200
        assert asker.read(token, others) == 401
        assert asker.read(token) == 401

    def test_is_not_issued_to_another_members_certificate(self, asker: Asker) -> None:
        refused(self.issued(asker, asker.certificate("platform")))

    def test_is_not_issued_to_a_revoked_certificate(self, asker: Asker) -> None:
        old = asker.certificate()
        new = new_key()
        renew(asker.consortium, "trust-a", asker.key, new)
        asker.key = new
        refused(self.issued(asker, old))
        assert self.issued(asker, asker.certificate()).status_code == 200

    def test_ends_with_its_certificate(self, asker: Asker) -> None:
        """The key goes on under a newer certificate; the one that the token is bound to is over."""
        own = asker.certificate()
        ends = x509.load_der_x509_certificate(own).not_valid_after_utc
        asker.consortium.at = ends - 5 * MINUTES
        token = self.issued(asker, own).json()["access_token"]
        renew(asker.consortium, "trust-a", asker.key)
        assert asker.read(token, own) == 200
        asker.consortium.at += 5 * MINUTES
        time.sleep(BELIEVED_SECONDS)
        assert asker.read(token, own) == 401
