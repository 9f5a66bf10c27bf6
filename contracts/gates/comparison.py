"""Comparing two contract versions on transactions: what is judged otherwise, told to people."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from contracts.gates.invariants import violations
from contracts.gates.subjects import Recorded, judged
from contracts.manifest import Changes, Effect
from contracts.sandbox.engine import Instance
from policies.errors import Fault

SHOWN = 3
"""How many example transactions are shown for each sort of difference."""


class Sort(StrEnum):
    """How a verdict differs."""

    NEWLY_ACCEPTED = "newly_accepted"
    NEWLY_REJECTED = "newly_rejected"
    OTHER_CODE = "other_code"


_TITLES = {
    Sort.NEWLY_ACCEPTED: "newly accepted",
    Sort.NEWLY_REJECTED: "newly rejected",
    Sort.OTHER_CODE: "rejected for another reason",
}


class Difference(msgspec.Struct, frozen=True):
    """All transactions that differ in one way.

    Args:
        sort: newly accepted, newly rejected, or rejected with another code.
        before: the old verdict's code; None for accepted.
        after: the new verdict's code; None for accepted.
        count: how many transactions.
        told: one of them in a sentence.
        breaks: which of the platform's properties it breaks, if it is newly accepted.
        examples: the smallest of them, as JSON text.
        names: TxIDs, where they were recorded.
    """

    sort: Sort
    before: str | None
    after: str | None
    count: int
    told: str
    breaks: tuple[str, ...]
    examples: tuple[str, ...]
    names: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the difference for people who do not program, line by line."""
        yield f"{_TITLES[self.sort].upper()}: {self.count:,} transaction(s)"
        yield f"  before: {_verdict(self.before)}"
        yield f"  now:    {_verdict(self.after)}"
        yield "  for example:"
        yield from (f"    {part}" for part in self.told.split("; "))
        if self.breaks:
            yield "  THIS BREAKS THE PLATFORM'S RULES:"
            yield from (f"    {broken}" for broken in self.breaks)

    def sentence(self) -> str:
        """Return the difference for people."""
        was, becomes = _verdict(self.before), _verdict(self.after)
        broken = f" This breaks the platform's rules: {self.breaks[0]}." if self.breaks else ""
        return (
            f"{self.count} transaction(s) {_TITLES[self.sort]}: was {was}, would be {becomes}."
            f" For example: {self.told}.{broken}"
        )


def _verdict(code: str | None) -> str:
    return "accepted" if code is None else f"rejected with {code}"


def compare(
    old: Instance,
    new: Instance,
    transactions: Iterable[Recorded],
    effects: dict[str, Effect],
    *,
    disclose: bool,
) -> tuple[int, list[Difference]]:
    """Return how many transactions were judged by both, and every way in which they differ.

    Args:
        old: the predecessor.
        new: the version that is judged.
        transactions: what both judge.
        effects: what commands do to quantities.
        disclose: whether the report may show transactions. Recorded ones are shown by TxID only:
            the report is read by members that have no right to see what is in them.
    """
    found: dict[tuple[str | None, str | None], list[Recorded]] = {}
    count = 0
    for recorded in transactions:
        count += 1
        before, after = judged(old, recorded.transaction), judged(new, recorded.transaction)
        if before != after:
            found.setdefault((before, after), []).append(recorded)
    differences = [
        _difference(before, after, cases, effects) for (before, after), cases in found.items()
    ]
    if not disclose:
        differences = [_withheld(difference) for difference in differences]
    return count, sorted(differences, key=lambda each: (each.sort, -each.count, str(each.before)))


def unannounced(differences: list[Difference], changes: Changes, where: str) -> list[Fault]:
    """Return a fault for each difference that the manifest does not announce, or that no one may.

    An announcement never covers a newly accepted transaction that breaks the platform's rules.
    """
    announced = {
        Sort.NEWLY_ACCEPTED: changes.newly_accepted,
        Sort.NEWLY_REJECTED: changes.newly_rejected,
        Sort.OTHER_CODE: changes.other_code,
    }
    faults = []
    for each in differences:
        if each.breaks:
            faults.append(Fault(where, each.sentence()))
        elif not announced[each.sort]:
            hint = f" If this is meant, say why in [changes] {each.sort} of contract.toml."
            faults.append(Fault(where, each.sentence() + hint))
    return faults


def _difference(
    before: str | None, after: str | None, cases: list[Recorded], effects: dict[str, Effect]
) -> Difference:
    if after is None:
        sort = Sort.NEWLY_ACCEPTED
    else:
        sort = Sort.NEWLY_REJECTED if before is None else Sort.OTHER_CODE
    smallest = sorted(cases, key=lambda case: (len(case.transaction), case.transaction))[:SHOWN]
    shown = msgspec.json.decode(smallest[0].transaction)
    broken: tuple[str, ...] = ()
    if after is None:
        for case in cases:
            if said := violations(msgspec.json.decode(case.transaction), effects):
                broken, shown = tuple(said[:SHOWN]), msgspec.json.decode(case.transaction)
                break
    return Difference(
        sort=sort,
        before=before,
        after=after,
        count=len(cases),
        told=told(shown),
        breaks=broken,
        examples=tuple(case.transaction for case in smallest),
        names=tuple(case.txid for case in smallest if case.txid),
    )


def _withheld(difference: Difference) -> Difference:
    """Return the difference with nothing of a transaction in it but TxIDs."""
    named = ", ".join(difference.names) or "a transaction that has no TxID"
    return msgspec.structs.replace(
        difference,
        told=f"transaction {named}",
        breaks=("what it does may not be accepted of any contract",) if difference.breaks else (),
        examples=(),
    )


def told(transaction: dict[str, Any]) -> str:
    """Return a transaction in words."""
    shown, more = transaction["commands"][:4], len(transaction["commands"]) - 4
    commands = ", then ".join(_command(command) for command in shown)
    commands += f", and {more} more" if more > 0 else ""
    consumed = _tokens(transaction["inputs"])
    made = _tokens(transaction["outputs"])
    signed = ", ".join(transaction["signers"]["investors"]) or "no investor"
    session = transaction["facts"]["session"]
    blocked = [k for k, v in transaction["facts"]["rights"].items() if not v["transfer_allowed"]]
    control = f", with {', '.join(sorted(blocked))} blocked" if blocked else ""
    return (
        f"{commands or 'no command'}; consumes {consumed}; makes {made}; signed by {signed};"
        f" session {session}{control}"
    )


def _command(command: dict[str, Any]) -> str:
    giver = command["from_investor_id"] or "nobody"
    receiver = command["to_investor_id"] or "nobody"
    return (
        f"{command['transfer_type']} {command['quantity']} of {command['beneficial_right_id']}"
        f" from {giver} to {receiver}"
    )


def _tokens(tokens: list[dict[str, Any]]) -> str:
    shown = [f"{t['investor_id']}'s {t['quantity']} of {t['token_id']}" for t in tokens[:6]]
    more = f" and {len(tokens) - 6} more" if len(tokens) > 6 else ""  # noqa: PLR2004 - as above
    return (", ".join(shown) or "nothing") + more
