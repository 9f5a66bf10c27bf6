"""What must hold of every accepted transaction, whatever the contract: the platform's properties.

A contract's own code may say less, or wrongly; a transaction that it accepts and that breaks one
of these is a fault of the contract. The manifest says what each command does to quantities.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from contracts.manifest import Effect

Json = Mapping[str, Any]


def violations(transaction: Json, effects: Mapping[str, Effect]) -> list[str]:
    """Return each sentence that is true of `transaction` and may not be true of an accepted one.

    Args:
        transaction: in the shape of `contracts.author`, as decoded JSON.
        effects: what each of the contract's commands does to quantities.
    """
    commands = transaction["commands"]
    if not commands:
        return ["nothing is asked for"]
    unknown = {c["transfer_type"] for c in commands} - effects.keys()
    if unknown:
        return [f"the command {min(unknown)} is not in the manifest"]
    return [
        *_gates(transaction),
        *_signatures(transaction),
        *_quantities(transaction),
        *_holdings(transaction, effects),
        *_issues(transaction, effects),
        *_cancels(transaction),
    ]


def _gates(transaction: Json) -> list[str]:
    facts = transaction["facts"]
    found = [] if facts["session"] == "open" else ["the market session is closed"]
    for right in sorted(_moved_rights(transaction)):
        known = facts["rights"].get(right)
        if known is None:
            found.append(f"{right} is not a known right")
        elif not known["transfer_allowed"]:
            found.append(f"transfers of {right} are blocked")
    return found


def _moved_rights(transaction: Json) -> set[str]:
    tokens = {t["token_id"] for t in (*transaction["inputs"], *transaction["outputs"])}
    return tokens | {c["beneficial_right_id"] for c in transaction["commands"]}


def _signatures(transaction: Json) -> list[str]:
    signed = set(transaction["signers"]["investors"])
    members = set(transaction["signers"]["members"])
    owners = {t["investor_id"] for t in transaction["inputs"]}
    creators = {c["transfer_creator_id"] for c in transaction["commands"]}
    return [
        *(
            f"{owner}'s token is consumed without its signature"
            for owner in sorted(owners - signed)
        ),
        *(f"{who} has not signed the command that it made" for who in sorted(creators - members)),
    ]


def _quantities(transaction: Json) -> list[str]:
    held = (*transaction["inputs"], *transaction["outputs"])
    return [
        *(
            f"a token of {t['token_id']} has quantity {t['quantity']}"
            for t in held
            if t["quantity"] < 1
        ),
        *(
            f"{c['trade_id']} asks for {c['quantity']}"
            for c in transaction["commands"]
            if c["quantity"] < 1
        ),
    ]


def _holdings(transaction: Json, effects: Mapping[str, Effect]) -> list[str]:
    expected: Counter[tuple[str, str]] = Counter()
    for token in transaction["inputs"]:
        expected[token["token_id"], token["investor_id"]] += token["quantity"]
    for command in transaction["commands"]:
        effect = effects[command["transfer_type"]]
        right, quantity = command["beneficial_right_id"], command["quantity"]
        if effect in ("moves", "destroys"):
            expected[right, command["from_investor_id"]] -= quantity
        if effect in ("moves", "creates"):
            expected[right, command["to_investor_id"]] += quantity
    for token in transaction["outputs"]:
        expected[token["token_id"], token["investor_id"]] -= token["quantity"]
    return [
        f"{investor or 'nobody'} is left with {-rest:+d} of {right} that no command explains"
        for (right, investor), rest in sorted(expected.items())
        if rest
    ]


def _issues(transaction: Json, effects: Mapping[str, Effect]) -> list[str]:
    found = []
    issued: Counter[str] = Counter()
    for command in transaction["commands"]:
        effect, right = effects[command["transfer_type"]], command["beneficial_right_id"]
        known = transaction["facts"]["rights"].get(right)
        if known is None or effect not in ("creates", "destroys"):
            continue
        if command["transfer_creator_id"] != known["registrar"]:
            found.append(f"{right} is {effect[:-1]}ed by another than its registrar")
        if effect == "creates":
            issued[right] += command["quantity"]
    for right, quantity in issued.items():
        known = transaction["facts"]["rights"][right]
        if known["issued_quantity"] + quantity > known["established_quantity"]:
            found.append(f"more of {right} is issued than was established")
    return found


def _cancels(transaction: Json) -> list[str]:
    found, seen = [], set()
    for command in transaction["commands"]:
        if command["transfer_type"] != "cancel":
            continue
        name = command["cancels_trade_id"]
        trade = transaction["facts"]["cancelled"].get(name)
        wanted = ("beneficial_right_id", "quantity", "from_investor_id", "to_investor_id")
        got = ("beneficial_right_id", "quantity", "to_investor_id", "from_investor_id")
        if trade is None or [command[k] for k in wanted] != [trade[k] for k in got]:
            found.append(f"{command['trade_id']} is not the reverse of a trade")
        if name in seen:
            found.append(f"{name} is cancelled twice")
        seen.add(name)
    return found
