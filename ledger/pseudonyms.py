"""Names that differ for each viewer and transaction, and cursors that say nothing.

A pseudonym is keyed per viewer and transaction, so that a large or frequent customer cannot be
recognised from history (report, question VIII). A cursor is encrypted and authenticated for its
viewer and list, deterministically, over what is visible alone: hidden rows change no byte of it.
"""

import base64
import binascii
import hashlib
import hmac

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from ledger.errors import CursorInvalid
from ledger.hashing import tagged_hash

SECRET_SIZE = 32
"""Bytes of the network's pseudonym secret."""

MARK = "~"
"""What a pseudonym begins with; no id does."""

PSEUDONYM_BYTES = 15
"""120 bits, 24 characters: no two meet by chance within a transaction."""

CursorKey = list[str | int]


class Pseudonyms:
    """Makes pseudonyms and cursors from one secret of 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_SIZE:
            raise ValueError(f"the pseudonym secret has {len(secret)} bytes, not {SECRET_SIZE}")
        self._names = tagged_hash("pseudonym/key", secret)
        halves = [tagged_hash("cursor/key", secret, half) for half in (b"mac", b"cipher")]
        self._cursors = AESSIV(b"".join(halves))

    def name(self, viewer: str, txid: bytes, value: str) -> str:
        """Return the name under which `viewer` sees `value` in the transaction; "" stays empty."""
        if not value:
            return ""
        message = tagged_hash("pseudonym", viewer.encode(), txid, value.encode())
        digest = hmac.digest(self._names, message, hashlib.sha256)[:PSEUDONYM_BYTES]
        return MARK + base64.b32encode(digest).decode().lower()

    def cursor(self, viewer: str, resource: str, key: CursorKey) -> str:
        """Return an opaque cursor that names a row of a list to its viewer."""
        plain = msgspec.json.encode(key)
        sealed = self._cursors.encrypt(plain, [viewer.encode(), resource.encode()])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open_cursor(self, viewer: str, resource: str, cursor: str) -> CursorKey:
        """Return what `cursor` names.

        Raises:
            CursorInvalid: it was not made for this viewer and list.
        """
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
            plain = self._cursors.decrypt(sealed, [viewer.encode(), resource.encode()])
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise CursorInvalid("the cursor was not given out for this list") from error
        return msgspec.json.decode(plain, type=CursorKey)
