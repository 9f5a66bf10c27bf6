"""Gate `mutation`: examples and properties notice when something in the contract is wrong.

Each mutant is the contract with one small fault. It is killed if it does not load, if an example
comes out otherwise, if it accepts what breaks the platform's properties, or if one of the
author's properties fails. Properties see only verdicts: they run for a mutant only if, on the
very transactions that they had judged for the contract itself, some verdict differs. Properties
that fail for the contract itself kill nothing.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from contracts.errors import LoadRefused
from contracts.gates.corpus import corpus, spread
from contracts.gates.invariants import violations
from contracts.gates.mutants import Mutant, mutants
from contracts.gates.property_process import FILE
from contracts.gates.property_runner import run_properties
from contracts.gates.subjects import GateResult, Subject, judged
from contracts.packages import SOURCE, Example
from contracts.sandbox.engine import Instance
from policies.errors import Fault

NAME = "mutation"

BREAKING = 400
"""On how many transactions that break the platform's properties a mutant is tried."""

PROPERTY_EXAMPLES = 40
"""How many transactions Hypothesis makes for each property when it runs against a mutant."""

TRIED_AT_ONCE = 2
"""How many mutants are tried side by side: the sandbox runs outside of the interpreter's lock."""

MAX_ASKED = 1_500
"""On how many transactions that properties asked about a mutant is compared."""


class _Trials:
    """What every mutant goes through, prepared once with the contract itself."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.examples = subject.package.examples()
        self.asked: dict[str, str | None] = {}
        effects = subject.package.manifest.commands
        instance = subject.load()
        try:
            made = corpus(
                subject.package, subject.seed, subject.requirements.generated_transactions
            )
            breaking = [text for text in made if violations(msgspec.json.decode(text), effects)]
            self.breaking = spread(breaking, BREAKING)
            self.broken = self._run_properties(instance, self.asked)
        finally:
            instance.close()

    def killed_by(self, mutant: Mutant) -> str | None:
        """Return what killed the mutant, or None if it survives."""
        try:
            instance = self.subject.load(mutant.source)
        except LoadRefused:
            return "it does not load"
        try:
            return self._killed_by(instance)
        finally:
            instance.close()

    def _killed_by(self, instance: Instance) -> str | None:
        for example in self.examples:
            if judged(instance, example.transaction) != example.code:
                return example.name
        for text in self.breaking:
            if judged(instance, text) is None:
                return "the platform's properties"
        asked = () if self.broken else spread(list(self.asked), MAX_ASKED)
        if any(judged(instance, text) != self.asked[text] for text in asked):
            return self._run_properties(instance, {})
        return None

    def _run_properties(self, instance: Instance, asked: dict[str, str | None]) -> str | None:
        def judge(transaction: str) -> str | None:
            code = judged(instance, transaction)
            asked[transaction] = code
            return code

        results = run_properties(
            self.subject.package, judge, seed=self.subject.seed, count=PROPERTY_EXAMPLES
        )
        # A run that came to no end (named after the file) says nothing about the mutant.
        failed = [result.name for result in results if not result.passed and result.name != FILE]
        return failed[0] if failed else None


def run(subject: Subject) -> GateResult:
    """Try every mutant and list the survivors."""
    wanted = subject.requirements.mutants_killed_percent
    every = mutants(subject.package.source)
    chosen = _thinned(every, subject.requirements.mutants_at_most)
    trials = _Trials(subject)
    survivors: list[Mutant] = []
    killers: dict[str, int] = {}
    with ThreadPoolExecutor(TRIED_AT_ONCE) as pool:
        for number, killer in enumerate(pool.map(trials.killed_by, chosen)):
            subject.progress(NAME, number, len(chosen))
            if killer is None:
                survivors.append(chosen[number])
            else:
                sort = _sort(killer, trials.examples)
                killers[sort] = killers.get(sort, 0) + 1
    killed = len(chosen) - len(survivors)
    enough = 100 * killed >= wanted * len(chosen)
    return GateResult(
        NAME,
        enough,
        f"{killed} of {len(chosen)} mutants killed"
        f" ({100 * killed // max(1, len(chosen))} %, {wanted} % wanted)",
        () if enough else tuple(_faults(survivors)),
        {
            "mutants": len(chosen),
            "of": len(every),
            "killed": killed,
            "killers": killers,
            "survivors": [f"line {m.line}: {m.change}" for m in survivors],
        },
    )


def _faults(survivors: Sequence[Mutant]) -> list[Fault]:
    return [
        Fault(SOURCE, f"nothing notices when {mutant.change}", mutant.line) for mutant in survivors
    ]


def _sort(killer: str, examples: Sequence[Example]) -> str:
    if killer in {example.name for example in examples}:
        return "an example"
    if killer in {"it does not load", "the platform's properties"}:
        return killer
    return "a property of the author's"


def _thinned(every: list[Mutant], most: int) -> list[Mutant]:
    if len(every) <= most:
        return every
    return [every[index * len(every) // most] for index in range(most)]
