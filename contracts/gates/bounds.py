"""Gate `bounds`: gas stays in the limit up to the largest transaction that the manifest declares.

Accepted examples are grown: commands are cut into several with trade ids of their own, and tokens
into smaller ones, so that everything still adds up. The gas of each size is the growth curve.
"""

import copy
import math
from itertools import pairwise
from typing import Any

from contracts.gates.corpus import accepted_examples
from contracts.gates.generation import encode
from contracts.gates.subjects import GateResult, Subject, code_of, verdict_of
from contracts.manifest import LargestTransaction
from ledger.verification import Accepted
from policies.errors import Fault

NAME = "bounds"

STEPS = 6
"""Sizes between one and the largest at which gas is measured."""

STEEP = 1.5
"""A growth exponent above this is noted: gas grows faster than the transaction."""

SCALE = 1_000_000
"""Quantities of a grown example are multiplied by this, so that they can be cut."""

Json = dict[str, Any]


def run(subject: Subject) -> GateResult:
    """Grow every accepted example step by step and measure."""
    largest = subject.package.manifest.largest_transaction
    sizes = _sizes(largest)
    examples = accepted_examples(subject.package)
    curves: dict[str, list[list[int]]] = {}
    faults: list[Fault] = []
    reached = False
    names = [example.name for example in subject.package.examples() if example.code is None]
    instance = subject.load()
    try:
        for number, (name, example) in enumerate(zip(names, examples, strict=True)):
            subject.progress(NAME, number, len(examples))
            curve = []
            for share in sizes:
                grown = grow(example, largest, share)
                verdict = verdict_of(instance, encode(grown))
                curve.append([_size(grown), verdict.gas])
                if code_of(verdict) == "OUT_OF_GAS":
                    faults.append(Fault(name, f"out of gas at {_told(grown)}"))
                reached |= isinstance(verdict, Accepted) and share == sizes[-1]
            curves[name] = curve
    finally:
        instance.close()
    if not reached:
        faults.append(
            Fault("contract.toml", "no example is still accepted when grown to largest_transaction")
        )
    return _result(subject, curves, faults)


def _result(
    subject: Subject, curves: dict[str, list[list[int]]], faults: list[Fault]
) -> GateResult:
    limit = subject.package.manifest.gas_limit
    most = max((gas for curve in curves.values() for _, gas in curve), default=0)
    steepest = max((_exponent(curve) for curve in curves.values()), default=0.0)
    remark = "; gas grows faster than the transaction" if steepest > STEEP else ""
    return GateResult(
        NAME,
        not faults,
        f"at most {most} of {limit} gas ({100 * most // limit} %){remark}",
        tuple(faults),
        {
            "gas_limit": limit,
            "most_gas": most,
            "growth_exponent_percent": round(100 * steepest),
            "curves": curves,
        },
    )


def grow(example: Json, largest: LargestTransaction, share: float) -> Json:
    """Return the example with up to `share` of the largest number of each component."""
    grown = copy.deepcopy(example)
    _scale(grown)
    grown["commands"] = _cut_commands(grown, _target(largest.commands, share))
    for where, most in (("inputs", largest.inputs), ("outputs", largest.outputs)):
        grown[where] = _cut_tokens(grown[where], _target(most, share))
    return grown


def _scale(transaction: Json) -> None:
    """Multiply every quantity, where that stays in range."""
    rights = list(transaction["facts"]["rights"].values())
    held = [
        *transaction["inputs"],
        *transaction["outputs"],
        *transaction["commands"],
        *transaction["facts"]["cancelled"].values(),
    ]
    largest = max(
        [item["quantity"] for item in held] + [right["established_quantity"] for right in rights],
        default=0,
    )
    if largest * SCALE >= 1 << 63:
        return
    for item in held:
        item["quantity"] *= SCALE
    for right in rights:
        right["established_quantity"] *= SCALE
        right["issued_quantity"] *= SCALE


def _cut_commands(transaction: Json, target: int) -> list[Json]:
    """Return the commands cut into about `target`; a cancel is the whole trade and stays."""
    commands: list[Json] = transaction["commands"]
    free = [c for c in commands if c["transfer_type"] != "cancel" and not c["terms"]]
    if not free:
        return commands
    each = max(1, (target - len(commands) + len(free)) // len(free))
    result = [c for c in commands if c not in free]
    for command in free:
        for number, quantity in enumerate(_parts(command["quantity"], each)):
            trade = f"{command['trade_id']}-{number}"
            result.append({**command, "trade_id": trade, "quantity": quantity})
    return result


def _cut_tokens(tokens: list[Json], target: int) -> list[Json]:
    if not tokens:
        return tokens
    each = max(1, target // len(tokens))
    return [
        {**token, "quantity": quantity}
        for token in tokens
        for quantity in _parts(token["quantity"], each)
    ]


def _parts(quantity: int, count: int) -> list[int]:
    count = max(1, min(count, quantity))
    return [quantity // count] * (count - 1) + [quantity - (count - 1) * (quantity // count)]


def _target(most: int, share: float) -> int:
    return max(1, int(most * share))


def _sizes(largest: LargestTransaction) -> list[float]:
    most = max(largest.inputs, largest.outputs, largest.commands)
    return [most ** (step / STEPS) / most for step in range(STEPS)] + [1.0]


def _size(transaction: Json) -> int:
    return sum(len(transaction[where]) for where in ("inputs", "outputs", "commands"))


def _told(transaction: Json) -> str:
    return ", ".join(f"{len(transaction[w])} {w}" for w in ("inputs", "outputs", "commands"))


def _exponent(curve: list[list[int]]) -> float:
    """Return the steepest slope of gas over size, on logarithmic axes, for the larger half."""
    steep = 0.0
    for (size, gas), (next_size, next_gas) in pairwise(curve[len(curve) // 2 :]):
        if next_size > size and next_gas > gas > 0:
            steep = max(steep, math.log(next_gas / gas) / math.log(next_size / size))
    return steep
