"""Examples of the shipped contract `delivery_versus_payment`."""

import copy
from collections.abc import Iterator
from typing import Any

from tests.contracts.building import LARGEST, command, right, token, transaction

Json = dict[str, Any]


def share(owner: str, quantity: int, right_id: str = "BR001") -> Json:
    """Return a token of a security."""
    return token(right_id, owner, quantity, kind="security")


def money(owner: str, quantity: int, right_id: str = "JPY") -> Json:
    """Return a token of money."""
    return token(right_id, owner, quantity, "bank-a", kind="money")


def pair(number: int, seller: str, buyer: str, quantity: int, price: int) -> list[Json]:
    """Return a delivery and its payment."""
    delivery, payment = f"D{number}", f"P{number}"
    return [
        command(
            delivery, "BR001", "delivery", seller, buyer, quantity, against=payment, price=price
        ),
        command(payment, "JPY", "payment", buyer, seller, price, against=delivery),
    ]


def dvp(commands: list[Json], inputs: list[Json], outputs: list[Json]) -> Json:
    """Return a transaction."""
    return transaction(
        "delivery_versus_payment",
        commands=commands,
        inputs=inputs,
        outputs=outputs,
        rights={
            "BR001": right("trust-a", 120_000, issued=100_000),
            "JPY": right("bank-a", LARGEST, issued=10**12),
        },
        members=sorted({each["transfer_creator_id"] for each in commands}),
    )


def accepted() -> dict[str, Json]:
    """Return the accepted examples."""
    return {
        "one-pair": dvp(
            pair(1, "INV-A", "INV-B", 10, 1_000_000),
            [share("INV-A", 100), money("INV-B", 1_500_000)],
            [
                share("INV-B", 10),
                share("INV-A", 90),
                money("INV-A", 1_000_000),
                money("INV-B", 500_000),
            ],
        ),
        "smallest-pair": dvp(
            pair(1, "INV-A", "INV-B", 1, 1),
            [share("INV-A", 1), money("INV-B", 1)],
            [share("INV-B", 1), money("INV-A", 1)],
        ),
        "largest-pair": dvp(
            pair(1, "INV-A", "INV-B", LARGEST, LARGEST),
            [share("INV-A", LARGEST), money("INV-B", LARGEST)],
            [share("INV-B", LARGEST), money("INV-A", LARGEST)],
        ),
        "two-pairs": dvp(
            [*pair(1, "INV-A", "INV-B", 10, 700), *pair(2, "INV-C", "INV-B", 5, 300)],
            [share("INV-A", 10), share("INV-C", 5), money("INV-B", 600), money("INV-B", 400)],
            [share("INV-B", 15), money("INV-A", 700), money("INV-C", 300)],
        ),
        "issue-security": dvp(
            [command("I1", "BR001", "issue", "", "INV-A", 20_000, creator="trust-a")],
            [],
            [share("INV-A", 20_000)],
        ),
        "issue-both": dvp(
            [
                command("I1", "BR001", "issue", "", "INV-A", 1, creator="trust-a"),
                command("I2", "JPY", "issue", "", "INV-B", 5_000, creator="bank-a"),
                command("I3", "BR001", "issue", "", "INV-B", 2, creator="trust-a"),
            ],
            [],
            [share("INV-A", 1), share("INV-B", 2), money("INV-B", 5_000)],
        ),
        "redeem-money": dvp(
            [command("R1", "JPY", "redeem", "INV-B", "", 400, creator="bank-a")],
            [money("INV-B", 1_000)],
            [money("INV-B", 600)],
        ),
        "redeem-all": dvp(
            [
                command("R1", "BR001", "redeem", "INV-A", "", 7, creator="trust-a"),
                command("R2", "JPY", "redeem", "INV-A", "", 5, creator="bank-a"),
            ],
            [share("INV-A", 7), money("INV-A", 5)],
            [],
        ),
    }


def rejected(base: dict[str, Json]) -> Iterator[tuple[str, Json]]:  # noqa: PLR0915, C901 - a table
    """Yield the rejected examples."""

    def of(name: str) -> Json:
        return copy.deepcopy(base[name])

    def command_of(name: str, place: int, **changes: Any) -> Json:
        tx = of(name)
        tx["commands"][place].update(changes)
        return tx

    def term_of(name: str, place: int, **changes: Any) -> Json:
        tx = of(name)
        tx["commands"][place]["terms"].update(changes)
        return tx

    yield "E_EMPTY-no-command", {**of("one-pair"), "commands": []}
    for name, key in (("one-pair", "JPY"), ("one-pair", "BR001"), ("issue-security", "BR001")):
        tx = of(name)
        tx["facts"]["session"] = "closed"
        yield f"E_SESSION-{name}-{key.lower()}", tx
        tx = of(name)
        tx["facts"]["rights"][key]["transfer_allowed"] = False
        yield f"E_BLOCKED-{name}-{key.lower()}", tx
    for investor in ("INV-A", "INV-B"):
        tx = of("one-pair")
        tx["signers"]["investors"].remove(investor)
        yield f"E_SIGNATURE-{investor.lower()}", tx
    tx = of("issue-both")
    tx["commands"] += pair(1, "INV-A", "INV-B", 1, 1)
    tx["signers"]["members"].append("direct-a")
    yield "E_SIGNATURE-givers-of-what-was-just-issued", tx
    tx = of("one-pair")
    tx["inputs"][0]["investor_id"] = "INV-C"
    yield "E_SIGNATURE-owner", tx
    tx = of("one-pair")
    tx["signers"]["members"] = ["trust-a"]
    yield "E_CREATOR-not-signed", tx
    tx = of("one-pair")
    tx["inputs"].append(share("INV-A", 1, "BR002"))
    tx["outputs"].append(share("INV-A", 1, "BR002"))
    yield "E_UNNAMED-other-security", tx
    for label, quantity in (("zero", 0), ("negative", -1), ("too-large", LARGEST + 1)):
        tx = of("one-pair")
        tx["outputs"][0]["quantity"] = quantity
        yield f"E_TOKEN_QUANTITY-{label}", tx
        yield f"E_QUANTITY-{label}", command_of("one-pair", 0, quantity=quantity)
    for label, terms in (("none", {}), ("unknown", {"kind": "promise"})):
        tx = of("one-pair")
        for each in (*tx["inputs"], *tx["outputs"]):
            each["terms"] = terms
        yield f"E_KIND-{label}", tx
    tx = of("one-pair")
    tx["outputs"][0]["issuer_info"] = "somebody else"
    yield "E_ISSUER-other", tx
    tx = of("one-pair")
    tx["outputs"][0]["terms"] = {"kind": "money"}
    yield "E_ISSUER-security-becomes-money", tx
    yield "E_TRADE-twice", command_of("two-pairs", 2, trade_id="D1")
    tx = of("one-pair")
    del tx["facts"]["rights"]["JPY"]
    yield "E_RIGHT-unknown", tx
    yield "E_TYPE-transfer", command_of("one-pair", 0, transfer_type="transfer")
    for name, place, label, changes in (
        ("issue-security", 0, "issue-with-giver", {"from_investor_id": "INV-A"}),
        ("issue-security", 0, "issue-to-nobody", {"to_investor_id": ""}),
        ("redeem-money", 0, "redeem-with-receiver", {"to_investor_id": "INV-A"}),
        ("redeem-money", 0, "redeem-of-nobody", {"from_investor_id": ""}),
        ("one-pair", 0, "delivery-to-nobody", {"to_investor_id": ""}),
        ("one-pair", 0, "delivery-of-nobody", {"from_investor_id": ""}),
        ("one-pair", 1, "payment-to-oneself", {"to_investor_id": "INV-B"}),
        ("one-pair", 1, "payment-to-nobody", {"to_investor_id": ""}),
    ):
        tx = command_of(name, place, **changes)
        tx["signers"]["investors"] = ["INV-A", "INV-B"]
        yield f"E_PARTY-{label}", tx
    for name in ("issue-security", "redeem-money"):
        tx = command_of(name, 0, transfer_creator_id="direct-a")
        tx["signers"]["members"] = ["bank-a", "direct-a", "trust-a"]
        yield f"E_REGISTRAR-{name}", tx
    tx = of("one-pair")
    tx["commands"][0]["beneficial_right_id"] = "JPY"
    tx["commands"][1]["beneficial_right_id"] = "BR001"
    yield "E_LEG-exchanged", tx
    tx = of("one-pair")
    for each in (*tx["inputs"], *tx["outputs"]):
        each["terms"]["kind"] = "security"
    yield "E_LEG-paid-with-a-security", tx
    tx = of("redeem-money")
    tx["inputs"], tx["outputs"] = [], []
    yield "E_LEG-nothing-there", tx
    yield "E_UNPAID-payment-unknown", term_of("one-pair", 0, against="P9")
    yield "E_UNPAID-paid-by-itself", term_of("one-pair", 0, against="D1")
    tx = of("one-pair")
    del tx["commands"][1]
    tx["inputs"], tx["outputs"] = tx["inputs"][:1], tx["outputs"][:2]
    yield "E_UNPAID-delivery-alone", tx
    tx = of("one-pair")
    del tx["commands"][0]
    tx["inputs"], tx["outputs"] = tx["inputs"][1:], tx["outputs"][2:]
    yield "E_UNDELIVERED-payment-alone", tx
    tx = of("one-pair")
    tx["commands"] = tx["commands"][::-1]
    tx["commands"][0]["terms"]["against"] = "P1"
    yield "E_UNDELIVERED-delivered-by-itself", tx
    yield "E_PAIR-pays-for-another", term_of("two-pairs", 1, against="D2")
    tx = of("two-pairs")
    tx["commands"] = tx["commands"][::-1]
    tx["commands"][0]["terms"]["against"] = "D1"
    yield "E_PAIR-payment-first", tx
    tx = command_of("two-pairs", 1, to_investor_id="INV-C")
    yield "E_COUNTERPARTY-money-goes-elsewhere", tx
    tx = command_of("two-pairs", 1, from_investor_id="INV-C")
    yield "E_COUNTERPARTY-another-pays", tx
    for label, price in (("more", 1_000_001), ("less", 999_999), ("text", "1000000")):
        yield f"E_PRICE-{label}", term_of("one-pair", 0, price=price)
    tx = of("issue-security")
    tx["facts"]["rights"]["BR001"]["issued_quantity"] = 100_001
    yield "E_ESTABLISHED-one-too-many", tx
    tx = of("issue-both")
    tx["facts"]["rights"]["BR001"]["issued_quantity"] = 119_998
    yield "E_ESTABLISHED-in-sum", tx
    tx = of("issue-security")
    tx["inputs"] = [share("INV-A", 1)]
    tx["outputs"].append(share("INV-A", 1))
    tx["signers"]["investors"] = ["INV-A"]
    yield "E_ISSUE_INPUT-consumes", tx
    tx = of("one-pair")
    tx["inputs"][0]["quantity"] = 9
    tx["outputs"] = [share("INV-B", 10), *tx["outputs"][2:]]
    yield "E_SHORT-securities", tx
    tx = of("one-pair")
    tx["inputs"][1]["quantity"] = 999_999
    yield "E_SHORT-money", tx
    tx = of("one-pair")
    tx["outputs"].append(money("INV-B", 1_500_000))
    yield "E_SUM-money-left-unspent", tx
    tx = of("one-pair")
    tx["outputs"][0]["quantity"] = 11
    yield "E_SUM-one-more", tx
    tx = of("one-pair")
    del tx["outputs"][1]
    yield "E_SUM-change-forgotten", tx
    tx = of("redeem-money")
    tx["outputs"][0]["quantity"] = 1_000
    yield "E_SUM-redeemed-but-kept", tx


def examples() -> tuple[dict[str, Json], Iterator[tuple[str, Json]]]:
    """Return accepted and rejected examples."""
    base = accepted()
    return base, rejected(base)
