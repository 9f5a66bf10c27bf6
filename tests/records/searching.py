"""Whether a personal value stands anywhere in bytes that were stored, logged or answered."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.records.dictionary import Protection, record_tables

HEX = re.compile(rb"[0-9a-f]{16,}")
"""Hashes, nonces and signatures: in so many digits an account number of seven occurs by chance."""

SHORTEST = 6
"""Characters of the shortest value that is searched for: shorter ones occur by chance."""

ENCODINGS = ("utf-8", "cp932", "utf-16-le", "utf-16-be")


def personal_values(people: list[dict[str, str]]) -> set[str]:
    """Return the personal values of these investors, as an import's file names them."""
    names = record_tables()["investor"].named(Protection.PERSONAL)
    return {p[name] for p in people for name in names if len(p.get(name, "")) >= SHORTEST}


@cache
def spellings(value: str) -> frozenset[bytes]:
    """Return how a value may stand in bytes; kept: each is looked for in thousands of answers."""
    escaped = msgspec.json.encode(value).strip(b'"')
    unicode = value.encode("ascii", "backslashreplace")
    return frozenset({escaped, unicode, *(value.encode(n) for n in ENCODINGS)})


def found_in(data: bytes, values: set[str]) -> set[str]:
    """Return which values the bytes hold in any spelling; numbers outside of hexadecimals only."""
    numbers = {value for value in values if value.isdigit()}
    outside = HEX.sub(b" ", data) if numbers else b""
    return {
        value
        for value in values
        if any(spelling in (outside if value in numbers else data) for spelling in spellings(value))
    }


def database_bytes(engine: Engine) -> bytes:
    """Return every byte of the SQLite database: the file, its write-ahead log and index, its rows.

    In the files a number may follow on a hash, and pass for a piece of it; not so in the rows.
    """
    path = Path(str(engine.url.database))
    files = [file.read_bytes() for file in sorted(path.parent.glob(path.name + "*"))]
    return b"\n".join([*files, *tables_of(engine)])


def tables_of(engine: Engine) -> Iterator[bytes]:
    """Yield each table of an SQLite database as it is read, a cell a line."""
    with engine.connect() as connection:
        for table in sa.inspect(engine).get_table_names():
            rows = connection.exec_driver_sql(f'SELECT * FROM "{table}"')
            cells = (cell for row in rows for cell in row)
            yield b"\n".join(c if isinstance(c, bytes) else str(c).encode() for c in cells)
