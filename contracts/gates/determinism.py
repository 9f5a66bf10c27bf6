"""Gate `determinism`: the same verdict, gas and memory, however the contract is run.

Every transaction is judged by an instance that is reset after each, in order and in reverse, by
fresh instances, and by code from two code generators. Verdict, gas and a digest of linear memory
have to agree. Memory is digested for a part of the transactions: it costs 40 ms each time.
"""

from collections.abc import Callable

from contracts.gates.corpus import corpus, spread
from contracts.gates.subjects import GateResult, NodeUnavailable, Subject
from contracts.sandbox.engine import Instance
from contracts.sandbox.machine import Generator
from contracts.sandbox.verdicts import Outcome
from ledger.hashing import content_digest
from ledger.verification import Unavailable
from policies.errors import Fault

NAME = "determinism"

DIGESTED = 12
"""How many transactions have their memory digested, in each way of running."""

FRESH = 20
"""How many transactions are judged by a fresh instance each; making one takes 10 ms."""

Run = tuple[str, Callable[[Subject, list[str]], dict[str, Outcome]]]


def run(subject: Subject) -> GateResult:
    """Judge the same transactions in every way and compare with the first."""
    wanted = subject.requirements.determinism_transactions
    transactions = spread(corpus(subject.package, subject.seed, 4 * wanted), wanted)
    ways = _ways(subject)
    reference: dict[str, Outcome] = {}
    faults: list[Fault] = []
    for number, (name, judge_all) in enumerate(ways):
        subject.progress(NAME, number, len(ways))
        outcomes = judge_all(subject, transactions)
        if not reference:
            reference = outcomes
        faults += _differences(name, transactions, reference, outcomes)
    verdicts = "".join(f"{reference[tx].verdict!r}\n" for tx in transactions)
    return GateResult(
        NAME,
        not faults,
        f"{len(transactions)} transactions run in {len(ways)} ways, {len(faults)} difference(s)",
        tuple(faults),
        {
            "transactions": len(transactions),
            "ways": [name for name, _ in ways],
            "verdicts": content_digest(verdicts.encode()),
        },
    )


def _ways(subject: Subject) -> list[Run]:
    ways: list[Run] = [("reset, in order", _in_order)]
    ways += [
        (f"reset, again {number}", _in_order)
        for number in range(2, subject.requirements.determinism_repeats + 1)
    ]
    return [
        *ways,
        ("reset, in reverse", _in_reverse),
        ("a fresh instance each", _fresh),
        ("the other code generator", _other_generator),
    ]


def _in_order(subject: Subject, transactions: list[str]) -> dict[str, Outcome]:
    return _judge_all(subject.load(), transactions)


def _in_reverse(subject: Subject, transactions: list[str]) -> dict[str, Outcome]:
    return _judge_all(subject.load(), transactions[::-1], digest_last=True)


def _other_generator(subject: Subject, transactions: list[str]) -> dict[str, Outcome]:
    return _judge_all(subject.load(generator=Generator.PLAIN), transactions)


def _fresh(subject: Subject, transactions: list[str]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for transaction in transactions[:FRESH]:
        outcomes |= _judge_all(subject.load(), [transaction])
    return outcomes


def _judge_all(
    instance: Instance, transactions: list[str], *, digest_last: bool = False
) -> dict[str, Outcome]:
    outcomes = {}
    first = len(transactions) - DIGESTED if digest_last else 0
    try:
        for number, transaction in enumerate(transactions):
            digest = first <= number < first + DIGESTED
            outcome = instance.verify(transaction, want_memory_digest=digest)
            if isinstance(outcome.verdict, Unavailable):
                raise NodeUnavailable(outcome.verdict.reason)
            outcomes[transaction] = outcome
    finally:
        instance.close()
    return outcomes


def _differences(
    way: str,
    transactions: list[str],
    reference: dict[str, Outcome],
    outcomes: dict[str, Outcome],
) -> list[Fault]:
    found = []
    for number, transaction in enumerate(transactions):
        if transaction not in outcomes:
            continue
        one, other = reference[transaction], outcomes[transaction]
        if one.verdict != other.verdict:
            found.append(
                Fault(f"transaction {number}", f"{way}: {other.verdict}, not {one.verdict}")
            )
        elif None not in (digests := {one.memory_digest, other.memory_digest}) and len(digests) > 1:
            found.append(Fault(f"transaction {number}", f"{way}: memory differs"))
    return found
