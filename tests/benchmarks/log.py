"""Appends, proofs and a whole audit of the log up to 10⁶ entries, against pymerkle on SQLite.

Appends are timed by the clock (they wait for the disk), proofs and the audit in CPU time.
"""

import datetime as dt
import hashlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymerkle
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Engine

from ledger.database import Base, connect, reading, writing
from ledger.keys import SoftwareSigner
from ledger.log import merkle
from ledger.log.checkpoints import Publisher
from ledger.log.export import export
from ledger.log.notes import NoteSigner
from ledger.log.reader import Reader
from ledger.log.sequencer import LogEntry, append
from ledger.log.sources import DirectorySource
from ledger.log.store import StoredNodes

SIZES = (10_000, 100_000, 1_000_000)
BATCH = 10_000
PROOFS = 200
PYMERKLE_PROOFS = 10
WARM_UP = 5
MIN_APPENDS = 200_000
MAX_PROOF_MS = 1.0
MIN_AUDIT = 0.7
MILLI = 1e3
AT = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)


def run() -> dict[str, Any]:
    """Grow both logs side by side; measure proofs at each size, and an audit at the last."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(Path(folder))


def _run(folder: Path) -> dict[str, Any]:
    engine = connect(f"sqlite:///{folder / 'log.sqlite'}")
    Base.metadata.create_all(engine)
    other = pymerkle.SqliteTree(str(folder / "pymerkle.sqlite"), disable_cache=True)
    rows, size = [], 0
    for wanted in SIZES:
        ours, theirs = _grow(engine, other, size, wanted)
        size = wanted
        rates = {"append_per_s": ours, "pymerkle_per_s": theirs, "append_ratio": ours / theirs}
        rows.append(_proofs(engine, other, size) | rates)
    signer = NoteSigner("benchmark.example/log", SoftwareSigner(Ed25519PrivateKey.generate()))
    audit = _audit(engine, signer, folder)
    other.close()
    engine.dispose()
    last = rows[-1]
    return {
        "rows": rows,
        "audit": audit,
        "targets": [
            _target(
                f"appends per second in batches, at least {MIN_APPENDS:,}",
                last["append_per_s"],
                last["append_per_s"] >= MIN_APPENDS,
            ),
            _target(
                f"inclusion proof at 10⁶ in ms, under {MAX_PROOF_MS:g}",
                last["inclusion_ms"],
                last["inclusion_ms"] < MAX_PROOF_MS,
            ),
            _target(
                f"consistency proof at 10⁶ in ms, under {MAX_PROOF_MS:g}",
                last["consistency_ms"],
                last["consistency_ms"] < MAX_PROOF_MS,
            ),
            _target(
                f"audit as a share of the bare hashes, at least {MIN_AUDIT:g}",
                audit["share_of_bare"],
                audit["share_of_bare"] >= MIN_AUDIT,
            ),
        ],
    }


def _target(target: str, measured: float, met: bool) -> dict[str, Any]:  # noqa: FBT001 - a row of a table
    return {"target": target, "measured": measured, "met": met}


def _entry(index: int) -> bytes:
    return b'{"sekisho":"transaction/v1","commitment":"%064x"}' % index


def _grow(engine: Engine, other: pymerkle.SqliteTree, start: int, end: int) -> tuple[float, float]:
    """Append the same entries to both, batch by batch in turn; return entries per second."""
    ours = theirs = 0.0
    for first in range(start, end, BATCH):
        data = [_entry(i) for i in range(first, min(end, first + BATCH))]
        entries = [LogEntry("transaction", value) for value in data]
        began = time.perf_counter()
        with writing(engine) as session:
            append(session, entries)
        middle = time.perf_counter()
        other.append_entries(data)
        ours, theirs = ours + middle - began, theirs + time.perf_counter() - middle
    return (end - start) / ours, (end - start) / theirs


def _proofs(engine: Engine, other: pymerkle.SqliteTree, size: int) -> dict[str, Any]:
    """Time proofs of random entries; both sides give the same path."""
    rng = random.Random(size)
    indexes = [rng.randrange(1, size) for _ in range(PROOFS + WARM_UP)]
    expected = other.prove_inclusion(indexes[0] + 1, size).path
    with reading(engine) as session:
        found = merkle.inclusion_proof(StoredNodes(session), indexes[0], size)
    if [bytes(h) for h in expected][-len(found) :] != found:
        raise RuntimeError("the two logs give different proofs")

    def ours(index: int) -> None:
        with reading(engine) as session:
            merkle.inclusion_proof(StoredNodes(session), index, size)

    def ours_consistency(index: int) -> None:
        with reading(engine) as session:
            merkle.consistency_proof(StoredNodes(session), index, size)

    times: dict[str, list[float]] = {}
    _time(times, "inclusion_ms", ours, indexes)
    _time(
        times,
        "pymerkle_inclusion_ms",
        lambda i: other.prove_inclusion(i + 1, size),
        indexes[: PYMERKLE_PROOFS + WARM_UP],
    )
    _time(times, "consistency_ms", ours_consistency, indexes)
    medians = {name: statistics.median(values[WARM_UP:]) * MILLI for name, values in times.items()}
    ratio = medians["pymerkle_inclusion_ms"] / medians["inclusion_ms"]
    return {"entries": size, **medians, "times_faster": ratio}


def _time(
    times: dict[str, list[float]], name: str, act: Callable[[int], object], indexes: list[int]
) -> None:
    for index in indexes:
        began = time.process_time()
        act(index)
        times.setdefault(name, []).append(time.process_time() - began)


def _audit(engine: Engine, signer: NoteSigner, folder: Path) -> dict[str, Any]:
    """Verify an export whole, against hashing the same entries and nodes in a bare loop."""
    with Publisher(engine, signer, folder / "state") as publisher:
        size = publisher.publish(AT).size
    with reading(engine) as session:
        export(session, folder / "export")
    reader = Reader(DirectorySource(folder / "export"), signer.key())
    entries = [_entry(i) for i in range(size)]
    shares, rates = [], []
    for _ in range(3):
        began = time.process_time()
        reader.verify()
        middle = time.process_time()
        _bare(entries)
        bare = time.process_time() - middle
        shares.append(bare / (middle - began))
        rates.append(size / (middle - began))
    return {
        "entries": size,
        "entries_per_s": statistics.median(rates),
        "share_of_bare": statistics.median(shares),
    }


def _bare(entries: list[bytes]) -> bytes:
    """Hash every leaf and every node, and nothing else."""
    sha256 = hashlib.sha256
    level = [sha256(b"\x00" + entry).digest() for entry in entries]
    while len(level) > 1:
        odd = level[len(level) // 2 * 2 :]
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0]
