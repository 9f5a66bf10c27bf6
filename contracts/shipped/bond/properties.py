"""Properties of `bond`, beside the platform's own."""

# ruff: noqa: S101 - a property is an assertion

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.trials import examples, judge

Json = dict[str, Any]


def paid_up(tx: Json, steps: int) -> Json:
    """Return the transaction with every token and command that many coupons further on."""

    def further(item: Json) -> Json:
        return {**item, "terms": {**item["terms"], "paid": item["terms"]["paid"] + steps}}

    lists = {
        where: [further(item) for item in tx[where]] for where in ("inputs", "outputs", "commands")
    }
    return {**tx, **lists}


@given(examples())
def property_order_of_tokens_does_not_matter(tx: Json) -> None:
    """Turning the lists of tokens round changes nothing."""
    turned = {**tx, "inputs": tx["inputs"][::-1], "outputs": tx["outputs"][::-1]}
    assert judge(turned) is None


@given(examples(), st.integers(1, 1_000_000))
def property_amounts_are_exact(tx: Json, off: int) -> None:
    """An amount that is off, by however much, is refused."""
    for place, command in enumerate(tx["commands"]):
        if "amount" in command["terms"]:
            for wrong in (command["terms"]["amount"] + off, command["terms"]["amount"] - off):
                changed = {**command, "terms": {**command["terms"], "amount": wrong}}
                commands = [*tx["commands"]]
                commands[place] = changed
                assert judge({**tx, "commands": commands}) == "E_AMOUNT"


@given(examples(), st.integers(-3, 3))
def property_a_transfer_does_not_depend_on_coupons(tx: Json, steps: int) -> None:
    """Bonds move alike however many coupons they were paid, within the schedule."""
    if {command["transfer_type"] for command in tx["commands"]} != {"transfer"}:
        return
    moved = paid_up(tx, steps)
    held = [token["terms"] for token in moved["inputs"] + moved["outputs"]]
    inside = all(0 <= terms["paid"] <= terms["coupons"] for terms in held)
    assert judge(moved) == (None if inside else "E_TERMS")


@given(examples(), st.integers(1, 400))
def property_nothing_is_paid_early(tx: Json, days: int) -> None:
    """A coupon or a redemption that settles long before its day is refused."""
    kinds = {command["transfer_type"] for command in tx["commands"]}
    if kinds <= {"coupon", "redeem"}:
        early = [
            {**command, "settlement_date": f"20{20 - days % 10:02d}-01-01"}
            for command in tx["commands"]
        ]
        assert judge({**tx, "commands": early}) in {"E_COUPON_EARLY", "E_REDEEM_EARLY"}
