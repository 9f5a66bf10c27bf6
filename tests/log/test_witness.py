"""Witnesses cosign what extends what they saw, and a log that forks is caught with its notes."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from litestar.testing import TestClient
from sqlalchemy.engine import Engine

from ledger.database import Base, connect, reading, writing
from ledger.errors import NoteInvalid, ProofInvalid, WitnessQuorumMissing, WitnessRefused
from ledger.log import merkle
from ledger.log.checkpoints import Publisher
from ledger.log.heads import Checkpoint, SignedCheckpoint, open_checkpoint
from ledger.log.notes import Note, SignatureType, VerifierKey
from ledger.log.splits import SplitView, check_split, find_split
from ledger.log.store import cosignature_lines
from ledger.log.tables import SplitViewRow
from ledger.log.witness import (
    AddCheckpoint,
    Answer,
    Conflict,
    Cosigned,
    HttpWitness,
    Refused,
    WitnessServices,
    add_checkpoint,
    encode_request,
    parse_request,
)
from ledger.log.witness_routes import witness_app
from tests.log.support import AT, ORIGIN, ListNodes, entry, fill, note_signer

LOG = note_signer()
ENTRIES = [entry(i) for i in range(300)]
TREE = ListNodes(ENTRIES)
FORK = ListNodes([*ENTRIES[:50], *(b"forged %d" % i for i in range(250))])


def services(name: str = "witness.example") -> WitnessServices:
    return WitnessServices(note_signer(name), {ORIGIN: LOG.key()})


def note(size: int, tree: ListNodes = TREE, origin: str = ORIGIN) -> bytes:
    text = Checkpoint(origin, size, merkle.tree_root(tree, size)).text
    return bytes(Note(text, (LOG.sign(text),)))


def request(old: int, new: int, tree: ListNodes = TREE) -> bytes:
    proof = merkle.consistency_proof(tree, old, new) if 0 < old <= new else []
    return encode_request(AddCheckpoint(old, tuple(proof), note(new, tree)))


def ask(engine: Engine, body: bytes) -> Answer:
    with writing(engine) as session:
        return add_checkpoint(session, services(), body, AT)


def splits(engine: Engine) -> list[SplitView]:
    with reading(engine) as session:
        return [
            msgspec.json.decode(evidence, type=SplitView)
            for evidence in session.scalars(sa.select(SplitViewRow.evidence))
        ]


def test_a_growing_log_is_cosigned_step_by_step(engine: Engine) -> None:
    key = services().signer.key(SignatureType.COSIGNATURE)
    for old, new in [(0, 7), (7, 7), (7, 8), (8, 256), (256, 300)]:
        answer = ask(engine, request(old, new))
        assert isinstance(answer, Cosigned)
        opened = open_checkpoint(note(new) + f"{answer.line}\n".encode(), LOG.key(), [key], 1)
        assert opened.witnesses[0].at == AT
    assert splits(engine) == []


def test_another_old_size_is_a_conflict_that_tells_the_known_one(engine: Engine) -> None:
    assert ask(engine, request(5, 7)) == Conflict(0)
    ask(engine, request(0, 100))
    assert ask(engine, request(0, 200)) == Conflict(100)
    assert ask(engine, request(99, 200)) == Conflict(100)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"old 100\n", 400),
        (b"old 0100\n\n" + note(200), 400),
        (b"old -1\n\n" + note(200), 400),
        (b"old x\n\n" + note(200), 400),
        (b"old " + b"9" * 5_000 + b"\n\n" + note(200), 400),
        (b"new 100\n\n" + note(200), 400),
        (b"old 100\nAAAA \n\n" + note(200), 400),
        (b"old 100\n" + b"A" * 43 + b"=\n" * 64 + b"\n" + note(200), 400),
        (b"old 100\n\n" + note(200)[:-1], 400),
        (request(200, 100), 400),
        (encode_request(AddCheckpoint(100, (), note(200, TREE, "unknown.example"))), 404),
        (request(100, 200).replace(b"\n200\n", b"\n201\n"), 403),
        (encode_request(AddCheckpoint(100, (), note(200))), 422),
        (encode_request(AddCheckpoint(100, (bytes(32),) * 9, note(200))), 422),
        (encode_request(AddCheckpoint(100, (bytes(20),), note(200))), 422),
        (request(100, 200, FORK), 422),
        (request(100, 100, FORK), 409),
    ],
)
def test_what_does_not_extend_is_refused_and_changes_nothing(
    engine: Engine, body: bytes, status: int
) -> None:
    ask(engine, request(0, 100))
    answer = ask(engine, body)
    assert isinstance(answer, Refused)
    assert answer.status == status
    assert isinstance(ask(engine, request(100, 200)), Cosigned)


def test_two_requests_at_once_never_move_the_head_back(engine: Engine) -> None:
    ask(engine, request(0, 10))
    assert isinstance(ask(engine, request(10, 30)), Cosigned)
    assert ask(engine, request(10, 20)) == Conflict(30)


def test_a_split_view_of_one_size_is_kept_as_two_signed_notes(engine: Engine) -> None:
    ask(engine, request(0, 100))
    for _ in range(2):
        assert ask(engine, request(100, 100, FORK)) == Refused(
            409, "another root was cosigned for size 100"
        )
    (split,) = splits(engine)
    check_split(split, LOG.key())
    assert {split.smaller.encode(), split.larger.encode()} == {note(100), note(100, FORK)}
    with pytest.raises(NoteInvalid):
        check_split(split, note_signer("another.example").key())


@pytest.mark.parametrize(("small", "large"), [(51, 300), (64, 65), (256, 300), (299, 300)])
def test_a_split_view_of_two_sizes_is_proven_by_the_larger_tree(small: int, large: int) -> None:
    split = find_split(note(large, FORK), note(small), LOG.key(), FORK)
    assert split is not None
    check_split(split, LOG.key())
    assert find_split(note(small), note(large), LOG.key(), TREE) is None
    assert find_split(note(50), note(large, FORK), LOG.key(), FORK) is None


@pytest.mark.parametrize("size", [1, 100])
def test_honest_notes_cannot_be_made_into_a_split(size: int) -> None:
    honest = SplitView(note(size).decode(), note(300).decode(), "", ())
    prefix = merkle.tree_root(TREE, size)
    proof = merkle.consistency_proof(TREE, size, 300)
    texts = [msgspec.json.encode(p).decode().strip('"') for p in (prefix, *proof)]
    right = msgspec.structs.replace(honest, prefix_root=texts[0], proof=tuple(texts[1:]))
    with pytest.raises(ProofInvalid, match="agree"):
        check_split(right, LOG.key())
    forged = merkle.tree_root(FORK, 100)
    wrong = msgspec.json.encode(forged).decode().strip('"')
    with pytest.raises(ProofInvalid):
        check_split(msgspec.structs.replace(right, prefix_root=wrong), LOG.key())


def test_requests_read_back() -> None:
    wanted = AddCheckpoint(5, (bytes(32), b"x" * 32), note(7))
    assert parse_request(encode_request(wanted)) == wanted


@pytest.fixture
def witness_engines(tmp_path: Path) -> Iterator[list[Engine]]:
    engines = [connect(f"sqlite:///{tmp_path / f'witness{n}.sqlite'}") for n in range(2)]
    for engine in engines:
        Base.metadata.create_all(engine)
    yield engines
    for engine in engines:
        engine.dispose()


@pytest.fixture
def witnesses(witness_engines: list[Engine]) -> Iterator[list[HttpWitness]]:
    """Two witnesses as whole applications, each with a database of its own."""
    made, clients = [], []
    for number, engine in enumerate(witness_engines):
        service = services(f"w{number}.example")
        client = TestClient(witness_app(engine, service))
        client.__enter__()
        clients.append(client)
        key = service.signer.key(SignatureType.COSIGNATURE)
        made.append(HttpWitness(str(client.base_url), key, client))
    yield made
    for client in clients:
        client.__exit__(None, None, None)


def keys(witnesses: list[HttpWitness]) -> list[VerifierKey]:
    return [services(w.name).signer.key(SignatureType.COSIGNATURE) for w in witnesses]


def test_checkpoints_are_published_with_their_quorum(
    engine: Engine, tmp_path: Path, witnesses: list[HttpWitness]
) -> None:
    with Publisher(engine, LOG, tmp_path / "state", witnesses, lambda _: 2) as publisher:
        for start, count in [(0, 3), (3, 0), (3, 300)]:
            fill(engine, count, start)
            signed = publisher.publish(AT)
            opened = open_checkpoint(signed.note, LOG.key(), keys(witnesses), 2)
            assert opened.checkpoint.size == start + count
    with reading(engine) as session:
        lines = cosignature_lines(session, 303)
    assert signed.note.decode().endswith("".join(f"{line}\n" for line in lines))
    assert len(lines) == 2


def test_a_restarted_publisher_learns_the_witnesses_size(
    engine: Engine, tmp_path: Path, witnesses: list[HttpWitness]
) -> None:
    fill(engine, 5)
    with Publisher(engine, LOG, tmp_path / "state", witnesses, lambda _: 2) as publisher:
        publisher.publish(AT)
    for witness in witnesses:
        witness._size = 0  # as after a restart
    fill(engine, 5, 5)
    with Publisher(engine, LOG, tmp_path / "state", witnesses, lambda _: 2) as publisher:
        assert publisher.publish(AT).size == 10


def test_without_its_quorum_a_checkpoint_is_not_shown(
    engine: Engine, tmp_path: Path, witnesses: list[HttpWitness], witness_engines: list[Engine]
) -> None:
    fill(engine, 100)
    ahead = request(0, 200, FORK)  # the second witness has seen another, larger tree
    with writing(witness_engines[1]) as session:
        add_checkpoint(session, services("w1.example"), ahead, AT)
    with Publisher(engine, LOG, tmp_path / "state", witnesses, lambda _: 2) as publisher:
        with pytest.raises(WitnessQuorumMissing, match=r"1 of 2 .* w1.example cosigned size '200'"):
            publisher.publish(AT)
        with reading(engine) as session:
            assert session.execute(sa.text("SELECT * FROM log_checkpoints")).all() == []
    with Publisher(engine, LOG, tmp_path / "state", witnesses, lambda _: 1) as publisher:
        assert publisher.publish(AT + dt.timedelta(minutes=1)).size == 100


def test_a_witness_that_answers_with_another_signature_is_not_counted(
    witnesses: list[HttpWitness],
) -> None:
    stranger = services("stranger.example").signer.key(SignatureType.COSIGNATURE)
    witness = HttpWitness("http://testserver.local", stranger, witnesses[0]._client)
    opened = open_checkpoint(note(7), LOG.key())
    with pytest.raises(WitnessRefused, match="without its signature"):
        witness.cosign(SignedCheckpoint(opened.checkpoint, note(7)), TREE)
    with pytest.raises(NoteInvalid, match="type 0x04"):
        HttpWitness("http://testserver.local", LOG.key(), witnesses[0]._client)
