"""Counts the verdicts that are a fault of a contract's code, on their way to the ledger."""

from collections.abc import Sequence

from governance import observation
from ledger.verification import (
    OutOfGas,
    Rejected,
    Unavailable,
    Verdict,
    VerificationRequest,
    Verifier,
)

FAULT_CODES = frozenset({"E_EXCEPTION", "E_TRAP"})
"""What the sandbox, not the contract, gives as the code of a rejection."""


class CountingVerifier:
    """A verifier that counts, for each contract version, what ended in a fault of its code.

    Args:
        verifier: judges.
    """

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def verify(self, batch: Sequence[VerificationRequest]) -> list[Verdict | Unavailable]:
        """Return the verifier's answers."""
        answers = self._verifier.verify(batch)
        for request, answer in zip(batch, answers, strict=True):
            if is_fault(answer):
                version = f"{request.contract.name}@{request.contract.version}"
                observation.CONTRACT_FAULTS.labels(version).inc()
        return answers


def is_fault(answer: Verdict | Unavailable) -> bool:
    """Say whether a verdict is a fault of the code: out of gas, a trap, an exception."""
    match answer:
        case OutOfGas():
            return True
        case Rejected(code=code):
            return code in FAULT_CODES
        case _:
            return False
