"""What the authority publishes on revocation: signed CRLs, and OCSP answers by a delegate.

A CRL is signed anew when what it lists has changed or half its time is over; the number grows by
one each time. An OCSP answer is made for each question, from the tables.
"""

import datetime as dt

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from sqlalchemy.orm import Session

from governance.errors import AuthorityUnfit, KeyUnknown
from governance.identity import store
from governance.identity.authority import Authority
from governance.identity.lint import lint_before_signing
from governance.identity.profile import (
    Issuer,
    new_serial,
    renewal_due,
    responder_certificate,
    signing_hash,
)
from governance.identity.revocation import Status, content_of, listed, status
from governance.identity.tables import AuthorityRow, RevocationListRow
from ledger.keys import PrivateKey

CRL_LIFETIME = dt.timedelta(hours=24)
ROOT_CRL_LIFETIME = dt.timedelta(days=366)
"""The root is offline: its CRL is signed whenever it is used, at least once a year."""

ANSWER_LIFETIME = dt.timedelta(minutes=5)
"""How long an OCSP answer may be kept by who asked."""

MAX_NONCE = 128
"""Octets of the longest nonce that is echoed (RFC 9654, 2.1)."""

_HASHES: dict[str, type[hashes.SHA1 | hashes.SHA256]] = {
    "sha1": hashes.SHA1,  # the form of the question (RFC 5019); nothing rests on its strength
    "sha256": hashes.SHA256,
}


def fresh_crl(session: Session, issuer: str, at: dt.datetime) -> bytes | None:
    """Return the newest CRL of `issuer` if it is still right; None if one must be signed."""
    row = _newest(session, issuer)
    if row is None:
        return None
    if store.authority_named(session, issuer) is None or issuer.startswith("root-"):
        return row.der
    half_way = row.this_update + (row.next_update - row.this_update) / 2
    right = row.content == content_of(listed(session, issuer, at))
    return row.der if right and at < half_way else None


def publish_crl(session: Session, authority: Authority, issuer: str, at: dt.datetime) -> bytes:
    """Return the CRL of `issuer`, signed anew if need be, in a session that may write.

    Raises:
        AuthorityUnfit: there is no such authority.
    """
    fresh = fresh_crl(session, issuer, at)
    if fresh is not None:
        return fresh
    row = store.authority_named(session, issuer)
    if row is None or row.kind != "issuing":
        raise AuthorityUnfit(f"there is no issuing authority {issuer}")
    key = authority.keystore.private_key(issuer)
    statuses = listed(session, issuer, at)
    return sign_crl(session, authority.issuer(row), key, statuses, at, at + CRL_LIFETIME)


def sign_crl(
    session: Session,
    issuer: Issuer,
    key: PrivateKey,
    statuses: list[Status],
    at: dt.datetime,
    until: dt.datetime,
) -> bytes:
    """Sign a CRL with AKI and the next CRLNumber, keep it, and return its DER."""
    newest = _newest(session, issuer.name)
    number = newest.number + 1 if newest else 1
    subject_key = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key.value)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(at)
        .next_update(until)
        .add_extension(identifier, critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for found in statuses:
        builder = builder.add_revoked_certificate(_entry(found))
    der = builder.sign(key, signing_hash(key)).public_bytes(serialization.Encoding.DER)
    session.add(
        RevocationListRow(
            issuer=issuer.name,
            number=number,
            content=content_of(statuses),
            der=der,
            this_update=at,
            next_update=until,
        )
    )
    return der


def responder_due(session: Session, issuer: str, at: dt.datetime) -> bool:
    """Return whether the OCSP responder of `issuer` needs a new certificate."""
    row = store.authority_named(session, responder_of(issuer))
    return row is None or at >= renewal_due(row.not_before, row.not_after)


def certify_responder(
    session: Session, authority: Authority, issuer: AuthorityRow, at: dt.datetime
) -> None:
    """Give the OCSP responder of `issuer` a certificate, for the key that it keeps."""
    name = responder_of(issuer.name)
    try:
        key = authority.keystore.public_key(name)
    except KeyUnknown:
        key = authority.keystore.generate(name)
    signer = authority.issuer(issuer)
    network = authority.herald.network
    builder = responder_certificate(key, network, signer, new_serial(), at.replace(microsecond=0))
    lint_before_signing(builder, signer.key)
    issuing_key = authority.keystore.private_key(issuer.name)
    certificate = builder.sign(issuing_key, signing_hash(issuing_key))
    session.add(authority_row(certificate, name, "responder", issuer.name))
    session.flush()


def responder_of(issuer: str) -> str:
    """Return the name of the OCSP responder of an issuing authority."""
    return "responder-" + issuer.rpartition("-")[2]


def authority_row(certificate: x509.Certificate, name: str, kind: str, issuer: str) -> AuthorityRow:
    """Return the row of an authority's certificate."""
    return AuthorityRow(
        name=name,
        kind=kind,
        issuer=issuer,
        serial=f"{certificate.serial_number:x}",
        der=certificate.public_bytes(serialization.Encoding.DER),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def answer_ocsp(session: Session, authority: Authority, request: bytes, at: dt.datetime) -> bytes:
    """Return the DER OCSP response to a DER request; errors are OCSP's own."""
    try:
        question = ocsp.load_der_ocsp_request(request)
        algorithm = _HASHES.get(question.hash_algorithm.name)
        serial = question.serial_number
    except (ValueError, NotImplementedError):  # pyca reads requests of one certificate
        return _refusal(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    issuer = _asked(session, question, algorithm, at) if algorithm else None
    responder = store.authority_named(session, responder_of(issuer.name)) if issuer else None
    if issuer is None or responder is None or algorithm is None:
        return _refusal(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    state, since, reason = _state(session, issuer.name, f"{serial:x}")
    certificate = x509.load_der_x509_certificate(responder.der)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            question.issuer_name_hash,
            question.issuer_key_hash,
            serial,
            algorithm(),
            state,
            at,
            at + ANSWER_LIFETIME,
            since,
            reason,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
        .certificates([certificate])
    )
    nonce = _nonce(question)
    if nonce is not None:
        builder = builder.add_extension(nonce, critical=False)
    key = authority.keystore.private_key(responder.name)
    return builder.sign(key, signing_hash(key)).public_bytes(serialization.Encoding.DER)


def _state(
    session: Session, issuer: str, serial: str
) -> tuple[ocsp.OCSPCertStatus, dt.datetime | None, x509.ReasonFlags | None]:
    row = store.certificate(session, serial)
    found = status(session, serial)
    if found is None and (row is None or row.issuer != issuer):
        return ocsp.OCSPCertStatus.UNKNOWN, None, None
    if found is None:
        return ocsp.OCSPCertStatus.GOOD, None, None
    return ocsp.OCSPCertStatus.REVOKED, found.since, found.reason.flag


def _asked(
    session: Session,
    question: ocsp.OCSPRequest,
    algorithm: type[hashes.HashAlgorithm],
    at: dt.datetime,
) -> AuthorityRow | None:
    """Return the issuing authority whose name and key the question hashes."""
    for row in store.authorities(session, "issuing", at, revoked=True):
        certificate = x509.load_der_x509_certificate(row.der)
        if question.issuer_name_hash != _hash(algorithm, certificate.subject.public_bytes()):
            continue
        if question.issuer_key_hash == _hash(algorithm, _key_bits(certificate)):
            return row
    return None


def _key_bits(certificate: x509.Certificate) -> bytes:
    """Return the contents of the key's BIT STRING, which OCSP hashes (RFC 6960, 4.1.1)."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)


def _hash(algorithm: type[hashes.HashAlgorithm], data: bytes) -> bytes:
    digest = hashes.Hash(algorithm())
    digest.update(data)
    return digest.finalize()


def _entry(found: Status) -> x509.RevokedCertificate:
    return (
        x509.RevokedCertificateBuilder()
        .serial_number(int(found.serial, 16))
        .revocation_date(found.since)
        .add_extension(x509.CRLReason(found.reason.flag), critical=False)
        .build()
    )


def _nonce(question: ocsp.OCSPRequest) -> x509.OCSPNonce | None:
    try:
        found = question.extensions.get_extension_for_class(x509.OCSPNonce)
    except (x509.ExtensionNotFound, ValueError):
        return None
    return found.value if 0 < len(found.value.nonce) <= MAX_NONCE else None


def _refusal(reason: ocsp.OCSPResponseStatus) -> bytes:
    refused = ocsp.OCSPResponseBuilder.build_unsuccessful(reason)
    return refused.public_bytes(serialization.Encoding.DER)


def _newest(session: Session, issuer: str) -> RevocationListRow | None:
    return session.scalars(
        sa.select(RevocationListRow)
        .where(RevocationListRow.issuer == issuer)
        .order_by(RevocationListRow.number.desc())
    ).first()
