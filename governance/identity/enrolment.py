"""Enrolment over EST (RFC 7030, clarified by RFC 8951): any EST client, no account here.

`simpleenroll` takes a one-time token as HTTP Basic password, with `<member>/<node>` as the user;
`simplereenroll` takes the node's current certificate, presented in mutual TLS. The answers are
PKCS#7 certs-only in base64, without a Content-Transfer-Encoding.
"""

import base64
import datetime as dt
import hashlib
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from sqlalchemy.orm import Session

from governance.errors import (
    CertificateRequestRefused,
    EnrolmentTokenRefused,
    IssuanceRefused,
    NodeUnknown,
    Unauthenticated,
)
from governance.identity import store
from governance.identity.authority import Authority
from governance.identity.foundation import chain
from governance.identity.requests import MAX_REQUEST
from governance.identity.tables import EnrolmentTokenRow
from governance.membership import store as memberships
from governance.membership.admission import check_node_request, order_certificate
from governance.membership.members import Membership, Standing
from governance.membership.statements import ENROLMENT, Enrolment, NodeRequest
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault

TOKEN_LIFETIME = dt.timedelta(days=7)
"""How long an enrolment token may wait to be used."""

TOKEN_BYTES = 24
"""Random bytes of a token: 192 bits."""

CSR_ATTRIBUTES = bytes.fromhex(
    "3021"
    "3015" "06072a8648ce3d0201" "310a" "06082a8648ce3d030107"
    "06082a8648ce3d040302"
)  # fmt: skip
"""CsrAttrs (RFC 7030, 4.5.2): an EC key on P-256 is preferred, signed with ecdsa-with-SHA256."""

_REFUSED = "the enrolment token is unknown, used, expired, or for another node"


def hand_out_token(
    session: Session,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[Enrolment],
    at: dt.datetime,
) -> str:
    """Return a one-time token with which a node of the actor's may enrol; told this once.

    Raises:
        Denied: the actor may not.
        NodeUnknown: it has no such node.
    """
    rules.decide(actor, Action.CERTIFICATE_REQUEST)
    membership = memberships.member(session, actor.member_id)
    _request(membership, opened.body.node, b"")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        EnrolmentTokenRow(
            digest=_digest(token),
            member_id=actor.member_id,
            node=opened.body.node,
            issued_at=at,
            expires_at=at + TOKEN_LIFETIME,
            used_at=None,
        )
    )
    append(session, [LogEntry(ENROLMENT, opened.envelope)])
    return token


def enrol(
    session: Session,
    authority: Authority,
    rules: CompiledRules,
    credentials: tuple[str, str],
    body: bytes,
    at: dt.datetime,
) -> int:
    """Use a token up and approve a certificate; return the issuance's id (`simpleenroll`).

    Args:
        session: of `ledger.database.writing`.
        authority: the authority.
        rules: the rules in force.
        credentials: user (`<member>/<node>`) and password (the token) of HTTP Basic.
        body: the request's body: a PKCS#10 request, DER in base64.
        at: now.

    Raises:
        EnrolmentTokenRefused: no such token for this node, or used, or expired.
        Denied: the member is not active.
        CertificateRequestRefused: with every fault; the token stays good.
    """
    user, token = credentials
    row = session.get(EnrolmentTokenRow, _digest(token), with_for_update=True)
    if row is None or user != f"{row.member_id}/{row.node}":
        raise EnrolmentTokenRefused(_REFUSED)
    if row.used_at is not None or at >= row.expires_at:
        raise EnrolmentTokenRefused(_REFUSED)
    rules.decide(memberships.member_actor(session, row.member_id), Action.CERTIFICATE_REQUEST)
    membership = memberships.member(session, row.member_id)
    request = _request(membership, row.node, decode_request(body))
    issuance = order_certificate(session, authority, membership, request, at)
    row.used_at = at
    return issuance


def enrol_again(
    session: Session,
    authority: Authority,
    rules: CompiledRules,
    thumbprint: bytes | None,
    body: bytes,
    at: dt.datetime,
) -> int:
    """Approve the next certificate of who presents its current one (`simplereenroll`).

    A new key in the request is a rotation: mutual TLS proves the old key, the request the new one.

    Args:
        session: of `ledger.database.writing`.
        authority: the authority.
        rules: the rules in force.
        thumbprint: SHA-256 of the DER certificate that mutual TLS has verified.
        body: the request's body: a PKCS#10 request, DER in base64.
        at: now.

    Raises:
        Unauthenticated: no certificate, or none that is valid here now.
        IssuanceRefused: subject or names differ from the current ones (RFC 7030, 4.2.2).
        Denied: the member is not active.
        CertificateRequestRefused: with every fault.
    """
    current = store.certificate_by_thumbprint(session, thumbprint) if thumbprint else None
    if current is None or store.valid_by_serial(session, current.serial, at) is None:
        raise Unauthenticated("re-enrolment takes a certificate that is valid now")
    standing = memberships.member_standing(session, current.member_id)
    rules.decide(memberships.member_actor(session, current.member_id), Action.CERTIFICATE_RENEW)
    if standing is not Standing.ACTIVE:
        raise IssuanceRefused(f"{current.member_id} is {standing}")
    membership = memberships.member(session, current.member_id)
    der = decode_request(body)
    _same_names(x509.load_der_x509_certificate(current.der), der)
    request = _request(membership, current.node, der)
    checked = check_node_request(session, authority, membership, request)
    supersedes = current.key_id if checked.key_id != current.key_id else None
    return order_certificate(session, authority, membership, request, at, supersedes)


def certs_only(session: Session, der: bytes | None, issuer: str) -> bytes:
    """Return a certificate, or the authority's chain alone, as base64 PKCS#7 certs-only."""
    certificates = [x509.load_der_x509_certificate(der)] if der else chain(session, issuer)
    bundle = pkcs7.serialize_certificates(certificates, serialization.Encoding.DER)
    return base64.encodebytes(bundle)


def authorities(session: Session, at: dt.datetime) -> bytes:
    """Return all authorities that are in use, for `cacerts`, as base64 PKCS#7 certs-only."""
    rows = [*store.authorities(session, "root", at), *store.authorities(session, "issuing", at)]
    certificates = [x509.load_der_x509_certificate(row.der) for row in rows]
    bundle = pkcs7.serialize_certificates(certificates, serialization.Encoding.DER)
    return base64.encodebytes(bundle)


def decode_request(body: bytes) -> bytes:
    """Return the DER request in an EST body.

    Raises:
        CertificateRequestRefused: it is not base64, or too long.
    """
    if len(body) > 2 * MAX_REQUEST:
        message = f"{len(body)} bytes; at most {2 * MAX_REQUEST}"
        raise CertificateRequestRefused(message, (Fault("body", message),))
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except ValueError as error:
        message = f"not base64: {error}"
        raise CertificateRequestRefused(message, (Fault("body", message),)) from error


def _same_names(current: x509.Certificate, der: bytes) -> None:
    try:
        request = x509.load_der_x509_csr(der)
    except ValueError as error:
        message = f"not a DER PKCS#10 request: {error}"
        raise CertificateRequestRefused(message, (Fault("csr", message),)) from error
    if request.subject.public_bytes() != current.subject.public_bytes():
        raise IssuanceRefused(
            f"re-enrolment keeps the subject: got {request.subject.rfc4514_string()!r}, expected"
            f" {current.subject.rfc4514_string()!r}"
        )
    names = x509.SubjectAlternativeName
    try:
        asked = request.extensions.get_extension_for_class(names).value
    except x509.ExtensionNotFound:
        return  # the profile writes them anew
    if asked != current.extensions.get_extension_for_class(names).value:
        raise IssuanceRefused("re-enrolment keeps the subject alternative names")


def _request(membership: Membership, name: str, der: bytes) -> NodeRequest:
    for node in membership.nodes:
        if node.name == name:
            return NodeRequest(name, node.kind, node.address, der)
    raise NodeUnknown(f"{membership.member_id} has no node named {name}")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
