"""Public keys and signatures of nodes and accounts: what a signature is, and whether it holds.

Keys are P-256, P-384 or Ed25519, and RSA of 3072 bits or more with e = 65537. A signature is
ECDSA with SHA-256 (P-256) or SHA-384 (P-384) in DER, Ed25519 raw, or RSASSA-PKCS1-v1_5 with
SHA-256. pyca/cryptography alone would accept weaker keys: the check is `load_public_key`'s.
"""

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from ledger.errors import SignatureInvalid, StatementMalformed

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

MIN_RSA_BITS = 3072
RSA_EXPONENT = 65537
_CURVE_HASH: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
}


def load_public_key(spki: bytes) -> PublicKey:
    """Return the key in a DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).

    Raises:
        StatementMalformed: not such a structure, or a kind, size or exponent not accepted.
    """
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StatementMalformed("not a DER public key of a supported kind") from error
    return accept_public_key(key)


def accept_public_key(key: PublicKeyTypes) -> PublicKey:
    """Return `key` if it is of an accepted kind and strength.

    Raises:
        StatementMalformed: it is not.
    """
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVE_HASH:
            raise StatementMalformed(f"curve {key.curve.name}; expected P-256 or P-384")
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, rsa.RSAPublicKey):
        exponent = key.public_numbers().e
        if key.key_size < MIN_RSA_BITS or exponent != RSA_EXPONENT:
            raise StatementMalformed(
                f"RSA-{key.key_size} with e = {exponent}; expected at least {MIN_RSA_BITS} bits"
                f" and e = {RSA_EXPONENT}"
            )
        return key
    raise StatementMalformed(f"{type(key).__name__}: expected P-256, P-384, Ed25519 or RSA")


def public_bytes(key: PublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo of `key`."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def key_id(key: PublicKey) -> str:
    """Return the lower-case hex SHA-256 of the key's SubjectPublicKeyInfo."""
    return hashlib.sha256(public_bytes(key)).hexdigest()


def sign_message(key: PrivateKeyTypes, message: bytes) -> bytes:
    """Return the signature of `message` by `key`, in the form `verify_signature` accepts."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(_CURVE_HASH[key.curve.name]))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    raise StatementMalformed(f"{type(key).__name__} cannot sign here")


def verify_signature(key: PublicKey, signature: bytes, message: bytes) -> None:
    """Return if `signature` is `key`'s over `message`.

    Raises:
        SignatureInvalid: it is not.
    """
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(_CURVE_HASH[key.curve.name]))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise SignatureInvalid("a signature does not verify over these bytes") from error


class SoftwareSigner:
    """Signs with a private key held in this process's memory."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    def public_key(self) -> PublicKey:
        """Return the public half."""
        return self._key.public_key()

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`."""
        return sign_message(self._key, message)
