"""Personal fields at rest: a key for each person's row, wrapped by the master key.

- Each row with personal fields has a data key of its own (AES-256-GCM, NIST SP 800-38D), kept
  only wrapped by the master key. Destroying the wrapped key makes every ciphertext of the row,
  its change history included, unreadable for ever.
- The associated data binds a ciphertext to owner, table, row and field: a value moved to another
  place does not open.
- Plaintexts are padded to a multiple of `PADDING` bytes, so that a ciphertext's length does not
  tell one name from another.
- A blind index (HMAC-SHA-256 under a key of the owning company) finds a row by an id that is
  personal, such as a corporate number, without decrypting the others.
"""

import hashlib
import hmac
import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import CiphertextInvalid
from ledger.hashing import tagged_hash

KEY_SIZE = 32
"""Bytes of a data key and of a master key: AES-256."""

NONCE_SIZE = 12
"""Bytes of an AES-GCM nonce; random, as a row's key encrypts far fewer than 2^32 values."""

PADDING = 32
"""Plaintexts, with a length prefix, are padded to a multiple of this many bytes."""

_LENGTH_BYTES = 4


class MasterKey(Protocol):
    """Wraps data keys: a sealed file, a KMS or an HSM."""

    def wrap(self, data_key: bytes, context: bytes) -> bytes:
        """Return `data_key` encrypted, bound to `context`."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the data key; raise `CiphertextInvalid` for another key, context or bytes."""
        ...

    def index_key(self, owner_member_id: str) -> bytes:
        """Return the secret under which that company's blind indexes are made."""
        ...


class SoftwareMasterKey:
    """A master key in this process's memory, from a sealed file or the environment.

    Wrapping and indexing use two keys derived from it (HKDF, RFC 5869), never the key itself.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_SIZE:
            raise CiphertextInvalid(f"the master key has {len(secret)} bytes; expected {KEY_SIZE}")
        self._wrapping = AESGCM(_derive(secret, b"sekisho/v1/records/wrap"))
        self._secret = secret

    def wrap(self, data_key: bytes, context: bytes) -> bytes:
        """Return nonce and AES-256-GCM ciphertext of `data_key`."""
        return _encrypt(self._wrapping, data_key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the data key.

        Raises:
            CiphertextInvalid: wrapped by another key, or for another context, or altered.
        """
        return _decrypt(self._wrapping, wrapped, context)

    def index_key(self, owner_member_id: str) -> bytes:
        """Return a key derived for that company alone."""
        return _derive(self._secret, b"sekisho/v1/records/index/" + owner_member_id.encode())


def key_context(owner_member_id: str, table: str, row_id: str) -> bytes:
    """Return what a wrapped key is bound to: the row that it belongs to."""
    return tagged_hash(
        "records/key", owner_member_id.encode(), table.encode(), row_id.encode("utf-8")
    )


class RowCipher:
    """Encrypts and decrypts the personal fields of one row with the row's data key."""

    def __init__(self, data_key: bytes, owner_member_id: str, table: str, row_id: str) -> None:
        self._cipher = AESGCM(data_key)
        self._row = tagged_hash(
            "records/row", owner_member_id.encode(), table.encode(), row_id.encode("utf-8")
        )

    def seal(self, field: str, value: bytes) -> bytes:
        """Return nonce and ciphertext of `value`, padded, bound to `field` of this row."""
        return _encrypt(self._cipher, pad(value), self._context(field))

    def open(self, field: str, sealed: bytes) -> bytes:
        """Return the value of `field`.

        Raises:
            CiphertextInvalid: sealed for another field, row, table, owner or key, or altered.
        """
        return unpad(_decrypt(self._cipher, sealed, self._context(field)))

    def seal_text(self, field: str, value: str) -> bytes:
        """Return the ciphertext of a text."""
        return self.seal(field, value.encode("utf-8"))

    def open_text(self, field: str, sealed: bytes) -> str:
        """Return the text of `field`."""
        return self.open(field, sealed).decode("utf-8")

    def _context(self, field: str) -> bytes:
        return self._row + field.encode("ascii")


def new_row_cipher(
    master: MasterKey, owner_member_id: str, table: str, row_id: str
) -> tuple[RowCipher, bytes]:
    """Make a data key for a row; return its cipher and the wrapped key to keep."""
    data_key = os.urandom(KEY_SIZE)
    wrapped = master.wrap(data_key, key_context(owner_member_id, table, row_id))
    return RowCipher(data_key, owner_member_id, table, row_id), wrapped


def open_row_cipher(
    master: MasterKey, wrapped: bytes, owner_member_id: str, table: str, row_id: str
) -> RowCipher:
    """Return the cipher of a row from its wrapped key.

    Raises:
        CiphertextInvalid: the key is not this row's, or not wrapped by this master key.
    """
    data_key = master.unwrap(wrapped, key_context(owner_member_id, table, row_id))
    return RowCipher(data_key, owner_member_id, table, row_id)


def blind_index(
    master: MasterKey, owner_member_id: str, table: str, field: str, value: str
) -> bytes:
    """Return the 32 bytes under which `value` can be found again by its owner alone."""
    message = tagged_hash(
        "records/index", table.encode("ascii"), field.encode("ascii"), value.encode("utf-8")
    )
    return hmac.new(master.index_key(owner_member_id), message, hashlib.sha256).digest()


def pad(value: bytes) -> bytes:
    """Return length, value and zeros, a multiple of `PADDING` bytes."""
    framed = len(value).to_bytes(_LENGTH_BYTES, "big") + value
    return framed + bytes(-len(framed) % PADDING)


def unpad(padded: bytes) -> bytes:
    """Return the value that `pad` framed.

    Raises:
        CiphertextInvalid: not what `pad` makes.
    """
    size = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    value = padded[_LENGTH_BYTES : _LENGTH_BYTES + size]
    if pad(value) != padded:
        raise CiphertextInvalid("a decrypted value is not padded as it should be")
    return value


def _derive(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=None, info=info).derive(secret)


def _encrypt(cipher: AESGCM, plaintext: bytes, context: bytes) -> bytes:
    nonce = os.urandom(NONCE_SIZE)
    return nonce + cipher.encrypt(nonce, plaintext, context)


def _decrypt(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], context)
    except (InvalidTag, ValueError) as error:
        raise CiphertextInvalid("a ciphertext does not open with this key in this place") from error
