"""Importing a file (取込): begin, send its bytes, work through it, read the report.

    receiving ──> received ──> checking ──> applying ──> done
        │             │            │
        └─────────────┴────────────┼──> cancelled
                                   └──> refused, when the check found a problem

The whole file is checked before anything of it is written; then it is written batch by batch
(`import_work`). A file that was imported before is recognised by its digest and not imported
again; of a file that overlaps with what is there, only what is new is written.
"""

import datetime as dt
import os
from enum import StrEnum
from typing import Annotated

import msgspec
import sqlalchemy as sa
from msgspec import Meta
from sqlalchemy.orm import Session

from ledger.errors import ImportMissing, ImportRefused
from ledger.records import spool
from ledger.records.csvlines import ENCODINGS, SHIFT_JIS, UTF8, Utf8Check
from ledger.records.encryption import new_row_cipher
from ledger.records.intake import Target
from ledger.records.keeping import Clerk
from ledger.records.tables import ImportFileRow
from ledger.records.tables_work import ImportKeyRow, ImportProblemRow
from policies.actions import Action
from policies.errors import Fault

MAX_FILE = 4 << 30
"""Bytes of the largest file."""

MAX_BODY = 8 << 20
"""Bytes of the largest piece that is sent at once."""


class Operation(StrEnum):
    """What is done with the records (処理区分)."""

    CREATE = "create"
    CHANGE = "change"


class Status(StrEnum):
    """Where an import stands (処理ステータス)."""

    RECEIVING = "receiving"
    RECEIVED = "received"
    CHECKING = "checking"
    APPLYING = "applying"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"


UNFINISHED = frozenset({Status.RECEIVING, Status.RECEIVED, Status.CHECKING, Status.APPLYING})


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be imported.

    Args:
        import_target: what the file holds (取込対象).
        operation: `create` new records, or `change` those that exist (investors only).
        file_size: bytes.
        file_timestamp: the file's own time.
        file_digest: `sha256:<hex>` of the file.
        encoding: `utf-8`, `shift_jis`, `cp932`, or `auto` to find out.
    """

    import_target: Target
    operation: Operation = Operation.CREATE
    file_size: Annotated[int, Meta(ge=1, le=MAX_FILE)]
    file_timestamp: Annotated[dt.datetime, Meta(tz=True)]
    file_digest: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$(?!\n)")]
    encoding: str = "auto"


class ImportState(msgspec.Struct, frozen=True, kw_only=True):
    """An import as it stands: the import control table (取込ファイル制御), and the progress.

    Args:
        received: bytes that are here; go on sending from there.
        position: bytes that the present pass (checking or applying) is through with.
        rows_read: records of the present pass.
        rows_written: records that were new or changed; the others were there already.
        problems: how many were found; the report lists the first 1,000.
    """

    import_id: str
    import_target: str
    operation: str
    file_size: int
    file_timestamp: dt.datetime
    file_digest: str
    encoding: str
    status: str
    result: str
    received: int
    position: int
    rows_read: int
    rows_written: int
    problems: int
    registered_at: dt.datetime
    registered_by: str


def begin(session: Session, clerk: Clerk, request: ImportRequest) -> ImportState:
    """Begin an import, or find the one of the same file again; a refused one starts anew.

    Raises:
        Denied: no rule allows it.
        ImportRefused: an encoding or operation that there is not, or a target not for this actor.
    """
    clerk.rules.decide(clerk.actor, Action.IMPORT_RUN)
    allow_target(clerk, request.import_target)
    receiver = _receiver(clerk, request)
    row = session.scalar(
        sa.select(ImportFileRow).where(
            ImportFileRow.owner_member_id == clerk.owner,
            ImportFileRow.import_target == request.import_target,
            ImportFileRow.operation == request.operation,
            ImportFileRow.file_digest == request.file_digest,
        )
    )
    if row is not None and row.status not in (Status.REFUSED, Status.CANCELLED):
        return state_of(row)
    if row is None:
        row = ImportFileRow(import_id=os.urandom(16).hex(), owner_member_id=clerk.owner)
        session.add(row)
    else:
        _forget(session, row)
    _restart(row, clerk, request, receiver)
    session.flush()
    return state_of(row)


def receive(
    session: Session, clerk: Clerk, import_id: str, offset: int, body: bytes
) -> ImportState:
    """Take the next bytes of the file; bytes that are here already are passed over.

    Args:
        session: of `ledger.database.writing`.
        clerk: who acts.
        import_id: of `begin`.
        offset: where in the file `body` starts; at most what was received so far.
        body: up to `MAX_BODY` bytes.

    Raises:
        Denied: no rule allows it.
        ImportMissing: the company has no such import.
        ImportRefused: a gap, more bytes than announced, or another digest than announced.
    """
    row = open_import(session, clerk, import_id)
    if row.status != Status.RECEIVING:
        return state_of(row)
    if not 0 <= offset <= row.received:
        raise ImportRefused(f"bytes up to {row.received} are here; send from there, not {offset}")
    if len(body) > MAX_BODY:
        raise ImportRefused(f"{len(body)} bytes at once; at most {MAX_BODY}")
    if offset + len(body) > row.file_size:
        raise ImportRefused(f"the file was announced with {row.file_size} bytes; this goes beyond")
    body = body[row.received - offset :]
    spool.add_pieces(session, row, spool.import_cipher(clerk.master, row), body)
    check = Utf8Check(row.utf8_tail)
    check.feed(body)
    row.utf8_tail = check.tail
    row.received += len(body)
    row.updated_at = clerk.at
    session.flush()
    if row.received == row.file_size:
        _complete(session, clerk, row)
    return state_of(row)


def cancel(session: Session, clerk: Clerk, import_id: str) -> ImportState:
    """Give up an import of which nothing was written yet.

    Raises:
        Denied: no rule allows it.
        ImportMissing: the company has no such import.
        ImportRefused: it is being written, or finished.
    """
    row = open_import(session, clerk, import_id)
    if row.status not in UNFINISHED - {Status.APPLYING}:
        raise ImportRefused(f"the import is {row.status} and cannot be cancelled")
    finish(session, clerk, row, Status.CANCELLED, "cancelled")
    return state_of(row)


def state(session: Session, clerk: Clerk, import_id: str) -> ImportState:
    """Return how an import stands.

    Raises:
        Denied: no rule allows it.
        ImportMissing: the company has no such import.
    """
    return state_of(open_import(session, clerk, import_id, Action.IMPORT_READ))


def list_imports(
    session: Session, clerk: Clerk, after: str = "", limit: int = 50
) -> list[ImportState]:
    """Return up to `limit` of the company's imports with ids after `after`, in order of id."""
    clerk.rules.decide(clerk.actor, Action.IMPORT_READ)
    query = sa.select(ImportFileRow).where(
        ImportFileRow.owner_member_id == clerk.owner, ImportFileRow.import_id > after
    )
    rows = session.scalars(query.order_by(ImportFileRow.import_id).limit(max(1, min(limit, 500))))
    return [state_of(row) for row in rows]


def report(session: Session, clerk: Clerk, import_id: str) -> tuple[Fault, ...]:
    """Return the problems that were found, in order of line; the first 1,000 of them.

    Raises:
        Denied: no rule allows it.
        ImportMissing: the company has no such import.
    """
    open_import(session, clerk, import_id, Action.IMPORT_READ)
    query = sa.select(ImportProblemRow).where(ImportProblemRow.import_id == import_id)
    rows = session.scalars(query.order_by(ImportProblemRow.line, ImportProblemRow.number))
    return tuple(Fault(row.field, row.message, row.line) for row in rows)


def allow_target(clerk: Clerk, target: Target) -> None:
    """Return if the actor may also do one by one what an import of `target` does.

    Raises:
        Denied: it may not keep investors, or neither send nor execute instructions.
    """
    clerk.rules.decide(
        clerk.actor, _single_action(target, sends=clerk.actor.sponsor_id is not None)
    )


def _single_action(target: Target, *, sends: bool) -> Action:
    match target:
        case Target.INVESTOR | Target.REGISTRATION:
            return Action.INVESTOR_WRITE
        case Target.INSTRUCTION:
            return Action.INSTRUCTION_SUBMIT if sends else Action.INSTRUCTION_EXECUTE


def _receiver(clerk: Clerk, request: ImportRequest) -> str:
    if request.encoding not in {"auto", *ENCODINGS}:
        known = ", ".join(["auto", *ENCODINGS])
        raise ImportRefused(f"encoding {request.encoding!r}; expected one of {known}")
    if request.operation is Operation.CHANGE and request.import_target is not Target.INVESTOR:
        raise ImportRefused(f"{request.import_target} can only be created")
    if request.import_target is Target.INVESTOR:
        return clerk.owner
    if request.import_target is Target.REGISTRATION and clerk.actor.sponsor_id is None:
        raise ImportRefused("registrations go to a sponsor, and this member has none")
    return clerk.actor.sponsor_id or clerk.owner


def _restart(row: ImportFileRow, clerk: Clerk, request: ImportRequest, receiver: str) -> None:
    _, wrapped = new_row_cipher(clerk.master, clerk.owner, spool.TABLE, row.import_id)
    row.import_target, row.operation = request.import_target.value, request.operation.value
    row.file_size, row.file_timestamp = request.file_size, request.file_timestamp
    row.file_digest, row.encoding = request.file_digest, request.encoding
    row.receiver_id, row.wrapped_key = receiver, wrapped
    row.status, row.result, row.header, row.utf8_tail = Status.RECEIVING.value, "", "", b""
    row.received = row.position = row.line = 0
    row.rows_read = row.rows_written = row.problems = 0
    row.registered_at, row.registered_by, row.updated_at = clerk.at, clerk.owner, clerk.at


def _complete(session: Session, clerk: Clerk, row: ImportFileRow) -> None:
    """Check the digest and settle the encoding: all bytes are here."""
    cipher = spool.import_cipher(clerk.master, row)
    if spool.digest_of(session, row, cipher) != row.file_digest:
        _forget(session, row)
        _, row.wrapped_key = new_row_cipher(clerk.master, clerk.owner, spool.TABLE, row.import_id)
        row.received, row.utf8_tail = 0, b""
        row.result = "the bytes have another digest than announced; send them again"
        return
    if row.encoding == "auto":
        row.encoding = UTF8 if row.utf8_tail == b"" else SHIFT_JIS
    row.encoding = ENCODINGS[row.encoding]
    row.status, row.result = Status.RECEIVED.value, ""


def finish(session: Session, clerk: Clerk, row: ImportFileRow, status: Status, result: str) -> None:
    """End an import: its file, its key and its staged ids go."""
    spool.drop(session, row)
    session.execute(sa.delete(ImportKeyRow).where(ImportKeyRow.import_id == row.import_id))
    row.status, row.result, row.updated_at = status.value, result, clerk.at
    session.flush()


def _forget(session: Session, row: ImportFileRow) -> None:
    spool.drop(session, row)
    for table in (ImportKeyRow, ImportProblemRow):
        session.execute(sa.delete(table).where(table.import_id == row.import_id))


def open_import(
    session: Session, clerk: Clerk, import_id: str, action: Action = Action.IMPORT_RUN
) -> ImportFileRow:
    """Return one of the company's imports.

    Raises:
        Denied: no rule allows `action`.
        ImportMissing: the company has no such import.
    """
    clerk.rules.decide(clerk.actor, action)
    row = session.scalar(
        sa.select(ImportFileRow).where(
            ImportFileRow.import_id == import_id, ImportFileRow.owner_member_id == clerk.owner
        )
    )
    if row is None:
        raise ImportMissing(f"{clerk.owner} has no import {import_id}")
    return row


def state_of(row: ImportFileRow) -> ImportState:
    """Return how an import stands."""
    names = ImportState.__struct_fields__
    return ImportState(**{name: getattr(row, name) for name in names})
