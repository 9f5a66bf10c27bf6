"""A member's copy grows with the log, and notices when the log contradicts it."""

import tracemalloc
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from ledger.database import Base, connect, reading, writing
from ledger.errors import LogResourceMissing, LogWrong, ProofInvalid, SplitViewFound
from ledger.log.export import export
from ledger.log.mirror import SPLIT_VIEW, Mirror, copy_log, read_split
from ledger.log.reader import Reader
from ledger.log.sequencer import LogEntry, append
from ledger.log.sources import DirectorySource
from ledger.log.splits import check_split
from tests.log.support import entry, fill, note_signer, publish

KEY = note_signer().key()


def mirror(folder: Path, source: Path) -> Mirror:
    return Mirror(folder, Reader(DirectorySource(source), KEY))


def show(engine: Engine, folder: Path) -> Path:
    """Publish and export what the engine holds; return the export."""
    publish(engine, folder)
    with reading(engine) as session:
        export(session, folder / "export")
    return folder / "export"


def forked(folder: Path, common: int, size: int) -> Path:
    """Another log with the same key, which agrees on the first `common` entries only."""
    folder.mkdir()
    engine = connect(f"sqlite:///{folder / 'fork.sqlite'}")
    Base.metadata.create_all(engine)
    fill(engine, common)
    with writing(engine) as session:
        append(session, [LogEntry("test", b"forged %d" % i) for i in range(size - common)])
    place = show(engine, folder)
    engine.dispose()
    return place


def test_the_copy_grows_and_is_itself_a_source(engine: Engine, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    start = 0
    for count in (0, 3, 250, 10, 400):
        fill(engine, count, start)
        new = mirror(copy, show(engine, tmp_path)).update()
        assert new == range(start, start + count)
        start += count
        reader = Reader(DirectorySource(copy), KEY)
        found = reader.entries(reader.verify().checkpoint)
        assert [data for _, data in found] == [entry(i) for i in range(start)]
    again = mirror(tmp_path / "second", copy)
    seen: list[int] = []
    assert again.update(lambda done, _: seen.append(done)) == range(start)
    assert seen == [256, 512, start]


@pytest.mark.parametrize(("common", "size"), [(99, 100), (99, 300), (0, 100)])
def test_a_log_that_contradicts_the_copy_is_convicted_by_its_own_notes(
    engine: Engine, tmp_path: Path, common: int, size: int
) -> None:
    copy = tmp_path / "copy"
    fill(engine, 100)
    mirror(copy, show(engine, tmp_path)).update()
    before = (copy / "checkpoint").read_bytes()
    fork = forked(tmp_path / "fork", common, size)
    with pytest.raises(SplitViewFound, match=f"100 and {size} entries"):
        mirror(copy, fork).update()
    split = read_split((copy / SPLIT_VIEW).read_bytes())
    check_split(split, KEY)
    assert (copy / "checkpoint").read_bytes() == before
    honest = type(split)(split.smaller, split.smaller, split.prefix_root)
    with pytest.raises(ProofInvalid):
        check_split(honest, KEY)


def test_a_source_that_is_behind_or_damaged_leaves_the_copy_as_it_is(
    engine: Engine, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    fill(engine, 300)
    source = show(engine, tmp_path)
    mirror(copy, source).update()
    with pytest.raises(LogWrong, match="behind, or the log has shrunk"):
        mirror(copy, forked(tmp_path / "old", 200, 200)).update()
    fill(engine, 300, 300)
    show(engine, tmp_path)
    bundle = source / "tile" / "entries" / "001"
    good = bundle.read_bytes()
    bundle.write_bytes(good.replace(b"400", b"401"))
    with pytest.raises(LogWrong, match="entry 400 in tile/entries/001"):
        mirror(copy, source).update()
    bundle.unlink()
    with pytest.raises(LogResourceMissing, match="tile/entries/001"):
        mirror(copy, source).update()
    last = mirror(copy, source).checkpoint()
    assert last is not None
    assert last.size == 300
    bundle.write_bytes(good)
    assert mirror(copy, source).update() == range(300, 600)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"smaller":"","larger":"","prefix_root":"","x":1}'])
def test_other_files_are_no_evidence(data: bytes) -> None:
    with pytest.raises(LogWrong):
        read_split(data)


def test_a_copy_that_rotted_is_mended(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 600)
    publish(engine, tmp_path)
    with reading(engine) as session:
        export(session, tmp_path / "served")
    reader = Reader(DirectorySource(tmp_path / "served"), note_signer().key())
    copy = tmp_path / "copy"
    assert copy_log(reader, copy) == (600, 8)
    assert copy_log(reader, copy, anew=True) == (600, 4)
    for path, change in (
        ("tile/0/001", lambda d: d[:-1] + bytes([d[-1] ^ 1])),
        ("tile/entries/000", lambda d: d[:9] + bytes([d[9] ^ 1]) + d[10:]),
        ("tile/entries/001", lambda d: d[:-3]),
    ):
        whole = (copy / path).read_bytes()
        (copy / path).write_bytes(change(whole))
        assert copy_log(reader, copy) == (600, 4)
        assert (copy / path).read_bytes() != whole
        assert copy_log(reader, copy, anew=True) == (600, 5)
        assert (copy / path).read_bytes() == whole


def test_an_export_and_a_copy_hold_a_bundle_at_a_time(engine: Engine, tmp_path: Path) -> None:
    """However long the log is: here they may take a fifth of its bytes, and it has 40 bundles."""
    bundles, length = 40, 1_000
    for index in range(bundles):
        entries = [LogEntry("test", b"%0*d" % (length, index * 256 + i)) for i in range(256)]
        with writing(engine) as session:
            append(session, entries)
    publish(engine, tmp_path)
    source = tmp_path / "export"
    reader = Reader(DirectorySource(source), KEY)
    tracemalloc.start()
    try:
        with reading(engine) as session:
            export(session, source)
        copy_log(reader, tmp_path / "copy")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "copy" / "tile" / "entries" / "039").stat().st_size == 256 * (length + 2)
    assert peak < bundles * 256 * length / 5
