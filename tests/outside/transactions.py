"""Transactions by `docs/specification/transactions.md` alone: JSON, SHA-256 and ECDSA.

It imports nothing of sekisho: what it composes the server must commit, what the server shows it
must be able to verify.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

GROUPS = ("parameters", "inputs", "outputs", "commands", "nullifiers")
Json = dict[str, Any]


class Refused(Exception):
    """What was read does not follow from the specification."""


def digest(domain: str, *parts: bytes) -> bytes:
    text = b"sekisho/v1/" + domain.encode() + b"\0"
    return hashlib.sha256(text + b"".join(len(p).to_bytes(8, "big") + p for p in parts)).digest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def component(group: int, value: Any) -> bytes:
    return bytes.fromhex(value) if GROUPS[group] == "nullifiers" else canonical(value)


def nonce(salt: bytes, group: int, place: int) -> bytes:
    return digest("component/nonce", salt, u32(group), u32(place))


def leaf(group: int, place: int, nonce: bytes, data: bytes) -> bytes:
    return digest("component/leaf", u32(group), u32(place), nonce, data)


def root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return digest("component/empty")
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return digest("component/node", root(leaves[:split]), root(leaves[split:]))


def group_hash(group: int, leaves: Sequence[bytes]) -> bytes:
    return digest("component/group", u32(group), u32(len(leaves)), root(leaves))


def nullifier(token: Json, nonce_of_output: str) -> bytes:
    return digest("nullifier", canonical(token), bytes.fromhex(nonce_of_output))


def make(
    parameters: Sequence[Json],
    inputs: Sequence[Json],
    outputs: Sequence[Json],
    commands: Sequence[Json],
) -> Json:
    """Return a transaction with a fresh salt and the nullifiers of its inputs."""
    spent = [nullifier(given["token"], given["nonce"]).hex() for given in inputs]
    return {
        "version": 1,
        "salt": secrets.token_hex(32),
        **dict(zip(GROUPS, (parameters, inputs, outputs, commands, spent), strict=True)),
    }


def transaction_id(transaction: Json) -> bytes:
    salt = bytes.fromhex(transaction["salt"])
    groups = []
    for g, name in enumerate(GROUPS):
        values = [component(g, value) for value in transaction[name]]
        leaves = [leaf(g, i, nonce(salt, g, i), data) for i, data in enumerate(values)]
        groups.append(group_hash(g, leaves))
    return digest("transaction", *groups)


def signature(role: str, by: str, txid: bytes, key: EllipticCurvePrivateKey) -> Json:
    """Return a signature by a key on P-256."""
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signed = digest("signature/" + role, by.encode(), txid)
    return {
        "role": role,
        "by": by,
        "key_id": hashlib.sha256(spki).hexdigest(),
        "signature": key.sign(signed, ECDSA(hashes.SHA256())).hex(),
    }


def submission(transaction: Json, signatures: Sequence[Json]) -> bytes:
    return canonical({"transaction": transaction, "signatures": signatures})


def read_tear_off(tear_off: Json) -> dict[str, dict[int, Any]]:
    """Return what a tear-off shows, by group and place.

    Raises:
        Refused: it does not belong to its TxID.
    """
    shown: dict[str, dict[int, Any]] = {}
    groups = []
    for g, (name, group) in enumerate(zip(GROUPS, tear_off["groups"], strict=True)):
        if group["type"] == "covered":
            groups.append(bytes.fromhex(group["hash"]))
            continue
        texts = {i: p for i, p in enumerate(group["places"]) if p["type"] == "shown"}
        leaves = [
            _shown_leaf(g, i, texts[i]) if i in texts else bytes.fromhex(place["leaf"])
            for i, place in enumerate(group["places"])
        ]
        groups.append(group_hash(g, leaves))
        shown[name] = {i: place["component"] for i, place in texts.items()}
    if digest("transaction", *groups).hex() != tear_off["txid"]:
        raise Refused("the groups do not make the TxID")
    return {
        name: {i: text if name == "nullifiers" else json.loads(text) for i, text in places.items()}
        for name, places in shown.items()
    }


def _shown_leaf(group: int, place: int, shown: Mapping[str, str]) -> bytes:
    text = shown["component"]
    data = bytes.fromhex(text) if GROUPS[group] == "nullifiers" else text.encode()
    return leaf(group, place, bytes.fromhex(shown["nonce"]), data)


def log_entry(txid: bytes) -> bytes:
    commitment = digest("log/transaction", txid).hex()
    return canonical({"sekisho": "transaction/v1", "commitment": commitment})
