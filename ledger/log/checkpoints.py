"""The publisher: signs the tree as it stands after commit, and never two histories.

The order of one publication:
 1. read size and root in one snapshot;
 2. check that the tree extends the last signed checkpoint, which a file outside the database
    remembers;
 3. sign, and write that file (fsync) before anybody sees the note;
 4. ask the witnesses, until the quorum is reached;
 5. record the checkpoint in the database: from here on it is served.

A crash between two steps loses nothing: an unshown checkpoint is in the file, the next one
extends it.
"""

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ledger.database import reading, writing
from ledger.errors import (
    LogForked,
    LogRolledBack,
    LogStateInvalid,
    LogWriterRunning,
    WitnessQuorumMissing,
    WitnessRefused,
)
from ledger.log import merkle
from ledger.log.heads import Checkpoint, SignedCheckpoint, open_checkpoint
from ledger.log.notes import Note, NoteSigner, Verified
from ledger.log.signing_state import SigningState
from ledger.log.store import StoredNodes, last_checkpoint, log_size
from ledger.log.tables import CheckpointRow, CosignatureRow
from policies.errors import Fault


class Witness(Protocol):
    """One witness as the publisher asks it."""

    @property
    def name(self) -> str:
        """The witness's key name."""
        ...

    def cosign(self, signed: SignedCheckpoint, nodes: merkle.Nodes) -> Verified:
        """Return its verified cosignature.

        Raises:
            WitnessRefused: it answered otherwise, or not in time.
        """
        ...


def _no_quorum(_session: Session) -> int:
    return 0


class Publisher:
    """Publishes the checkpoints of one log; use it as a context manager, or `close` it.

    Args:
        engine: the database that holds the log.
        signer: the log's key; its name is the origin.
        state_file: where the last signed checkpoint is remembered, outside the database.
        witnesses: whom to ask for cosignatures.
        quorum: returns how many of them must cosign before a checkpoint of what this session reads
            is shown: the checkpoint that covers a change of the quorum obeys it.

    Raises:
        LogWriterRunning: another process publishes, or published, this log.
        LogRolledBack: the database is older than the last signed checkpoint.
        LogForked: the database holds another history.
        LogStateInvalid: the file is missing or is another log's.
    """

    def __init__(
        self,
        engine: Engine,
        signer: NoteSigner,
        state_file: Path,
        witnesses: Sequence[Witness] = (),
        quorum: Callable[[Session], int] = _no_quorum,
    ) -> None:
        self._engine = engine
        self._signer = signer
        self._witnesses = tuple(witnesses)
        self._turn = threading.Lock()
        self._quorum = quorum
        self._state = SigningState(state_file)
        try:
            self._last = self._state.read(signer.key())
            with reading(engine) as session:
                check_history(session, self._last, state_file)
        except BaseException:
            self._state.close()
            raise

    def publish(self, at: dt.datetime) -> SignedCheckpoint:
        """Return the newest published checkpoint, signing one if the log has grown.

        Args:
            at: the time of publication, UTC.

        Raises:
            LogRolledBack: the database has become smaller.
            LogForked: the database no longer extends what was signed.
            LogWriterRunning: somebody else published meanwhile.
            WitnessQuorumMissing: too few witnesses cosigned; nothing is shown, try again.
        """
        with self._turn:
            with reading(self._engine) as session:
                signed, shown = self._sign(session)
                if shown:
                    return signed
                cosignatures = self._collect(signed, session)
            note = add_cosignatures(signed, cosignatures)
            with writing(self._engine) as session:
                _record(session, signed, cosignatures, at)
            return note

    def _sign(self, session: Session) -> tuple[SignedCheckpoint, bool]:
        """Return the checkpoint of the current tree, and whether it is published already."""
        check_history(session, self._last, self._state.path)
        size = log_size(session)
        published = last_checkpoint(session)
        if published is not None and published.size == size:
            root = bytes(published.root)
            return SignedCheckpoint(Checkpoint(self._signer.name, size, root), published.note), True
        root = merkle.tree_root(StoredNodes(session), size)
        checkpoint = Checkpoint(self._signer.name, size, root)
        if self._last is not None and self._last.checkpoint == checkpoint:
            return self._last, False
        note = bytes(Note(checkpoint.text, (self._signer.sign(checkpoint.text),)))
        signed = SignedCheckpoint(checkpoint, note)
        self._state.write(signed)
        self._last = signed
        return signed, False

    def _collect(self, signed: SignedCheckpoint, session: Session) -> list[Verified]:
        quorum, nodes = self._quorum(session), StoredNodes(session)
        if quorum > len(self._witnesses):
            raise WitnessQuorumMissing(
                f"a quorum of {quorum} from {len(self._witnesses)} witnesses; name more in the"
                " setting `witnesses`"
            )
        cosignatures: list[Verified] = []
        faults = []
        for witness in self._witnesses:
            try:
                cosignatures.append(witness.cosign(signed, nodes))
            except WitnessRefused as error:
                faults.append(Fault(witness.name, str(error)))
        if len(cosignatures) < quorum:
            reasons = "; ".join(map(str, faults))
            raise WitnessQuorumMissing(
                f"{len(cosignatures)} of {len(self._witnesses)} witnesses cosigned size"
                f" {signed.size}; expected at least {quorum}: {reasons}",
                tuple(faults),
            )
        return cosignatures

    def close(self) -> None:
        """Let another process publish."""
        self._state.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let another process publish."""
        self.close()


def check_history(session: Session, signed: SignedCheckpoint | None, state_file: Path) -> None:
    """Return if the database continues the history that `signed` is the memory of.

    Raises:
        LogRolledBack: it has fewer entries.
        LogForked: its tree of that size has another root.
        LogWriterRunning: it has a larger checkpoint, which this publisher did not sign.
        LogStateInvalid: it has checkpoints, and nothing is remembered.
    """
    published = last_checkpoint(session)
    if signed is None:
        if published is not None:
            raise LogStateInvalid(
                f"the database has a published checkpoint of size {published.size}, but"
                f" {state_file} is missing; restore the file or, if no newer checkpoint was ever"
                " shown, adopt the database's (`sekisho log adopt`)"
            )
        return
    size = log_size(session)
    if size < signed.size:
        raise LogRolledBack(
            f"the database has {size} entries, but a checkpoint of {signed.size} was signed"
            f" ({state_file}): it was restored from an old backup; restore one with at least"
            f" {signed.size} entries, or found a new log under another origin and key"
        )
    if merkle.tree_root(StoredNodes(session), signed.size) != signed.root:
        raise LogForked(
            f"the database's tree of size {signed.size} is not the one that was signed"
            f" ({state_file}); restore the database that belongs to it, or found a new log under"
            " another origin and key"
        )
    if published is not None and published.size > signed.size:
        raise LogWriterRunning(
            f"another writer published size {published.size}, after the {signed.size} that"
            f" {state_file} remembers; stop it and take over its file, or adopt the database's"
            " checkpoint (`sekisho log adopt`)"
        )


def adopt(engine: Engine, signer: NoteSigner, state_file: Path) -> SignedCheckpoint | None:
    """Make the database's newest published checkpoint the remembered one, and return it.

    The way out when the file was lost, or another writer has stopped for good. The operator
    answers for it: if a larger checkpoint was ever shown, going on from here is a fork, which
    every witness and monitor will see.

    Raises:
        LogWriterRunning: another process publishes.
        LogRolledBack: the file remembers a larger checkpoint than the database can show.
        LogForked: the database's entries do not make up its own checkpoint.
        NoteInvalid: the database's checkpoint is not signed by this log's key.
    """
    with SigningState(state_file) as state, reading(engine) as session:
        remembered = state.read(signer.key()) if state_file.exists() else None
        row = last_checkpoint(session)
        if row is None:
            return None
        if remembered is not None and remembered.size > row.size:
            check_history(session, remembered, state_file)
            return remembered
        signed = open_checkpoint(row.note, signer.key()).signed
        check_history(session, signed, state_file)
        state.write(signed)
        return signed


def add_cosignatures(
    signed: SignedCheckpoint, cosignatures: Sequence[Verified]
) -> SignedCheckpoint:
    """Return `signed` with the witnesses' lines after the log's own."""
    lines = "".join(f"{verified.signature}\n" for verified in cosignatures)
    return SignedCheckpoint(signed.checkpoint, signed.note + lines.encode())


def _record(
    session: Session,
    signed: SignedCheckpoint,
    cosignatures: Sequence[Verified],
    at: dt.datetime,
) -> None:
    published = last_checkpoint(session)
    if published is not None and published.size >= signed.size:
        raise LogWriterRunning(f"another writer published size {published.size} meanwhile")
    session.execute(
        sa.insert(CheckpointRow).values(
            size=signed.size,
            root=signed.root,
            note=add_cosignatures(signed, cosignatures).note,
            published_at=at,
        )
    )
    for verified in cosignatures:
        session.execute(
            sa.insert(CosignatureRow).values(
                size=signed.size,
                witness=verified.key.name,
                line=str(verified.signature),
                cosigned_at=verified.at or at,
            )
        )
