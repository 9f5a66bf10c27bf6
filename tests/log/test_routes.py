"""The log over HTTP, as a client that knows only the specifications sees it."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient
from sqlalchemy.engine import Engine

from ledger.database import reading
from ledger.errors import LedgerError, LogResourceMissing
from ledger.log import merkle
from ledger.log.export import export
from ledger.log.heads import open_checkpoint
from ledger.log.routes import PUBLIC_ROUTES
from ledger.log.tiles import decode_bundle
from tests.log.support import entry, fill, note_signer, publish

SIZE = 600
NOT_THERE = [
    "0/002",
    "0/002.p/89",
    "0/003",
    "0/003.p/1",
    "1/000.p/3",
    "2/000.p/1",
    "entries/002",
    "entries/002.p/89",
    "0/000.p/0",
    "0/000.p/256",
    "0/000.p/257",
    "0/000.p/01",
    "0/000.p/",
    "0/000.p",
    "0/002.P/88",
    "entries/000.p/256",
    "00/000",
    "64/000",
    "0/x000/000",
    "0/X000/000",
    "0/000/000",
    "0/x000",
    "0/0",
    "0/\uff10\uff10\uff10",
    "0/%2e%2e/checkpoint",
    "entries",
    "x/000",
    "0/" + "x999/" * 6 + "999",
    "0/" + "x999/" * 2_000 + "999",
]
"""Not published yet, or not spelt as tlog-tiles spells it: below `/log/tile/`."""

ACCEPTED = {
    "gzip": "gzip",
    "br, GZIP;q=0.1": "gzip",
    "x-gzip": "gzip",
    "gzip;q=0": None,
    "gzip; q=0.000, identity": None,
    "br, zstd": None,
    "": None,
}
"""What a client may say that it accepts, and what it gets."""


def refuse(_: Request, error: LedgerError) -> Response[str]:
    return Response(str(error), status_code=404 if isinstance(error, LogResourceMissing) else 422)


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    fill(engine, SIZE)
    publish(engine, tmp_path)
    fill(engine, 50, SIZE)  # committed, not yet published
    app = Litestar(
        PUBLIC_ROUTES,
        dependencies={"database": Provide(lambda: engine, sync_to_thread=False)},
        exception_handlers={LedgerError: refuse},
    )
    with TestClient(app) as client:
        yield client


def test_the_checkpoint_is_served_as_text_that_is_not_kept_long(client: TestClient) -> None:
    answer = client.get("/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=2"
    assert open_checkpoint(answer.content, note_signer().key()).checkpoint.size == SIZE


def test_tiles_and_bundles_make_up_the_tree(client: TestClient) -> None:
    checkpoint = open_checkpoint(client.get("/log/checkpoint").content, note_signer().key())
    leaves = b""
    for place, width in [("000", 256), ("001", 256), ("002.p/88", 88)]:
        tile = client.get(f"/log/tile/0/{place}")
        bundle = client.get(f"/log/tile/entries/{place}")
        for answer in (tile, bundle):
            assert answer.headers["content-type"] == "application/octet-stream"
            assert "immutable" in answer.headers["cache-control"]
        assert bundle.headers["content-encoding"] == "gzip"
        hashes = [merkle.leaf_hash(data) for data in decode_bundle(bundle.content, 0, width)]
        assert tile.content == b"".join(hashes)
        leaves += tile.content
    hashes = [leaves[i : i + 32] for i in range(0, len(leaves), 32)]
    assert merkle.root_of(hashes) == checkpoint.checkpoint.root
    upper = client.get("/log/tile/1/000.p/2").content
    assert upper == merkle.root_of(hashes[:256]) + merkle.root_of(hashes[256:512])


def test_a_client_without_gzip_gets_the_bundle_as_it_is(client: TestClient) -> None:
    answer = client.get("/log/tile/entries/000", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert decode_bundle(answer.content, 0, 256)[3] == entry(3)


def test_what_is_not_published_is_not_there(client: TestClient) -> None:
    found = {place: client.get(f"/log/tile/{place}").status_code for place in NOT_THERE}
    assert found == dict.fromkeys(NOT_THERE, 404)


def test_a_head_is_what_a_get_would_say(client: TestClient) -> None:
    for place in ("checkpoint", "tile/0/000", "tile/entries/002.p/88"):
        asked, head = client.get(f"/log/{place}"), client.head(f"/log/{place}")
        assert (asked.status_code, head.status_code, head.content) == (200, 200, b"")
        assert head.headers == asked.headers
        assert client.post(f"/log/{place}").status_code == 405
    assert client.head("/log/tile/0/003").status_code == 404


def test_bundles_are_compressed_for_whoever_says_that_it_accepts(client: TestClient) -> None:
    for accepted, coding in ACCEPTED.items():
        answer = client.get("/log/tile/entries/000", headers={"accept-encoding": accepted})
        assert (accepted, answer.headers.get("content-encoding")) == (accepted, coding)
        assert answer.headers["vary"] == "Accept-Encoding"
        assert decode_bundle(answer.content, 0, 256)[3] == entry(3)


def test_every_narrower_partial_tile_is_there(client: TestClient) -> None:
    """A checkpoint of any earlier size may have been shown: its partial tiles stay."""
    whole = client.get("/log/tile/0/000").content
    for width in (1, 88, 255):
        assert client.get(f"/log/tile/0/000.p/{width}").content == whole[: 32 * width]
        bundle = client.get(f"/log/tile/entries/000.p/{width}").content
        assert decode_bundle(bundle, 0, width) == [entry(i) for i in range(width)]


def test_proofs_over_http_verify(client: TestClient) -> None:
    root = open_checkpoint(client.get("/log/checkpoint").content, note_signer().key()).signed.root
    answer = client.get("/v1/log/inclusion", params={"index": 300}).json()
    proof = [base64.b64decode(text) for text in answer["hashes"]]
    merkle.verify_inclusion(merkle.leaf_hash(entry(300)), 300, SIZE, proof, root)
    answer = client.get("/v1/log/consistency", params={"old": 257, "new": SIZE}).json()
    proof = [base64.b64decode(text) for text in answer["hashes"]]
    old_root = merkle.root_of([merkle.leaf_hash(entry(i)) for i in range(257)])
    merkle.verify_consistency(257, SIZE, proof, old_root, root)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"inclusion?index={SIZE}", 404),
        ("inclusion?index=-1", 400),
        (f"inclusion?index={10**30}", 400),
        (f"inclusion?index=0&size={1 << 63}", 400),
        (f"inclusion?index={(1 << 63) - 1}&size={(1 << 63) - 1}", 404),
        (f"entries?start={1 << 63}", 400),
        (f"entries?start={(1 << 63) - 1}", 200),
        ("entries?limit=0", 400),
        ("entries?limit=257", 400),
        (f"consistency?old={10**30}&new=1", 400),
        ("inclusion?index=0&size=5", 404),
        (f"consistency?old=1&new={SIZE + 1}", 404),
        ("consistency?old=0&new=5", 422),
        ("consistency?old=6&new=5", 422),
    ],
)
def test_impossible_proofs_are_refused(client: TestClient, path: str, status: int) -> None:
    assert client.get(f"/v1/log/{path}").status_code == status


def test_entries_come_in_pages(client: TestClient) -> None:
    start: int | None = 0
    found = []
    while start is not None:
        page = client.get("/v1/log/entries", params={"start": start, "limit": 250}).json()
        found += [base64.b64decode(e["data"]) for e in page["entries"]]
        start = page["next"]
    assert found == [entry(i) for i in range(SIZE)]


def test_an_export_is_byte_for_byte_what_is_served(
    client: TestClient, engine: Engine, tmp_path: Path
) -> None:
    target = tmp_path / "export"
    with reading(engine) as session:
        first = export(session, target)
        again = export(session, target)
    assert (first.size, first.written, again.written) == (SIZE, 8, 4)
    files = [p for p in target.rglob("*") if p.is_file()]
    assert len(files) == 8
    for file in files:
        place = file.relative_to(target).as_posix()
        assert client.get(f"/log/{place}").content == file.read_bytes()


def test_nothing_is_there_before_the_first_checkpoint(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(LogResourceMissing, match="no checkpoint yet"):
        export(session, Path("nowhere"))
