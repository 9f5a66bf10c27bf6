"""The thread that says who read what: once a second, if anybody read anything."""

import datetime as dt
import threading
from collections.abc import Callable

import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from governance.identity.announcements import Herald
from ledger.database import writing
from ledger.errors import LedgerError
from ledger.reads import Notes, Read
from ledger.receipts import record_reads

BEAT = 1.0
"""Seconds between two statements of one process: what a killed process forgets at most."""

STOP_PATIENCE = 10.0

_log = structlog.get_logger()


class Receipts:
    """Puts the notes of one process into the log.

    Args:
        database: where the log is.
        herald: signs for the network.
        notes: what the ledger's queries note.
        clock: the time now, aware, UTC.
    """

    def __init__(
        self, database: Engine, herald: Herald, notes: Notes, clock: Callable[[], dt.datetime]
    ) -> None:
        self._database, self._herald = database, herald
        self._notes, self._clock = notes, clock
        self._since = clock()
        self._waiting: list[Read] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="receipts", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and say what is left."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_PATIENCE)
        self._try()

    def say(self) -> int:
        """Put what was noted into the log now; return how many statements that took."""
        self._waiting += self._notes.drain()
        if not self._waiting:
            return 0
        until = self._clock()
        with writing(self._database) as session:
            said = record_reads(session, self._waiting, self._herald.sign, self._since, until)
        self._since, self._waiting = until, []
        return said

    def _loop(self) -> None:
        while not self._stop.wait(BEAT):
            self._try()

    def _try(self) -> None:
        try:
            self.say()
        except (SQLAlchemyError, LedgerError) as error:  # they are kept, and said later
            _log.warning("receipts", problem=str(error))
