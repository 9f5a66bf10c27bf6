"""What the ledger asks of a contract: a verdict on each transaction of a batch.

The ledger does not know what a contract's code is. `contracts` implements `Verifier`.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class ContractVersion(msgspec.Struct, frozen=True):
    """Names one version of a contract by name, version and package digest (`sha256:<hex>`)."""

    name: str
    version: str
    digest: str


class VerificationRequest(msgspec.Struct, frozen=True):
    """One transaction for one contract version.

    Args:
        contract: the version that judges.
        transaction: the transaction as JSON text, in the shape of `contracts.author`.
    """

    contract: ContractVersion
    transaction: str


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The contract accepts the transaction; `gas` is what it used, in units of wasm fuel."""

    gas: int


class Rejected(msgspec.Struct, frozen=True, tag="rejected"):
    """The contract rejects the transaction, with its own code and message, at a line."""

    code: str
    message: str
    line: int
    gas: int


class OutOfGas(msgspec.Struct, frozen=True, tag="out_of_gas"):
    """The contract used up its gas limit: a verdict, the same on every machine."""

    gas: int


Verdict = Accepted | Rejected | OutOfGas


class Unavailable(msgspec.Struct, frozen=True, tag="unavailable"):
    """This node could not judge in time; never a verdict, always "try again"."""

    reason: str


class Verifier(Protocol):
    """Judges transactions: a pure function of runtime, contract and transaction."""

    def verify(self, batch: Sequence[VerificationRequest]) -> list[Verdict | Unavailable]:
        """Return one answer for each request, in order."""
        ...
