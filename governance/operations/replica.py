"""Which database answers a query: the replica if it has what the caller has seen, else the primary.

Whoever writes learns the log index of what it wrote, and sends it with its next query in the
header `Sekisho-Log-Index`: a replica that has not replayed that entry yet is not asked. A replica
that lags for longer than `MAX_LAG`, or does not answer, is not asked by anybody.
"""

import threading
import time

import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from governance.errors import LogIndexInvalid
from ledger.database import reading
from ledger.headers import LOG_INDEX_HEADER
from ledger.log.store import log_size

MAX_LAG = 10.0
"""Seconds by which a replica may lag behind the primary and still answer."""

LOOK_EVERY = 0.25
"""Seconds for which a look at both databases is believed."""

MAX_DIGITS = 18

_log = structlog.get_logger()


class Replica:
    """Chooses between a primary and its replica.

    Args:
        primary: the database that is written.
        replica: its copy, or None if there is none.
    """

    def __init__(self, primary: Engine, replica: Engine | None) -> None:
        self._primary = primary
        self._replica = replica
        self._turn = threading.Lock()
        self._looked = -LOOK_EVERY
        self._size = -1
        self._mark: tuple[float, int] | None = None
        self._level = -MAX_LAG

    def choose(self, header: str | None) -> Engine:
        """Return where a query with this value of `Sekisho-Log-Index` is answered.

        Raises:
            LogIndexInvalid: it is no log index.
        """
        seen = seen_index(header)
        if self._replica is None:
            return self._primary
        self._look()
        fresh = time.monotonic() - self._level <= MAX_LAG
        wanted = -1 if seen is None else seen
        return self._replica if fresh and self._size > wanted else self._primary

    def close(self) -> None:
        """Close the replica's connections."""
        if self._replica is not None:
            self._replica.dispose()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY or not self._turn.acquire(blocking=False):
            return  # somebody else is looking: what it saw last time is good enough
        try:
            self._looked = now
            self._measure(now)
        finally:
            self._turn.release()

    def _measure(self, now: float) -> None:
        """Remember how far the replica is, and when it last had what the primary had."""
        try:
            size = _size(self._replica)
        except SQLAlchemyError as error:
            if self._size >= 0:
                _log.warning("the read replica does not answer", error=type(error).__name__)
            self._size = -1
            return
        if self._size < 0:
            _log.info("the read replica answers", log_size=size)
        self._size = size
        if self._mark is not None and size >= self._mark[1]:
            self._level, self._mark = self._mark[0], None
        if self._mark is None:
            self._mark = (now, _size(self._primary))
            if size >= self._mark[1]:
                self._level, self._mark = now, None


def seen_index(header: str | None) -> int | None:
    """Return the log index that a request's header names, or None.

    Raises:
        LogIndexInvalid: it is no log index.
    """
    if header is None:
        return None
    if not (header.isascii() and header.isdigit() and len(header) <= MAX_DIGITS):
        raise LogIndexInvalid(
            f"{LOG_INDEX_HEADER}: {header[:40]!r}; expected a log index, such as 42"
        )
    return int(header)


def _size(engine: Engine | None) -> int:
    if engine is None:
        return -1
    with reading(engine) as session:
        return log_size(session)
