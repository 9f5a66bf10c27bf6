import pytest

import contracts.errors
import governance.errors
import ledger.errors
import policies.errors
from governance.problems import INTERNAL, describe, slug
from governance.statuses import STATUS

BASES = (
    contracts.errors.ContractError,
    governance.errors.GovernanceError,
    ledger.errors.LedgerError,
    policies.errors.PolicyError,
)


def public_errors() -> list[type[Exception]]:
    modules = (contracts.errors, governance.errors, ledger.errors, policies.errors)
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BASES) and value not in BASES
    }
    return sorted(found, key=lambda error: error.__name__)


@pytest.mark.parametrize("error", public_errors(), ids=lambda error: error.__name__)
def test_every_public_error_has_a_status_and_one_sentence(error: type[Exception]):
    assert error in STATUS, f"add {error.__module__}.{error.__name__} to governance.statuses"
    first, _, _ = (error.__doc__ or "").partition("\n\n")
    assert first.endswith(".")
    assert "\n" not in first


def test_slugs_are_unique_but_for_the_refused_transition():
    slugs = [slug(error) for error in STATUS]
    assert {s for s in slugs if slugs.count(s) > 1} <= {"transition-refused"}


def test_what_is_not_in_the_table_says_nothing():
    assert describe(ValueError("a secret")) == INTERNAL
