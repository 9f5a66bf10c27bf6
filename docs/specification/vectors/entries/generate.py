# ruff: noqa: INP001 - a script beside its output
"""Write `entries.json`: an entry of each form, with its leaf hash and what it commits to.

Run `python docs/specification/vectors/entries/generate.py` from the root of the repository.
"""

import base64
import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.audit import entry_kind
from governance.decisions.statements import RECEIPT, VOTE, Receipt, Vote
from governance.identity.announcements import CertificateRevoked
from ledger.commitment import log_commitment
from ledger.hashing import content_digest, tagged_hash
from ledger.keys import SoftwareSigner, key_id, public_bytes
from ledger.log.completeness import Seal, seal_root
from ledger.log.merkle import leaf_hash
from ledger.statements import Statement, sign_statement

AT = dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)
FILE = Path(__file__).with_name("entries.json")


def signer(name: str) -> SoftwareSigner:
    """Return a key that follows from its name: of these vectors, and of nothing else."""
    seed = hashlib.sha256(f"sekisho vectors: {name}".encode()).digest()
    return SoftwareSigner(Ed25519PrivateKey.from_private_bytes(seed))


def envelope(kind: str, author: str, body: msgspec.Struct, key: SoftwareSigner) -> bytes:
    """Return a statement's envelope."""
    name = hashlib.sha256(kind.encode()).hexdigest()[:32]
    said = Statement(name, "st.example", author, AT, AT + dt.timedelta(days=1), body)
    return sign_statement(kind, said, key)


def entries() -> list[tuple[bytes, dict[str, Any]]]:
    """Return an entry of each form and what stands behind it."""
    member, service = signer("trust-a"), signer("service")
    vote = envelope(VOTE, "trust-a", Vote("sha256:" + "ab" * 32, "registrar", True), member)
    revoked = CertificateRevoked("5f", "issuing-1", "trust-a", "node-1", "superseded")
    txid = hashlib.sha256(b"a transaction").digest()
    heads = [("custodian:custody-a", 1, bytes(32)), ("registrar:trust-a", 2, b"\x01" * 32)]
    committed = tagged_hash("log/statement", vote).hex()
    return [
        (vote, {"signed_by": key_id(member.public_key())}),
        (
            envelope(RECEIPT, "platform", Receipt(content_digest(vote)), service),
            {"receives": content_digest(vote)},
        ),
        (envelope("revocation", "platform", revoked, service), {}),
        (log_commitment(txid).data, {"txid": txid.hex()}),
        (
            f'{{"sekisho":"statement/v1","kind":"custody","commitment":"{committed}"}}'.encode(),
            {"statement": base64.b64encode(vote).decode()},
        ),
        (
            msgspec.json.encode(Seal("scopes/v1", 5, seal_root(heads).hex())),
            {"heads": [[scope, count, head.hex()] for scope, count, head in heads]},
        ),
    ]


def vectors() -> dict[str, Any]:
    """Return the whole file."""
    keys = {name: signer(name).public_key() for name in ("trust-a", "service")}
    return {
        "keys": {name: base64.b64encode(public_bytes(key)).decode() for name, key in keys.items()},
        "entries": [
            {
                "kind": entry_kind(data),
                "entry": base64.b64encode(data).decode(),
                "leaf_hash": leaf_hash(data).hex(),
                **more,
            }
            for data, more in entries()
        ],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8")
