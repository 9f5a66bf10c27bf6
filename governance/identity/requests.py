"""What a certificate signing request (PKCS#10, RFC 2986) must be: every fault at once.

pyca/cryptography alone accepts RSA-1024, e = 3, P-192 and a signature with SHA-1; explicit curve
parameters are found by comparing the request's key with its canonical encoding.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from governance.errors import CertificateRequestRefused
from ledger.errors import StatementMalformed
from ledger.keys import PublicKey, accept_public_key, key_id, public_bytes
from policies.errors import Fault

MAX_REQUEST = 16_384
"""Bytes of the largest request that is looked at; an RSA-4096 one has some 1,700."""

_LONG_FORM = 0x80
_GOOD_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class KeyStanding(StrEnum):
    """What is known of a key that a request brings."""

    NEW = "new"
    OWN = "own"
    FOREIGN = "foreign"
    REVOKED = "revoked"


class CertificateRequest(msgspec.Struct, frozen=True):
    """A request that passed: the only form in which one is used.

    Args:
        key: the public key, of an accepted kind; its private half signed the request.
        key_id: `ledger.keys.key_id` of it.
        spki: its DER SubjectPublicKeyInfo.
        subject: the DER Name asked for; the profile decides what the certificate says.
        hosts: the DNS names asked for.
    """

    key: PublicKey
    key_id: str
    spki: bytes
    subject: bytes
    hosts: tuple[str, ...]


def check_request(
    der: bytes,
    standing: Callable[[str], KeyStanding],
    permitted_names: Iterable[str] = (),
    where: str = "csr",
) -> CertificateRequest:
    """Return the request in `der` if it keeps the policy.

    Args:
        der: a DER PKCS#10 request.
        standing: what is known of a key id.
        permitted_names: the DNS names and URIs that the request may ask for.
        where: how faults name the request.

    Raises:
        CertificateRequestRefused: with every fault.
    """
    request = _decode(der, where)
    faults = list(_faults(request, standing, frozenset(permitted_names)))
    if faults:
        named = tuple(Fault(f"{where}.{place}", message) for place, message in faults)
        raise CertificateRequestRefused(
            f"the certificate request has {len(named)} fault(s): {named[0].message}", named
        )
    key = accept_public_key(request.public_key())
    return CertificateRequest(
        key, key_id(key), public_bytes(key), request.subject.public_bytes(), _hosts(request)
    )


def request_key(der: bytes, where: str = "csr") -> PublicKey:
    """Return the key in a request, without judging the rest: to open what it signed.

    Raises:
        CertificateRequestRefused: not a request, or a key of a kind that is not accepted.
    """
    try:
        return accept_public_key(_decode(der, where).public_key())
    except (StatementMalformed, ValueError, UnsupportedAlgorithm) as error:
        raise CertificateRequestRefused(
            f"a key that is not accepted: {error}", (Fault(f"{where}.key", str(error)),)
        ) from error


def _decode(der: bytes, where: str) -> x509.CertificateSigningRequest:
    if len(der) > MAX_REQUEST:
        message = f"{len(der)} bytes; at most {MAX_REQUEST}"
        raise CertificateRequestRefused(message, (Fault(where, message),))
    try:
        return x509.load_der_x509_csr(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        message = f"not a DER PKCS#10 request: {error}"
        raise CertificateRequestRefused(message, (Fault(where, message),)) from error


def _faults(
    request: x509.CertificateSigningRequest,
    standing: Callable[[str], KeyStanding],
    permitted: frozenset[str],
) -> Iterator[tuple[str, str]]:
    key: PublicKeyTypes | None = None
    try:
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        yield "key", f"a key that is not accepted: {error}; take a named curve, P-256 or P-384"
    yield from _signature_faults(request, key)
    if key is not None:
        yield from _key_faults(request, key, standing)
    yield from _extension_faults(request, permitted)


def _signature_faults(
    request: x509.CertificateSigningRequest, key: PublicKeyTypes | None
) -> Iterator[tuple[str, str]]:
    try:
        algorithm = request.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    eddsa = isinstance(key, ed25519.Ed25519PublicKey)
    if not eddsa and not isinstance(algorithm, _GOOD_HASHES):
        name = algorithm.name if algorithm else "an unknown algorithm"
        yield "signature", f"signed with {name}; sign with SHA-256, SHA-384 or SHA-512"
    if key is None:
        return
    try:
        sound = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        sound = False
    if not sound:
        yield "signature", "does not verify with the request's own key: possession is not proved"


def _key_faults(
    request: x509.CertificateSigningRequest,
    key: PublicKeyTypes,
    standing: Callable[[str], KeyStanding],
) -> Iterator[tuple[str, str]]:
    try:
        accepted = accept_public_key(key)
    except StatementMalformed as error:
        yield "key", str(error)
        return
    if request_spki(request.tbs_certrequest_bytes) != public_bytes(accepted):
        yield "key", "not in canonical form; name the curve by its OID, not by its parameters"
    match standing(key_id(accepted)):
        case KeyStanding.FOREIGN:
            yield "key", "known here under another member; make a new key"
        case KeyStanding.REVOKED:
            yield "key", "was revoked or replaced; make a new key"
        case KeyStanding.NEW | KeyStanding.OWN:
            return


def _extension_faults(
    request: x509.CertificateSigningRequest, permitted: frozenset[str]
) -> Iterator[tuple[str, str]]:
    try:
        extensions = request.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        yield "extensions", f"malformed: {error}"
        return
    for extension in extensions:
        match extension.value:
            case x509.BasicConstraints(ca=True):
                yield "extensions.basicConstraints", "asks for a certificate authority"
            case x509.SubjectAlternativeName() as names:
                yield from _name_faults(names, permitted)
            case _:
                continue


def _name_faults(
    names: x509.SubjectAlternativeName, permitted: frozenset[str]
) -> Iterator[tuple[str, str]]:
    for name in names:
        match name:
            case x509.DNSName(value=host) if host in permitted:
                continue
            case x509.UniformResourceIdentifier(value=uri) if uri in permitted:
                continue
            case _:
                yield "extensions.subjectAltName", f"{name.value} is not a name of this node"


def _hosts(request: x509.CertificateSigningRequest) -> tuple[str, ...]:
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.value.get_values_for_type(x509.DNSName))


def request_spki(tbs: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo as it stands in a CertificationRequestInfo.

    CertificationRequestInfo ::= SEQUENCE { version, subject, subjectPKInfo, attributes }
    (RFC 2986, 4.1). `tbs` was decoded before as DER, so lengths are sound.
    """
    start, _ = _contents(tbs, 0)
    for _ in range(2):
        _, start = _contents(tbs, start)
    _, end = _contents(tbs, start)
    return tbs[start:end]


def _contents(data: bytes, at: int) -> tuple[int, int]:
    """Return where the contents of the DER element at `at` begin and end."""
    length = data[at + 1]
    start = at + 2
    if length >= _LONG_FORM:
        size = length - _LONG_FORM
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    return start, start + length
