"""Small corruptions of a transaction: each changes one thing that a contract should look at."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Corruption = Callable[[Json, random.Random], bool]
"""Changes a transaction in place; returns whether it could."""

LARGEST = 2**63 - 1
STRANGER = "INV999"
OUTSIDER = "outsider"
UNKNOWN = "BR999"
OTHER_TERM = "changed"


def corrupt(transaction: Json, source: random.Random) -> str:
    """Change one thing in `transaction`; return what."""
    names = list(CORRUPTIONS)
    while True:
        name = source.choice(names)
        if CORRUPTIONS[name](transaction, source):
            return name


def corruptions(transaction: Json, seed: int) -> Iterator[tuple[str, Json]]:
    """Yield one corrupted copy of `transaction` for each corruption that can apply."""
    source = random.Random(seed)  # noqa: S311 - reproducible test data, not a secret
    for name, operation in CORRUPTIONS.items():
        changed = copy.deepcopy(transaction)
        if operation(changed, source):
            yield name, changed


def _drop(*path: str) -> Corruption:
    def operation(transaction: Json, source: random.Random) -> bool:
        target = _at(transaction, path)
        if not target:
            return False
        del target[source.randrange(len(target))]
        return True

    return operation


def _duplicate(where: str) -> Corruption:
    def operation(transaction: Json, source: random.Random) -> bool:
        target = transaction[where]
        if target:
            target.append(copy.deepcopy(source.choice(target)))
        return bool(target)

    return operation


def _add(where: str, field: str, change: int) -> Corruption:
    def operation(transaction: Json, source: random.Random) -> bool:
        target = transaction[where]
        if target:
            source.choice(target)[field] += change
        return bool(target)

    return operation


def _put(where: str, field: str, *values: object) -> Corruption:
    def operation(transaction: Json, source: random.Random) -> bool:
        target = transaction[where]
        if not target:
            return False
        chosen, value = source.choice(target), source.choice(values)
        changed = chosen[field] != value
        chosen[field] = value
        return bool(changed)

    return operation


def _fact(field: str, change: Callable[[Any], object]) -> Corruption:
    def operation(transaction: Json, source: random.Random) -> bool:
        rights = transaction["facts"]["rights"]
        if rights:
            chosen = rights[source.choice(sorted(rights))]
            chosen[field] = change(chosen[field])
        return bool(rights)

    return operation


def _trade(field: str, change: Callable[[Any], object]) -> Corruption:
    def operation(transaction: Json, source: random.Random) -> bool:
        trades = transaction["facts"]["cancelled"]
        if trades:
            chosen = trades[source.choice(sorted(trades))]
            chosen[field] = change(chosen[field])
        return bool(trades)

    return operation


def _forget(kind: str) -> Corruption:
    def operation(transaction: Json, source: random.Random) -> bool:
        target = transaction["facts"][kind]
        if not target:
            return False
        del target[source.choice(sorted(target))]
        return True

    return operation


def _term(where: str) -> Corruption:
    def operation(transaction: Json, source: random.Random) -> bool:
        target = [item for item in transaction[where] if item["terms"]]
        if not target:
            return False
        terms = source.choice(target)["terms"]
        key = source.choice(sorted(terms))
        value = terms[key]
        terms[key] = value + 1 if isinstance(value, int) else OTHER_TERM
        return True

    return operation


def _close(transaction: Json, _source: random.Random) -> bool:
    changed = transaction["facts"]["session"] != "closed"
    transaction["facts"]["session"] = "closed"
    return bool(changed)


def _swap_parties(transaction: Json, source: random.Random) -> bool:
    if not transaction["commands"]:
        return False
    chosen = source.choice(transaction["commands"])
    giver, receiver = chosen["from_investor_id"], chosen["to_investor_id"]
    chosen["from_investor_id"], chosen["to_investor_id"] = receiver, giver
    return True


def _same_trade(transaction: Json, source: random.Random) -> bool:
    commands = transaction["commands"]
    if len(commands) < 2:  # noqa: PLR2004 - it takes two to share an id
        return False
    one, other = source.sample(commands, 2)
    one["trade_id"] = other["trade_id"]
    return True


def _leave_unspent(transaction: Json, source: random.Random) -> bool:
    """Give an owner its whole input back, beside what the outputs already say."""
    if not transaction["inputs"]:
        return False
    transaction["outputs"].append(copy.deepcopy(source.choice(transaction["inputs"])))
    return True


def _exchange_owners(transaction: Json, source: random.Random) -> bool:
    outputs = transaction["outputs"]
    if len({token["investor_id"] for token in outputs}) < 2:  # noqa: PLR2004 - two owners
        return False
    one, other = source.sample(outputs, 2)
    one["investor_id"], other["investor_id"] = other["investor_id"], one["investor_id"]
    return bool(one["investor_id"] != other["investor_id"])


def _at(transaction: Json, path: tuple[str, ...]) -> Any:
    target: Any = transaction
    for key in path:
        target = target[key]
    return target


CORRUPTIONS: dict[str, Corruption] = {
    "a signature of an investor is missing": _drop("signers", "investors"),
    "a signature of a member is missing": _drop("signers", "members"),
    "an input is missing": _drop("inputs"),
    "an output is missing": _drop("outputs"),
    "a command is missing": _drop("commands"),
    "an input is there twice": _duplicate("inputs"),
    "an output is there twice": _duplicate("outputs"),
    "a command is there twice": _duplicate("commands"),
    "a consumed token is left unspent": _leave_unspent,
    "an output is one more": _add("outputs", "quantity", 1),
    "an output is one less": _add("outputs", "quantity", -1),
    "an input is one more": _add("inputs", "quantity", 1),
    "a command asks one more": _add("commands", "quantity", 1),
    "a command asks one less": _add("commands", "quantity", -1),
    "a quantity is out of range": _put("outputs", "quantity", 0, -1, LARGEST + 1),
    "a command's quantity is out of range": _put("commands", "quantity", 0, -1, LARGEST + 1),
    "an output goes to a stranger": _put("outputs", "investor_id", STRANGER),
    "an input is a stranger's": _put("inputs", "investor_id", STRANGER),
    "two outputs exchange owners": _exchange_owners,
    "an output is of another right": _put("outputs", "token_id", UNKNOWN),
    "an input is of another right": _put("inputs", "token_id", UNKNOWN),
    "an output has another issuer": _put("outputs", "issuer_info", OTHER_TERM),
    "the giver is a stranger": _put("commands", "from_investor_id", STRANGER, ""),
    "the receiver is a stranger": _put("commands", "to_investor_id", STRANGER, ""),
    "the parties are the other way round": _swap_parties,
    "the creator is an outsider": _put("commands", "transfer_creator_id", OUTSIDER),
    "the type is another": _put(
        "commands", "transfer_type", "issue", "transfer", "cancel", "redeem", "unknown"
    ),
    "a trade to cancel is named": _put("commands", "cancels_trade_id", "TRD00000404", ""),
    "two commands have one id": _same_trade,
    "the settlement date is another": _put(
        "commands", "settlement_date", "2025-06-01", "2099-12-31", "someday"
    ),
    "a token's term is another": _term("outputs"),
    "a consumed token's term is another": _term("inputs"),
    "a command's term is another": _term("commands"),
    "the session is closed": _close,
    "a right is blocked": _fact("transfer_allowed", lambda _: False),
    "a right's registrar is another": _fact("registrar", lambda _: OUTSIDER),
    "everything is issued already": _fact("issued_quantity", lambda value: value + LARGEST // 2),
    "less was established": _fact("established_quantity", lambda _: 0),
    "a right was redeemed long ago": _fact("redemption_date", lambda _: "2020-01-01"),
    "a right is redeemed much later": _fact("redemption_date", lambda _: "2199-01-01"),
    "a right is not known": _forget("rights"),
    "the cancelled trade is not known": _forget("cancelled"),
    "the cancelled trade had another quantity": _trade("quantity", lambda value: value + 1),
    "the cancelled trade was of another type": _trade("transfer_type", lambda _: "redeem"),
    "the cancelled trade had another receiver": _trade("to_investor_id", lambda _: STRANGER),
}
"""Every corruption, by what is true of the transaction after it."""
