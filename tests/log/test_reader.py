"""A copy of the log with one wrong bit anywhere is refused, and the place is named."""

import contextlib
import random
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.database import Base, connect, reading
from ledger.errors import LogResourceMissing, LogWrong
from ledger.log import merkle
from ledger.log.checkpoints import Publisher
from ledger.log.export import export
from ledger.log.heads import Checkpoint
from ledger.log.notes import Note, SignatureType
from ledger.log.reader import Reader
from ledger.log.sources import MAX_RESOURCE, DirectorySource, UrlSource
from ledger.log.tiles import CHECKPOINT, encode_bundle, parse_path
from tests.log.support import AT, entry, fill, note_signer

SIZE = 67_000
WITNESS = note_signer("witness.example")
KEYS = (note_signer().key(), (WITNESS.key(SignatureType.COSIGNATURE),), 1)


class MemorySource:
    """A copy of a log whose files a test may change."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def fetch(self, path: str) -> bytes:
        try:
            return self.files[path]
        except KeyError as error:
            raise LogResourceMissing(path) from error


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of a log of three tile levels, its checkpoint cosigned."""
    return exported(tmp_path_factory.mktemp("log"), SIZE)


def exported(folder: Path, size: int) -> Path:
    """Make a log of so many entries and return its export, with a cosigned checkpoint."""
    engine = connect(f"sqlite:///{folder / 'log.sqlite'}")
    Base.metadata.create_all(engine)
    fill(engine, size)
    with Publisher(engine, note_signer(), folder / "state") as publisher:
        signed = publisher.publish(AT)
    with reading(engine) as session:
        export(session, folder / "export")
    engine.dispose()
    line = WITNESS.cosign(signed.checkpoint.text, AT)
    with (folder / "export" / CHECKPOINT).open("ab") as file:
        file.write(f"{line}\n".encode())
    return folder / "export"


def files_of(copy: Path) -> dict[str, bytes]:
    return {p.relative_to(copy).as_posix(): p.read_bytes() for p in copy.rglob("*") if p.is_file()}


def test_a_good_copy_verifies_and_yields_every_entry(copy: Path) -> None:
    reader = Reader(DirectorySource(copy), *KEYS)
    seen: list[tuple[int, int]] = []
    opened = reader.verify(lambda done, size: seen.append((done, size)))
    assert opened.checkpoint.size == SIZE
    assert [w.key.name for w in opened.witnesses] == ["witness.example"]
    assert seen[0] == (256, SIZE)
    assert seen[-1] == (SIZE, SIZE)
    entries = list(reader.entries(opened.checkpoint, 66_000))
    assert entries == [(i, entry(i)) for i in range(66_000, SIZE)]


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 65_536, 65_537])
def test_logs_of_every_shape_verify(tmp_path: Path, size: int) -> None:
    reader = Reader(DirectorySource(exported(tmp_path, size)), *KEYS)
    opened = reader.verify()
    assert [data for _, data in reader.entries(opened.checkpoint)] == [
        entry(i) for i in range(size)
    ]


def changed_place(path: str, offset: int, message: str) -> None:
    """Check that `message` names what was changed."""
    if path == CHECKPOINT:
        assert message.startswith("checkpoint: ")
        return
    tile = parse_path(path)
    assert path in message
    if tile.level is None:
        found = re.search(r"entry (\d+)", message)
        assert found is not None
        wrong = int(found[1])
        assert tile.start <= wrong <= tile.end


def test_500_random_bit_flips_are_found_and_named(copy: Path) -> None:
    files = files_of(copy)
    groups = [
        [p for p in sorted(files) if p == CHECKPOINT],
        [p for p in sorted(files) if p.startswith("tile/entries/")],
        [p for p in sorted(files) if p.startswith("tile/0/")],
        [p for p in sorted(files) if p.startswith(("tile/1/", "tile/2/"))],
    ]
    rng = random.Random(20260401)
    for round_number in range(500):
        path = rng.choice(groups[round_number % len(groups)])
        offset = rng.randrange(len(files[path]))
        data = bytearray(files[path])
        data[offset] ^= 1 << rng.randrange(8)
        reader = Reader(MemorySource({**files, path: bytes(data)}), *KEYS)
        with pytest.raises(LogWrong) as caught:
            near(reader, path)
        changed_place(path, offset, str(caught.value))


def near(reader: Reader, path: str) -> None:
    """Read the part of the log in which `path` lies; the whole for the upper levels."""
    checkpoint = reader.checkpoint().checkpoint
    if path == CHECKPOINT:
        pytest.fail("a changed checkpoint was accepted")
    tile = parse_path(path)
    start, end = tile.entries()
    for index, _ in reader.entries(checkpoint, start):
        if index >= end - 1:
            break


def test_a_flipped_bit_is_the_first_thing_that_a_whole_audit_names(copy: Path) -> None:
    files = files_of(copy)
    files["tile/entries/100"] = files["tile/entries/100"].replace(b"25700", b"25799")
    files["tile/entries/200"] = b""
    with pytest.raises(LogWrong, match=r"entry 25700 in tile/entries/100 is not"):
        Reader(MemorySource(files), *KEYS).verify()


@pytest.mark.parametrize("path", [CHECKPOINT, "tile/0/007", "tile/1/000", "tile/entries/007"])
def test_a_missing_file_is_named(copy: Path, path: str) -> None:
    files = files_of(copy)
    del files[path]
    with pytest.raises(LogResourceMissing, match=path):
        Reader(MemorySource(files), *KEYS).verify()


def test_forged_entries_need_forged_tiles_up_to_the_root(copy: Path) -> None:
    files = files_of(copy)
    forged = [entry(i) if i != 1800 else b"forged" for i in range(1792, 2048)]
    files["tile/entries/007"] = encode_bundle(forged)
    with pytest.raises(LogWrong, match="entry 1800 in tile/entries/007"):
        Reader(MemorySource(files), *KEYS).verify()
    hashes = [merkle.leaf_hash(data) for data in forged]
    files["tile/0/007"] = b"".join(hashes)
    with pytest.raises(LogWrong, match=r"tile/0/007 .entries 1792 to 2047"):
        Reader(MemorySource(files), *KEYS).verify()
    upper = bytearray(files["tile/1/000"])
    upper[7 * 32 : 8 * 32] = merkle.root_of(hashes)
    files["tile/1/000"] = bytes(upper)
    with pytest.raises(LogWrong, match=r"tile/1/000 .entries 0 to 65535"):
        Reader(MemorySource(files), *KEYS).verify()


@pytest.mark.parametrize(
    "change",
    [
        lambda e: [e[1], e[0], *e[2:]],  # reordered
        lambda e: [*e[:9], *e[10:]],  # dropped
        lambda e: [*e, b"added"],
        lambda e: [*e[:-1], e[-1] + b" "],
    ],
)
def test_reordered_dropped_and_added_entries_are_refused(copy: Path, change: object) -> None:
    assert callable(change)
    files = files_of(copy)
    files["tile/entries/007"] = encode_bundle(change([entry(i) for i in range(1792, 2048)]))
    with pytest.raises(LogWrong, match="tile/entries/007"):
        Reader(MemorySource(files), *KEYS).verify()


def test_a_whole_other_history_under_the_signed_checkpoint_is_refused(
    copy: Path, tmp_path: Path
) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'log.sqlite'}")
    Base.metadata.create_all(engine)
    fill(engine, 300)
    with Publisher(engine, note_signer(), tmp_path / "state") as publisher:
        publisher.publish(AT)
    with reading(engine) as session:
        export(session, tmp_path / "export")
    engine.dispose()
    files = files_of(tmp_path / "export")
    text = Checkpoint("log.example/sekisho", 300, b"r" * 32).text
    lines = (note_signer().sign(text), WITNESS.cosign(text, AT))
    files[CHECKPOINT] = bytes(Note(text, lines))
    with pytest.raises(LogWrong, match="this is another history"):
        Reader(MemorySource(files), *KEYS).verify()


def test_an_unwitnessed_checkpoint_is_refused_where_a_quorum_is_asked(copy: Path) -> None:
    files = files_of(copy)
    files[CHECKPOINT] = b"".join(files[CHECKPOINT].splitlines(keepends=True)[:-1])
    with pytest.raises(LogWrong, match="0 witnesses cosigned; expected at least 1"):
        Reader(MemorySource(files), *KEYS).verify()
    log_key, _, _ = KEYS
    assert Reader(MemorySource(files), log_key).checkpoint().checkpoint.size == SIZE


def test_a_shrunken_or_forked_log_does_not_extend_the_old_one(copy: Path) -> None:
    reader = Reader(DirectorySource(copy), *KEYS)
    new = reader.checkpoint().checkpoint
    old_root = merkle.root_of([merkle.leaf_hash(entry(i)) for i in range(1000)])
    reader.extends(Checkpoint(new.origin, 1000, old_root), new)
    with pytest.raises(LogWrong, match="at size 1000"):
        reader.extends(Checkpoint(new.origin, 1000, b"r" * 32), new)
    with pytest.raises(LogWrong, match="shrunk"):
        reader.extends(Checkpoint(new.origin, SIZE + 1, new.root), new)


@pytest.fixture
def web_server(copy: Path) -> Iterator[str]:
    """A plain web server that serves the export, knowing nothing of logs."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(copy))

        def do_GET(self) -> None:
            if self.path != "/endless":
                super().do_GET()
                return
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(bytes(MAX_RESOURCE + 1))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_plain_web_server_is_a_source_and_nothing_is_read_without_end(web_server: str) -> None:
    with httpx.Client(trust_env=False) as client:
        source = UrlSource(web_server, client)
        assert Reader(source, *KEYS).verify().checkpoint.size == SIZE
        with pytest.raises(LogResourceMissing, match="404"):
            source.fetch("tile/0/999")
        with pytest.raises(LogWrong, match="more than"):
            source.fetch("endless")
