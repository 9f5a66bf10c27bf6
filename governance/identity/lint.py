"""Lint before sign: pkilint on what is about to be signed, with a throw-away signature.

The authority's key signs only what passed. pkilint runs in this process; its validators are made
once.
"""

from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from pkilint.document import SubstrateDecodingFailedError
from pkilint.loader import (
    DocumentLoader,
    RFC5280CertificateDocumentLoader,
    RFC5280CertificateListDocumentLoader,
    RFC6960OCSPResponseDocumentLoader,
)
from pkilint.pkix import (
    certificate,
    create_attribute_decoder,
    create_extension_decoder,
    crl,
    extension,
    name,
    ocsp,
)
from pkilint.validation import ValidationFindingSeverity, ValidatorContainer

from governance.errors import CertificateUnsound
from governance.identity.keystores import KeyKind, make_key
from governance.identity.profile import signing_hash
from ledger.keys import PrivateKey, PublicKey
from policies.errors import Fault

BLOCKING = ValidationFindingSeverity.ERROR
"""Findings of this severity or above block: pkilint's ERROR is a breach of a MUST."""


def lint_before_signing(
    builder: x509.CertificateBuilder, issuer_key: PublicKey
) -> x509.Certificate:
    """Return `builder` signed by a throw-away key of the issuer's kind, if it has no fault.

    Raises:
        CertificateUnsound: with every finding.
    """
    rehearsal = rehearse(builder, issuer_key)
    faults = lint_certificate(rehearsal.public_bytes(serialization.Encoding.DER))
    if faults:
        raise CertificateUnsound(
            f"nothing was signed: {len(faults)} lint fault(s), first {faults[0]}", faults
        )
    return rehearsal


def rehearse(builder: x509.CertificateBuilder, issuer_key: PublicKey) -> x509.Certificate:
    """Return `builder` signed by a throw-away key of the issuer's kind: the same to-be-signed."""
    key = _throw_away(_kind(issuer_key))
    return builder.sign(key, signing_hash(key))


def lint_certificate(der: bytes) -> tuple[Fault, ...]:
    """Return the blocking findings on a certificate (RFC 5280)."""
    return _lint(RFC5280CertificateDocumentLoader(), der, "certificate", _certificate_validator())


def lint_crl(der: bytes) -> tuple[Fault, ...]:
    """Return the blocking findings on a certificate revocation list (RFC 5280, 5)."""
    return _lint(RFC5280CertificateListDocumentLoader(), der, "crl", _crl_validator())


def lint_ocsp_response(der: bytes) -> tuple[Fault, ...]:
    """Return the blocking findings on an OCSP response (RFC 6960)."""
    return _lint(RFC6960OCSPResponseDocumentLoader(), der, "ocsp", _ocsp_validator())


def _lint(
    loader: DocumentLoader, der: bytes, kind: str, validator: ValidatorContainer
) -> tuple[Fault, ...]:
    try:
        document = loader.load_der_document(der, kind)
    except SubstrateDecodingFailedError as error:
        return (Fault(kind, str(error)),)
    return tuple(
        Fault(
            result.node.path,
            f"{found.finding.code}: {found.message or found.finding.severity.name.lower()}",
        )
        for result in validator.validate(document.root)
        for found in result.finding_descriptions
        if found.finding.severity <= BLOCKING
    )


@cache
def _certificate_validator() -> ValidatorContainer:
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


@cache
def _crl_validator() -> ValidatorContainer:
    return crl.create_pkix_crl_validator_container(
        [
            create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([]),
            crl.create_extensions_validator_container([]),
        ],
    )


@cache
def _ocsp_validator() -> ValidatorContainer:
    return ocsp.create_pkix_ocsp_response_validator_container(
        [
            ocsp.create_response_decoder(),
            create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [],
    )


def _kind(key: PublicKey) -> KeyKind:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return KeyKind.P384 if key.curve.name == "secp384r1" else KeyKind.P256
    if isinstance(key, ed25519.Ed25519PublicKey):
        return KeyKind.ED25519
    return KeyKind.RSA


@cache
def _throw_away(kind: KeyKind) -> PrivateKey:
    return make_key(kind)
