"""Rule texts: what is read, and every fault of what is not."""

import pytest

from policies.compilation import compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.errors import RulesMalformed

GOOD = "p, role:registrar, transfer, read, own_register, *, clear"


def faults_of(text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(RulesMalformed) as caught:
        parse_rule_set(text)
    return [(fault.line, fault.where) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ("p, role:admin, transfer, read, own_register, *, clear", "role"),
        ("p, registrar, transfer, read, own_register, *, clear", "role"),
        ("p, member:registrar, transfer, read, own_register, *, clear", "role"),
        ("p, role:, transfer, read, own_register, *, clear", "role"),
        ("p, role:registrar, payment, read, own_register, *, clear", "resource"),
        ("p, role:registrar, transfer, write, own_register, *, clear", "action"),
        ("p, role:registrar, transfer, read, everywhere, *, clear", "scope"),
        ("p, role:registrar, transfer, read, any, *, clear", "scope"),
        ("p, role:registrar, transfer, read, *, *, clear", "scope"),
        ("p, role:registrar, token, read, managed_customers.from, *, clear", "scope"),
        ("p, role:registrar, transfer, read, own_register, colour, clear", "fields"),
        ("p, role:registrar, transfer, read, own_register, quantity|, clear", "fields"),
        ("p, role:registrar, transfer, read, own_register, quantity|quantity, clear", "fields"),
        ("p, role:registrar, user, read, own_records, password_hash, clear", "fields"),
        ("p, role:registrar, vote, cast, any, quantity, allow", "fields"),
        ("p, role:registrar, transfer, read, own_register, *, allow", "effect"),
        ("p, role:registrar, transfer, read, own_register, *, Clear", "effect"),
        ("p, role:registrar, vote, cast, any, *, clear", "effect"),
        ("p, role:registrar, transfer, read, own_register, *", "row"),
        ("p, role:registrar, transfer, read, own_register, *, clear, more", "row"),
        ("q, role:registrar, transfer, read, own_register, *, clear", "row"),
        ("p2, role:registrar, transfer, read, own_register, *, clear", "row"),
        (", role:registrar", "row"),
        ("g, role:registrar, role:nobody", "group"),
        ("g, role:nobody, role:member", "role"),
        ("g, role:registrar, member", "group"),
        ("p, role:registrar, transfer, read, own_register, *, clear\r", "row"),
        ("p, role:registrar, transfer, read, own\u2028_register, *, clear", "row"),
        ("p, " + "x" * 5000, "row"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_line(row: str, where: str) -> None:
    assert (3, where) in faults_of(f"# a comment\n{GOOD}\n{row}\n")


def test_all_faults_at_once_in_order_of_lines() -> None:
    text = "\n".join(
        [
            "p, role:nobody, transfer, read, own_register, colour, sepia",
            GOOD,
            "",
            GOOD.replace(", ", ",  "),
            "p, role:registrar, token, read, nowhere, *, clear",
        ]
    )
    assert faults_of(text) == [(1, "role"), (1, "fields"), (1, "effect"), (4, "row"), (5, "scope")]


def test_a_duplicate_names_the_first_line_whatever_the_order_of_fields() -> None:
    row = "p, role:registrar, transfer, read, own_register, {}, clear"
    text = row.format("quantity|trade_id") + "\n" + row.format("trade_id|quantity")
    with pytest.raises(RulesMalformed, match="the same as line 1"):
        parse_rule_set(text)


def test_a_role_cycle_is_reported_wherever_it_closes() -> None:
    text = "g, role:registrar, role:member\ng, role:member, role:operator\n"
    assert parse_rule_set(text).inherits["registrar"] >= {"member", "operator"}
    text += "g, role:operator, role:member\n"
    assert {where for _, where in faults_of(text)} == {"role cycle"}
    assert faults_of("g, role:registrar, role:registrar") == [(1, "role cycle")]


@pytest.mark.parametrize(
    "text",
    [
        GOOD + "\np, role:registrar, transfer, read, own_register, quantity, clear",
        GOOD + "\np, role:registrar, transfer, read, own_register, quantity, pseudonym",
        "p, role:registrar, transfer, read, own_register, *, deny\n" + GOOD,
        "p, role:registrar, transfer, read, *, *, deny\n" + GOOD,
        "g, role:registrar, role:member\np, role:member, transfer, read, own_register, *, deny\n"
        + GOOD,
        "\n" + GOOD.replace("registrar", "member"),
    ],
    ids=["said", "said more clearly", "denied", "denied everywhere", "group denies", "no holder"],
)
def test_a_rule_that_can_never_decide_is_a_fault(text: str) -> None:
    assert faults_of(text) == [(2 if "g," not in text else 3, "rule")]


def test_a_partial_deny_leaves_a_rule_alive() -> None:
    deny = "p, role:registrar, transfer, read, own_register, quantity, deny"
    assert len(parse_rule_set(GOOD + "\n" + deny).rules) == 2


def test_a_rule_set_is_named_by_its_exact_text() -> None:
    assert parse_rule_set(GOOD).digest == parse_rule_set(GOOD).digest
    assert parse_rule_set(GOOD).digest != parse_rule_set(GOOD + "\n").digest


def test_the_shipped_rules_are_sound() -> None:
    rules = parse_rule_set(shipped_text())
    assert rules.text == shipped_text()
    assert compile_rules(rules).digest == rules.digest


def test_no_rule_can_show_a_secret() -> None:
    resources = parse_rule_set("").vocabulary.resources
    assert not [f for r in resources.values() for f in r.fields if "password_hash" in f]
