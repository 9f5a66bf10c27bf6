"""What goes wrong in `ledger`: one sentence for each, saying what is true."""

from policies.errors import Fault


class LedgerError(Exception):
    """Base of every error that `ledger` lets out."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class StatementMalformed(LedgerError):
    """The bytes are not a statement of the type that they claim."""


class SignatureInvalid(LedgerError):
    """A signature does not verify over the exact bytes with the key that it names."""
