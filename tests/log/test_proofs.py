"""Proof files are exactly what tlog-proof says, and any other is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from ledger.database import reading
from ledger.errors import LedgerError, LogResourceMissing, NoteInvalid, ProofInvalid
from ledger.log.proofs import (
    check_proof,
    find_entry,
    prove_consistency,
    prove_inclusion,
    read_proof,
    write_proof,
)
from tests.log.support import entry, fill, note_signer, publish

KEY = note_signer().key()


@pytest.fixture
def log(engine: Engine, tmp_path: Path) -> Engine:
    """A log with checkpoints at 100 and 300, and 20 entries that are not published."""
    fill(engine, 100)
    publish(engine, tmp_path)
    fill(engine, 200, 100)
    publish(engine, tmp_path)
    fill(engine, 20, 300)
    return engine


def test_a_file_proves_its_entry_and_no_other(log: Engine) -> None:
    for index, size in [(0, 100), (99, 100), (0, 300), (299, 300), (299, None)]:
        with reading(log) as session:
            data = write_proof(prove_inclusion(session, index, size))
            assert find_entry(session, index) == entry(index)
        opened = check_proof(read_proof(data), entry(index), KEY)
        assert opened.checkpoint.size == (size or 300)
        with pytest.raises(ProofInvalid):
            check_proof(read_proof(data), entry(index + 1), KEY)
        with pytest.raises(NoteInvalid):
            check_proof(read_proof(data), entry(index), note_signer("other.example").key())


def test_what_is_not_published_cannot_be_proven(log: Engine) -> None:
    with reading(log) as session:
        for index, size in [(300, None), (-1, None), (100, 100), (0, 200)]:
            with pytest.raises(LogResourceMissing):
                prove_inclusion(session, index, size)
        with pytest.raises(LogResourceMissing):
            prove_consistency(session, 100, 301)
        with pytest.raises(LogResourceMissing):
            find_entry(session, 320)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:0],
        lambda data: data[1:],
        lambda data: data.replace(b"@v1", b"@v2"),
        lambda data: data.replace(b"index 7", b"index 07"),
        lambda data: data.replace(b"index 7", b"index -7"),
        lambda data: data.replace(b"index 7", b"index 8"),
        lambda data: data.replace(b"index 7\n", b""),
        lambda data: data.replace(b"index 7\n", b"index 7\nindex 7\n"),
        lambda data: data.replace(b"=\n", b"\n", 1),
        lambda data: data.replace(b"\n\n", b"\n", 1),
        lambda data: data.replace(b"index 7", b"extra =\nindex 7"),
        lambda data: data.replace(b"index 7\n", b"index 7\n" + bytes(44) + b"\n"),
        lambda data: data[:-20],
        lambda data: data + bytes(1 << 22),
    ],
)
def test_malformed_files_are_refused(log: Engine, change: Callable[[bytes], bytes]) -> None:
    with reading(log) as session:
        data = write_proof(prove_inclusion(session, 7))
    check_proof(read_proof(data), entry(7), KEY)
    with pytest.raises(LedgerError):
        check_proof(read_proof(change(data)), entry(7), KEY)


def test_extra_data_is_kept_and_not_trusted(log: Engine) -> None:
    with reading(log) as session:
        proof = prove_inclusion(session, 7)
    with_extra = type(proof)(proof.index, proof.hashes, proof.checkpoint, b"anything")
    again = read_proof(write_proof(with_extra))
    assert again == with_extra
    check_proof(again, entry(7), KEY)
