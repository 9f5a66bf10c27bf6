"""Gate `properties`: the platform's own for what is accepted, and the author's.

The platform's: every accepted transaction, however it was made, creates and destroys nothing
that no command explains, moves nothing that its owner did not sign for, and nothing while the
session is closed or the right is blocked (`contracts.gates.invariants`).
"""

import msgspec

from contracts.gates.corpus import corpus
from contracts.gates.invariants import violations
from contracts.gates.property_process import PropertyResult
from contracts.gates.property_runner import run_properties
from contracts.gates.subjects import GateResult, Subject, judged
from contracts.packages import PROPERTIES
from contracts.sandbox.engine import Instance
from contracts.sandbox.verdicts import showable
from policies.errors import Fault

NAME = "properties"

SHOWN = 5
"""How many transactions of one sort are shown."""


def run(subject: Subject) -> GateResult:
    """Try the platform's properties on generated transactions, then run the author's."""
    instance = subject.load()
    try:
        tried, accepted, faults = platform(subject, instance)
        results = run_properties(
            subject.package,
            lambda transaction: judged(instance, transaction),
            seed=subject.seed,
            count=subject.requirements.property_examples,
        )
    finally:
        instance.close()
    faults += [_fault(result) for result in results if not result.passed]
    return GateResult(
        NAME,
        not faults,
        f"{tried} transactions tried ({accepted} accepted), {len(results)} properties of the"
        f" author's, {len(faults)} fault(s)",
        tuple(faults),
        {
            "tried": tried,
            "accepted": accepted,
            "properties": {result.name: result.passed for result in results},
        },
    )


def platform(subject: Subject, instance: Instance) -> tuple[int, int, list[Fault]]:
    """Return how many transactions were tried and accepted, and what is wrong with those."""
    package = subject.package
    transactions = corpus(package, subject.seed, subject.requirements.generated_transactions)
    faults: list[Fault] = []
    shown: dict[str, int] = {}
    accepted = 0
    for number, text in enumerate(transactions):
        subject.progress(NAME, number, len(transactions))
        if judged(instance, text) is not None:
            continue
        accepted += 1
        broken = violations(msgspec.json.decode(text), package.manifest.commands)
        if broken:
            sort = broken[0].split(" ", 1)[-1]
            shown[sort] = shown.get(sort, 0) + 1
            if shown[sort] == 1 and len(shown) <= SHOWN:
                message = f"accepted, although {broken[0]}: {text}"
                faults.append(Fault("contract.py", message))
    if shown and not faults:
        faults.append(Fault("contract.py", "accepts what breaks the platform's properties"))
    return len(transactions), accepted, faults


def _fault(result: PropertyResult) -> Fault:
    shown = "" if result.transaction is None else f"; last judged: {result.transaction}"
    where = PROPERTIES if result.name == PROPERTIES else f"{PROPERTIES} {result.name}"
    return Fault(where, showable(result.said) + shown, result.line)
