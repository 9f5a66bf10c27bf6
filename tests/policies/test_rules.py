"""Rule texts: what is read, and every fault of what is not."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cells import visible_cells
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


@pytest.mark.parametrize(
    ("rows", "line", "message"),
    [
        (
            ["registrar, transfer, read, own_register, quantity, pseudonym",
             "registrar, transfer, read, own_register, *, clear"],
            1, "adds nothing to line 2",
        ),
        (
            ["registrar, vote, cast, any, *, allow", "registrar, vote, cast, everything, *, allow"],
            2, "adds nothing to line 1",
        ),
        (
            ["custodian, transfer, read, managed_customers.to, *, clear",
             "custodian, transfer, read, managed_customers.from, *, clear",
             "custodian, transfer, read, managed_customers, quantity, hidden"],
            3, "adds nothing to line 1, 2",
        ),
        (
            ["custodian, transfer, read, managed_customers.to, *, deny",
             "custodian, transfer, read, managed_customers.from, *, deny",
             "custodian, transfer, read, managed_customers, quantity, hidden"],
            3, "line 1, 2 denies all of it",
        ),
    ],
)  # fmt: skip
def test_a_dead_rule_names_the_rules_that_kill_it(rows: list[str], line: int, message: str) -> None:
    with pytest.raises(RulesMalformed) as caught:
        parse_rule_set("\n".join(f"p, role:{row}" for row in rows))
    (fault,) = caught.value.faults
    assert fault.line == line
    assert message in fault.message


def test_of_two_denies_the_earlier_is_named() -> None:
    denies = "p, role:{}, transfer, read, own_register, *, deny\n"
    text = denies.format("operator") + denies.format("registrar")
    text += "g, role:registrar, role:operator\n" + GOOD
    with pytest.raises(RulesMalformed, match="line 1 denies all of it"):
        parse_rule_set(text)


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


def test_a_faulty_link_does_not_make_the_rules_of_its_group_look_dead() -> None:
    text = shipped_text().replace("g, role:registrar, role:operator", "g, role:registrar, operator")
    assert [where for _, where in faults_of(text)] == ["group"]


def test_text_that_is_not_unicode_is_refused() -> None:
    assert faults_of("# \ud800") == [(None, "rules")]


def test_reading_stops_after_a_thousand_faults() -> None:
    text = "\n".join(f"p, role:nobody{n}, token, read, here, *, clear" for n in range(5000))
    faults = faults_of(text)
    assert 1000 <= len(faults) < 1010
    assert faults[-1][1] == "rules"


CELL = st.sampled_from(
    ["p", "g", "role:registrar", "role:member", "role:operator", "registrar", "token", "transfer",
     "vote", "read", "cast", "own_register", "managed_customers.to", "any", "*", "quantity",
     "quantity|terms", "|", "clear", "pseudonym", "hidden", "deny", "allow", "", "#", "[", "(", ")",
     "(_, _)", '"', "\x00", "\ud7ff", "ｐ"]
)  # fmt: skip
ROW = st.lists(CELL, max_size=8).map(", ".join)
TEXT = st.one_of(st.text(), st.lists(ROW, max_size=12).map("\n".join))


@given(TEXT)
def test_any_text_is_a_rule_set_or_is_refused_with_its_faults(text: str) -> None:
    rules = None
    with contextlib.suppress(RulesMalformed):
        rules = parse_rule_set(text)
    if rules is None:
        with pytest.raises(RulesMalformed) as caught:
            parse_rule_set(text)
        faults = caught.value.faults
        assert faults
        assert all(1 <= (fault.line or 0) <= text.count("\n") + 1 for fault in faults)
    else:
        rows = [line for line in text.split("\n") if line.strip(" \t").startswith("p")]
        assert len(rules.rules) == len(rules.rows) == len(rows)
        assert parse_rule_set(rules.text) == rules


@given(st.sets(st.integers(0, 200), max_size=12))
def test_taking_shipped_rules_away_never_gives_more(dropped: set[int]) -> None:
    lines = shipped_text().split("\n")
    kept = [line for n, line in enumerate(lines) if n not in dropped or not line.startswith("p")]
    before = visible_cells(compile_rules(parse_rule_set(shipped_text())))
    after = visible_cells(compile_rules(parse_rule_set("\n".join(kept))))
    order = ["hidden", "pseudonym", "clear", "allow"]
    for place, effect in after.items():
        assert order.index(before[place]) >= order.index(effect)
