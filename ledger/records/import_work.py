"""Working through an import file, batch by batch: first all of the check, then the writing.

Each call of `work` remembers where it stopped, in the caller's transaction: a killed process loses
nothing but the batch that it had not committed, and any process goes on from there.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import ImportRefused
from ledger.records import spool
from ledger.records.csvlines import Row, read_rows
from ledger.records.directory import Directory
from ledger.records.imports import ImportState, Status, allow_target, finish, open_import, state_of
from ledger.records.intake import Line, Problem, Target, intake_for, read_header
from ledger.records.keeping import Clerk
from ledger.records.tables import ImportFileRow
from ledger.records.tables_work import ImportProblemRow

MAX_PROBLEMS = 1000
"""Problems that one report lists; all are counted."""

BATCH = 1000
"""Records of one call of `work`."""


def work(
    session: Session, clerk: Clerk, directory: Directory, import_id: str, batch: int = BATCH
) -> ImportState:
    """Do the next batch of checking or applying; call again until the import is finished.

    Raises:
        Denied: no rule allows it.
        ImportMissing: the company has no such import.
        ImportRefused: not all bytes are here.
    """
    row = open_import(session, clerk, import_id)
    allow_target(clerk, Target(row.import_target))
    match Status(row.status):
        case Status.RECEIVING:
            raise ImportRefused(f"{row.received} of {row.file_size} bytes are here; send the rest")
        case Status.RECEIVED | Status.CHECKING:
            row.status = Status.CHECKING
            _check_batch(session, clerk, directory, row, batch)
        case Status.APPLYING:
            _apply_batch(session, clerk, directory, row, batch)
        case Status.DONE | Status.REFUSED | Status.CANCELLED:
            return state_of(row)
    row.updated_at = clerk.at
    session.flush()
    return state_of(row)


def _check_batch(
    session: Session, clerk: Clerk, directory: Directory, row: ImportFileRow, batch: int
) -> None:
    rows = _next_rows(session, clerk, row)
    if row.position == 0:
        _read_header(session, clerk, row, rows)
    if row.status != Status.CHECKING:
        return
    lines, problems, ended = _take(row, rows, batch)
    intake = intake_for(session, clerk, directory, row)
    problems += intake.check(lines)
    _note(session, row, problems)
    if not ended:
        return
    if row.problems:
        finish(session, clerk, row, Status.REFUSED, f"{row.problems} problem(s); nothing written")
        return
    row.status = Status.APPLYING.value
    row.position = row.line = row.rows_read = 0


def _apply_batch(
    session: Session, clerk: Clerk, directory: Directory, row: ImportFileRow, batch: int
) -> None:
    rows = _next_rows(session, clerk, row)
    if row.position == 0:
        next(rows)
    lines, problems, ended = _take(row, rows, batch)
    written, conflicts = intake_for(session, clerk, directory, row).apply(lines)
    row.rows_written += written
    _note(session, row, problems + conflicts)
    if ended:
        conflicts_text = f"; {row.problems} changed meanwhile, not written" if row.problems else ""
        finish(session, clerk, row, Status.DONE, f"{row.rows_written} written{conflicts_text}")


def _next_rows(session: Session, clerk: Clerk, row: ImportFileRow) -> Iterator[Row]:
    cipher = spool.import_cipher(clerk.master, row)
    pieces = spool.read_pieces(session, row, cipher, row.position)
    return read_rows(pieces, row.encoding, row.position, row.line)


def _read_header(session: Session, clerk: Clerk, row: ImportFileRow, rows: Iterator[Row]) -> None:
    first = next(rows, None)
    if first is None or first.problem:
        message = first.problem if first else "the file is empty"
        problems = [Problem(1, "header", message)]
        names: Sequence[str] = ()
    else:
        names, problems = read_header(Target(row.import_target), first.cells)
        row.position, row.line = first.end, first.last_line
    row.header = "" if problems else msgspec.json.encode(names).decode()  # may be a person's line
    if problems:
        _note(session, row, problems)
        finish(session, clerk, row, Status.REFUSED, f"{row.problems} problem(s) in the header")


def _take(
    row: ImportFileRow, rows: Iterator[Row], batch: int
) -> tuple[list[Line], list[Problem], bool]:
    """Return the next records, the problems of reading them, and whether the file has ended."""
    names = msgspec.json.decode(row.header, type=list[str])
    lines, problems, seen = [], [], 0
    ended = False
    for read in islice(rows, batch):
        seen += 1
        row.position, row.line = read.end, read.last_line
        ended = read.fatal
        if read.problem:
            problems.append(Problem(read.line, "", read.problem))
        elif len(read.cells) != len(names):
            message = f"{len(read.cells)} columns; the header has {len(names)}"
            problems.append(Problem(read.line, "", message))
        else:
            lines.append(Line(read.line, dict(zip(names, read.cells, strict=True))))
    row.rows_read += seen
    return lines, problems, ended or seen < batch


def _note(session: Session, row: ImportFileRow, problems: list[Problem]) -> None:
    room = max(0, MAX_PROBLEMS - row.problems)
    rows = [
        {
            "import_id": row.import_id,
            "number": row.problems + number,
            "line": problem.line,
            "field": problem.field,
            "message": problem.message,
        }
        for number, problem in enumerate(problems[:room])
    ]
    if rows:
        session.execute(sa.insert(ImportProblemRow), rows)
    row.problems += len(problems)
