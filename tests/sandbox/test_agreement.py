"""Every machine says the same: verdict, gas and memory, however and wherever it is run."""

import json
import random
from collections.abc import Sequence

import pytest

from contracts.sandbox.engine import load
from contracts.sandbox.machine import Generator, Machine
from contracts.sandbox.pool import Pool, Sandboxed
from contracts.sandbox.runtime import Runtime
from contracts.sandbox.verdicts import Accepted, Outcome, Rejected, Unavailable
from tests.sandbox.conftest import CONSERVING, token, transaction

# A contract with what could differ: hashing of text and of addresses, sets, dictionaries,
# sorting, decimals, floats, and exceptions.
TELLING = (
    CONSERVING.replace("def verify(", "def conserving(")
    + """
import decimal
import hashlib


class Plain:
    pass


def verify(tx: Transaction) -> None:
    names = {token.investor_id for token in (*tx.inputs, *tx.outputs)}
    order = "".join(names) + str(hash(Plain()) % 97) + str(sorted(names, key=hash)[:1])
    ratio = sum(t.quantity for t in tx.inputs) / (1 + sum(t.quantity for t in tx.outputs))
    nan = float("inf") * 0 + ratio
    digest = hashlib.sha256(f"{order} {ratio!r} {nan!r}".encode()).hexdigest()
    if digest[0] in "0123":
        raise Rejected("E_DIGEST", f"{order[:100]} {ratio!r} {decimal.Decimal(ratio).sqrt()}")
    conserving(tx)
"""
)


def generated(count: int, seed: int = 11) -> list[str]:
    """Return transactions of all sizes, many of them wrong in some way."""
    dice = random.Random(seed)
    made = []
    for _ in range(count):
        quantities = [dice.randrange(1, 10**6) for _ in range(dice.randrange(1, 12))]
        inputs = [token(f"INV-{dice.randrange(6)}", quantity) for quantity in quantities]
        rest = sum(quantities) + dice.choice([0, 0, 0, 1, -1])
        outputs = []
        while rest > 0:
            part = rest if len(outputs) > 10 else dice.randrange(1, rest + 1)
            outputs.append(token(f"INV-{dice.randrange(6)}", part))
            rest -= part
        signers = {"investors": [f"INV-{n}" for n in range(dice.choice([6, 6, 3]))], "members": []}
        document = transaction(inputs=inputs, outputs=outputs, signers=signers)
        if not dice.randrange(20):
            del document[dice.choice(sorted(document))]
        made.append(json.dumps(document))
    return made


def reversed_answers(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return list(reversed(outcomes))


def agree(runtime: Runtime, machine: Machine, count: int, fresh: int) -> None:
    batch = generated(count)
    here = load(machine, TELLING)
    expected = [here.verify(text, want_memory_digest=True) for text in batch]
    here.close()
    kinds = {type(outcome.verdict) for outcome in expected}
    assert {Accepted, Rejected} <= kinds, "the transactions show nothing"
    assert len({outcome.memory_digest for outcome in expected}) > count // 2

    new = load(machine, TELLING, fresh=True)
    assert [new.verify(text, want_memory_digest=True) for text in batch[:fresh]] == expected[:fresh]

    contract = Sandboxed(TELLING)
    for _ in range(3):  # three processes, one after the other: every one judges everything
        with Pool(runtime, size=1, spares=0) as pool:
            there = pool.judge(contract, batch, want_memory_digest=True)
            assert there == expected
            backwards = pool.judge(contract, list(reversed(batch)), want_memory_digest=True)
            assert reversed_answers(backwards) == expected


def test_three_processes_fresh_reset_and_reversed(runtime: Runtime, machine: Machine):
    agree(runtime, machine, 20, 20)


@pytest.mark.slow
def test_three_processes_a_thousand_transactions(runtime: Runtime, machine: Machine):
    agree(runtime, machine, 1000, 1000)


def test_two_code_generators(runtime: Runtime, machine: Machine):
    batch = generated(20, seed=12)
    plain = Machine(runtime, Generator.PLAIN)
    first, second = load(machine, TELLING), load(plain, TELLING)
    assert first.load_gas == second.load_gas
    for text in batch:
        judged = first.verify(text, want_memory_digest=True)
        reached = not isinstance(judged.verdict, Unavailable) and judged.verdict.gas > 0
        assert reached == (
            judged.memory_digest is not None
        )  # what is no transaction goes no further
        assert second.verify(text, want_memory_digest=True) == judged
    first.close()
    second.close()
    plain.close()
