"""Names agree: every arm that a rule may name is SQL in the ledger, every field a column."""

import pytest

from ledger import scopes
from policies.resources import READ, VOCABULARY

VIEWS = {view.resource: view for view in vars(scopes).values() if isinstance(view, scopes.View)}


@pytest.mark.parametrize("resource", sorted(VIEWS))
def test_every_arm_of_the_vocabulary_has_its_predicates(resource: str) -> None:
    arms = set(VOCABULARY.resources[resource].all_arms(READ))
    assert arms <= set(VIEWS[resource].arms)


@pytest.mark.parametrize("resource", sorted(VIEWS))
def test_every_column_of_a_view_is_a_field_of_the_vocabulary(resource: str) -> None:
    assert set(VIEWS[resource].fields) <= set(VOCABULARY.resources[resource].fields)


def test_the_tables_of_the_ledger_have_views() -> None:
    assert {"transfer", "token", "register", "holding", "account_key", "custody"} <= set(VIEWS)
