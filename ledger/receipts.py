"""Who read what: noted while answering, said in the log once a second.

A note holds who read, by which rules, and the hashes of what was shown; never the contents. The
notes of a second become one statement of the network, `read-receipts`. The log commits to it and
does not show it, since who reads what is itself a secret: the auditor and the platform
administrator get the statements and compare them with the commitments.

Notes wait in memory for that second at most: a process that is killed loses the last ones, one
that is stopped does not.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator

import msgspec
from sqlalchemy.orm import Session

from ledger.bulk import insert_rows
from ledger.log.sequencer import LogEntry, append
from ledger.reads import MAX_NAMES, Read
from ledger.relations import statement_commitment
from ledger.store import read_statements
from ledger.tables import StatementRow

RECEIPTS_KIND = "read-receipts"


class ReadReceipts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `read-receipts`: what one process showed between two moments."""

    since: dt.datetime
    until: dt.datetime
    reads: tuple[Read, ...]


class Kept(msgspec.Struct, frozen=True):
    """A statement behind a commitment of the log: its index there, and the envelope's text."""

    log_index: int
    envelope: str


Said = Callable[[str, msgspec.Struct, dt.datetime], bytes]
"""Signs a statement of a kind for the network."""


def record_reads(
    session: Session, reads: Iterable[Read], sign: Said, since: dt.datetime, until: dt.datetime
) -> int:
    """Append commitments to `reads` to the log, keep the statements; return how many there are."""
    rows = []
    for part in _parts(reads):
        envelope = sign(RECEIPTS_KIND, ReadReceipts(since, until, part), until)
        commitment = statement_commitment(envelope).hex()
        data = f'{{"sekisho":"statement/v1","kind":"{RECEIPTS_KIND}","commitment":"{commitment}"}}'
        (index,) = append(session, [LogEntry(RECEIPTS_KIND, data.encode())])
        rows.append({"log_index": index, "kind": RECEIPTS_KIND, "author": "", "envelope": envelope})
    insert_rows(session, StatementRow, rows)
    return len(rows)


def _parts(reads: Iterable[Read]) -> Iterator[tuple[Read, ...]]:
    part: list[Read] = []
    for read in reads:
        if part and sum(len(r.names) for r in part) + len(read.names) > MAX_NAMES:
            yield tuple(part)
            part = []
        part.append(read)
    if part:
        yield tuple(part)


def list_receipts(session: Session, after: int, limit: int) -> list[Kept]:
    """Return the statements after a log index, in order, at most `limit`."""
    rows = read_statements(session, RECEIPTS_KIND, after, limit)
    return [Kept(row.log_index, row.envelope.decode()) for row in rows]
