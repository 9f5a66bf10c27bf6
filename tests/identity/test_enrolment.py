"""EST, without the wire: one-time tokens, re-enrolment, and what clients parse."""

import base64
import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from pyasn1.codec.der.decoder import decode
from pyasn1_alt_modules import rfc7030

from governance.errors import (
    CertificateRequestRefused,
    EnrolmentTokenRefused,
    IssuanceRefused,
    Unauthenticated,
)
from governance.identity import enrolment, store
from governance.identity.authority import issue
from governance.membership import changes
from governance.membership import store as memberships
from governance.membership.statements import ENROLMENT, Enrolment
from ledger.database import reading, writing
from ledger.keys import PrivateKey
from policies.errors import Denied
from tests.membership.consortium import RULES, Consortium, csr, new_key, opened


def token(consortium: Consortium, member_id: str = "trust-a", node: str = "node-1") -> str:
    key = consortium.keys[member_id]
    said = opened(ENROLMENT, member_id, Enrolment(node), consortium.at, key)
    with writing(consortium.engine) as session:
        actor = memberships.member_actor(session, member_id)
        return enrolment.hand_out_token(session, actor, RULES, said, consortium.at)


def enrol(
    consortium: Consortium, secret: str, request: bytes, user: str = "trust-a/node-1"
) -> bytes:
    with writing(consortium.engine) as session:
        issuance = enrolment.enrol(
            session,
            consortium.authority,
            RULES,
            (user, secret),
            base64.encodebytes(request),
            consortium.at,
        )
    return issue(consortium.engine, consortium.authority, issuance, consortium.at)


@pytest.fixture
def trust(consortium: Consortium) -> PrivateKey:
    return consortium.join("trust-a")


class TestToken:
    pytestmark = pytest.mark.usefixtures("trust")

    def test_enrols_once(self, consortium: Consortium) -> None:
        secret, key = token(consortium), new_key()
        enrol(consortium, secret, csr(key))
        assert consortium.speaks(key) == "trust-a"
        with pytest.raises(EnrolmentTokenRefused):
            enrol(consortium, secret, csr(new_key()))

    def test_enrols_once_even_in_a_race(self, consortium: Consortium) -> None:
        secret = token(consortium)

        def attempt(_: int) -> bool:
            try:
                enrol(consortium, secret, csr(new_key()))
            except EnrolmentTokenRefused:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(attempt, range(4))) == [False, False, False, True]

    def test_a_bad_request_does_not_use_it_up(self, consortium: Consortium) -> None:
        secret, key = token(consortium), new_key()
        with pytest.raises(CertificateRequestRefused):
            enrol(consortium, secret, b"not a request")
        enrol(consortium, secret, csr(key))
        assert consortium.speaks(key) == "trust-a"

    @pytest.mark.parametrize("user", ["trust-a/node-2", "trust-b/node-1", "", "trust-a"])
    def test_is_for_one_node(self, consortium: Consortium, user: str) -> None:
        with pytest.raises(EnrolmentTokenRefused):
            enrol(consortium, token(consortium), csr(new_key()), user)

    def test_expires(self, consortium: Consortium) -> None:
        secret = token(consortium)
        consortium.at += dt.timedelta(days=7)
        with pytest.raises(EnrolmentTokenRefused):
            enrol(consortium, secret, csr(new_key()))

    def test_is_worthless_once_the_member_is_suspended_or_gone(
        self, consortium: Consortium
    ) -> None:
        secret = token(consortium)
        with writing(consortium.engine) as session:
            changes.suspend(session, "trust-a", "audit", consortium.at)
        with pytest.raises(Denied):
            enrol(consortium, secret, csr(new_key()))
        with writing(consortium.engine) as session:
            herald = consortium.authority.herald
            changes.revoke(session, herald, "trust-a", "fraud", consortium.at)
        with pytest.raises(EnrolmentTokenRefused):
            enrol(consortium, secret, csr(new_key()))

    def test_a_guess_is_refused(self, consortium: Consortium) -> None:
        with pytest.raises(EnrolmentTokenRefused):
            enrol(consortium, "guess", csr(new_key()))


def current(consortium: Consortium) -> x509.Certificate:
    with reading(consortium.engine) as session:
        row = store.certificates_of(session, "trust-a", "node-1")[0]
    return x509.load_der_x509_certificate(row.der)


def renewal(certificate: x509.Certificate, key: PrivateKey, *names: x509.GeneralName) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(certificate.subject)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def again(consortium: Consortium, certificate: x509.Certificate, request: bytes) -> bytes:
    with writing(consortium.engine) as session:
        issuance = enrolment.enrol_again(
            session,
            consortium.authority,
            RULES,
            certificate.fingerprint(hashes.SHA256()),
            base64.encodebytes(request),
            consortium.at,
        )
    return issue(consortium.engine, consortium.authority, issuance, consortium.at)


class TestReenrolment:
    def test_keeps_key_and_names(self, consortium: Consortium, trust: PrivateKey) -> None:
        consortium.at += dt.timedelta(days=20)
        old = current(consortium)
        names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        renewed = x509.load_der_x509_certificate(
            again(consortium, old, renewal(old, trust, *names))
        )
        assert renewed.subject == old.subject
        assert renewed.public_key() == old.public_key()
        assert renewed.not_valid_after_utc == consortium.at + dt.timedelta(days=30)

    def test_a_new_key_ends_the_old_one(self, consortium: Consortium, trust: PrivateKey) -> None:
        new, old = new_key(), current(consortium)
        again(consortium, old, renewal(old, new))
        assert consortium.speaks(new) == "trust-a"
        assert consortium.speaks(trust) is None

    def test_another_subject_is_refused(self, consortium: Consortium, trust: PrivateKey) -> None:
        with pytest.raises(IssuanceRefused, match="keeps the subject"):
            again(consortium, current(consortium), csr(trust, "someone else"))

    def test_other_names_are_refused(self, consortium: Consortium, trust: PrivateKey) -> None:
        old = current(consortium)
        with pytest.raises(IssuanceRefused, match="alternative names"):
            again(consortium, old, renewal(old, trust, x509.DNSName("other.example")))

    def test_an_expired_or_revoked_certificate_renews_nothing(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        old = current(consortium)
        request = renewal(old, trust)
        consortium.at += dt.timedelta(days=30)
        with pytest.raises(Unauthenticated, match="valid now"):
            again(consortium, old, request)
        consortium.at -= dt.timedelta(days=20)
        with writing(consortium.engine) as session:
            herald = consortium.authority.herald
            changes.revoke(session, herald, "trust-a", "fraud", consortium.at)
        with pytest.raises(Unauthenticated, match="valid now"):
            again(consortium, old, request)

    def test_no_certificate_no_renewal(self, consortium: Consortium) -> None:
        with pytest.raises(Unauthenticated), writing(consortium.engine) as session:
            enrolment.enrol_again(session, consortium.authority, RULES, None, b"", consortium.at)


def test_the_authorities_come_as_pkcs7(consortium: Consortium) -> None:
    with reading(consortium.engine) as session:
        body = enrolment.authorities(session, consortium.at)
    found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))
    names = {certificate.subject.rfc4514_string() for certificate in found}
    assert names == {"CN=Root CA 1,O=test-network", "CN=Issuing CA 1,O=test-network"}


def test_the_csr_attributes_parse(consortium: Consortium) -> None:
    attributes, rest = decode(enrolment.CSR_ATTRIBUTES, asn1Spec=rfc7030.CsrAttrs())
    assert rest == b""
    assert str(attributes[0]["attribute"]["attrType"]) == "1.2.840.10045.2.1"
    assert str(attributes[1]["oid"]) == "1.2.840.10045.4.3.2"
