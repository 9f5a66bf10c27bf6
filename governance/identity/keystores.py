"""Where private keys live: sealed files for evaluation, a PKCS#11 token for production.

A key has a name (`issuing-1`, `node/trust-a/asset-1`, `account/INV0001`) and is made in its
store. The key objects are pyca's, or subclasses that sign in the token, so that certificate, CRL
and OCSP builders take either.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from governance.errors import KeyExists, KeyStoreUnusable, KeyUnknown
from governance.identity.sealing import MasterKey, SecretMasterKey, write_new
from ledger.errors import StatementMalformed
from ledger.keys import PrivateKey, PublicKey, SoftwareSigner, load_public_key, public_bytes
from ledger.statements import Signer

KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
RSA_BITS = 3072
"""Bits of an RSA key made here: NIST SP 800-57 part 1, 128-bit strength."""


class KeyKind(StrEnum):
    """The kinds of key that a store makes."""

    P256 = "p256"
    P384 = "p384"
    ED25519 = "ed25519"
    RSA = "rsa"


class KeyStore(Protocol):
    """Makes keys, and signs with them, without handing them out."""

    def generate(self, name: str, kind: KeyKind = KeyKind.P256) -> PublicKey:
        """Make a key and return its public half.

        Raises:
            KeyExists: there is one of this name.
        """
        ...

    def public_key(self, name: str) -> PublicKey:
        """Return the public half.

        Raises:
            KeyUnknown: there is none of this name.
        """
        ...

    def private_key(self, name: str) -> PrivateKey:
        """Return a key object that signs; whether it can be exported is the store's to say.

        Raises:
            KeyUnknown: there is none of this name.
        """
        ...

    def signer(self, name: str) -> Signer:
        """Return a signer of statements with this key.

        Raises:
            KeyUnknown: there is none of this name.
        """
        ...

    def names(self) -> list[str]:
        """Return the names of all keys, sorted."""
        ...


class SealedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key file: the public half in clear, the PKCS#8 private half sealed."""

    format: str
    name: str
    public_key: bytes
    sealed: bytes


class SealedKeyStore:
    """Keys in files, each sealed by the master key."""

    def __init__(self, folder: Path, master: MasterKey) -> None:
        self._folder = folder
        self._master = master

    @classmethod
    def open(cls, folder: Path, secret: bytes) -> "SealedKeyStore":
        """Return the store in `folder`, made if absent, sealed by a key from `secret`.

        Raises:
            KeyStoreUnusable: the secret is too short or another store's.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(folder, SecretMasterKey.open(folder / "master.json", secret))

    def generate(self, name: str, kind: KeyKind = KeyKind.P256) -> PublicKey:
        """Make a key, seal it, and return its public half."""
        key = make_key(kind)
        self.keep(name, key)
        return key.public_key()

    def keep(self, name: str, key: PrivateKey) -> None:
        """Seal a key that was made elsewhere.

        Raises:
            KeyExists: there is one of this name.
        """
        spki = public_bytes(key.public_key())
        pkcs8 = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        sealed = self._master.seal(pkcs8, _binding(name, spki))
        document = SealedKey("sekisho-sealed-key/v1", name, spki, sealed)
        try:
            write_new(self._path(name), msgspec.json.encode(document))
        except FileExistsError as error:
            raise KeyExists(f"a key named {name} exists") from error

    def public_key(self, name: str) -> PublicKey:
        """Return the public half, without the master key."""
        return _public(self._read(name))

    def private_key(self, name: str) -> PrivateKey:
        """Return the key, unsealed into memory."""
        document = self._read(name)
        pkcs8 = self._master.unseal(document.sealed, _binding(name, document.public_key))
        key = serialization.load_der_private_key(pkcs8, password=None)
        if not isinstance(
            key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
        ):
            raise KeyStoreUnusable(f"{name} holds a {type(key).__name__}")
        if public_bytes(key.public_key()) != document.public_key:
            raise KeyStoreUnusable(f"{name}: the sealed key is not of the public key beside it")
        return key

    def signer(self, name: str) -> Signer:
        """Return a signer with the unsealed key."""
        return SoftwareSigner(self.private_key(name))

    def names(self) -> list[str]:
        """Return the names of all keys, sorted."""
        return sorted(unquote(path.stem) for path in self._folder.glob("*.key"))

    def _path(self, name: str) -> Path:
        if not KEY_NAME.fullmatch(name):
            raise KeyUnknown(f"{name!r} cannot name a key")
        return self._folder / (quote(name, safe="") + ".key")

    def _read(self, name: str) -> SealedKey:
        try:
            document = msgspec.json.decode(self._path(name).read_bytes(), type=SealedKey)
        except FileNotFoundError as error:
            raise KeyUnknown(f"there is no key named {name}") from error
        except msgspec.MsgspecError as error:
            raise KeyStoreUnusable(f"the file of {name} is damaged: {error}") from error
        if document.name != name:
            raise KeyStoreUnusable(f"the file of {name} says that it is {document.name}")
        return document


def make_key(kind: KeyKind) -> PrivateKey:
    """Return a new key in memory."""
    match kind:
        case KeyKind.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.P384:
            return ec.generate_private_key(ec.SECP384R1())
        case KeyKind.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case KeyKind.RSA:
            return rsa.generate_private_key(65537, RSA_BITS)


def _binding(name: str, spki: bytes) -> str:
    return f"sekisho-sealed-key/v1 {name} {spki.hex()}"


def _public(document: SealedKey) -> PublicKey:
    try:
        return load_public_key(document.public_key)
    except StatementMalformed as error:
        raise KeyStoreUnusable(f"{document.name}: {error}") from error
