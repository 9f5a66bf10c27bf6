"""CSV records out of bytes that come piece by piece, in constant memory, with their positions.

Pure. Lines end in LF or CRLF; fields may be quoted and hold line ends (RFC 4180). The text is
UTF-8, with or without a byte order mark, or Shift_JIS as Windows writes it (cp932). In neither is
an LF byte part of another character, so lines are cut before they are decoded. Every record says
where it ends: reading can go on from there after a crash.
"""

import codecs
import csv
from collections.abc import Iterator

import msgspec

UTF8, SHIFT_JIS = "utf-8", "cp932"
ENCODINGS = {"utf-8": UTF8, "shift_jis": SHIFT_JIS, "cp932": SHIFT_JIS}
"""The names by which an encoding may be declared."""

MAX_LINE = 64 << 10
"""Bytes of the longest line: more than ten times the longest investor record."""

MAX_RECORD_LINES = 100
"""Lines of the longest record: a quote that is never closed must not swallow the file."""

_BOM = codecs.BOM_UTF8
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Row(msgspec.Struct, frozen=True):
    """One record of the file.

    Args:
        line: the line on which it starts, counted from 1.
        last_line: the line on which it ends.
        end: the offset of the first byte after it.
        cells: its fields; empty if it has a problem.
        problem: why it could not be read; empty if it could.
        fatal: nothing after it can be read.
    """

    line: int
    last_line: int
    end: int
    cells: tuple[str, ...]
    problem: str = ""
    fatal: bool = False


def read_rows(
    pieces: Iterator[bytes], encoding: str, position: int = 0, line: int = 0
) -> Iterator[Row]:
    """Yield the records in `pieces`; empty lines are skipped.

    Args:
        pieces: the file's bytes from `position` on.
        encoding: `UTF8` or `SHIFT_JIS`.
        position: offset at which a record starts.
        line: the number of lines before it.
    """
    feed = _Feed(pieces, encoding, position, line)
    reader = csv.reader(feed, strict=True)
    while True:
        feed.start()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield feed.row((), str(error))
            continue
        except _UnreadableError as error:
            yield feed.row((), str(error), fatal=True)
            return
        if feed.problem:
            yield feed.row((), feed.problem)
        elif cells:
            yield feed.row(tuple(cells))


class Utf8Check:
    """Says of bytes that come piece by piece whether they can be UTF-8.

    Args:
        tail: what `tail` said after the piece before: the bytes of a character cut in two, or
            None if it cannot be UTF-8 any more.
    """

    def __init__(self, tail: bytes | None = b"") -> None:
        self.tail = tail

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        if self.tail is None:
            return
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            decoder.decode(self.tail + piece)
        except UnicodeDecodeError:
            self.tail = None
        else:
            self.tail = decoder.getstate()[0]


class _UnreadableError(Exception):
    """Nothing more of the file can be read."""


class _Feed:
    """Hands decoded lines to `csv.reader`, which takes exactly those that a record needs."""

    def __init__(self, pieces: Iterator[bytes], encoding: str, position: int, line: int) -> None:
        self._lines = _cut(pieces)
        self._encoding = encoding
        self._position = position
        self._line = line
        self._first = line
        self.problem = ""

    def start(self) -> None:
        self._first = self._line + 1
        self.problem = ""

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        raw = next(self._lines)
        at_start = self._position == 0
        self._position += len(raw)
        self._line += 1
        if len(raw) > MAX_LINE:
            raise _UnreadableError(f"the line has more than {MAX_LINE} bytes")
        if self._line - self._first >= MAX_RECORD_LINES:
            raise _UnreadableError("a quoted field does not end; a closing quote is missing")
        if at_start:
            if raw.startswith(_UTF16):
                raise _UnreadableError("the file is UTF-16; save it as UTF-8 or Shift_JIS")
            raw = raw.removeprefix(_BOM)
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError:
            name = "UTF-8" if self._encoding == UTF8 else "Shift_JIS"
            self.problem = f"bytes that are not {name}; save the file as UTF-8 or Shift_JIS"
            return raw.decode(self._encoding, errors="replace")

    def row(self, cells: tuple[str, ...], problem: str = "", *, fatal: bool = False) -> Row:
        last = max(self._line, self._first)
        return Row(self._first, last, self._position, cells, problem, fatal)


def _cut(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines with their ends; a line that is too long comes as it is so far."""
    rest = b""
    for piece in pieces:
        rest += piece
        start = 0
        while (end := rest.find(b"\n", start) + 1) > 0:
            yield rest[start:end]
            start = end
        rest = rest[start:]
        if len(rest) > MAX_LINE:
            break
    if rest:
        yield rest
