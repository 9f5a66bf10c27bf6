"""Import files on their way in: in the database, compressed, encrypted, never in the clear.

Any process that opens the database can go on where another stopped.
"""

import hashlib
import zlib
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import ImportRefused
from ledger.records.encryption import MasterKey, RowCipher, open_row_cipher
from ledger.records.tables import ImportFileRow
from ledger.records.tables_work import ImportChunkRow

CHUNK = 1 << 20
"""Bytes of a piece as it is kept, before compression."""

TABLE = "import_file"
_LEVEL = 1


def import_cipher(master: MasterKey, row: ImportFileRow) -> RowCipher:
    """Return the cipher of an import's file.

    Raises:
        ImportRefused: the import is over and its file is gone.
    """
    if row.wrapped_key is None:
        raise ImportRefused(f"import {row.import_id} is {row.status}; its file is gone")
    return open_row_cipher(master, row.wrapped_key, row.owner_member_id, TABLE, row.import_id)


def add_pieces(session: Session, row: ImportFileRow, cipher: RowCipher, body: bytes) -> None:
    """Keep the next bytes of the file."""
    rows = []
    for start in range(0, len(body), CHUNK):
        piece = body[start : start + CHUNK]
        place = row.received + start
        sealed = cipher.seal(f"chunk/{place}", zlib.compress(piece, _LEVEL))
        rows.append(
            {"import_id": row.import_id, "start": place, "size": len(piece), "sealed": sealed}
        )
    if rows:
        session.execute(sa.insert(ImportChunkRow), rows)


def read_pieces(
    session: Session, row: ImportFileRow, cipher: RowCipher, position: int = 0
) -> Iterator[bytes]:
    """Yield the file's bytes from `position` on, holding one piece at a time."""
    while position < row.file_size:
        found = session.execute(
            sa.select(ImportChunkRow.start, ImportChunkRow.sealed)
            .where(ImportChunkRow.import_id == row.import_id, ImportChunkRow.start <= position)
            .order_by(ImportChunkRow.start.desc())
            .limit(1)
        ).one()
        piece = zlib.decompress(cipher.open(f"chunk/{found.start}", found.sealed))
        yield piece[position - found.start :]
        position = found.start + len(piece)


def digest_of(session: Session, row: ImportFileRow, cipher: RowCipher) -> str:
    """Return `sha256:<hex>` of the whole file."""
    digest = hashlib.sha256()
    for piece in read_pieces(session, row, cipher):
        digest.update(piece)
    return "sha256:" + digest.hexdigest()


def drop(session: Session, row: ImportFileRow) -> None:
    """Delete the file and its key."""
    session.execute(sa.delete(ImportChunkRow).where(ImportChunkRow.import_id == row.import_id))
    row.wrapped_key = None
    row.utf8_tail = None
