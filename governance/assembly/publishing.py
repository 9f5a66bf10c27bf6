"""The publisher of this process: opened at the start, waiting for its turn, under the quorum.

Opening compares the database with the checkpoint that was last signed. A database that is older
or another's must not serve: nothing would be shown of what it commits, or two histories would.
That another process publishes is no fault: this one waits until it stops.
"""

import datetime as dt
import time
from pathlib import Path

import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from governance.assembly.anchors import log_signer
from governance.assembly.keys import open_keys
from governance.assembly.witnessing import open_witnesses
from governance.decisions.store import load_state
from governance.operations.databases import open_database
from governance.settings import Settings
from ledger.database import reading, writing
from ledger.errors import LedgerError, LogWriterRunning, WitnessQuorumMissing
from ledger.log.checkpoints import Publisher, adopt
from ledger.log.completeness import seal
from ledger.log.heads import SignedCheckpoint
from ledger.log.notes import NoteSigner
from ledger.log.store import last_checkpoint, log_size

TAKE_OVER = 2.0
"""Seconds between two tries to become the publisher."""

FINISH_SECONDS = 10.0
"""Seconds that a process which ends waits for another to publish what it has committed."""

FINISH_BEAT = 0.1

SEAL_BEAT = 60.0
"""Seconds between two seals over what each registrar and custodian may see."""

_log = structlog.get_logger()


def state_file(settings: Settings) -> Path:
    """Return the file outside the database that remembers the last signed checkpoint."""
    return settings.data_dir / "log" / "last-checkpoint"


def check_log(settings: Settings) -> None:
    """Return if this machine may go on with the log in its database.

    Raises:
        LogRolledBack, LogForked, LogStateInvalid: it may not; the message says the way out.
        SettingsInvalid: a witness cannot be read.
    """
    engine = open_database(settings)
    publishing = Publishing(engine, log_signer(settings, open_keys(settings)), settings)
    try:
        publishing.open()
    finally:
        publishing.close()
        engine.dispose()


def adopt_checkpoint(settings: Settings) -> SignedCheckpoint | None:
    """Remember the database's newest checkpoint on this machine, and return it.

    Raises:
        LogWriterRunning, LogRolledBack, LogForked, NoteInvalid: as `ledger.log.checkpoints.adopt`.
    """
    engine = open_database(settings)
    file = state_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return adopt(engine, log_signer(settings, open_keys(settings)), file)
    finally:
        engine.dispose()


class Publishing:
    """Publishes checkpoints as long as this process holds the log's state file.

    Args:
        engine: the database that holds the log.
        signer: the log's key.
        settings: name the state file and the witnesses.
    """

    def __init__(self, engine: Engine, signer: NoteSigner, settings: Settings) -> None:
        self._engine = engine
        self._signer = signer
        self._state_file = state_file(settings)
        self._witnesses = open_witnesses(settings.witnesses)
        self._publisher: Publisher | None = None
        self._waits = False
        self._next_try = 0.0
        self._next_seal = 0.0
        self._short_since: dt.datetime | None = None

    def short_of_witnesses(self, at: dt.datetime) -> dt.timedelta | None:
        """Return for how long too few witnesses cosign; None if another process publishes."""
        since = self._short_since
        if self._publisher is None:
            return None
        return dt.timedelta() if since is None else at - since

    def open(self) -> None:
        """Become the publisher, unless another process is.

        Raises:
            LogRolledBack, LogForked, LogStateInvalid: the database is not the one that was signed.
        """
        self._next_try = time.monotonic() + TAKE_OVER
        self._state_file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._publisher = Publisher(
                self._engine,
                self._signer,
                self._state_file,
                self._witnesses,
                _quorum_in_force,
            )
        except LogWriterRunning as running:
            if not self._waits:
                _log.info("another process publishes the log; this one waits", reason=str(running))
            self._waits = True
        else:
            self._waits = False

    def publish(self, at: dt.datetime) -> None:
        """Seal and publish what is new, if this is the publisher or can become it.

        Raises:
            WitnessQuorumMissing: too few witnesses cosigned; nothing was shown.
            LedgerError: as `Publisher.publish`.
        """
        if self._publisher is None:
            if time.monotonic() < self._next_try:
                return
            self.open()
        publisher = self._publisher
        if publisher is None:
            return
        self._seal()
        try:
            publisher.publish(at)
        except WitnessQuorumMissing:
            self._short_since = self._short_since or at
            raise
        self._short_since = None

    def close(self) -> None:
        """Let another process publish."""
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    def finish(self, at: dt.datetime) -> None:
        """Let nothing of now be left unpublished, if that can be done; then let others publish.

        Another process may be the publisher, and may have ended already.
        """
        give_up = time.monotonic() + FINISH_SECONDS
        try:
            size = self._sizes()[0]
            while self._sizes()[1] < size and time.monotonic() < give_up:
                if self._publisher is None:
                    self.open()
                if self._publisher is None:
                    time.sleep(FINISH_BEAT)
                else:
                    self.publish(at)
        except (LedgerError, SQLAlchemyError) as error:
            _log.warning("entries stay without a checkpoint until the next start", error=str(error))
        finally:
            self.close()

    def _sizes(self) -> tuple[int, int]:
        """Return the size of the log, and of its newest checkpoint."""
        with reading(self._engine) as session:
            shown = last_checkpoint(session)
            return log_size(session), shown.size if shown else 0

    def _seal(self) -> None:
        if time.monotonic() < self._next_seal:
            return
        self._next_seal = time.monotonic() + SEAL_BEAT
        with writing(self._engine) as session:
            seal(session)


def _quorum_in_force(session: Session) -> int:
    return load_state(session).parameters.witness_quorum
