"""Voting rules are data, and are checked as data."""

import msgspec
import pytest

from governance.decisions.actions import KINDS
from governance.decisions.genesis import shipped_voting_rules
from governance.decisions.network import ROLES
from governance.decisions.voting_rules import (
    Procedure,
    Seat,
    VotingRules,
    check_voting_rules,
    read_voting_rules,
    shipped_text,
)
from governance.errors import VotingRulesInvalid
from policies.resources import ROLES as POLICY_ROLES


def changed(**changes: object) -> VotingRules:
    return msgspec.structs.replace(shipped_voting_rules(), **changes)


def with_procedure(procedure: Procedure) -> VotingRules:
    rules = shipped_voting_rules()
    return changed(procedures={**rules.procedures, "partnership": procedure})


def faults(rules: VotingRules) -> set[str]:
    return {fault.where for fault in check_voting_rules(rules, KINDS, ROLES)}


ADMINISTRATOR = Seat("administrator", "platform_administrator")
CASES = {
    "a kind without a procedure": (
        changed(actions={k: v for k, v in shipped_voting_rules().actions.items() if k != "admit"}),
        {"actions.admit"},
    ),
    "a procedure that is not there": (
        changed(actions={**shipped_voting_rules().actions, "admit": "whim"}),
        {"actions.admit"},
    ),
    "a kind that is not there": (
        changed(actions={**shipped_voting_rules().actions, "bribe": "voting"}),
        {"actions.bribe"},
    ),
    "a group that is named like a role": (
        changed(groups={**shipped_voting_rules().groups, "auditor": ("registrar",)}),
        {"groups.auditor"},
    ),
    "a freeze without end": (changed(freeze_hours=0), {"freeze_hours"}),
    "one organisation without saying so": (
        with_procedure(Procedure((ADMINISTRATOR,), ("operating_partners",), 24)),
        {"procedures.partnership"},
    ),
    "no seats": (
        with_procedure(Procedure((), ("operating_partners",), 24)),
        {"procedures.partnership.seats", "procedures.partnership"},
    ),
    "an unknown role in a seat": (
        with_procedure(
            Procedure((ADMINISTRATOR, Seat("king", "king")), ("operating_partners",), 24)
        ),
        {"procedures.partnership.seats.king.of"},
    ),
    "a veto window that nobody can use": (
        with_procedure(
            Procedure((ADMINISTRATOR,), ("operating_partners",), 24, veto_hours=1, alone=True)
        ),
        {"procedures.partnership.reject_at"},
    ),
    "nobody who may propose": (
        with_procedure(Procedure((ADMINISTRATOR,), (), 24, alone=True)),
        {"procedures.partnership.proposers"},
    ),
    "another than a seat that is not there": (
        with_procedure(
            Procedure(
                (ADMINISTRATOR, Seat("other", "registrar", other_than="nobody")),
                ("operating_partners",),
                24,
            )
        ),
        {"procedures.partnership.seats.other.other_than"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_fault_is_named(case: str):
    rules, expected = CASES[case]
    assert faults(rules) == expected


def test_shipped_rules_have_no_fault():
    assert faults(shipped_voting_rules()) == set()


def test_roles_are_those_of_the_access_rules():
    assert frozenset(POLICY_ROLES) == ROLES


def test_text_that_is_no_rules_is_refused():
    for text in ("", "actions = 1", shipped_text().replace("freeze_hours", "thaw_hours")):
        with pytest.raises(VotingRulesInvalid):
            read_voting_rules(text, KINDS, ROLES)


def test_digest_follows_from_what_the_rules_say_and_not_from_their_order():
    rules = shipped_voting_rules()
    turned = dict(reversed(rules.actions.items()))
    assert changed(actions=turned).digest == rules.digest
    assert changed(freeze_hours=71).digest != rules.digest
