"""Notes and checkpoints: published examples hold, and every malformed one is refused."""

import datetime as dt

import pytest

from ledger.errors import NoteInvalid
from ledger.log.heads import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.log.merkle import EMPTY_ROOT
from ledger.log.notes import (
    Note,
    NoteSigner,
    SignatureType,
    parse_note,
    parse_verifier_key,
    verify_note,
)
from tests.log.support import AT, ORIGIN, note_signer

PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp"
    "RZb6KE6RyyBwJnAM=\n"
)
"""The example of golang.org/x/mod/sumdb/note."""

SIGNER = note_signer()
TEXT = Checkpoint(ORIGIN, 7, b"r" * 32).text


def signed(text: str = TEXT, *signers: NoteSigner) -> bytes:
    return bytes(Note(text, tuple(s.sign(text) for s in signers or (SIGNER,))))


def test_the_example_of_the_go_package_verifies() -> None:
    key = parse_verifier_key(PETER_KEY)
    assert str(key) == PETER_KEY
    note = parse_note(PETER_NOTE.encode())
    assert [v.key for v in verify_note(note, [key])] == [key]
    assert bytes(note) == PETER_NOTE.encode()


def test_one_changed_character_of_the_text_is_noticed() -> None:
    note = parse_note(PETER_NOTE.replace("problem is", "problem iz").encode())
    with pytest.raises(NoteInvalid, match="does not hold"):
        verify_note(note, [parse_verifier_key(PETER_KEY)])


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "PeterNeumann",
        PETER_KEY.replace("c74f20a3", "c74f20a4"),
        PETER_KEY.replace("c74f20a3", "C74F20A3"),
        PETER_KEY.replace("PeterNeumann", "Peter Neumann"),
        PETER_KEY.replace("PeterNeumann", ""),
        PETER_KEY[:-4],
        PETER_KEY.replace("ARpc", "AhpC"),
        PETER_KEY + "\n",
    ],
)
def test_malformed_verifier_keys_are_refused(wrong: str) -> None:
    with pytest.raises(NoteInvalid):
        parse_verifier_key(wrong)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note[:-1],
        lambda note: note + b"\n",
        lambda note: note + b"x",
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note.replace("—".encode(), b"-"),
        lambda note: note.replace(b"7\n", b"7\r\n"),
        lambda note: note.replace(b"7\n", b"7\x00\n"),
        lambda note: note.replace(b"\n\n", b"\n\xff\n\n"),
        lambda note: note[: note.index("—".encode())],
        lambda note: note * 200_000,
        lambda note: note + note[note.index("—".encode()) :] * 100,
        lambda note: note[: note.index("—".encode())] + f"— {ORIGIN} AAAA\n".encode(),
    ],
)
def test_malformed_notes_are_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(NoteInvalid):
        parse_note(change(signed()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n",
        "origin\n7\n",
        TEXT[:-1],
        TEXT + "extension\n",
        "\n" + TEXT,
        TEXT.replace("7", "07", 1),
        TEXT.replace("7", "+7", 1),
        TEXT.replace("7", "-7", 1),
        TEXT.replace("7", "٧", 1),
        TEXT.replace("7", str((1 << 63) + 1), 1),
        "origin\n7\nAAAA\n",
        "origin\n7\n" + "A" * 43 + "\n",
        Checkpoint("origin", 0, b"r" * 32).text,
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(NoteInvalid):
        parse_checkpoint(text)


def test_a_checkpoint_reads_back() -> None:
    for checkpoint in [Checkpoint(ORIGIN, 7, b"r" * 32), Checkpoint(ORIGIN, 0, EMPTY_ROOT)]:
        assert parse_checkpoint(checkpoint.text) == checkpoint


def test_the_log_must_have_signed_and_the_origin_is_its_key_name() -> None:
    stranger = note_signer("stranger.example")
    with pytest.raises(NoteInvalid, match="not signed by"):
        open_checkpoint(signed(TEXT, stranger), SIGNER.key())
    other = Checkpoint("other.example", 7, b"r" * 32).text
    with pytest.raises(NoteInvalid, match="expected 'log"):
        open_checkpoint(signed(other), SIGNER.key())
    both = open_checkpoint(signed(TEXT, stranger, SIGNER), SIGNER.key())
    assert both.checkpoint.size == 7


def test_a_cosignature_counts_once_and_states_its_time() -> None:
    witnesses = [note_signer("w1.example"), note_signer("w2.example")]
    keys = [w.key(SignatureType.COSIGNATURE) for w in witnesses]
    lines = [SIGNER.sign(TEXT), *[w.cosign(TEXT, AT) for w in witnesses]]
    opened = open_checkpoint(bytes(Note(TEXT, tuple(lines))), SIGNER.key(), keys, 2)
    assert [v.at for v in opened.witnesses] == [AT, AT]
    twice = bytes(Note(TEXT, (lines[0], lines[1], lines[1])))
    with pytest.raises(NoteInvalid, match="expected at least 2"):
        open_checkpoint(twice, SIGNER.key(), keys, 2)


def test_a_cosignature_over_another_time_is_refused() -> None:
    witness = note_signer("w1.example")
    line = witness.cosign(TEXT, AT)
    later = int((AT + dt.timedelta(1)).timestamp()).to_bytes(8, "big")
    moved = type(line)(line.name, line.key_id, later + line.signature[8:])
    note = bytes(Note(TEXT, (SIGNER.sign(TEXT), moved)))
    with pytest.raises(NoteInvalid, match="does not hold"):
        open_checkpoint(note, SIGNER.key(), [witness.key(SignatureType.COSIGNATURE)])
