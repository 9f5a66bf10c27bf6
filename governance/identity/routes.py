"""HTTP of identities: EST, CRL, OCSP, authorities' certificates, the network map.

All but enrolment and the network map is public, as RFC 5280, 6960 and 7030 have it: what is served
is signed. The network map is for members, who verify it themselves.
"""

import base64
import datetime as dt
from typing import Any
from urllib.parse import unquote

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, RawBody
from sqlalchemy.engine import Engine

from governance.errors import AuthorityUnfit, CertificateUnknown, EnrolmentTokenRefused
from governance.identity import enrolment, store
from governance.identity.authority import issue
from governance.identity.network_map import fresh_map, publish_map
from governance.identity.publication import (
    answer_ocsp,
    certify_responder,
    fresh_crl,
    publish_crl,
    responder_due,
)
from governance.membership.services import MembershipServices
from ledger.database import reading, writing
from ledger.statements import Envelope
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

CERTS_ONLY = "application/pkcs7-mime; smime-type=certs-only"
CSR_ATTRS = "application/csrattrs"
OCSP_REQUEST = "application/ocsp-request"
OCSP_RESPONSE = "application/ocsp-response"
PKCS10 = "application/pkcs10"
PKIX_CERT = "application/pkix-cert"
PKIX_CRL = "application/pkix-crl"
EST = "/.well-known/est"


@get(
    f"{EST}/cacerts",
    opt={"authz": "public"},
    sync_to_thread=True,
    tags=["identity"],
    summary="Certificates of the authorities (RFC 7030, 4.1)",
    media_type=CERTS_ONLY,
)
def authority_certificates(
    database: NamedDependency[Engine], at: NamedDependency[dt.datetime]
) -> Response[bytes]:
    """Return root and issuing authorities as base64 PKCS#7."""
    with reading(database) as session:
        return Response(enrolment.authorities(session, at), media_type=CERTS_ONLY)


@get(
    f"{EST}/csrattrs",
    opt={"authz": "public"},
    tags=["identity"],
    sync_to_thread=False,
    summary="What a certificate request should hold (RFC 7030, 4.5)",
    media_type=CSR_ATTRS,
)
def request_attributes() -> Response[bytes]:
    """Return CsrAttrs in base64."""
    return Response(base64.encodebytes(enrolment.CSR_ATTRIBUTES), media_type=CSR_ATTRS)


@post(
    f"{EST}/simpleenroll",
    opt={"authz": "public", "body": PKCS10},
    status_code=200,
    sync_to_thread=True,
    tags=["identity"],
    summary="Enrol a node with a one-time token (RFC 7030, 4.2.1)",
    media_type=CERTS_ONLY,
)
def enrol_node(
    request: Request[Any, Any, Any],
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    membership: NamedDependency[MembershipServices],
) -> Response[bytes]:
    """Return the certificate; the user is `<member>/<node>`, the password the token."""
    credentials = basic_credentials(request.headers.get("authorization"))
    if credentials is None:
        raise EnrolmentTokenRefused("enrolment takes a one-time token as the Basic password")
    authority = membership.authority
    with writing(database) as session:
        issuance = enrolment.enrol(session, authority, rules, credentials, body, at)
    der = issue(database, authority, issuance, at)
    with reading(database) as session:
        return Response(enrolment.certs_only(session, der, ""), media_type=CERTS_ONLY)


@post(
    f"{EST}/simplereenroll",
    opt={"authz": "public", "body": PKCS10},
    status_code=200,
    sync_to_thread=True,
    tags=["identity"],
    summary="Renew with the current certificate in mutual TLS (RFC 7030, 4.2.2)",
    media_type=CERTS_ONLY,
)
def enrol_node_again(
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    membership: NamedDependency[MembershipServices],
    certificate_thumbprint: NamedDependency[bytes | None],
) -> Response[bytes]:
    """Return the next certificate, for the same key or a new one."""
    authority = membership.authority
    with writing(database) as session:
        issuance = enrolment.enrol_again(
            session, authority, rules, certificate_thumbprint, body, at
        )
    der = issue(database, authority, issuance, at)
    with reading(database) as session:
        return Response(enrolment.certs_only(session, der, ""), media_type=CERTS_ONLY)


@get(
    "/ca/{file:str}",
    opt={"authz": "public"},
    sync_to_thread=True,
    tags=["identity"],
    summary="Certificate of one authority",
    media_type=PKIX_CERT,
)
def authority_certificate(
    file: FromPath[str], database: NamedDependency[Engine]
) -> Response[bytes]:
    """Return the DER certificate that AIA points to."""
    name = file.removesuffix(".cer")
    with reading(database) as session:
        row = store.authority_named(session, name)
    if row is None:
        raise CertificateUnknown(f"there is no authority {name!r}")
    return Response(row.der, media_type=PKIX_CERT)


@get(
    "/crl/{file:str}",
    opt={"authz": "public"},
    sync_to_thread=True,
    tags=["identity"],
    summary="Certificate revocation list of one authority (RFC 5280, 5)",
    media_type=PKIX_CRL,
)
def revocation_list(
    file: FromPath[str],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    membership: NamedDependency[MembershipServices],
) -> Response[bytes]:
    """Return the CRL, signed anew if something was revoked since."""
    name = file.removesuffix(".crl")
    with reading(database) as session:
        der = fresh_crl(session, name, at)
    if der is None:
        try:
            with writing(database) as session:
                der = publish_crl(session, membership.authority, name, at)
        except AuthorityUnfit as error:
            raise CertificateUnknown(str(error)) from error
    return Response(der, media_type=PKIX_CRL)


@post(
    "/ocsp",
    opt={"authz": "public", "body": OCSP_REQUEST},
    status_code=200,
    sync_to_thread=True,
    tags=["identity"],
    summary="Status of one certificate (RFC 6960)",
    media_type=OCSP_RESPONSE,
)
def ocsp_by_post(
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    membership: NamedDependency[MembershipServices],
) -> Response[bytes]:
    """Answer a DER OCSP request."""
    return _answer(database, membership, body, at)


@get(
    "/ocsp/{question:path}",
    opt={"authz": "public"},
    sync_to_thread=True,
    tags=["identity"],
    summary="Status of one certificate, the request in the path (RFC 6960, A.1)",
    media_type=OCSP_RESPONSE,
)
def ocsp_by_get(
    request: Request[Any, Any, Any],
    question: FromPath[str],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    membership: NamedDependency[MembershipServices],
) -> Response[bytes]:
    """Answer a DER OCSP request in base64."""
    sent = unquote(request.scope["raw_path"].decode("latin-1")).partition("/ocsp/")[2]
    try:  # the path that routing hands over has lost slashes that stood together, or at the end
        asked = base64.b64decode(sent or question.removeprefix("/"), validate=True)
    except ValueError:
        asked = b""  # answered as OCSP's own "malformed request"
    return _answer(database, membership, asked, at)


@get(
    "/v1/network/map",
    opt={"authz": Action.NETWORK_MAP_READ, "answer": Envelope},
    sync_to_thread=True,
    tags=["identity"],
    summary="The signed network map",
)
def network_map(
    request: Request[Any, Any, Any],
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    membership: NamedDependency[MembershipServices],
) -> Response[bytes]:
    """Return the newest map as a DSSE envelope, with an ETag; 304 if the client has it."""
    rules.decide(actor, Action.NETWORK_MAP_READ)
    herald = membership.authority.herald
    with reading(database) as session:
        version, digest = membership.parameters(session, at)
        row = fresh_map(session, herald.network, version, digest, at)
    if row is None:
        with writing(database) as session:
            version, digest = membership.parameters(session, at)
            row = publish_map(session, herald, version, digest, at)
    tag = f'"{row.version}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers=headers)
    return Response(row.envelope, media_type="application/json", headers=headers)


def basic_credentials(header: str | None) -> tuple[str, str] | None:
    """Return user and password of an HTTP Basic header (RFC 7617), or None if there is none.

    Raises:
        EnrolmentTokenRefused: the header is malformed.
    """
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError as error:
        raise EnrolmentTokenRefused("the Basic credentials are malformed") from error
    user, _, password = text.partition(":")
    return user, password


def _answer(
    database: Engine, membership: MembershipServices, request: bytes, at: dt.datetime
) -> Response[bytes]:
    authority = membership.authority
    with reading(database) as session:
        due = [
            row.name
            for row in store.authorities(session, "issuing", at, revoked=True)
            if responder_due(session, row.name, at)
        ]
    if due:
        with writing(database) as session:
            for row in store.authorities(session, "issuing", at, revoked=True):
                if responder_due(session, row.name, at):
                    certify_responder(session, authority, row, at)
    with reading(database) as session:
        return Response(answer_ocsp(session, authority, request, at), media_type=OCSP_RESPONSE)


ROUTES = (
    authority_certificates,
    request_attributes,
    enrol_node,
    enrol_node_again,
    authority_certificate,
    revocation_list,
    ocsp_by_post,
    ocsp_by_get,
    network_map,
)
