"""What the contract registry needs from the process that runs it."""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from contracts.gates.subjects import Recorded
from ledger.history import read_history
from ledger.statements import Desk, Signer

Recordings = Callable[[Session, str, str], Collection[Recorded]]
"""Returns the recorded transactions of one contract version (name, version), oldest first."""


def recorded_transactions(session: Session, name: str, version: str) -> Collection[Recorded]:
    """Return what the ledger of this network has recorded under one contract version."""
    return tuple(Recorded(*found) for found in read_history(session, name, version))


GatesObserver = Callable[[Session, str, str, dt.datetime], None]
"""Is told, in the transaction that records it, that a version (name, version) passed its gates."""


ReopeningObserver = Callable[[Session, str, str, str, dt.datetime], None]
"""Is told that the gates of a version (name, version, reason) run again: no vote on it stands."""


def reopened_unobserved(
    _session: Session, _name: str, _version: str, _reason: str, _at: dt.datetime
) -> None:
    """Do nothing: nobody votes."""


def unobserved(_session: Session, _name: str, _version: str, _at: dt.datetime) -> None:
    """Do nothing: nobody decides on what a registry without a network has gated."""


@dataclass(frozen=True)
class ContractServices:
    """What routes and the gate worker use.

    Args:
        desk: opens submissions.
        runtimes: returns the ids of the runtimes that the network has registered.
        signer: signs attestations with the network service key.
        recordings: finds recorded transactions, for the replay gate.
        cache: where runtimes are kept on this machine; the default folder if None.
        gated: is told of versions that passed, so that they can be voted on.
        reopened: is told of versions whose gates run again, so that they cannot.
    """

    desk: Desk
    runtimes: Callable[[Session], Collection[str]]
    signer: Signer
    recordings: Recordings = field(default=recorded_transactions)
    cache: Path | None = None
    gated: GatesObserver = field(default=unobserved)
    reopened: ReopeningObserver = field(default=reopened_unobserved)
