"""What the ledger's routes are handed when the process is assembled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from ledger.gateway import Gateway
from ledger.network import HostedSigners
from ledger.statements import Opened
from ledger.submission import Submissions
from policies.actors import Actor

Body = TypeVar("Body", bound=msgspec.Struct)


class Desk(Protocol):
    """Opens statements: signature, certificate valid now, network, time, replay."""

    def open(self, raw: bytes, kind: str, body: type[Body]) -> tuple[Actor, Opened[Body]]:
        """Return who says what in `raw`."""
        ...


@dataclass(frozen=True)
class LedgerServices:
    """What the ledger's routes use.

    Args:
        desk: opens statements.
        submissions: the way in for transactions.
        gateway: the way out for rows.
        signers: the node keys hosted here, for attestations of registers.
        describe: makes the problem document of a refused item of a batch.
    """

    desk: Desk
    submissions: Submissions
    gateway: Gateway
    signers: HostedSigners
    describe: Callable[[Exception], Any]
