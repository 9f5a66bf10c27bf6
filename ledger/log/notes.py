"""Signed notes: text with signature lines (c2sp.org/signed-note), Ed25519 only.

Two signature types are known: 0x01, a log's own signature over the text, and 0x04, a witness's
timestamped cosignature (c2sp.org/tlog-cosignature). Signatures by unknown keys are ignored; one
bad signature by a known key makes the whole note invalid.
"""

import base64
import binascii
import datetime as dt
import enum
import hashlib
import re
from collections.abc import Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.errors import NoteInvalid, SignatureInvalid
from ledger.keys import verify_signature
from ledger.statements import Signer

MAX_NOTE = 1 << 20
"""Bytes in the largest note that is looked at."""

MAX_SIGNATURES = 100
"""Signature lines in a note; the specification asks for 16 at least."""

KEY_SIZE = 32
SIGNATURE_SIZE = 64
_TIMESTAMP_SIZE = 8
_ID_SIZE = 4
_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class SignatureType(enum.IntEnum):
    """The signature type bytes that are known here."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


class VerifierKey(msgspec.Struct, frozen=True):
    """A public key with a name: who signs, with what, how.

    Args:
        name: without spaces or plus; by convention a URL without a scheme.
        type: what its signatures are over.
        public: the raw Ed25519 key, 32 bytes.
    """

    name: str
    type: SignatureType
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that lead each of its signatures."""
        material = self.name.encode() + b"\n" + bytes([self.type]) + self.public
        return hashlib.sha256(material).digest()[:_ID_SIZE]

    def __str__(self) -> str:
        """Return `name+id+base64`."""
        key = base64.b64encode(bytes([self.type]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{key}"


class NoteSignature(msgspec.Struct, frozen=True):
    """One signature line, not yet verified: the key's name and id, and the signature."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        """Return the line, without its newline."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode()}"


class Note(msgspec.Struct, frozen=True):
    """A note as read, not yet verified: the signed text with its last newline, and signatures."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __bytes__(self) -> bytes:
        """Return the note."""
        return "\n".join([self.text, *map(str, self.signatures), ""]).encode()


class Verified(msgspec.Struct, frozen=True):
    """A signature that holds, with the key, and the time that a cosignature states."""

    key: VerifierKey
    signature: NoteSignature
    at: dt.datetime | None = None


class NoteSigner:
    """Signs notes under a name, with a key in software or in an HSM.

    Args:
        name: the key's name; for a log, its origin.
        signer: an Ed25519 signer.

    Raises:
        NoteInvalid: the name is no key name, or the key is of another kind.
    """

    def __init__(self, name: str, signer: Signer) -> None:
        self._signer = signer
        self.name = check_name(name)
        self._raw = raw_public_key(signer)

    def key(self, kind: SignatureType = SignatureType.ED25519) -> VerifierKey:
        """Return the key that verifies this signer's signatures of `kind`."""
        return VerifierKey(self.name, kind, self._raw)

    def sign(self, text: str) -> NoteSignature:
        """Return the signature over `text`."""
        return NoteSignature(self.name, self.key().id, self._signer.sign(text.encode()))

    def cosign(self, text: str, at: dt.datetime) -> NoteSignature:
        """Return the cosignature over the checkpoint `text`, stating the time `at`, in seconds."""
        seconds = int(at.timestamp())
        signature = self._signer.sign(_cosigned_message(text, seconds))
        stamped = seconds.to_bytes(_TIMESTAMP_SIZE, "big") + signature
        return NoteSignature(self.name, self.key(SignatureType.COSIGNATURE).id, stamped)


def raw_public_key(signer: Signer) -> bytes:
    """Return the signer's raw Ed25519 public key.

    Raises:
        NoteInvalid: it is a key of another kind.
    """
    key = signer.public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise NoteInvalid(f"notes are signed with Ed25519; got {type(key).__name__}")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def check_name(name: str) -> str:
    """Return `name` if it can name a key.

    Raises:
        NoteInvalid: it is empty, or has a space, a plus or a control character.
    """
    if not _NAME.fullmatch(name) or _CONTROL.search(name):
        raise NoteInvalid(f"{name!r} is no key name: expected no spaces and no plus")
    return name


def parse_verifier_key(text: str) -> VerifierKey:
    """Return the key in `name+id+base64`.

    Raises:
        NoteInvalid: not this form, or the id is not that of the key.
    """
    parts = text.split("+", 2)
    if len(parts) != 3:  # noqa: PLR2004 - the three parts of the form
        raise NoteInvalid("a verifier key has the form name+id+base64")
    name, key_id, encoded = parts
    material = unbase64(encoded, "the key")
    if len(material) != 1 + KEY_SIZE or material[0] not in list(SignatureType):
        raise NoteInvalid("expected an Ed25519 key of type 0x01 or 0x04")
    key = VerifierKey(check_name(name), SignatureType(material[0]), material[1:])
    if key.id.hex() != key_id:
        raise NoteInvalid(f"the key's id is {key.id.hex()}, not {key_id!r}")
    return key


def parse_note(data: bytes) -> Note:
    """Return the note in `data`, not yet verified.

    Raises:
        NoteInvalid: it is not a signed note.
    """
    if len(data) > MAX_NOTE:
        raise NoteInvalid(f"the note has {len(data)} bytes; at most {MAX_NOTE}")
    try:
        content = data.decode()
    except UnicodeDecodeError as error:
        raise NoteInvalid(f"the note is not UTF-8: {error}") from error
    if _CONTROL.search(content):
        raise NoteInvalid("the note has a control character")
    text, blank, block = content.rpartition("\n\n")
    if not blank or not block.endswith("\n"):
        raise NoteInvalid("the note has no signature lines after an empty line")
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteInvalid(f"the note has {len(lines)} signatures; at most {MAX_SIGNATURES}")
    return Note(text + "\n", tuple(parse_signature_line(line) for line in lines))


def parse_signature_line(line: str) -> NoteSignature:
    """Return the signature in one line, without its newline.

    Raises:
        NoteInvalid: it is not `— name base64`.
    """
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":  # noqa: PLR2004 - the three parts of the form
        raise NoteInvalid(f"{line!r} is not a signature line")
    material = unbase64(parts[2], "the signature")
    if len(material) <= _ID_SIZE:
        raise NoteInvalid(f"the signature of {parts[1]!r} is empty")
    return NoteSignature(check_name(parts[1]), material[:_ID_SIZE], material[_ID_SIZE:])


def verify_note(note: Note, keys: Sequence[VerifierKey]) -> list[Verified]:
    """Return the signatures by `keys`, all verified; at least one, one for each key.

    Raises:
        NoteInvalid: none of the keys signed, or a signature by one of them does not hold.
    """
    known = {(key.name, key.id): key for key in keys}
    verified: dict[tuple[str, bytes], Verified] = {}
    for signature in note.signatures:
        place = (signature.name, signature.key_id)
        if place in known and place not in verified:
            verified[place] = verify_signature_line(note.text, signature, known[place])
    if not verified:
        names = ", ".join(key.name for key in keys) or "no key"
        raise NoteInvalid(f"the note is not signed by {names}")
    return list(verified.values())


def verify_signature_line(text: str, signature: NoteSignature, key: VerifierKey) -> Verified:
    """Return the signature as verified over `text`.

    Raises:
        NoteInvalid: it does not hold.
    """
    at, message, raw = _signed(text, signature.signature, key.type)
    if len(raw) != SIGNATURE_SIZE:
        raise NoteInvalid(f"the signature of {key.name} has {len(raw)} bytes")
    try:
        verify_signature(Ed25519PublicKey.from_public_bytes(key.public), raw, message)
    except (SignatureInvalid, ValueError) as error:
        raise NoteInvalid(f"the signature of {key.name} does not hold over this text") from error
    return Verified(key, signature, at)


def unbase64(text: str, what: str) -> bytes:
    """Return the bytes in standard base64; only the one canonical spelling is accepted.

    Raises:
        NoteInvalid: it is not base64.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteInvalid(f"{what} is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise NoteInvalid(f"{what} is not canonical base64")
    return data


def _signed(
    text: str, signature: bytes, kind: SignatureType
) -> tuple[dt.datetime | None, bytes, bytes]:
    """Return the stated time, the message that was signed, and the bare signature."""
    match kind:
        case SignatureType.ED25519:
            return None, text.encode(), signature
        case SignatureType.COSIGNATURE:
            seconds = int.from_bytes(signature[:_TIMESTAMP_SIZE], "big")
            return _moment(seconds), _cosigned_message(text, seconds), signature[_TIMESTAMP_SIZE:]


def _moment(seconds: int) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise NoteInvalid(f"a cosignature states the time {seconds}") from error


def _cosigned_message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
