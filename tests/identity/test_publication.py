"""CRL and OCSP: what they say, and that pkilint and a relying party find nothing wrong."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from governance.errors import AuthorityUnfit
from governance.identity import lint, publication, store
from governance.membership import changes
from ledger.database import reading, writing
from tests.membership.consortium import Consortium

HOUR = dt.timedelta(hours=1)


def crl(consortium: Consortium, issuer: str = "issuing-1") -> x509.CertificateRevocationList:
    with writing(consortium.engine) as session:
        der = publication.publish_crl(session, consortium.authority, issuer, consortium.at)
    return x509.load_der_x509_crl(der)


def number(found: x509.CertificateRevocationList) -> int:
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def certificate(consortium: Consortium, member_id: str) -> x509.Certificate:
    with reading(consortium.engine) as session:
        return x509.load_der_x509_certificate(store.certificates_of(session, member_id)[0].der)


def issuer_of(consortium: Consortium) -> x509.Certificate:
    with reading(consortium.engine) as session:
        return x509.load_der_x509_certificate(store.authority_named(session, "issuing-1").der)


def ask(
    consortium: Consortium,
    subject: x509.Certificate,
    algorithm: hashes.HashAlgorithm,
    nonce: bytes | None = None,
) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(subject, issuer_of(consortium), algorithm)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    raw = builder.build().public_bytes(serialization.Encoding.DER)
    with reading(consortium.engine) as session:
        return publication.answer_ocsp(session, consortium.authority, raw, consortium.at)


def suspend(consortium: Consortium, member_id: str) -> None:
    with writing(consortium.engine) as session:
        changes.suspend(session, member_id, "audit", consortium.at)


def revoke(consortium: Consortium, member_id: str) -> None:
    with writing(consortium.engine) as session:
        herald = consortium.authority.herald
        changes.revoke(session, herald, member_id, "fraud", consortium.at)


class TestCrl:
    def test_lists_what_is_revoked_or_on_hold(self, consortium: Consortium) -> None:
        for member_id in ("trust-a", "trust-b", "trust-c"):
            consortium.join(member_id)
        revoke(consortium, "trust-a")
        suspend(consortium, "trust-b")
        found = crl(consortium)
        reasons = {
            entry.serial_number: entry.extensions.get_extension_for_class(x509.CRLReason).value
            for entry in found
        }
        flags = x509.ReasonFlags
        assert {serial: value.reason for serial, value in reasons.items()} == {
            certificate(consortium, "trust-a").serial_number: flags.privilege_withdrawn,
            certificate(consortium, "trust-b").serial_number: flags.certificate_hold,
        }
        assert found.is_signature_valid(issuer_of(consortium).public_key())
        assert lint.lint_crl(found.public_bytes(serialization.Encoding.DER)) == ()

    def test_numbers_grow_only_when_something_changed(self, consortium: Consortium) -> None:
        consortium.join("trust-a")
        first = crl(consortium)
        assert crl(consortium) == first
        suspend(consortium, "trust-a")
        second = crl(consortium)
        consortium.at += 12 * HOUR  # half its time is over
        third = crl(consortium)
        assert [number(found) for found in (first, second, third)] == [1, 2, 3]

    def test_the_expired_are_not_listed(self, consortium: Consortium) -> None:
        consortium.join("trust-a")
        revoke(consortium, "trust-a")
        consortium.at += dt.timedelta(days=31)
        assert list(crl(consortium)) == []

    def test_the_root_has_one_too(self, consortium: Consortium) -> None:
        found = crl(consortium, "root-1")
        assert found.is_signature_valid(consortium.root.key.public_key())
        assert lint.lint_crl(found.public_bytes(serialization.Encoding.DER)) == ()

    def test_there_is_none_of_a_stranger(self, consortium: Consortium) -> None:
        with pytest.raises(AuthorityUnfit):
            crl(consortium, "issuing-9")


class TestOcsp:
    @pytest.mark.parametrize(
        "algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["SHA-1", "SHA-256"]
    )
    def test_good_hold_and_revoked(
        self, consortium: Consortium, algorithm: hashes.HashAlgorithm
    ) -> None:
        consortium.join("trust-a")
        subject = certificate(consortium, "trust-a")
        seen = []
        for step in (None, suspend, revoke):
            if step:
                step(consortium, "trust-a")
            answer = ocsp.load_der_ocsp_response(ask(consortium, subject, algorithm))
            seen.append((answer.certificate_status, answer.revocation_reason))
        status, flags = ocsp.OCSPCertStatus, x509.ReasonFlags
        assert seen == [
            (status.GOOD, None),
            (status.REVOKED, flags.certificate_hold),
            (status.REVOKED, flags.privilege_withdrawn),
        ]

    def test_is_signed_by_a_delegate_of_the_issuer(self, consortium: Consortium) -> None:
        consortium.join("trust-a")
        raw = ask(consortium, certificate(consortium, "trust-a"), hashes.SHA256(), b"n" * 32)
        answer = ocsp.load_der_ocsp_response(raw)
        [delegate] = answer.certificates
        delegate.verify_directly_issued_by(issuer_of(consortium))
        assert delegate.extensions.get_extension_for_class(x509.OCSPNoCheck)
        usage = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usage) == [x509.ExtendedKeyUsageOID.OCSP_SIGNING]
        key = delegate.public_key()
        key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
        nonce = answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        assert nonce == b"n" * 32
        assert lint.lint_ocsp_response(raw) == ()

    def test_an_unknown_serial_is_unknown_not_good(self, consortium: Consortium) -> None:
        consortium.join("trust-a")
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            *_hashes(issuer_of(consortium)), 12345, hashes.SHA256()
        )
        raw = builder.build().public_bytes(serialization.Encoding.DER)
        with reading(consortium.engine) as session:
            der = publication.answer_ocsp(session, consortium.authority, raw, consortium.at)
        answer = ocsp.load_der_ocsp_response(der)
        assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN

    @pytest.mark.parametrize("question", [b"", b"nonsense", b"\x30\x03\x02\x01\x01"])
    def test_what_is_no_question_is_refused(self, consortium: Consortium, question: bytes) -> None:
        with reading(consortium.engine) as session:
            der = publication.answer_ocsp(session, consortium.authority, question, consortium.at)
        answer = ocsp.load_der_ocsp_response(der)
        assert answer.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST

    def test_a_foreign_issuer_is_refused(self, consortium: Consortium) -> None:
        root = x509.load_der_x509_certificate(_root(consortium))
        builder = ocsp.OCSPRequestBuilder().add_certificate(
            issuer_of(consortium), root, hashes.SHA256()
        )
        raw = builder.build().public_bytes(serialization.Encoding.DER)
        with reading(consortium.engine) as session:
            der = publication.answer_ocsp(session, consortium.authority, raw, consortium.at)
        answer = ocsp.load_der_ocsp_response(der)
        assert answer.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED

    def test_the_delegates_certificate_is_renewed_in_time(self, consortium: Consortium) -> None:
        with writing(consortium.engine) as session:
            at = consortium.at + dt.timedelta(days=19)
            assert not publication.responder_due(session, "issuing-1", at)
            at += dt.timedelta(days=2)
            assert publication.responder_due(session, "issuing-1", at)
            row = store.authority_named(session, "issuing-1")
            publication.certify_responder(session, consortium.authority, row, at)
            assert not publication.responder_due(session, "issuing-1", at)


def _root(consortium: Consortium) -> bytes:
    with reading(consortium.engine) as session:
        return store.latest_authority(session, "root").der


def _hashes(issuer: x509.Certificate) -> tuple[bytes, bytes]:
    def sha256(data: bytes) -> bytes:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(data)
        return digest.finalize()

    point = issuer.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return sha256(issuer.subject.public_bytes()), sha256(point)
