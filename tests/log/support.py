"""What the log's tests share: keys, entries, trees in memory."""

import datetime as dt
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Engine

from ledger.database import writing
from ledger.keys import SoftwareSigner
from ledger.log.checkpoints import Publisher
from ledger.log.heads import SignedCheckpoint
from ledger.log.merkle import hash_level, leaf_hash
from ledger.log.notes import NoteSigner
from ledger.log.sequencer import LogEntry, append

AT = dt.datetime(2026, 4, 1, 9, 0, 0, tzinfo=dt.UTC)
ORIGIN = "log.example/sekisho"


def note_signer(name: str = ORIGIN) -> NoteSigner:
    """A signer with a key that follows from its name, so that failures can be repeated."""
    seed = hashlib.sha256(name.encode()).digest()
    return NoteSigner(name, SoftwareSigner(Ed25519PrivateKey.from_private_bytes(seed)))


def entry(index: int) -> bytes:
    return b'{"sekisho":"test/v1","n":%d}' % index


def fill(engine: Engine, count: int, start: int = 0) -> range:
    with writing(engine) as session:
        return append(session, [LogEntry("test", entry(i)) for i in range(start, start + count)])


def publish(engine: Engine, folder: Path) -> SignedCheckpoint:
    with Publisher(engine, note_signer(), folder / "log.state") as publisher:
        return publisher.publish(AT)


class ListNodes:
    """A tree over a list of entries, every level in memory."""

    def __init__(self, entries: list[bytes]) -> None:
        self.levels = [[leaf_hash(data) for data in entries]]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            self.levels.append(hash_level(below[: len(below) // 2 * 2]))

    def node(self, height: int, index: int) -> bytes:
        return self.levels[height][index]
