"""Gate `behaviour`: generated transactions on which two versions differ, as concrete examples.

The transactions come from the examples of both packages, so that what one author thought of is
tried on the other's contract, too. A difference passes only if the manifest announces it; what
breaks the platform's rules never does.
"""

from collections.abc import Iterator

import msgspec

from contracts.gates.comparison import compare, unannounced
from contracts.gates.corpus import corpus
from contracts.gates.subjects import GateResult, Recorded, Subject

NAME = "behaviour"


def run(subject: Subject) -> GateResult:
    """Judge generated transactions with both versions."""
    if subject.predecessor is None:
        return GateResult(NAME, True, "there is no predecessor", (), {"compared": 0})
    old = subject.load(subject.predecessor.source)
    new = subject.load()
    effects = {**subject.predecessor.manifest.commands, **subject.package.manifest.commands}
    try:
        count, differences = compare(old, new, _transactions(subject), effects, disclose=True)
    finally:
        old.close()
        new.close()
    faults = unannounced(differences, subject.package.manifest.changes, "generated transactions")
    return GateResult(
        NAME,
        not faults,
        f"{count} generated transactions, {sum(d.count for d in differences)} judged otherwise",
        tuple(faults),
        {"compared": count, "differences": msgspec.to_builtins(differences)},
    )


def _transactions(subject: Subject) -> Iterator[Recorded]:
    count = subject.requirements.behaviour_transactions
    made = dict.fromkeys(corpus(subject.package, subject.seed, count))
    if subject.predecessor is not None:
        made |= dict.fromkeys(corpus(subject.predecessor, subject.seed, count))
    for number, text in enumerate(made):
        subject.progress(NAME, number, len(made))
        yield Recorded("", text)
