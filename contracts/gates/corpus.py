"""The transactions on which gates try a contract: its examples, corrupted ones, generated ones."""

import msgspec

from contracts.gates.corruptions import corruptions
from contracts.gates.generation import Json, encode, generated
from contracts.packages import Package


def accepted_examples(package: Package) -> list[Json]:
    """Return the accepted examples, decoded."""
    return [
        msgspec.json.decode(example.transaction, type=dict)
        for example in package.examples()
        if example.code is None
    ]


def corpus(package: Package, seed: int, count: int) -> list[str]:
    """Return `count` transactions that follow from the package and the seed, without repeats.

    First the examples, then each accepted example with each corruption, then generated ones.
    """
    examples = accepted_examples(package)
    found: dict[str, None] = {}
    for example in package.examples():
        found[encode(msgspec.json.decode(example.transaction, type=dict))] = None
    for accepted in examples:
        found |= {encode(changed): None for _, changed in corruptions(accepted, seed)}
    missing = max(0, count - len(found))
    for transaction in generated(examples, package.manifest.commands, seed, missing):
        found[encode(transaction)] = None
    return list(found)[:count]


def spread(transactions: list[str], count: int) -> list[str]:
    """Return `count` of the transactions, evenly taken."""
    if len(transactions) <= count:
        return transactions
    return [transactions[index * len(transactions) // count] for index in range(count)]
