"""What goes wrong in `policies`, and the fault, the unit in which every package reports."""

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong with an input.

    Args:
        where: what it is about: a field path, a file name, a rule.
        message: what was got, what was expected, and what to do.
        line: the line in the input, counted from 1, where there is one.
    """

    where: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        """Return `where:line: message`."""
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        return f"{place}: {self.message}"


class PolicyError(Exception):
    """Base of every error that `policies` lets out."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class Denied(PolicyError):
    """No rule allows this actor to do this."""


class RulesMalformed(PolicyError):
    """The text is not a rule set; its faults say where and why."""


class StatementsMalformed(PolicyError):
    """The text is not a list of statements about rules; its faults say where and why."""


class MatrixMalformed(PolicyError):
    """The table is not a responsibility matrix; its faults say where and why."""
