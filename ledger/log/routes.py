"""The log over HTTP: tlog-tiles under `/log`, and proofs ready-made under `/v1/log`.

All but the scopes are public by design (docs/adr/0004-log-visibility.md): independent readers have
no account here, and what a member may not see of another stands in the log as a commitment only.
"""

import base64
import gzip
import re
from typing import Annotated, Any

import msgspec
from litestar import HttpMethod, MediaType, Request, Response, get, route
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.engine import Engine

from ledger.database import reading
from ledger.log.completeness import prove_own_scope
from ledger.log.export import read_tile
from ledger.log.merkle import MAX_SIZE, leaf_hash
from ledger.log.proofs import prove_consistency, prove_inclusion, published
from ledger.log.store import read_entries
from ledger.log.tiles import parse_path
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

CHECKPOINT_CACHE = "public, max-age=2"
IMMUTABLE_CACHE = "public, max-age=31536000, immutable"
MAX_ENTRIES = 256
"""Entries in one answer of `/v1/log/entries`."""

READS = [HttpMethod.GET, HttpMethod.HEAD]
"""What is asked of static files: caches and mirrors look at the headers alone, too."""

GZIP_LEVEL = 6
_NO_WEIGHT = re.compile(r"q\s*=\s*0(\.0*)?")

Place = Annotated[int, QueryParameter(ge=0, le=MAX_SIZE - 1)]
"""An index or a size in a query: what the databases can hold."""


class InclusionAnswer(msgspec.Struct, frozen=True):
    """An inclusion proof: hashes in base64, the leaf's sibling first; the note as text."""

    index: int
    hashes: list[str]
    checkpoint: str


class ConsistencyAnswer(msgspec.Struct, frozen=True):
    """A consistency proof between two sizes, hashes in base64, with the newest checkpoint."""

    old: int
    new: int
    hashes: list[str]
    checkpoint: str


class EntryView(msgspec.Struct, frozen=True):
    """One entry: its kind, its leaf hash in hex, its exact bytes in base64."""

    index: int
    kind: str
    leaf_hash: str
    data: str


class EntryPage(msgspec.Struct, frozen=True):
    """Published entries in order, and where the next page starts, if there is one."""

    entries: list[EntryView]
    next: int | None


class ScopeAnswer(msgspec.Struct, frozen=True):
    """One scope's head in a seal: `head` in hex, the path in base64 (see `ScopeProof`)."""

    scope: str
    count: int
    head: str
    seal_index: int
    place: int
    scopes: int
    path: list[str]


@route(
    "/log/checkpoint",
    http_method=READS,
    opt={"authz": "public", "answer": "text/plain"},
    sync_to_thread=True,
    summary="Newest checkpoint",
)
def read_checkpoint(database: NamedDependency[Engine]) -> Response[bytes]:
    """Return the newest published checkpoint, a signed note."""
    with reading(database) as session:
        note = published(session).note
    return Response(
        note,
        media_type=MediaType.TEXT,
        headers={"Cache-Control": CHECKPOINT_CACHE},
    )


@route(
    "/log/tile/{place:path}",
    http_method=READS,
    opt={"authz": "public", "answer": "application/octet-stream"},
    sync_to_thread=True,
    summary="Tile",
)
def read_log_tile(
    place: FromPath[str], database: NamedDependency[Engine], request: Request[Any, Any, Any]
) -> Response[bytes]:
    """Return a tile (`<level>/<index>[.p/<width>]`) or a bundle (`entries/...`)."""
    tile = parse_path("tile/" + place.removeprefix("/"))
    with reading(database) as session:
        data = read_tile(session, tile, published(session).size)
    headers = {"Cache-Control": IMMUTABLE_CACHE}
    if tile.level is None:
        headers["Vary"] = "Accept-Encoding"
    if tile.level is None and takes_gzip(request.headers.get("accept-encoding", "")):
        data = gzip.compress(data, GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(data, media_type="application/octet-stream", headers=headers)


@get("/v1/log/inclusion", opt={"authz": "public"}, sync_to_thread=True, summary="Inclusion proof")
def read_inclusion(
    database: NamedDependency[Engine],
    index: Place,
    size: Annotated[int | None, QueryParameter(ge=0, le=MAX_SIZE - 1)] = None,
) -> InclusionAnswer:
    """Return the proof that entry `index` is in the published tree of `size`, or the newest."""
    with reading(database) as session:
        proof = prove_inclusion(session, index, size)
    return InclusionAnswer(proof.index, _texts(proof.hashes), proof.checkpoint.decode())


@get("/v1/log/consistency", opt={"authz": "public"}, sync_to_thread=True, summary="Consistency")
def read_consistency(
    database: NamedDependency[Engine], old: Place, new: Place
) -> ConsistencyAnswer:
    """Return the proof that the tree of size `new` extends the tree of size `old`."""
    with reading(database) as session:
        hashes = prove_consistency(session, old, new)
        note = published(session).note
    return ConsistencyAnswer(old, new, _texts(hashes), note.decode())


@get("/v1/log/entries", opt={"authz": "public"}, sync_to_thread=True, summary="Entries")
def list_entries(
    database: NamedDependency[Engine],
    start: Place = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_ENTRIES)] = 50,
) -> EntryPage:
    """Return published entries from index `start` on."""
    with reading(database) as session:
        size = published(session).size
        end = min(size, start + limit)
        entries = [
            EntryView(index, kind, leaf_hash(data).hex(), base64.b64encode(data).decode())
            for index, kind, data in read_entries(session, start, end)
        ]
    return EntryPage(entries, end if end < size else None)


@get(
    "/v1/log/scopes/{name:str}",
    opt={"authz": Action.LOG_READ},
    sync_to_thread=True,
    summary="Completeness proof",
)
def read_scope(
    name: FromPath[str],
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
) -> ScopeAnswer:
    """Return the proof of one's own scope in the newest seal that covers it."""
    with reading(database) as session:
        proof = prove_own_scope(session, actor, rules, name)
    return ScopeAnswer(
        scope=proof.scope,
        count=proof.count,
        head=proof.head.hex(),
        seal_index=proof.seal_index,
        place=proof.place,
        scopes=proof.scopes,
        path=_texts(proof.path),
    )


def takes_gzip(accepted: str) -> bool:
    """Say whether the header `accept-encoding` names gzip, and not to exclude it (RFC 9110)."""
    for offer in accepted.lower().split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip() in ("gzip", "x-gzip"):
            return not _NO_WEIGHT.fullmatch(weight.strip())
    return False


def _texts(hashes: list[bytes] | tuple[bytes, ...]) -> list[str]:
    return [base64.b64encode(value).decode() for value in hashes]


PUBLIC_ROUTES = (
    read_checkpoint,
    read_log_tile,
    read_inclusion,
    read_consistency,
    list_entries,
)
"""What a copy of the log can serve too: it needs no members and no rules."""

ROUTES = (*PUBLIC_ROUTES, read_scope)
