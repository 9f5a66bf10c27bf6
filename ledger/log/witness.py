"""A witness: cosigns a log's checkpoints, each only if it extends the one before.

The protocol is C2SP's tlog-witness. The head that was cosigned last is moved on by check-and-set
in the transaction whose commit comes before the answer, so that no cosignature for an older or
another tree ever leaves. A log that shows two histories is recorded with both notes.
"""

import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import NoteInvalid, ProofInvalid, WitnessRefused
from ledger.log import merkle
from ledger.log.heads import (
    SIZE_TEXT,
    Checkpoint,
    OpenedCheckpoint,
    SignedCheckpoint,
    open_checkpoint,
    parse_checkpoint,
)
from ledger.log.notes import (
    NoteSigner,
    SignatureType,
    Verified,
    VerifierKey,
    parse_note,
    parse_signature_line,
    unbase64,
    verify_signature_line,
)
from ledger.log.splits import find_split
from ledger.log.tables import SplitViewRow, WitnessHeadRow

MAX_PROOF_LINES = 63
SIZE_TYPE = "text/x.tlog.size"
TIMEOUT = 5.0
"""Seconds that a publisher waits for one witness."""


@dataclass(frozen=True)
class WitnessServices:
    """What a witness needs: its signer, and the logs that it watches by origin."""

    signer: NoteSigner
    logs: Mapping[str, VerifierKey]


class AddCheckpoint(msgspec.Struct, frozen=True):
    """A request, not yet verified: the old size, the consistency proof, the signed note."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes


class Cosigned(msgspec.Struct, frozen=True):
    """The witness cosigned: its signature line, without a newline."""

    line: str


class Conflict(msgspec.Struct, frozen=True):
    """The old size is not that of the checkpoint that the witness cosigned last."""

    size: int


class Refused(msgspec.Struct, frozen=True):
    """The witness did not cosign, with the protocol's HTTP status and a reason."""

    status: int
    reason: str


Answer = Cosigned | Conflict | Refused


def encode_request(request: AddCheckpoint) -> bytes:
    """Return the body of an `add-checkpoint` request."""
    lines = [f"old {request.old}", *map(_base64, request.proof), "", ""]
    return "\n".join(lines).encode() + request.note


def parse_request(body: bytes) -> AddCheckpoint:
    """Return the request in `body`.

    Raises:
        NoteInvalid: it has not the form that the protocol gives it.
    """
    head, blank, note = body.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    word, _, size = lines[0].partition(" ")
    if word != "old" or not blank or not SIZE_TEXT.fullmatch(size) or int(size) > merkle.MAX_SIZE:
        raise NoteInvalid("the request does not begin with `old <size>`")
    if len(lines) - 1 > MAX_PROOF_LINES:
        raise NoteInvalid(f"the proof has {len(lines) - 1} lines; at most {MAX_PROOF_LINES}")
    proof = tuple(unbase64(line, "a hash of the proof") for line in lines[1:])
    return AddCheckpoint(int(size), proof, note)


def add_checkpoint(
    session: Session, services: WitnessServices, body: bytes, at: dt.datetime
) -> Answer:
    """Cosign the checkpoint in `body` if it extends what this witness cosigned last.

    Args:
        session: a session of `ledger.database.writing`; commit it before the answer leaves.
        services: the witness.
        body: the request.
        at: the time that the cosignature states, UTC.
    """
    try:
        request = parse_request(body)
        origin = parse_checkpoint(parse_note(request.note).text).origin
    except NoteInvalid as error:
        return Refused(400, str(error))
    log_key = services.logs.get(origin)
    if log_key is None:
        return Refused(404, f"the log {origin!r} is not known here")
    try:
        opened = open_checkpoint(request.note, log_key)
    except NoteInvalid as error:
        return Refused(403, str(error))
    head = session.get(WitnessHeadRow, origin)
    refusal = _judge(request, opened.checkpoint, head)
    if refusal is not None:
        if head is not None:
            _record_split(session, head, opened, log_key, at)
        return refusal
    if not _advance(session, head, opened, at):
        return Conflict(_current_size(session, origin))
    text = opened.checkpoint.text
    return Cosigned(str(services.signer.cosign(text, at)))


def _judge(
    request: AddCheckpoint, checkpoint: Checkpoint, head: WitnessHeadRow | None
) -> Conflict | Refused | None:
    """Return why the checkpoint is not cosigned, or None if it may be."""
    known = 0 if head is None else head.size
    if request.old > checkpoint.size:
        return Refused(400, f"old size {request.old} is above the checkpoint's {checkpoint.size}")
    if request.old != known:
        return Conflict(known)
    if head is None or known == 0:
        return Refused(422, "a proof from size 0 is empty") if request.proof else None
    if known == checkpoint.size and checkpoint.root != head.root:
        return Refused(409, f"another root was cosigned for size {known}")
    try:
        merkle.verify_consistency(known, checkpoint.size, request.proof, head.root, checkpoint.root)
    except ProofInvalid as error:
        return Refused(422, str(error))
    return None


def _advance(
    session: Session, head: WitnessHeadRow | None, opened: OpenedCheckpoint, at: dt.datetime
) -> bool:
    """Move the head on by check-and-set; return False if another request was faster."""
    checkpoint = opened.checkpoint
    values = {
        "size": checkpoint.size,
        "root": checkpoint.root,
        "note": opened.signed.note,
        "cosigned_at": at,
    }
    if head is None:
        try:
            with session.begin_nested():
                session.execute(
                    sa.insert(WitnessHeadRow).values(origin=checkpoint.origin, **values)
                )
        except sa.exc.IntegrityError:
            return False
        return True
    moved = session.execute(
        sa.update(WitnessHeadRow)
        .where(
            WitnessHeadRow.origin == checkpoint.origin,
            WitnessHeadRow.size == head.size,
            WitnessHeadRow.root == head.root,
        )
        .values(**values)
        .returning(WitnessHeadRow.origin)
        .execution_options(synchronize_session=False)
    )
    return moved.first() is not None


def _current_size(session: Session, origin: str) -> int:
    size = session.scalar(sa.select(WitnessHeadRow.size).where(WitnessHeadRow.origin == origin))
    return size or 0


def _record_split(
    session: Session,
    head: WitnessHeadRow,
    opened: OpenedCheckpoint,
    log_key: VerifierKey,
    at: dt.datetime,
) -> None:
    """Keep both notes if they are of one size and contradict each other."""
    if opened.checkpoint.size != head.size:
        return
    split = find_split(head.note, opened.signed.note, log_key)
    if split is None:
        return
    evidence = msgspec.json.encode(split)
    known = session.scalar(
        sa.select(SplitViewRow.id).where(
            SplitViewRow.origin == head.origin, SplitViewRow.evidence == evidence
        )
    )
    if known is None:
        row = {"origin": head.origin, "evidence": evidence, "found_at": at}
        session.execute(sa.insert(SplitViewRow).values(**row))


class HttpWitness:
    """A witness behind an HTTP prefix, as the publisher asks it.

    Args:
        prefix: its submission prefix.
        key: its cosignature key.
        client: keeps the connection open between checkpoints.

    Raises:
        NoteInvalid: `key` is not a cosignature key.
    """

    def __init__(self, prefix: str, key: VerifierKey, client: httpx.Client) -> None:
        if key.type is not SignatureType.COSIGNATURE:
            raise NoteInvalid(f"{key.name} is not a key of type 0x04, for cosignatures")
        self._url = prefix.rstrip("/") + "/add-checkpoint"
        self._key = key
        self._client = client
        self._size = 0

    @property
    def name(self) -> str:
        """The witness's key name."""
        return self._key.name

    def cosign(self, signed: SignedCheckpoint, nodes: merkle.Nodes) -> Verified:
        """Return the verified cosignature; a witness that knows another size is asked again.

        Raises:
            WitnessRefused: it answered otherwise, or not in time.
        """
        answer = self._ask(signed, nodes, min(self._size, signed.size))
        if answer.status_code == httpx.codes.CONFLICT and _media_type(answer) == SIZE_TYPE:
            answer = self._ask(signed, nodes, self._known_size(answer, signed))
        if answer.status_code != httpx.codes.OK:
            raise WitnessRefused(f"{self.name} answers {answer.status_code}: {answer.text.strip()}")
        verified = self._verify(signed, answer.text)
        self._size = signed.size
        return verified

    def _ask(self, signed: SignedCheckpoint, nodes: merkle.Nodes, old: int) -> httpx.Response:
        proof = merkle.consistency_proof(nodes, old, signed.size) if old else []
        body = encode_request(AddCheckpoint(old, tuple(proof), signed.note))
        try:
            return self._client.post(self._url, content=body, timeout=TIMEOUT)
        except httpx.HTTPError as error:
            raise WitnessRefused(f"{self.name} does not answer: {error}") from error

    def _known_size(self, answer: httpx.Response, signed: SignedCheckpoint) -> int:
        text = answer.text.removesuffix("\n")
        size = int(text) if SIZE_TEXT.fullmatch(text) else -1
        if not 0 <= size <= signed.size:
            raise WitnessRefused(
                f"{self.name} cosigned size {text[:20]!r}; this checkpoint has {signed.size}"
            )
        return size

    def _verify(self, signed: SignedCheckpoint, text: str) -> Verified:
        try:
            lines = [parse_signature_line(line) for line in text.splitlines()]
            for line in lines:
                if (line.name, line.key_id) == (self._key.name, self._key.id):
                    return verify_signature_line(signed.checkpoint.text, line, self._key)
        except NoteInvalid as error:
            raise WitnessRefused(f"{self.name} answers with a bad signature: {error}") from error
        raise WitnessRefused(f"{self.name} answers without its signature")


def _media_type(answer: httpx.Response) -> str:
    value: str = answer.headers.get("content-type", "")
    return value.partition(";")[0].strip()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
