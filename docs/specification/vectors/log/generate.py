# ruff: noqa: INP001 - a script beside its output
"""Write the test vectors of the log: `python docs/specification/vectors/log/generate.py`.

Trees, paths and proofs come from the naive RFC 6962 of `tests/log/naive.py`, not from the product.
Keys are Ed25519 with the SHA-256 of their name as seed, so that anyone can make the same files.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[3]))

from tests.log import naive  # noqa: E402 - found only after the line above

ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The entries of Certificate Transparency's own reference tests."""

ORIGIN = "log.example/sekisho"
WITNESS = "witness.example/w1"
TIME = 1_775_034_000


def merkle() -> dict[str, Any]:
    """Roots and proofs of every size up to eight, and proofs that must be refused."""
    sizes = range(1, len(ENTRIES) + 1)
    return {
        "entries": [entry.hex() for entry in ENTRIES],
        "roots": [naive.mth(ENTRIES[:size]).hex() for size in range(len(ENTRIES) + 1)],
        "inclusion": [
            {"index": i, "size": n, "proof": texts(naive.path(i, ENTRIES[:n]))}
            for n in sizes
            for i in range(n)
        ],
        "consistency": [
            {"old": m, "new": n, "proof": texts(naive.proof(m, ENTRIES[:n]))}
            for n in sizes
            for m in range(1, n + 1)
        ],
        "refused_inclusion": list(refused_inclusion()),
        "refused_consistency": list(refused_consistency()),
    }


def refused_inclusion() -> Iterator[dict[str, Any]]:
    """Yield malformed inclusion proofs of entry 5 in the tree of 7."""
    good = texts(naive.path(5, ENTRIES[:7]))
    yield {"why": "index is the size", "index": 7, "size": 7, "proof": good}
    yield {"why": "size is 0", "index": 0, "size": 0, "proof": []}
    yield {"why": "another index", "index": 4, "size": 7, "proof": good}
    yield {"why": "a hash is missing", "index": 5, "size": 7, "proof": good[:-1]}
    yield {"why": "a hash too many", "index": 5, "size": 7, "proof": [*good, good[0]]}
    yield {"why": "a hash of 31 bytes", "index": 5, "size": 7, "proof": [good[0][:-2], *good[1:]]}
    yield {"why": "a hash of 33 bytes", "index": 5, "size": 7, "proof": [good[0] + "00", *good[1:]]}
    yield {"why": "two hashes swapped", "index": 5, "size": 7, "proof": [good[1], good[0], good[2]]}


def refused_consistency() -> Iterator[dict[str, Any]]:
    """Yield malformed consistency proofs from size 3 to size 7."""
    good = texts(naive.proof(3, ENTRIES[:7]))
    yield {"why": "old size is 0", "old": 0, "new": 7, "proof": []}
    yield {"why": "old size is larger", "old": 7, "new": 3, "proof": good}
    yield {"why": "another old size", "old": 4, "new": 7, "proof": good}
    yield {"why": "a hash is missing", "old": 3, "new": 7, "proof": good[:-1]}
    yield {"why": "a hash too many", "old": 3, "new": 7, "proof": [*good, good[0]]}
    yield {"why": "equal sizes with a proof", "old": 7, "new": 7, "proof": good}
    yield {"why": "a hash of 31 bytes", "old": 3, "new": 7, "proof": [good[0][:-2], *good[1:]]}


def notes() -> dict[str, Any]:
    """A log's key, a witness's key, a checkpoint, its cosigned form, and a proof file."""
    log, witness = key(ORIGIN), key(WITNESS)
    text = f"{ORIGIN}\n{len(ENTRIES)}\n{b64(naive.mth(ENTRIES))}\n"
    own = line(ORIGIN, key_id(ORIGIN, 1), log.sign(text.encode()))
    cosigned = f"cosignature/v1\ntime {TIME}\n{text}".encode()
    stamp = TIME.to_bytes(8, "big")
    other = line(WITNESS, key_id(WITNESS, 4), stamp + witness.sign(cosigned))
    checkpoint = f"{text}\n{own}{other}"
    path = [b64(value) for value in naive.path(5, ENTRIES)]
    return {
        "log_key": verifier_key(ORIGIN, 1),
        "witness_key": verifier_key(WITNESS, 4),
        "checkpoint": checkpoint,
        "cosigned_at": TIME,
        "tlog_proof": "\n".join(["c2sp.org/tlog-proof@v1", "index 5", *path, "", ""]) + checkpoint,
        "entry": ENTRIES[5].hex(),
    }


def tiles() -> dict[str, Any]:
    """Paths, widths of partial tiles, and one bundle."""
    return {
        "paths": [
            {"level": 0, "index": 0, "width": 256, "path": "tile/0/000"},
            {"level": 0, "index": 1_234_067, "width": 256, "path": "tile/0/x001/x234/067"},
            {"level": 1, "index": 1, "width": 17, "path": "tile/1/001.p/17"},
            {"level": 63, "index": 999, "width": 1, "path": "tile/63/999.p/1"},
            {"level": None, "index": 1_000, "width": 255, "path": "tile/entries/x001/000.p/255"},
        ],
        "partial_tiles_of_70000": ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"],
        "bundle": b"".join(len(e).to_bytes(2, "big") + e for e in ENTRIES).hex(),
    }


def scopes() -> dict[str, Any]:
    """Two scopes over four transactions, and their seal."""
    shown = {
        "custodian:firm-b": [(1, b"\x02" * 32), (3, b"\x04" * 32)],
        "registrar:trust-a": [(0, b"\x01" * 32), (1, b"\x02" * 32), (2, b"\x03" * 32)],
    }
    heads = {}
    for scope, transactions in shown.items():
        head = bytes(32)
        for position, (index, txid) in enumerate(transactions):
            numbers = (position.to_bytes(8, "big"), index.to_bytes(8, "big"))
            head = tagged("log/scope", scope.encode(), head, *numbers, txid)
        heads[scope] = head
    leaves = [
        tagged("log/scope-head", scope.encode(), len(shown[scope]).to_bytes(8, "big"), head)
        for scope, head in sorted(heads.items())
    ]
    root = naive.mth(leaves).hex()
    return {
        "scopes": {
            scope: {
                "transactions": [[index, txid.hex()] for index, txid in transactions],
                "head": heads[scope].hex(),
                "path": texts(naive.path(place, leaves)),
            }
            for place, (scope, transactions) in enumerate(sorted(shown.items()))
        },
        "seal": f'{{"sekisho":"scopes/v1","through":4,"root":"{root}"}}',
    }


def tagged(domain: str, *parts: bytes) -> bytes:
    """Return the product's domain-separated hash, written out."""
    message = b"sekisho/v1/" + domain.encode() + b"\x00"
    return hashlib.sha256(message + b"".join(len(p).to_bytes(8, "big") + p for p in parts)).digest()


def key(name: str) -> Ed25519PrivateKey:
    """Return the key whose seed is the hash of its name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str, kind: int) -> bytes:
    """Return the type byte and the raw public key."""
    raw = key(name).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return bytes([kind]) + raw


def key_id(name: str, kind: int) -> bytes:
    """Return the key's id."""
    return hashlib.sha256(name.encode() + b"\n" + public(name, kind)).digest()[:4]


def verifier_key(name: str, kind: int) -> str:
    """Return the key as `name+id+base64`."""
    return f"{name}+{key_id(name, kind).hex()}+{b64(public(name, kind))}"


def line(name: str, identifier: bytes, signature: bytes) -> str:
    """Return a signature line."""
    return f"— {name} {b64(identifier + signature)}\n"


def b64(value: bytes) -> str:
    """Return standard base64."""
    return base64.b64encode(value).decode()


def texts(values: list[bytes]) -> list[str]:
    """Return each value in hex."""
    return [value.hex() for value in values]


VECTORS = {"merkle": merkle, "notes": notes, "scopes": scopes, "tiles": tiles}


def render(name: str) -> str:
    """Return the file of vectors `name`."""
    return json.dumps(VECTORS[name](), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in VECTORS:
        (FOLDER / f"{each}.json").write_text(render(each))
