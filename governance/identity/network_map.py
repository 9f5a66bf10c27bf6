"""The network map: who is in the network, where, with which keys; signed, versioned.

A client pins the root's certificate once. `verify_network_map` then trusts no server: it checks
the chain of the key that signed, the signature, the dates, that the map is not older than one it
has seen, and that every node's certificate comes from the network's own authority.
"""

import datetime as dt
import hashlib

import msgspec
import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from sqlalchemy.orm import Session

from governance.errors import NetworkMapUntrusted
from governance.identity import store
from governance.identity.announcements import Herald
from governance.identity.profile import STATEMENT_SIGNING, CertificateKind
from governance.identity.tables import CertificateRow, NetworkMapRow
from governance.membership import store as memberships
from governance.membership.members import Membership
from ledger.errors import LedgerError
from ledger.keys import accept_public_key
from ledger.statements import open_statement, read_envelope, read_statement

NETWORK_MAP = "network-map"
REFRESH = dt.timedelta(days=1)
"""How old a map may get before it is signed anew, though nothing has changed."""

PAGE = 500


class MapNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node with its valid certificates, DER in base64."""

    name: str
    kind: str
    address: str
    certificates: tuple[bytes, ...]


class MapMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member as others see it; `standing` regards its sponsor."""

    member_id: str
    legal_name: str
    standing: str
    roles: tuple[str, ...]
    sponsor_id: str | None
    nodes: tuple[MapNode, ...]


class NetworkMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `network-map`.

    Args:
        network: the network's name.
        version: grows by one with each map.
        parameters: version of the network parameters in force; 0 before there are any.
        parameters_digest: `sha256:<hex>` of their canonical bytes; "" before there are any.
        authorities: root and issuing authorities, DER in base64.
        service: the certificate of the key that signs the map.
        members: everyone who is or was a member, by id.
    """

    network: str
    version: int
    parameters: int
    parameters_digest: str
    authorities: tuple[bytes, ...]
    service: bytes
    members: tuple[MapMember, ...]


def fresh_map(
    session: Session, network: str, parameters: int, digest: str, at: dt.datetime
) -> NetworkMapRow | None:
    """Return the newest map if it is still right; None if one must be signed."""
    newest = _newest(session)
    if newest is None or at >= newest.signed_at + REFRESH:
        return None
    content = _content(_compile(session, network, parameters, digest, at))
    return newest if newest.content == content else None


def publish_map(
    session: Session, herald: Herald, parameters: int, digest: str, at: dt.datetime
) -> NetworkMapRow:
    """Return the network map, signed anew if need be, in a session that may write.

    Raises:
        NetworkMapUntrusted: the service key has no valid certificate to sign under.
    """
    fresh = fresh_map(session, herald.network, parameters, digest, at)
    if fresh is not None:
        return fresh
    compiled = _compile(session, herald.network, parameters, digest, at)
    if not compiled.service:
        raise NetworkMapUntrusted("the service key has no valid certificate; renew it")
    newest = _newest(session)
    version = newest.version + 1 if newest else 1
    body = msgspec.structs.replace(compiled, version=version)
    row = NetworkMapRow(
        version=version,
        content=_content(compiled),
        envelope=herald.sign(NETWORK_MAP, body, at),
        signed_at=at,
    )
    session.add(row)
    session.flush()
    return row


def verify_network_map(
    envelope: bytes, root: x509.Certificate, at: dt.datetime, newest_seen: int = 0
) -> NetworkMap:
    """Return the map in an envelope if the root that the client has pinned vouches for it.

    Args:
        envelope: what the server sent.
        root: the pinned root certificate.
        at: now, by the client's clock.
        newest_seen: the version of the newest map that the client has accepted.

    Raises:
        NetworkMapUntrusted: saying what does not hold.
    """
    try:
        read = read_envelope(envelope)
        statement = read_statement(read, NETWORK_MAP, NetworkMap)
        body = statement.body
        service = x509.load_der_x509_certificate(body.service)
        issuing = _issuing(body, root, at)
        _check_service(service, issuing, at)
        open_statement(read, envelope, statement, accept_public_key(service.public_key()))
    except (LedgerError, ValueError, x509.ExtensionNotFound) as error:
        raise NetworkMapUntrusted(f"the network map does not verify: {error}") from error
    if statement.network != body.network:
        raise NetworkMapUntrusted("the map is for another network than its envelope")
    if not statement.issued_at <= at + dt.timedelta(minutes=10) or at >= statement.expires_at:
        raise NetworkMapUntrusted(f"the map is good until {statement.expires_at.isoformat()}")
    if body.version < newest_seen:
        raise NetworkMapUntrusted(
            f"version {body.version} is older than {newest_seen}, which was seen before"
        )
    try:
        _check_nodes(body, issuing)
    except ValueError as error:
        raise NetworkMapUntrusted(f"the network map does not verify: {error}") from error
    return body


def _check_nodes(body: NetworkMap, issuing: list[x509.Certificate]) -> None:
    for member in body.members:
        for node in member.nodes:
            for der in node.certificates:
                _issued_by(x509.load_der_x509_certificate(der), issuing)


def _compile(
    session: Session, network: str, parameters: int, digest: str, at: dt.datetime
) -> NetworkMap:
    revoked = store.revoked_authorities(session)
    certificates = [
        row for row in store.valid_certificates(session, at) if row.issuer not in revoked
    ]
    service = [row.der for row in certificates if row.kind == CertificateKind.SERVICE]
    rows = [*store.authorities(session, "root", at), *store.authorities(session, "issuing", at)]
    return NetworkMap(
        network=network,
        version=0,
        parameters=parameters,
        parameters_digest=digest,
        authorities=tuple(row.der for row in rows),
        service=service[-1] if service else b"",
        members=_members(session, certificates),
    )


def _members(session: Session, certificates: list[CertificateRow]) -> tuple[MapMember, ...]:
    held: dict[tuple[str, str], list[bytes]] = {}
    for row in certificates:
        held.setdefault((row.member_id, row.node), []).append(row.der)
    found: list[MapMember] = []
    cursor = ""
    while page := memberships.members_after(session, cursor, PAGE):
        found += [_map_member(session, member, held) for member in page]
        cursor = page[-1].member_id
    return tuple(found)


def _map_member(
    session: Session, member: Membership, held: dict[tuple[str, str], list[bytes]]
) -> MapMember:
    nodes = tuple(
        MapNode(
            node.name,
            node.kind,
            node.address,
            tuple(held.get((member.member_id, node.name), ())),
        )
        for node in member.nodes
    )
    return MapMember(
        member.member_id,
        member.legal_name,
        memberships.member_standing(session, member.member_id),
        tuple(sorted(member.roles)),
        member.sponsor_id,
        nodes,
    )


def _issuing(body: NetworkMap, root: x509.Certificate, at: dt.datetime) -> list[x509.Certificate]:
    """Return the issuing authorities in the map that the pinned root vouches for."""
    found = []
    for der in body.authorities:
        certificate = x509.load_der_x509_certificate(der)
        if certificate == root:
            continue
        _issued_by(certificate, [root])
        if certificate.not_valid_before_utc <= at < certificate.not_valid_after_utc:
            found.append(certificate)
    return found


def _check_service(
    service: x509.Certificate, issuing: list[x509.Certificate], at: dt.datetime
) -> None:
    _issued_by(service, issuing)
    if not service.not_valid_before_utc <= at < service.not_valid_after_utc:
        raise ValueError("the certificate of the key that signed is not valid now")
    usage = service.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if STATEMENT_SIGNING not in usage:
        raise ValueError("the key that signed does not speak for the network")


def _issued_by(certificate: x509.Certificate, issuers: list[x509.Certificate]) -> None:
    for issuer in issuers:
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return
    name = certificate.subject.rfc4514_string()
    raise ValueError(f"{name}: not issued by the network's authority")


def _content(body: NetworkMap) -> bytes:
    return hashlib.sha256(msgspec.json.encode(body)).digest()


def _newest(session: Session) -> NetworkMapRow | None:
    return session.scalars(
        sa.select(NetworkMapRow).order_by(NetworkMapRow.version.desc()).limit(1)
    ).first()
