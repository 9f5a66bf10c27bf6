"""Examples of the shipped contract `bond`."""

import copy
from collections.abc import Iterator
from typing import Any

from tests.contracts.building import LARGEST, command, right, token, transaction

Json = dict[str, Any]

TERMS: dict[str, str | int] = {
    "face": 100_000,
    "coupon": 750,
    "first_coupon": "2025-09-30",
    "months": 6,
    "coupons": 4,
}


def held(owner: str, quantity: int, paid: int = 0, right_id: str = "BOND1") -> Json:
    """Return a token of the bond."""
    return token(right_id, owner, quantity, **TERMS, paid=paid)


def asked(trade: str, kind: str, giver: str, receiver: str, quantity: int, **terms: int) -> Json:
    """Return a command on the bond."""
    creator = "direct-a" if kind == "transfer" else "trust-a"
    return command(trade, "BOND1", kind, giver, receiver, quantity, creator=creator, **terms)


def bond(commands: list[Json], inputs: list[Json], outputs: list[Json]) -> Json:
    """Return a transaction on the bond."""
    issuing = any(each["transfer_type"] == "issue" for each in commands)
    facts = right("trust-a", 1_000, issued=0 if issuing else 1_000, redemption="2027-03-31")
    members = sorted({each["transfer_creator_id"] for each in commands})
    return transaction(
        "bond",
        commands=commands,
        inputs=inputs,
        outputs=outputs,
        rights={"BOND1": facts},
        members=members,
    )


def settled(tx: Json, date: str) -> Json:
    """Return the transaction with its commands settling on a date."""
    for each in tx["commands"]:
        each["settlement_date"] = date
    return tx


def accepted() -> dict[str, Json]:
    """Return the accepted examples."""
    other = {"first_coupon": "2025-06-15", "months": 3, "coupons": 40}
    free = [{**held("INV-A", 5), "terms": {**TERMS, "coupon": 0, "coupons": 0, "paid": 0}}]
    return {
        "issue": bond(
            [
                asked("B1", "issue", "", "INV-A", 600, paid=0),
                asked("B2", "issue", "", "INV-B", 400, paid=0),
            ],
            [],
            [held("INV-A", 600), held("INV-B", 300), held("INV-B", 100)],
        ),
        "transfer": bond(
            [asked("B3", "transfer", "INV-A", "INV-B", 10, paid=1)],
            [held("INV-A", 60, 1), held("INV-B", 3, 1)],
            [held("INV-A", 50, 1), held("INV-B", 13, 1)],
        ),
        "transfer-of-two-kinds": bond(
            [
                asked("B4", "transfer", "INV-A", "INV-B", 10, paid=1),
                asked("B5", "transfer", "INV-A", "INV-B", 5, paid=2),
            ],
            [held("INV-A", 10, 1), held("INV-A", 6, 2)],
            [held("INV-B", 10, 1), held("INV-B", 5, 2), held("INV-A", 1, 2)],
        ),
        "transfer-of-one": bond(
            [asked("B6", "transfer", "INV-A", "INV-B", 1, paid=4)],
            [held("INV-A", 1, 4)],
            [held("INV-B", 1, 4)],
        ),
        "transfer-of-all": bond(
            [asked("B6", "transfer", "INV-A", "INV-B", LARGEST, paid=0)],
            [held("INV-A", LARGEST)],
            [held("INV-B", LARGEST)],
        ),
        "coupon-first": settled(
            bond(
                [asked("B7", "coupon", "", "INV-A", 60, paid=0, amount=45_000)],
                [held("INV-A", 40), held("INV-A", 20)],
                [held("INV-A", 60, 1)],
            ),
            "2025-09-30",
        ),
        "coupon-of-two-holders-late": settled(
            bond(
                [
                    asked("B8", "coupon", "", "INV-A", 60, paid=3, amount=45_000),
                    asked("B9", "coupon", "", "INV-B", 1, paid=3, amount=750),
                ],
                [held("INV-A", 60, 3), held("INV-B", 2, 3)],
                [held("INV-A", 60, 4), held("INV-B", 1, 4), held("INV-B", 1, 3)],
            ),
            "2027-03-28",
        ),
        "coupon-over-the-year": settled(
            bond(
                [asked("B8", "coupon", "", "INV-A", 6, paid=2, amount=4_500)],
                [{**held("INV-A", 6), "terms": {**TERMS, **other, "paid": 2}}],
                [{**held("INV-A", 6), "terms": {**TERMS, **other, "paid": 3}}],
            ),
            "2025-12-15",
        ),
        "coupon-in-january": settled(
            bond(
                [asked("B8", "coupon", "", "INV-A", 6, paid=7, amount=4_500)],
                [{**held("INV-A", 6), "terms": {**TERMS, **other, "months": 1, "paid": 7}}],
                [{**held("INV-A", 6), "terms": {**TERMS, **other, "months": 1, "paid": 8}}],
            ),
            "2026-01-15",
        ),
        "redeem": settled(
            bond(
                [asked("B10", "redeem", "INV-A", "", 50, paid=4, amount=5_000_000)],
                [held("INV-A", 60, 4)],
                [held("INV-A", 10, 4)],
            ),
            "2027-03-31",
        ),
        "redeem-without-coupons": settled(
            bond([asked("B11", "redeem", "INV-A", "", 5, paid=0, amount=500_000)], free, []),
            "2027-04-01",
        ),
        "face-of-one": bond(
            [asked("B12", "transfer", "INV-A", "INV-B", 5, paid=0)],
            [{**held("INV-A", 5), "terms": {**TERMS, "face": 1, "months": 1, "paid": 0}}],
            [{**held("INV-B", 5), "terms": {**TERMS, "face": 1, "months": 1, "paid": 0}}],
        ),
    }


def rejected(base: dict[str, Json]) -> Iterator[tuple[str, Json]]:  # noqa: PLR0915, C901 - a table
    """Yield the rejected examples."""

    def of(name: str) -> Json:
        return copy.deepcopy(base[name])

    def terms(tx: Json, **changes: str | int) -> Json:
        for each in (*tx["inputs"], *tx["outputs"]):
            each["terms"].update(changes)
        return tx

    tx = of("transfer")
    tx["commands"] = []
    yield "E_EMPTY-no-command", tx
    for name in ("transfer", "coupon-first", "redeem", "issue"):
        tx = of(name)
        tx["facts"]["session"] = "closed"
        yield f"E_SESSION-{name}", tx
        tx = of(name)
        tx["facts"]["rights"]["BOND1"]["transfer_allowed"] = False
        yield f"E_BLOCKED-{name}", tx
    tx = of("transfer")
    tx["signers"]["investors"] = ["INV-A"]
    yield "E_SIGNATURE-owner", tx
    tx = of("coupon-first")
    tx["signers"]["investors"] = []
    yield "E_SIGNATURE-holder", tx
    tx = of("issue")
    tx["commands"].append(asked("B3", "transfer", "INV-A", "INV-B", 1, paid=0))
    tx["signers"]["members"].append("direct-a")
    yield "E_SIGNATURE-giver-of-what-was-just-issued", tx
    tx = of("transfer")
    tx["signers"]["members"] = ["trust-a"]
    yield "E_CREATOR-not-signed", tx
    tx = of("transfer")
    tx["inputs"].append(held("INV-A", 1, 1, "BOND2"))
    tx["outputs"].append(held("INV-A", 1, 1, "BOND2"))
    yield "E_UNNAMED-other-bond", tx
    for label, quantity in (("zero", 0), ("negative", -1), ("too-large", LARGEST + 1)):
        tx = of("transfer")
        tx["outputs"][0]["quantity"] = quantity
        yield f"E_TOKEN_QUANTITY-{label}", tx
        tx = of("transfer")
        tx["commands"][0]["quantity"] = quantity
        yield f"E_QUANTITY-{label}", tx
    for label, changes in (
        ("negative-coupon", {"coupon": -1}),
        ("no-face", {"face": 0}),
        ("no-months", {"months": 0}),
        ("negative-coupons", {"coupons": -1}),
        ("paid-too-often", {"paid": 5}),
        ("paid-less-than-never", {"paid": -1}),
        ("something-else", {"note": "x"}),
    ):
        yield f"E_TERMS-{label}", terms(of("transfer"), **changes)
    for key in ("face", "coupon", "months", "coupons", "paid"):
        yield f"E_NUMBER-{key}", terms(of("transfer"), **{key: "1"})
    tx = of("transfer")
    tx["commands"][0]["terms"] = {}
    yield "E_NUMBER-command-without-paid", tx
    yield "E_DATE-first-coupon", terms(of("transfer"), first_coupon="soon")
    tx = of("coupon-first")
    yield "E_DATE-settlement", settled(tx, "2025-13-01")
    tx = terms(of("coupon-of-two-holders-late"), months=100_000)
    yield "E_DATE-far-away", tx
    tx = of("transfer")
    tx["outputs"][0]["terms"]["coupon"] = 751
    yield "E_SCHEDULE-coupon-raised", tx
    tx = of("transfer")
    tx["outputs"][0]["issuer_info"] = "somebody else"
    yield "E_SCHEDULE-other-issuer", tx
    tx = of("transfer")
    tx["facts"]["rights"] = {}
    yield "E_RIGHT-unknown", tx
    tx = of("transfer-of-two-kinds")
    tx["commands"][1]["trade_id"] = "B4"
    yield "E_TRADE-twice", tx
    tx = of("transfer")
    tx["inputs"], tx["outputs"] = [], []
    yield "E_NO_TOKEN-nothing-there", tx
    tx = of("transfer")
    tx["commands"][0]["transfer_type"] = "cancel"
    yield "E_TYPE-cancel", tx
    for name, field, value, label in (
        ("issue", "from_investor_id", "INV-B", "issue-with-giver"),
        ("issue", "to_investor_id", "", "issue-to-nobody"),
        ("coupon-first", "to_investor_id", "", "coupon-to-nobody"),
        ("coupon-first", "from_investor_id", "INV-A", "coupon-with-giver"),
        ("redeem", "to_investor_id", "INV-B", "redeem-with-receiver"),
        ("redeem", "from_investor_id", "", "redeem-of-nobody"),
        ("transfer", "to_investor_id", "", "transfer-to-nobody"),
        ("transfer", "from_investor_id", "", "transfer-of-nobody"),
        ("transfer", "to_investor_id", "INV-A", "transfer-to-oneself"),
    ):
        tx = of(name)
        tx["commands"][0][field] = value
        tx["signers"]["investors"] = sorted({*tx["signers"]["investors"], "INV-B"})
        yield f"E_PARTY-{label}", tx
    for name in ("issue", "coupon-first", "redeem"):
        tx = of(name)
        for each in tx["commands"]:
            each["transfer_creator_id"] = "direct-a"
        tx["signers"]["members"] = ["direct-a", "trust-a"]
        yield f"E_REGISTRAR-{name}", tx
    tx = of("issue")
    tx["commands"][0]["terms"]["paid"] = 1
    tx["outputs"][0]["terms"]["paid"] = 1
    yield "E_ISSUE_PAID-already", tx
    tx = of("issue")
    tx["inputs"] = [held("INV-A", 1)]
    tx["outputs"].append(held("INV-A", 1))
    tx["signers"]["investors"] = ["INV-A"]
    yield "E_ISSUE_INPUT-consumes", tx
    tx = of("issue")
    tx["facts"]["rights"]["BOND1"]["established_quantity"] = 999
    yield "E_ESTABLISHED-one-too-many", tx
    tx = of("issue")
    tx["facts"]["rights"]["BOND1"]["issued_quantity"] = 1
    yield "E_ESTABLISHED-issued-before", tx
    tx = of("redeem")
    tx["commands"] = [asked("B7", "coupon", "", "INV-A", 60, paid=4, amount=45_000)]
    yield "E_COUPON-after-the-last", tx
    tx = of("coupon-first")
    tx["commands"][0]["terms"]["paid"] = -1
    yield "E_COUPON-before-the-first", tx
    for name, date in (
        ("coupon-first", "2025-09-29"),
        ("coupon-of-two-holders-late", "2027-03-27"),
        ("coupon-over-the-year", "2025-12-14"),
        ("coupon-in-january", "2026-01-14"),
    ):
        yield f"E_COUPON_EARLY-{name}", settled(of(name), date)
    tx = of("redeem")
    tx["commands"][0]["terms"]["paid"] = 3
    yield "E_REDEEM_UNPAID-one-coupon-open", tx
    yield "E_REDEEM_EARLY-by-a-day", settled(of("redeem"), "2027-03-30")
    for name, amount in (("coupon-first", 44_999), ("redeem", 5_000_001)):
        tx = of(name)
        tx["commands"][0]["terms"]["amount"] = amount
        yield f"E_AMOUNT-{name}", tx
    tx = of("transfer")
    tx["commands"][0]["quantity"] = 61
    yield "E_SHORT-one-missing", tx
    tx = of("transfer")
    tx["commands"][0]["terms"]["paid"] = 2
    yield "E_SUM-of-another-kind", tx
    tx = of("coupon-first")
    tx["commands"][0]["quantity"] = 61
    tx["commands"][0]["terms"]["amount"] = 61 * 750
    yield "E_SHORT-coupon-for-more", tx
    tx = of("coupon-first")
    tx["outputs"] = [held("INV-A", 60)]
    yield "E_SUM-coupon-left-no-mark", tx
    tx = of("coupon-first")
    tx["outputs"].append(held("INV-A", 60))
    yield "E_SUM-coupon-doubles", tx
    tx = of("transfer")
    tx["outputs"] = [*tx["inputs"], held("INV-B", 10, 1)]
    yield "E_SUM-input-left-unspent", tx
    tx = of("redeem")
    tx["outputs"][0]["quantity"] = 60
    yield "E_SUM-redeemed-but-kept", tx
    tx = of("redeem")
    tx["outputs"] = []
    yield "E_SUM-change-forgotten", tx


def examples() -> tuple[dict[str, Json], Iterator[tuple[str, Json]]]:
    """Return accepted and rejected examples."""
    base = accepted()
    return base, rejected(base)
