"""The truth table of the documentation, line by line, against the compiled rules."""

from pathlib import Path

import pytest

from policies.compilation import Decision, compile_rules
from policies.engine import parse_rule_set
from policies.errors import RulesMalformed
from policies.resources import VOCABULARY

PAGE = Path(__file__).parents[2] / "docs" / "policies" / "combining-roles.md"
QUIET = "g, role:fundraiser, role:product_partner\n"


def lines_of_the_page() -> list[tuple[str, str, str]]:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().split("\n") if "|" in line]
    known = {"-", "hidden", "pseudonym", "clear", "deny", "allow"}
    return [(a, b, c) for a, b, c in (row for row in rows if len(row) == 3) if a in known]


LINES = lines_of_the_page()


def rule(role: str, effect: str) -> str:
    if effect == "-":
        return ""
    plain = f"p, role:{role}, vote, cast, any, *, {effect}\n"
    shown = f"p, role:{role}, token, read, own_register, quantity, {effect}\n"
    return plain if effect == "allow" else shown


def cell(text: str, roles: frozenset[str], action: str) -> str:
    answer = compile_rules(parse_rule_set(text)).judge(roles, action)
    if not isinstance(answer, Decision):
        return "-"
    (grant,) = answer.grants
    return str(grant.fields["quantity"]) if grant.fields else "allow"


def of_action(one: str, other: str, action: str) -> tuple[str, str]:
    """Put a deny where the line's action is."""
    if action == "token:read":
        return rule("registrar", one), rule("custodian", other)
    deny = "p, role:{}, vote, cast, any, *, deny\n"
    texts = [
        deny.format(role) if effect == "deny" else rule(role, effect)
        for role, effect in (("registrar", one), ("custodian", other))
    ]
    return texts[0], texts[1]


def test_the_page_has_every_pair() -> None:
    shown = ["-", "hidden", "pseudonym", "clear", "deny"]
    plain = ["-", "allow", "deny"]
    wanted = [
        (a, b) for effects in (shown, plain) for i, a in enumerate(effects) for b in effects[i:]
    ]
    assert [(a, b) for a, b, _ in LINES] == wanted


@pytest.mark.parametrize("number", range(len(LINES)))
def test_two_roles_combine_as_the_page_says(number: int) -> None:
    one, other, expected = LINES[number]
    action = "token:read" if number < 15 else "vote:cast"
    for first, second in ((one, other), (other, one)):
        text = "".join(of_action(first, second, action))
        assert cell(text, frozenset({"registrar", "custodian"}), action) == expected


@pytest.mark.parametrize("number", range(len(LINES)))
def test_a_role_and_its_group_combine_in_the_same_way(number: int) -> None:
    one, other, expected = LINES[number]
    action = "token:read" if number < 15 else "vote:cast"
    own, group = of_action(one, other, action)
    text = own + group.replace("role:custodian", "role:operator")
    links = "g, role:registrar, role:operator\n"
    if other == "deny" and one not in {"-", "deny"}:
        with pytest.raises(RulesMalformed, match="can never match"):
            parse_rule_set(links + text)
    else:
        assert cell(links + text, frozenset({"registrar"}), action) == expected


def test_a_third_role_without_rules_changes_nothing() -> None:
    text = QUIET + rule("registrar", "clear")
    for roles in ({"registrar"}, {"registrar", "fundraiser"}, set(VOCABULARY.roles)):
        assert cell(text, frozenset(roles), "token:read") == "clear"
