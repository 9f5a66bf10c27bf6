"""Properties of `beneficial_right`, beside the platform's own."""

# ruff: noqa: S101 - a property is an assertion

from typing import Any

from hypothesis import given

from contracts.trials import judge, plans

Json = dict[str, Any]


@given(plans())
def property_plans_that_add_up_are_accepted(tx: Json) -> None:
    """Whatever is signed, complete and adds up is accepted: the contract is not too strict."""
    assert judge(tx) is None


@given(plans())
def property_order_of_tokens_does_not_matter(tx: Json) -> None:
    """Turning the lists of tokens round changes nothing."""
    turned = {**tx, "inputs": tx["inputs"][::-1], "outputs": tx["outputs"][::-1]}
    assert judge(turned) == judge(tx)


@given(plans())
def property_nothing_moves_without_its_owner(tx: Json) -> None:
    """Taking all account signatures away stops whatever consumes or gives."""
    if tx["inputs"]:
        stripped = {**tx, "signers": {**tx["signers"], "investors": []}}
        assert judge(stripped) == "E_SIGNATURE"


@given(plans())
def property_left_unspent_is_refused(tx: Json) -> None:
    """A transaction that gives back all that it consumes, beside what it makes, is refused."""
    if tx["inputs"]:
        assert judge({**tx, "outputs": tx["outputs"] + tx["inputs"]}) == "E_SUM"
