"""Who has signed a transaction, as what: the creator, the owners, the registrars, the notary.

Every signature is over a hash of the TxID under a domain of its role, with the signer's id: a
signature in one role, or for one signer, never passes for another.
"""

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

from ledger import components as c
from ledger.hashing import tagged_hash
from ledger.keys import PublicKey, key_id, verify_signature
from ledger.statements import Signer

MAX_SIGNATURES = 128
"""Signatures of one submission: a creator and the owners of its inputs."""


class TransactionSignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One signature over a TxID.

    Args:
        role: what the signer signs as.
        by: the member (creator, registrar, notary) or the investor (account).
        key_id: which key (`ledger.keys.key_id`).
        signature: in hex, in the form of `ledger.keys`.
    """

    role: c.SignatureRole
    by: Annotated[str, Meta(max_length=64)]
    key_id: c.Hex32
    signature: Annotated[str, Meta(pattern="^([0-9a-f]{2}){1,1024}$")]


class Uniqueness(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The notary's attestation: nothing that the transaction consumes was consumed before.

    Args:
        attested_at: when, UTC; part of what is signed.
        signature: the notary's.
    """

    attested_at: dt.datetime
    signature: TransactionSignature


class Submission(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What a creator sends: the transaction's canonical bytes and the signatures over its TxID."""

    transaction: msgspec.Raw
    signatures: Annotated[tuple[TransactionSignature, ...], Meta(max_length=MAX_SIGNATURES)]


def signed_bytes(
    role: c.SignatureRole, by: str, txid: bytes, at: dt.datetime | None = None
) -> bytes:
    """Return the 32 bytes that a signature is over; `at` is the notary's time."""
    parts = [by.encode(), txid]
    if at is not None:
        parts.append(msgspec.json.encode(at.astimezone(dt.UTC)).strip(b'"'))
    return tagged_hash("signature/" + role, *parts)


def sign_transaction(
    role: c.SignatureRole, by: str, txid: bytes, signer: Signer, at: dt.datetime | None = None
) -> TransactionSignature:
    """Return the signature of `signer`, in the role and for the id given, over a TxID."""
    return Attester(role, by, signer, key_id(signer.public_key())).sign(txid, at)


class Attester(msgspec.Struct, frozen=True):
    """Who signs many transactions in one role; its key is named once, not for each."""

    role: c.SignatureRole
    by: str
    signer: Signer
    key_id: str

    def sign(self, txid: bytes, at: dt.datetime | None = None) -> TransactionSignature:
        """Return its signature over a TxID; `at` is the notary's time."""
        signature = self.signer.sign(signed_bytes(self.role, self.by, txid, at))
        return TransactionSignature(self.role, self.by, self.key_id, signature.hex())


def check_signature(
    signature: TransactionSignature, key: PublicKey, txid: bytes, at: dt.datetime | None = None
) -> None:
    """Return if the signature holds for `key`, its role and its signer's id.

    Raises:
        SignatureInvalid: it does not.
    """
    message = signed_bytes(signature.role, signature.by, txid, at)
    verify_signature(key, bytes.fromhex(signature.signature), message)
