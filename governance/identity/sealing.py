"""The master key: what seals every private key that is kept in a file.

Two kinds: one derived from a secret by scrypt (RFC 7914), one that never leaves a PKCS#11 token.
Both are AES-256-GCM over the secret, bound to the name of what is sealed.
"""

import os
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from governance.errors import KeyStoreUnusable

NONCE_SIZE = 12
"""Bytes of a nonce: NIST SP 800-38D, 8.2.2 (random, 96 bits)."""

SALT_SIZE = 16
"""Bytes of the scrypt salt."""

MIN_SECRET = 16
"""Bytes that a master secret has at least; a generated one has 32."""

SCRYPT_N = 2**15
"""scrypt's cost: 32 MiB and some 0.1 s, once for each start of a process."""

_CHECK = b"sekisho/v1/master-check"


class MasterKey(Protocol):
    """Seals and opens small secrets."""

    def seal(self, secret: bytes, name: str) -> bytes:
        """Return `secret` encrypted and bound to `name`."""
        ...

    def unseal(self, sealed: bytes, name: str) -> bytes:
        """Return the secret.

        Raises:
            KeyStoreUnusable: another master key, another name, or changed bytes.
        """
        ...


class ScryptHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a folder of sealed files says of its master key; nothing in it is secret."""

    format: str
    salt: bytes
    n: int
    r: int
    p: int
    check: bytes


class SecretMasterKey:
    """A master key derived from a secret by scrypt, held in this process's memory."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def open(cls, header_file: Path, secret: bytes) -> "SecretMasterKey":
        """Return the folder's master key; make the header on first use.

        Args:
            header_file: where salt and cost are kept.
            secret: at least 16 bytes from a file or the environment.

        Raises:
            KeyStoreUnusable: too short a secret, not the folder's, or a damaged header.
        """
        if len(secret) < MIN_SECRET:
            raise KeyStoreUnusable(f"the master secret has {len(secret)} bytes; at least 16")
        if not header_file.exists():
            return cls._create(header_file, secret)
        try:
            header = msgspec.json.decode(header_file.read_bytes(), type=ScryptHeader)
        except msgspec.MsgspecError as error:
            raise KeyStoreUnusable(f"{header_file.name} is damaged: {error}") from error
        master = cls(_derive(secret, header.salt, header.n, header.r, header.p))
        if master.unseal(header.check, "master") != _CHECK:
            raise KeyStoreUnusable("the master secret is not the one of this key store")
        return master

    @classmethod
    def _create(cls, header_file: Path, secret: bytes) -> "SecretMasterKey":
        salt = os.urandom(SALT_SIZE)
        master = cls(_derive(secret, salt, SCRYPT_N, 8, 1))
        check = master.seal(_CHECK, "master")
        header = ScryptHeader("sekisho-master/v1", salt, SCRYPT_N, 8, 1, check)
        write_new(header_file, msgspec.json.encode(header))
        return master

    def seal(self, secret: bytes, name: str) -> bytes:
        """Return nonce and AES-256-GCM ciphertext of `secret`, bound to `name`."""
        nonce = os.urandom(NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, secret, name.encode())

    def unseal(self, sealed: bytes, name: str) -> bytes:
        """Return the secret that `seal` sealed under `name`."""
        nonce, ciphertext = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
        try:
            return self._cipher.decrypt(nonce, ciphertext, name.encode())
        except (InvalidTag, ValueError) as error:
            raise KeyStoreUnusable(
                f"{name} does not open: another master secret, or changed bytes"
            ) from error


def write_new(path: Path, data: bytes) -> None:
    """Write `path` whole or not at all, readable by its owner only; never over another.

    Raises:
        FileExistsError: the file is there already.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # fails if it exists, where a rename would overwrite
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _derive(secret: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(secret)
