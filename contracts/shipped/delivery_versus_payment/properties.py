"""Properties of `delivery_versus_payment`, beside the platform's own."""

# ruff: noqa: S101 - a property is an assertion

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.trials import examples, judge

Json = dict[str, Any]


def legs(tx: Json) -> bool:
    """Return whether there is anything to deliver."""
    return any(command["transfer_type"] == "delivery" for command in tx["commands"])


@given(examples(), st.sampled_from(["delivery", "payment"]))
def property_no_leg_moves_alone(tx: Json, kept: str) -> None:
    """With the other legs and their tokens taken away, what is left is refused."""
    assume(legs(tx))
    commands = [c for c in tx["commands"] if c["transfer_type"] == kept]
    rights = {c["beneficial_right_id"] for c in commands}
    alone = {
        where: [token for token in tx[where] if token["token_id"] in rights]
        for where in ("inputs", "outputs")
    }
    assert judge({**tx, **alone, "commands": commands}) in {"E_UNPAID", "E_UNDELIVERED"}


@given(examples(), st.integers(1, 10**12))
def property_the_price_is_exact(tx: Json, off: int) -> None:
    """A price that is off, by however much, is refused."""
    assume(legs(tx))
    for sign in (1, -1):
        commands = [
            {**c, "terms": {**c["terms"], "price": c["terms"]["price"] + sign * off}}
            if c["transfer_type"] == "delivery"
            else c
            for c in tx["commands"]
        ]
        assert judge({**tx, "commands": commands}) == "E_PRICE"


@given(examples(), st.permutations(range(8)))
def property_order_does_not_matter(tx: Json, order: list[int]) -> None:
    """Commands and tokens in any order are judged alike."""
    mixed = {
        where: [tx[where][place] for place in order if place < len(tx[where])]
        for where in ("inputs", "outputs", "commands")
    }
    assume(all(len(mixed[where]) == len(tx[where]) for where in mixed))
    assert judge({**tx, **mixed}) is None


@given(examples())
def property_either_side_can_refuse(tx: Json) -> None:
    """Without the signature of any one party, nothing moves."""
    for investor in tx["signers"]["investors"]:
        others = [each for each in tx["signers"]["investors"] if each != investor]
        signers = {**tx["signers"], "investors": others}
        assert judge({**tx, "signers": signers}) == "E_SIGNATURE"
