"""Statements: what a member says, signed over the exact bytes, kept for ever as it came.

A statement is a DSSE envelope (github.com/secure-systems-lab/dsse, v1.0.2) whose payload is the
JSON of a `Statement`. Opening checks the signature against a key that the caller looked up; who
may say what, and whether it was said before, is the use case's to decide.
"""

import base64
import datetime as dt
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from ledger.errors import SignatureInvalid, StatementMalformed
from ledger.keys import PublicKey, key_id, verify_signature
from policies.actors import Actor
from policies.errors import Fault

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PAYLOAD_TYPE = "application/vnd.sekisho.{kind}.v1+json"
_BEFORE_KIND, _AFTER_KIND = PAYLOAD_TYPE.split("{kind}")
MAX_LIFETIME = dt.timedelta(days=7)
"""The longest time between a statement's issue and its expiry."""

MAX_ENVELOPE = 1 << 20
"""Bytes of the largest envelope that is looked at."""

Body = TypeVar("Body", bound=msgspec.Struct)


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One DSSE signature: the key's id (`ledger.keys.key_id`) and base64 of the signature."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A DSSE envelope; `payload` is base64 of the signed bytes."""

    payload: str
    payloadType: str  # noqa: N815 - the name that DSSE gives it
    signatures: tuple[Signature, ...]

    @property
    def kind(self) -> str:
        """The statement's kind, read from the payload type."""
        return self.payloadType.removeprefix(_BEFORE_KIND).removesuffix(_AFTER_KIND)

    def payload_bytes(self) -> bytes:
        """Return the signed bytes.

        Raises:
            StatementMalformed: the payload is not base64.
        """
        return _unbase64(self.payload, "payload")


class Statement(msgspec.Struct, Generic[Body], frozen=True, forbid_unknown_fields=True):
    """What the payload says.

    Args:
        id: unique for ever; 16 to 64 characters; a second use is refused as a replay.
        network: the network that it is meant for.
        author: the member that says it.
        issued_at: when, UTC.
        expires_at: from when on it is no longer accepted; at most seven days later.
        body: what is said; its type follows from the payload type.
    """

    id: str
    network: str
    author: str
    issued_at: dt.datetime
    expires_at: dt.datetime
    body: Body


class Opened(msgspec.Struct, Generic[Body], frozen=True):
    """A statement whose signature was checked, with the exact bytes that the log keeps."""

    kind: str
    statement: Statement[Body]
    keyid: str
    envelope: bytes

    @property
    def body(self) -> Body:
        """What the author says."""
        return self.statement.body


class Signer(Protocol):
    """Signs bytes with a node key."""

    def public_key(self) -> PublicKey:
        """Return the public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature in the form that `ledger.keys.verify_signature` accepts."""
        ...


class Desk(Protocol):
    """Opens statements: signature, certificate valid now, network, time, replay."""

    def open(self, raw: bytes, kind: str, body: type[Body]) -> tuple[Actor, Opened[Body]]:
        """Return who says what in `raw`."""
        ...

    def writing(self, opened: Opened[Body]) -> "AbstractContextManager[Session]":
        """Hold the single writer's lock, with key and time judged once more under it."""
        ...


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: DSSE's PAE."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_statement(kind: str, statement: Statement[Body], *signers: Signer) -> bytes:
    """Return the envelope of `statement` as JSON bytes, signed by each signer in turn."""
    payload_type = PAYLOAD_TYPE.format(kind=kind)
    payload = msgspec.json.encode(statement)
    message = pre_authentication_encoding(payload_type, payload)
    signatures = tuple(
        Signature(key_id(s.public_key()), base64.b64encode(s.sign(message)).decode())
        for s in signers
    )
    return msgspec.json.encode(
        Envelope(base64.b64encode(payload).decode(), payload_type, signatures)
    )


def read_envelope(data: bytes) -> Envelope:
    """Return the envelope in `data`, not yet verified.

    Raises:
        StatementMalformed: not a DSSE envelope, too large, or without a signature.
    """
    if len(data) > MAX_ENVELOPE:
        raise StatementMalformed(f"the envelope has {len(data)} bytes; at most {MAX_ENVELOPE}")
    try:
        envelope = msgspec.json.decode(data, type=Envelope)
    except msgspec.MsgspecError as error:
        raise StatementMalformed(f"not a DSSE envelope: {error}") from error
    if not envelope.signatures:
        raise StatementMalformed("the envelope has no signature")
    return envelope


def read_statement(envelope: Envelope, kind: str, body: type[Body]) -> Statement[Body]:
    """Return what the envelope says, not yet verified: to look up its author's keys.

    Raises:
        StatementMalformed: another kind, an unknown field, or a value out of its type.
    """
    expected = PAYLOAD_TYPE.format(kind=kind)
    if envelope.payloadType != expected:
        raise StatementMalformed(f"payloadType is {envelope.payloadType!r}; expected {expected!r}")
    try:
        statement: Statement[Body] = msgspec.json.decode(
            envelope.payload_bytes(),
            type=Statement[body],  # type: ignore[valid-type]
        )
    except msgspec.MsgspecError as error:
        fault = Fault("payload", str(error))
        raise StatementMalformed(f"the statement is malformed: {error}", (fault,)) from error
    _check_times(statement)
    return statement


def open_statement(
    envelope: Envelope,
    raw: bytes,
    statement: Statement[Body],
    key: PublicKey,
    known_as: str | None = None,
) -> Opened[Body]:
    """Return the statement as opened by `key`.

    Args:
        envelope: what `read_envelope(raw)` returned.
        raw: the envelope's bytes as they came.
        statement: what `read_statement(envelope, ...)` returned.
        key: a key that belonged to the author at the time.
        known_as: its key id, if the caller has worked it out before.

    Raises:
        SignatureInvalid: no signature by that key, or it does not verify.
    """
    wanted = known_as or key_id(key)
    found = [s for s in envelope.signatures if s.keyid == wanted]
    if not found:
        raise SignatureInvalid(f"no signature by key {wanted}")
    message = pre_authentication_encoding(envelope.payloadType, envelope.payload_bytes())
    verify_signature(key, _unbase64(found[0].sig, "sig"), message)
    return Opened(envelope.kind, statement, wanted, raw)


def _check_times(statement: Statement[Body]) -> None:
    issued, expires = statement.issued_at, statement.expires_at
    if issued.tzinfo is None or expires.tzinfo is None:
        raise StatementMalformed("issued_at and expires_at need a time zone")
    if not issued < expires <= issued + MAX_LIFETIME:
        raise StatementMalformed(
            f"expires_at must be after issued_at and within {MAX_LIFETIME.days} days of it"
        )


def _unbase64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise StatementMalformed(f"{what} is not base64: {error}") from error
