"""Writes the examples of the shipped contracts: `python -m tests.contracts.shipped_examples`.

The files are what counts; this is how they are kept consistent with each other. Each rejected
example is an accepted one with the one thing changed that its code is about.
"""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contracts import bond_examples, dvp_examples
from tests.contracts.building import LARGEST, command, right, token, transaction

SHIPPED = Path(__file__).parents[2] / "contracts" / "shipped"

Json = dict[str, Any]
Named = tuple[str, Json]


def accepted() -> dict[str, Json]:
    """Return the accepted examples of `beneficial_right`."""
    issue = transaction(
        "beneficial_right",
        commands=[command("TRD1", "BR001", "issue", "", "INV-A", 120_000, creator="trust-a")],
        outputs=[token("BR001", "INV-A", 120_000)],
        rights={"BR001": right("trust-a", 120_000)},
        members=["trust-a"],
    )
    split_issue = transaction(
        "beneficial_right",
        commands=[
            command("TRD1", "BR001", "issue", "", "INV-A", 600, creator="trust-a"),
            command("TRD2", "BR001", "issue", "", "INV-B", 400, creator="trust-a"),
            command("TRD3", "BR003", "issue", "", "INV-A", 1, creator="trust-b"),
        ],
        outputs=[
            token("BR001", "INV-A", 600),
            token("BR001", "INV-B", 300),
            token("BR001", "INV-B", 100),
            token("BR003", "INV-A", 1, "trust-b"),
        ],
        rights={
            "BR001": right("trust-a", 2_000, issued=1_000),
            "BR003": right("trust-b", 200_000, issued=199_999),
        },
        members=["trust-a", "trust-b"],
    )
    transfer = transaction(
        "beneficial_right",
        commands=[command("TRD4", "BR001", "transfer", "INV-A", "INV-B", 10)],
        inputs=[token("BR001", "INV-A", 100)],
        outputs=[token("BR001", "INV-B", 10), token("BR001", "INV-A", 90)],
        rights={"BR001": right("trust-a", 120_000, issued=120_000)},
        members=["direct-a"],
    )
    merge = transaction(
        "beneficial_right",
        commands=[command("TRD5", "BR001", "transfer", "INV-A", "INV-B", 60)],
        inputs=[
            token("BR001", "INV-A", 30),
            token("BR001", "INV-A", 50),
            token("BR001", "INV-B", 5),
        ],
        outputs=[token("BR001", "INV-B", 65), token("BR001", "INV-A", 20)],
        rights={"BR001": right("trust-a", 120_000, issued=120_000)},
        members=["direct-a"],
    )
    several = transaction(
        "beneficial_right",
        commands=[
            command("TRD6", "BR001", "transfer", "INV-A", "INV-B", 10),
            command("TRD7", "BR003", "transfer", "INV-B", "INV-A", 20, creator="custody-a"),
            command("TRD8", "BR001", "transfer", "INV-C", "INV-A", 5),
        ],
        inputs=[
            token("BR001", "INV-A", 10),
            token("BR003", "INV-B", 25, "trust-b"),
            token("BR001", "INV-C", 5),
        ],
        outputs=[
            token("BR001", "INV-B", 10),
            token("BR001", "INV-A", 5),
            token("BR003", "INV-A", 20, "trust-b"),
            token("BR003", "INV-B", 5, "trust-b"),
        ],
        rights={
            "BR001": right("trust-a", 120_000, issued=120_000),
            "BR003": right("trust-b", 200_000, issued=200_000),
        },
        members=["custody-a", "direct-a"],
    )
    original = command("TRD4", "BR001", "transfer", "INV-A", "INV-B", 10)
    cancel = transaction(
        "beneficial_right",
        commands=[
            command("TRD9", "BR001", "cancel", "INV-B", "INV-A", 10, cancels="TRD4"),
        ],
        inputs=[token("BR001", "INV-B", 8), token("BR001", "INV-B", 7)],
        outputs=[token("BR001", "INV-A", 10), token("BR001", "INV-B", 5)],
        rights={"BR001": right("trust-a", 120_000, issued=120_000)},
        members=["direct-a"],
        cancelled={"TRD4": original},
    )
    redeem = transaction(
        "beneficial_right",
        commands=[
            command("TRD10", "BR001", "redeem", "INV-A", "", 40, creator="trust-a"),
            command("TRD11", "BR001", "redeem", "INV-B", "", 10, creator="trust-a"),
        ],
        inputs=[token("BR001", "INV-A", 50), token("BR001", "INV-B", 10)],
        outputs=[token("BR001", "INV-A", 10)],
        rights={"BR001": right("trust-a", 120_000, issued=120_000)},
        members=["trust-a"],
    )
    largest = transaction(
        "beneficial_right",
        commands=[command("TRD12", "BR001", "transfer", "INV-A", "INV-B", LARGEST)],
        inputs=[token("BR001", "INV-A", LARGEST)],
        outputs=[token("BR001", "INV-B", LARGEST)],
        rights={"BR001": right("trust-a", LARGEST, issued=LARGEST)},
        members=["direct-a"],
    )
    smallest = transaction(
        "beneficial_right",
        commands=[command("TRD13", "BR001", "transfer", "INV-A", "INV-B", 1)],
        inputs=[token("BR001", "INV-A", 1)],
        outputs=[token("BR001", "INV-B", 1)],
        rights={"BR001": right("trust-a", 1, issued=1)},
        members=["direct-a"],
    )
    return {
        "issue": issue,
        "issue-several": split_issue,
        "transfer": transfer,
        "transfer-merge": merge,
        "transfer-several": several,
        "cancel": cancel,
        "redeem": redeem,
        "transfer-largest": largest,
        "transfer-smallest": smallest,
    }


def rejected(base: dict[str, Json]) -> Iterator[Named]:  # noqa: PLR0915 - a table, one row a case
    """Yield the rejected examples of `beneficial_right` as `CODE-name` and transaction."""

    def of(name: str) -> Json:
        return copy.deepcopy(base[name])

    tx = of("transfer")
    tx["commands"] = []
    yield "E_EMPTY-no-command", tx
    for name in ("transfer", "issue", "redeem", "cancel"):
        tx = of(name)
        tx["facts"]["session"] = "closed"
        yield f"E_SESSION-{name}", tx
        tx = of(name)
        tx["facts"]["rights"]["BR001"]["transfer_allowed"] = False
        yield f"E_BLOCKED-{name}", tx
    tx = of("transfer-several")
    tx["facts"]["rights"]["BR003"]["transfer_allowed"] = False
    yield "E_BLOCKED-one-of-two", tx
    tx = of("transfer")
    tx["facts"]["rights"] = {}
    yield "E_RIGHT-unknown", tx
    for label, quantity in (("zero", 0), ("negative", -10), ("too-large", LARGEST + 1)):
        tx = of("transfer")
        tx["commands"][0]["quantity"] = quantity
        yield f"E_QUANTITY-{label}", tx
    tx = of("transfer-several")
    tx["commands"][1]["trade_id"] = "TRD6"
    yield "E_TRADE-twice", tx
    tx = of("transfer")
    tx["commands"][0]["transfer_type"] = "coupon"
    yield "E_TYPE-unknown", tx
    tx = of("issue")
    tx["commands"][0]["from_investor_id"] = "INV-B"
    yield "E_PARTY-issue-with-giver", tx
    tx = of("issue")
    tx["commands"][0]["to_investor_id"] = ""
    yield "E_PARTY-issue-to-nobody", tx
    tx = of("redeem")
    tx["commands"][0]["to_investor_id"] = "INV-B"
    yield "E_PARTY-redeem-with-receiver", tx
    tx = of("redeem")
    tx["commands"][0]["from_investor_id"] = ""
    yield "E_PARTY-redeem-of-nobody", tx
    tx = of("transfer")
    tx["commands"][0]["to_investor_id"] = ""
    yield "E_PARTY-transfer-to-nobody", tx
    tx = of("transfer")
    tx["commands"][0]["from_investor_id"] = ""
    yield "E_PARTY-transfer-of-nobody", tx
    tx = of("transfer")
    tx["commands"][0]["to_investor_id"] = "INV-A"
    yield "E_SELF-same", tx
    tx = of("transfer")
    tx["signers"]["members"] = ["custody-a"]
    yield "E_CREATOR-not-signed", tx
    for name in ("issue", "redeem"):
        tx = of(name)
        for each in tx["commands"]:
            each["transfer_creator_id"] = "direct-a"
        tx["signers"]["members"] = ["direct-a", "trust-a"]
        yield f"E_REGISTRAR-{name}", tx
    tx = of("transfer")
    tx["commands"][0]["cancels_trade_id"] = "TRD1"
    yield "E_CANCELS-transfer", tx
    tx = of("cancel")
    tx["facts"]["cancelled"] = {}
    yield "E_CANCEL_UNKNOWN-again", tx
    tx = of("cancel")
    tx["facts"]["cancelled"]["TRD4"]["transfer_type"] = "redeem"
    yield "E_CANCEL_TYPE-redeem", tx
    for field, value in (
        ("quantity", 9),
        ("to_investor_id", "INV-C"),
        ("from_investor_id", "INV-C"),
        ("beneficial_right_id", "BR002"),
    ):
        tx = of("cancel")
        tx["facts"]["cancelled"]["TRD4"][field] = value
        yield f"E_CANCEL_MATCH-{field.replace('_', '-')}", tx
    tx = of("cancel")
    tx["commands"].append({**tx["commands"][0], "trade_id": "TRD99"})
    yield "E_CANCEL_TWICE-one-trade", tx
    tx = of("issue")
    tx["facts"]["rights"]["BR001"]["established_quantity"] = 119_999
    yield "E_ESTABLISHED-one-too-many", tx
    tx = of("issue-several")
    tx["facts"]["rights"]["BR001"]["issued_quantity"] = 1_001
    yield "E_ESTABLISHED-in-sum", tx
    tx = of("issue-several")
    tx["facts"]["rights"]["BR003"]["issued_quantity"] = 200_000
    yield "E_ESTABLISHED-second-right", tx
    tx = of("issue")
    tx["inputs"] = [token("BR001", "INV-A", 5)]
    tx["outputs"].append(token("BR001", "INV-A", 5))
    tx["signers"]["investors"] = ["INV-A"]
    yield "E_ISSUE_INPUT-consumes", tx
    tx = of("transfer")
    tx["signers"]["investors"] = ["INV-B"]
    yield "E_SIGNATURE-giver", tx
    tx = of("transfer-merge")
    tx["signers"]["investors"] = ["INV-A"]
    yield "E_SIGNATURE-receiver-whose-token-is-merged", tx
    tx = of("issue")
    tx["commands"].append(command("TRD2", "BR001", "transfer", "INV-A", "INV-B", 1))
    tx["signers"]["members"].append("direct-a")
    tx["outputs"] = [token("BR001", "INV-A", 119_999), token("BR001", "INV-B", 1)]
    yield "E_SIGNATURE-giver-of-what-was-just-issued", tx
    tx = of("transfer")
    tx["inputs"].append(token("BR002", "INV-A", 1))
    tx["outputs"].append(token("BR002", "INV-A", 1))
    yield "E_UNNAMED-other-right", tx
    for label, quantity in (("zero", 0), ("negative", -90), ("too-large", LARGEST + 1)):
        tx = of("transfer")
        tx["outputs"][1]["quantity"] = quantity
        yield f"E_TOKEN_QUANTITY-{label}", tx
    tx = of("transfer")
    tx["outputs"][0]["issuer_info"] = "somebody else"
    yield "E_ISSUER-changed", tx
    tx = of("transfer")
    tx["outputs"][0]["terms"] = {"note": "added"}
    yield "E_ISSUER-terms-added", tx
    tx = of("transfer")
    tx["inputs"][0]["quantity"] = 9
    tx["outputs"] = [token("BR001", "INV-B", 10)]
    yield "E_SHORT-one-missing", tx
    tx = of("cancel")
    tx["inputs"] = [token("BR001", "INV-B", 8)]
    tx["outputs"] = [token("BR001", "INV-A", 8)]
    yield "E_SHORT-receiver-holds-less", tx
    for label, index, change in (
        ("created", 1, 1),
        ("lost", 1, -1),
        ("receiver-gets-more", 0, 1),
        ("receiver-gets-less", 0, -1),
    ):
        tx = of("transfer")
        tx["outputs"][index]["quantity"] += change
        yield f"E_SUM-{label}", tx
    tx = of("transfer")
    tx["outputs"] = [*tx["inputs"], token("BR001", "INV-B", 10)]
    yield "E_SUM-input-left-unspent", tx
    tx = of("transfer")
    tx["outputs"] = tx["outputs"][:1]
    yield "E_SUM-change-forgotten", tx
    tx = of("transfer")
    tx["outputs"][0]["investor_id"] = "INV-C"
    yield "E_SUM-wrong-receiver", tx
    tx = of("redeem")
    tx["outputs"][0]["quantity"] = 50
    yield "E_SUM-redeemed-but-kept", tx


def every_example() -> Iterator[tuple[Path, str]]:
    """Yield each example's path and text, for every shipped contract."""
    base = accepted()
    sources = {
        "beneficial_right": (base, rejected(base)),
        "bond": bond_examples.examples(),
        "delivery_versus_payment": dvp_examples.examples(),
    }
    for contract, (good, bad) in sources.items():
        folder = SHIPPED / contract / "examples"
        for name, tx in good.items():
            yield folder / "accepted" / f"{name}.json", text_of(tx)
        for name, tx in bad:
            yield folder / "rejected" / f"{name}.json", text_of(tx)


def text_of(tx: Json) -> str:
    """Return the file's text."""
    return json.dumps(tx, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every file."""
    for path, text in every_example():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
