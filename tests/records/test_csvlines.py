"""Reading CSV from any place in any pieces gives the same records."""

import csv
import io
import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.records.csvlines import MAX_RECORD_LINES, SHIFT_JIS, UTF8, Row, Utf8Check, read_rows

CHARACTERS = st.sampled_from([*'ab,"\n\r', "関", "ソ", "表", "能", "ｱ", "ー", " "])
CELLS = st.lists(st.text(CHARACTERS, min_size=1, max_size=6), min_size=1, max_size=4)
TABLES = st.lists(CELLS, max_size=8)
ENCODINGS = st.sampled_from([UTF8, SHIFT_JIS])


def written(table: list[list[str]], newline: str, encoding: str) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=newline, quoting=csv.QUOTE_ALL).writerows(table)
    return out.getvalue().encode(encoding)


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return (data[a:b] for a, b in itertools.pairwise(places))


@given(TABLES, st.sampled_from(["\n", "\r\n"]), ENCODINGS, st.lists(st.integers(0, 10_000)))
def test_what_was_written_is_read(
    table: list[list[str]], newline: str, encoding: str, cuts: list[int]
):
    data = written(table, newline, encoding)
    rows = list(read_rows(pieces(data, cuts), encoding))
    assert [list(row.cells) for row in rows] == table
    assert not any(row.problem for row in rows)
    if rows:
        assert rows[-1].end == len(data)


@given(TABLES, ENCODINGS, st.integers(0, 10_000))
def test_reading_goes_on_from_where_it_stopped(table: list[list[str]], encoding: str, stop: int):
    data = written(table, "\n", encoding)
    rows = list(read_rows(iter([data]), encoding))
    if not rows:
        return
    last = rows[stop % len(rows)]
    rest = read_rows(iter([data[last.end :]]), encoding, last.end, last.last_line)
    assert list(rest) == rows[stop % len(rows) + 1 :]


@given(st.binary(max_size=300), ENCODINGS)
def test_no_bytes_break_the_reader(data: bytes, encoding: str):
    for row in read_rows(iter([data]), encoding):
        assert isinstance(row, Row)
        assert bool(row.cells) is not bool(row.problem)
        assert 0 < row.line <= row.last_line
        assert 0 < row.end <= len(data)


@given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode), st.lists(st.integers(0, 99)))
def test_utf_8_is_told_from_what_it_is_not(data: bytes, cuts: list[int]):
    tail: bytes | None = b""
    for piece in pieces(data, cuts):
        check = Utf8Check(tail)
        check.feed(piece)
        tail = check.tail
    try:
        data.decode("utf-8")
        valid = True
    except UnicodeDecodeError:
        valid = False
    assert (tail == b"") is valid


def test_an_open_quote_does_not_swallow_the_file():
    data = b'a,b\n"' + b"x,y\n" * 1000
    rows = list(read_rows(iter([data]), UTF8))
    assert rows[-1].fatal
    assert rows[-1].line == 2
    assert rows[-1].last_line <= MAX_RECORD_LINES + 2


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf_16_is_named(mark: bytes):
    (row,) = read_rows(iter([mark + b"a\x00\n\x00"]), UTF8)
    assert row.fatal
    assert "UTF-16" in row.problem


def test_a_second_byte_that_looks_like_a_comma_or_quote_is_none():
    """In Shift_JIS the second byte of ソ is a backslash; no second byte is below 0x40."""
    data = "ソ,表,能\r\n".encode("cp932")
    (row,) = read_rows(iter([data]), SHIFT_JIS)
    assert row.cells == ("ソ", "表", "能")
