"""What the ledger's routes are handed when the process is assembled."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ledger.gateway import Gateway
from ledger.network import HostedSigners
from ledger.reads import Notes
from ledger.register import Registers
from ledger.statements import Desk
from ledger.submission import Submissions

RightsObserver = Callable[[Session, str, dt.datetime], None]
"""Is told, in the same transaction, that a registrar (member id) registered or changed a right."""


def unobserved(_session: Session, _registrar: str, _at: dt.datetime) -> None:
    """Do nothing: no network decides on what a ledger alone registers."""


@dataclass(frozen=True)
class LedgerServices:
    """What the ledger's routes use.

    Args:
        desk: opens statements.
        submissions: the way in for transactions.
        gateway: the way out for rows.
        signers: the node keys hosted here, for attestations of registers.
        describe: makes the problem document of a refused item of a batch.
        rights_changed: is told of rights: who uses a contract has a vote on its versions.
        queried: returns the database that answers a query with this value of
            `Sekisho-Log-Index`; the one that is written to if None.
        notes: who read what, until it is in the log.
        registers: those worked out before.
    """

    desk: Desk
    submissions: Submissions
    gateway: Gateway
    signers: HostedSigners
    describe: Callable[[Exception], Any]
    rights_changed: RightsObserver = field(default=unobserved)
    queried: Callable[[str | None], Engine] | None = None
    notes: Notes = field(default_factory=Notes)
    registers: Registers = field(default_factory=Registers)
