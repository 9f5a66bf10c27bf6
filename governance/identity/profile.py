"""The certificate profile: what each kind of certificate says (RFC 5280).

Built here, signed elsewhere: a builder is complete except for the signature, so that what will be
signed can be linted and its digest kept before the authority's key is touched.
"""

import datetime as dt
import hashlib
import ipaddress
import secrets
from enum import StrEnum

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from governance.errors import AuthorityUnfit
from ledger.keys import PrivateKey, PublicKey, load_public_key

NODE_LIFETIME = dt.timedelta(days=30)
RESPONDER_LIFETIME = dt.timedelta(days=30)
ISSUING_LIFETIME = dt.timedelta(days=5 * 365)
ROOT_LIFETIME = dt.timedelta(days=20 * 365)
BACKDATING = dt.timedelta(minutes=10)
"""How far notBefore lies in the past, for clocks that are behind."""

SERIAL_BITS = 159
"""Random bits of a serial number: the most that 20 octets hold (RFC 5280, 4.1.2.2); at least 64."""

MAX_NAME = 64
"""Characters of an O or CN: ub-organization-name, ub-common-name (RFC 5280, appendix A.1)."""

ROLE_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.32473.7.1")
"""The role claim: SEQUENCE OF UTF8String, never critical. Under the enterprise number for examples
(RFC 5612); an operator with a number of its own puts its arc here before founding a network."""


STATEMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.32473.7.2")
"""Extended key usage of the network's own key: signs what the network says, and nothing else."""

_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


class CertificateKind(StrEnum):
    """The kinds of certificate that are issued."""

    ROOT = "root"
    ISSUING = "issuing"
    RESPONDER = "responder"
    NODE = "node"
    CLIENT = "client"
    SERVICE = "service"


class CertificateOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was approved: who gets a certificate for which key. Canonical bytes are its JSON.

    Args:
        kind: `node`, `client` or `service` (the network's own voice).
        network: the network's name.
        member_id: whose it is.
        node: the node's name within the member.
        legal_name: the subject's O, at most 64 characters.
        roles: the roles held when it was approved, sorted: a claim, re-checked at every use.
        host: the DNS name of the node's address, "" for a client.
        spki: the public key, DER.
        days: how long it lives.
    """

    kind: CertificateKind
    network: str
    member_id: str
    node: str
    legal_name: str
    roles: tuple[str, ...]
    host: str
    spki: bytes
    days: int = NODE_LIFETIME.days


class Issuer(msgspec.Struct, frozen=True):
    """The authority that will sign: its key's name, its certificate, and where it publishes."""

    name: str
    certificate: x509.Certificate
    base_url: str

    @property
    def key(self) -> PublicKey:
        """The authority's public key."""
        return load_public_key(
            self.certificate.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )


def new_serial() -> int:
    """Return a positive random serial number of 159 bits."""
    return secrets.randbits(SERIAL_BITS) | 1 << (SERIAL_BITS - 1)


def node_certificate(
    order: CertificateOrder, issuer: Issuer, serial: int, at: dt.datetime
) -> x509.CertificateBuilder:
    """Return the certificate of a node (client and server) or of an API client (client only)."""
    key = load_public_key(order.spki)
    subject = _name(order.legal_name, order.node)
    usages = [STATEMENT_SIGNING if order.kind is CertificateKind.SERVICE else _CLIENT]
    names: list[x509.GeneralName] = []
    if order.kind is CertificateKind.NODE:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        names.append(_host_name(order.host))
    uri = node_uri(order.network, order.member_id, order.node, issuer.base_url)
    names.append(x509.UniformResourceIdentifier(uri))
    builder = _begin(subject, issuer.certificate.subject, key, serial, at)
    lifetime = dt.timedelta(days=order.days)
    builder = builder.not_valid_after(_end(at + lifetime, issuer, lifetime))
    builder = _leaf(builder, issuer, usages)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = _published(builder, issuer)
    claim = x509.UnrecognizedExtension(ROLE_EXTENSION, encode_roles(order.roles))
    return builder.add_extension(claim, critical=False)


def responder_certificate(
    key: PublicKey, network: str, issuer: Issuer, serial: int, at: dt.datetime
) -> x509.CertificateBuilder:
    """Return the certificate of a delegated OCSP responder (RFC 6960, 4.2.2.2)."""
    subject = _name(network, f"OCSP of {issuer.name}")
    builder = _begin(subject, issuer.certificate.subject, key, serial, at)
    builder = builder.not_valid_after(_end(at + RESPONDER_LIFETIME, issuer))
    builder = _leaf(builder, issuer, [ExtendedKeyUsageOID.OCSP_SIGNING])
    return builder.add_extension(x509.OCSPNoCheck(), critical=False)


def issuing_certificate(
    key: PublicKey, name: str, network: str, root: Issuer, serial: int, at: dt.datetime
) -> x509.CertificateBuilder:
    """Return the certificate of an issuing authority: path length 0, five years."""
    subject = _name(network, authority_title(name))
    builder = _begin(subject, root.certificate.subject, key, serial, at)
    builder = builder.not_valid_after(_end(at + ISSUING_LIFETIME, root))
    builder = _authority(builder, path_length=0)
    builder = builder.add_extension(_authority_key(root), critical=False)
    return _crl_point(builder, root)


def root_certificate(
    key: PublicKey, name: str, network: str, serial: int, at: dt.datetime
) -> x509.CertificateBuilder:
    """Return the self-signed certificate of a root: path length 1, twenty years."""
    subject = _name(network, authority_title(name))
    builder = _begin(subject, subject, key, serial, at).not_valid_after(at + ROOT_LIFETIME)
    builder = _authority(builder, path_length=1)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return builder.add_extension(identifier, critical=False)


def node_uri(network: str, member_id: str, node: str, base_url: str) -> str:
    """Return the URI of a node's identity: an extra, on which no check rests.

    Under the network's own host, because RFC 5280, 4.2.1.6 wants a full domain name or an
    address in a URI's authority, and pkilint a scheme that it knows (see ADR 0005).
    """
    return f"{base_url}/network/{network}/{member_id}/{node}"


def authority_title(name: str) -> str:
    """Return the CN of the authority whose key is called `name` (`issuing-2`)."""
    kind, _, number = name.partition("-")
    return f"{kind.capitalize()} CA {number}"


def signing_hash(key: PrivateKey | PublicKey) -> hashes.SHA256 | hashes.SHA384 | None:
    """Return the hash with which `key` signs certificates; None for Ed25519."""
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return hashes.SHA384() if key.curve.name == "secp384r1" else hashes.SHA256()
    if hasattr(key, "key_size"):
        return hashes.SHA256()
    return None


def tbs_digest(certificate: x509.Certificate) -> bytes:
    """Return the SHA-256 of the to-be-signed part."""
    return hashlib.sha256(certificate.tbs_certificate_bytes).digest()


def renewal_due(not_before: dt.datetime, not_after: dt.datetime) -> dt.datetime:
    """Return when two thirds of a certificate's life are over: the time to renew."""
    return not_before + (not_after - not_before) * 2 / 3


def encode_roles(roles: tuple[str, ...]) -> bytes:
    """Return the DER of SEQUENCE OF UTF8String; role ids are short and ASCII."""
    items = b"".join(_der(0x0C, role.encode()) for role in roles)
    return _der(0x30, items)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - the short form of DER lengths, X.690 8.1.3
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _name(organisation: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common[:MAX_NAME]),
        ]
    )


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _begin(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, serial: int, at: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(at - BACKDATING)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _end(
    wanted: dt.datetime, issuer: Issuer, shortened: dt.timedelta = NODE_LIFETIME
) -> dt.datetime:
    """Return the end of validity: never after the issuer's own, which may cost that much of it."""
    latest = issuer.certificate.not_valid_after_utc
    if wanted - latest > shortened:
        raise AuthorityUnfit(f"{issuer.name} ends on {latest:%Y-%m-%d}: roll it over first")
    return min(wanted, latest)


def _leaf(
    builder: x509.CertificateBuilder,
    issuer: Issuer,
    usages: list[x509.ObjectIdentifier],
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(_authority_key(issuer), critical=False)
    )


def _authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return builder.add_extension(constraints, critical=True).add_extension(
        _usage(authority=True), critical=True
    )


def _usage(*, digital_signature: bool = False, authority: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    subject_key = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key.value)


def _published(builder: x509.CertificateBuilder, issuer: Issuer) -> x509.CertificateBuilder:
    access = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP,
                x509.UniformResourceIdentifier(f"{issuer.base_url}/ocsp"),
            ),
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS,
                x509.UniformResourceIdentifier(f"{issuer.base_url}/ca/{issuer.name}.cer"),
            ),
        ]
    )
    return _crl_point(builder.add_extension(access, critical=False), issuer)


def _crl_point(builder: x509.CertificateBuilder, issuer: Issuer) -> x509.CertificateBuilder:
    place = x509.UniformResourceIdentifier(f"{issuer.base_url}/crl/{issuer.name}.crl")
    point = x509.DistributionPoint([place], relative_name=None, reasons=None, crl_issuer=None)
    return builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
