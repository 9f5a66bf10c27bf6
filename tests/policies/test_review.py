"""The review of a proposed rule set: what refuses it, and what is shown to the voters."""

import msgspec
import pytest

from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.errors import RulesMalformed
from policies.review import RuleReview, examine_difference, examine_rules, review_rules

PEEK = "p, role:auditor, transfer, read, own_register, quantity, clear\n"


@pytest.fixture(scope="module")
def current() -> CompiledRules:
    return compile_rules(parse_rule_set(shipped_text()))


def test_the_rules_in_force_can_be_adopted_again(current: CompiledRules) -> None:
    review = review_rules(current, shipped_text())
    assert review.difference.changes == ()
    assert review.disagreements == ()
    assert review.faults == examine_rules(shipped_text().encode()) == ()


def test_a_rule_that_peeks_is_refused_by_the_statements_that_it_breaks(
    current: CompiledRules,
) -> None:
    review = review_rules(current, shipped_text() + PEEK)
    assert {fault.where for fault in review.faults} == {
        "statement quantity",
        "statement transactions",
        "statement auditor",
    }
    assert all("p, role:auditor, transfer, read" in fault.message for fault in review.faults)
    assert [(d.action, d.role) for d in review.disagreements] == [("transfer:read", "auditor")]
    assert len(review.difference.reveals) == 2


def test_a_harmless_change_is_shown_and_not_refused(current: CompiledRules) -> None:
    rule = "p, role:auditor, console, read, any, *, allow\n"
    review = review_rules(current, shipped_text() + rule)
    assert review.faults == ()
    assert [str(change) for change in review.difference.changes] == [
        "REVEALS auditor console:read [everything] *: absent -> allow"
    ]
    assert [d.role for d in review.disagreements] == ["auditor"]


def test_a_text_that_is_no_rule_set_leaves_the_rules_in_force(current: CompiledRules) -> None:
    bad = b"p, role:nobody\np, role:registrar, token, read, here, *, clear\n"
    assert [fault.line for fault in examine_rules(bad)] == [1, 2]
    assert examine_rules(b"\xff")[0].message == "not UTF-8 at byte 0"
    with pytest.raises(RulesMalformed):
        review_rules(current, bad.decode())
    assert current.judge(frozenset({"registrar"}), "token:read").grants


def test_a_difference_has_a_digest_of_all_that_it_says(current: CompiledRules) -> None:
    first, second = review_rules(current, shipped_text()), review_rules(current, shipped_text())
    assert first.difference.digest == second.difference.digest
    assert msgspec.json.decode(msgspec.json.encode(first), type=RuleReview) == first
    other = review_rules(current, shipped_text() + PEEK)
    assert first.difference.digest != other.difference.digest


def test_a_digest_of_another_difference_is_a_fault(current: CompiledRules) -> None:
    text = (shipped_text() + PEEK).encode()
    named = review_rules(current, text.decode()).difference.digest
    assert examine_difference(current, text, named) == ()
    same = review_rules(current, shipped_text()).difference.digest
    (fault,) = examine_difference(current, text, same)
    assert fault.where == "difference"
    assert named in fault.message


def test_an_empty_rule_set_fails_what_must_always_be_possible() -> None:
    faults = examine_rules(b"")
    assert {fault.where for fault in faults} == {
        "statement open-governance",
        "statement self-government",
        "statement oversight",
        "statement way-out",
    }
