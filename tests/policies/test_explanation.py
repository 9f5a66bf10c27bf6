"""Explanations: the same answer as the decision, with its reasons."""

import itertools

import pytest

from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules, Decision, compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.explanation import explain, rows_of
from policies.resources import ROLES, VOCABULARY
from policies.rules import Effect


@pytest.fixture(scope="module")
def rules() -> CompiledRules:
    return compile_rules(parse_rule_set(shipped_text()))


@pytest.mark.parametrize("action", list(Action))
def test_an_explanation_agrees_with_the_decision(rules: CompiledRules, action: Action) -> None:
    for roles in itertools.chain.from_iterable(itertools.combinations(ROLES, n) for n in range(3)):
        actor = Actor("someone", frozenset(roles))
        answer = rules.judge(actor.roles, action)
        explained = explain(rules, actor, action)
        assert explained.allowed is isinstance(answer, Decision)
        assert explained.rules == answer.rules
        assert explained.allowed is bool(set(explained.may) & set(roles))
        assert [r.role for r in explained.roles] == sorted(roles)


def test_a_denial_says_who_may(rules: CompiledRules) -> None:
    explained = explain(rules, Actor("fund-a", frozenset({"fundraiser"})), "transaction:attest")
    assert not explained.allowed
    assert explained.reason == "no rule lets fundraiser do transaction:attest"
    assert explained.may == ("registrar",)
    assert explained.arms == ()


def test_an_explanation_sorts_the_fields_by_how_they_are_shown(rules: CompiledRules) -> None:
    explained = explain(rules, Actor("custody-a", frozenset({"custodian"})), "transfer:read")
    source = explained.arms[0]
    assert source.arm == "managed_customers.from"
    assert source.pseudonym == ("to_investor_id",)
    assert "from_investor_id" in source.clear
    assert source.hidden == ()
    assert "sending side" in source.rows


def test_every_arm_has_words() -> None:
    for resource in VOCABULARY.resources.values():
        for verb in resource.verbs:
            for arm in resource.all_arms(verb):
                assert len(rows_of(arm)) > len(arm)


def test_a_row_that_two_arms_admit_shows_the_clearest_of_both(rules: CompiledRules) -> None:
    decision = rules.decide(Actor("custody-a", frozenset({"custodian"})), "transfer:read")
    source, target = decision.arms
    assert decision.shown({source})["to_investor_id"] is Effect.PSEUDONYM
    assert decision.shown({target})["from_investor_id"] is Effect.PSEUDONYM
    both = decision.shown({source, target})
    assert set(both.values()) == {Effect.CLEAR}
    assert decision.shown({"own_register"}) == {}
