"""Gate `bounds`: gas stays in the limit up to the largest transaction that the manifest declares.

Accepted examples are grown: commands are cut into several with trade ids of their own, and tokens
into smaller ones, so that everything still adds up. What a number among a command's terms means is
the contract's: it is kept, or cut like the quantity, and what costs most counts. The gas of each
size is the growth curve.
"""

import copy
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec

from contracts.gates.corpus import accepted_examples
from contracts.gates.generation import encode
from contracts.gates.subjects import OUT_OF_GAS, GateResult, Subject, code_of, verdict_of
from contracts.manifest import LargestTransaction
from contracts.sandbox.engine import Instance
from ledger.verification import Accepted, Rejected, Verdict
from policies.errors import Fault

NAME = "bounds"

STEPS = 6
"""Sizes between one and the largest at which gas is measured."""

STEEP = 1.5
"""A growth exponent above this is noted: gas grows faster than the transaction."""

SCALE = 1_000_000
"""Quantities of a grown example are multiplied by this, so that they can be cut."""

EQUAL_PARTS = tuple(n for n in range(1, 1_001) if SCALE % n == 0)
"""Into how many equal parts a scaled quantity can be cut."""

COMPONENTS = ("inputs", "outputs", "commands")

ENOUGH = 0.75
"""Below this share of what is declared it is remarked that a size was not reached."""

Json = dict[str, Any]


def run(subject: Subject) -> GateResult:
    """Grow every accepted example step by step and measure."""
    largest = subject.package.manifest.largest_transaction
    sizes = _sizes(largest)
    examples = accepted_examples(subject.package)
    curves: dict[str, list[list[int]]] = {}
    faults: list[Fault] = []
    reached = dict.fromkeys(COMPONENTS, 0)
    names = [example.name for example in subject.package.examples() if example.code is None]
    instance = subject.load()
    try:
        for number, (name, example) in enumerate(zip(names, examples, strict=True)):
            subject.progress(NAME, number, len(examples))
            curve = []
            for share in sizes:
                grown, verdict = _dearest(instance, grow(example, largest, share))
                curve.append([_size(grown), verdict.gas])
                if code_of(verdict) == OUT_OF_GAS:
                    faults.append(Fault(name, f"out of gas at {_told(grown)}"))
                if isinstance(verdict, Accepted) and share == sizes[-1]:
                    reached = {w: max(most, len(grown[w])) for w, most in reached.items()}
            curves[name] = curve
    finally:
        instance.close()
    if not any(reached.values()):
        faults.append(
            Fault("contract.toml", "no example is still accepted when grown to largest_transaction")
        )
    return _result(subject, curves, reached, faults)


def _dearest(instance: Instance, variants: list[Json]) -> tuple[Json, Verdict]:
    """Return the variant that is accepted, or runs out of gas, at the highest price."""
    judged = [(variant, verdict_of(instance, encode(variant))) for variant in variants]
    return max(judged, key=lambda one: (not isinstance(one[1], Rejected), one[1].gas))


def _result(
    subject: Subject,
    curves: dict[str, list[list[int]]],
    reached: dict[str, int],
    faults: list[Fault],
) -> GateResult:
    declared = msgspec.to_builtins(subject.package.manifest.largest_transaction)
    short = [f"{n} of {declared[w]} {w}" for w, n in reached.items() if ENOUGH * declared[w] > n]
    limit = subject.package.manifest.gas_limit
    most = max((gas for curve in curves.values() for _, gas in curve), default=0)
    steepest = max((_exponent(curve) for curve in curves.values()), default=0.0)
    remark = "; gas grows faster than the transaction" if steepest > STEEP else ""
    return GateResult(
        NAME,
        not faults,
        f"at most {most} of {limit} gas ({100 * most // limit} %){remark}"
        + (f"; examples could be grown to {', '.join(short)} only" if short else ""),
        tuple(faults),
        {
            "gas_limit": limit,
            "most_gas": most,
            "reached": reached,
            "growth_exponent_percent": round(100 * steepest),
            "curves": curves,
        },
    )


def grow(example: Json, largest: LargestTransaction, share: float) -> list[Json]:
    """Return the example with up to `share` of the largest number of each component.

    There is a variant for each way to treat numbers among the terms of commands.
    """
    scaled = copy.deepcopy(example)
    factor = _scale(scaled)
    made: dict[str, Json] = {}
    for cut_term in (_kept, _cut_if_large, _cut):
        grown = copy.deepcopy(scaled)
        target = _target(largest.commands, share)
        grown["commands"] = _cut_commands(grown["commands"], target, factor, cut_term)
        for where, most in (("inputs", largest.inputs), ("outputs", largest.outputs)):
            grown[where] = _cut_tokens(grown[where], _target(most, share))
        made.setdefault(encode(grown), grown)
    return list(made.values())


def _kept(_value: int, _quantity: int) -> bool:
    return False


def _cut_if_large(value: int, quantity: int) -> bool:
    return value >= quantity


def _cut(_value: int, _quantity: int) -> bool:
    return True


def _scale(transaction: Json) -> int:
    """Multiply every quantity, where that stays in range; return by what."""
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
        return 1
    for item in held:
        item["quantity"] *= SCALE
    for right in rights:
        right["established_quantity"] *= SCALE
        right["issued_quantity"] *= SCALE
    return SCALE


def _cut_commands(
    commands: list[Json], target: int, factor: int, cut_term: Callable[[int, int], bool]
) -> list[Json]:
    """Return the commands cut into about `target`; a cancel is the whole trade and stays."""
    free = [c for c in commands if c["transfer_type"] != "cancel"]
    if not free:
        return commands
    each = max(1, (target - len(commands) + len(free)) // len(free))
    if any(c["terms"] for c in free):  # what is in proportion stays so only in equal parts
        each = max(n for n in EQUAL_PARTS if n <= each)
    each = min([each, *(c["quantity"] for c in free if c["quantity"] > 0)])
    trades = {c["trade_id"] for c in free}
    result = [c for c in commands if c not in free]
    for command in free:
        parts = _parts(command["quantity"], each)
        for number, quantity in enumerate(parts):
            terms = dict(command["terms"])
            for key, value in terms.items():
                if isinstance(value, str):
                    terms[key] = f"{value}-{number}" if value in trades else value
                elif len(parts) <= value * factor and cut_term(value * factor, command["quantity"]):
                    terms[key] = _parts(value * factor, len(parts))[number]
            trade = f"{command['trade_id']}-{number}"
            result.append({**command, "trade_id": trade, "quantity": quantity, "terms": terms})
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
