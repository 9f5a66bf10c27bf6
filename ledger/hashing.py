"""Domain-separated SHA-256: the only way in which this package hashes its own structures.

A hash of one kind of thing can never pass for the hash of another: each is over
`"sekisho/v1/" <domain> 0x00` followed by the parts, each part preceded by its length as an
unsigned 64-bit big-endian integer.
"""

import hashlib
from functools import cache

HASH_SIZE = 32
"""Bytes in every hash."""

_PREFIX = b"sekisho/v1/"
_SHORT = 1024
_LENGTHS = [size.to_bytes(8, "big") for size in range(_SHORT + 1)]


def tagged_hash(domain: str, *parts: bytes) -> bytes:
    """Return the 32-byte hash of `parts` under `domain`."""
    pieces = [prefix(domain)]
    for part in parts:
        size = len(part)
        pieces += (_LENGTHS[size] if size <= _SHORT else size.to_bytes(8, "big"), part)
    return hashlib.sha256(b"".join(pieces)).digest()


def length(size: int) -> bytes:
    """Return what precedes a part of `size` bytes."""
    return _LENGTHS[size] if size <= _SHORT else size.to_bytes(8, "big")


@cache
def prefix(domain: str) -> bytes:
    """Return what a hash under `domain` begins with, for who puts the rest together itself."""
    return _PREFIX + domain.encode("ascii") + b"\x00"


def content_digest(data: bytes) -> str:
    """Return `sha256:<hex>` of `data`: the name of a document, file or package."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
