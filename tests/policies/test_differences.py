"""What a change reveals and hides, against the cells of both sides."""

import pytest

from policies.compilation import CompiledRules, compile_rules
from policies.differences import Direction, compare_rules
from policies.engine import parse_rule_set, shipped_text

GRANT = "p, role:registrar, token, read, own_register, {}, {}"


def rules(*lines: str) -> CompiledRules:
    return compile_rules(parse_rule_set("\n".join(lines)))


def changes(before: CompiledRules, after: CompiledRules) -> list[tuple[str, str, str, str]]:
    found = compare_rules(before, after).changes
    return [(str(c.direction), "|".join(c.fields), c.before, c.after) for c in found]


ALL = "investor_id|issuer_info|quantity|terms|token_id|token_txid"
REST = "investor_id|issuer_info|terms|token_id|token_txid"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((), (GRANT.format("*", "clear"),), [("REVEALS", ALL, "absent", "clear")]),
        ((GRANT.format("*", "clear"),), (), [("HIDES", ALL, "clear", "absent")]),
        (
            (GRANT.format("*", "clear"),),
            (GRANT.format("*", "pseudonym"),),
            [("HIDES", ALL, "clear", "pseudonym")],
        ),
        (
            (GRANT.format("*", "hidden"),),
            (GRANT.format("*", "hidden"), GRANT.format("quantity", "pseudonym")),
            [("REVEALS", "quantity", "hidden", "pseudonym")],
        ),
        (
            (),
            (GRANT.format("quantity", "clear"),),
            [("REVEALS", REST, "absent", "hidden"), ("REVEALS", "quantity", "absent", "clear")],
        ),
        (
            (GRANT.format("*", "clear"),),
            (GRANT.format("*", "clear"), GRANT.format("quantity", "deny")),
            [("HIDES", "quantity", "clear", "denied")],
        ),
        (
            (GRANT.format("quantity", "deny"),),
            (),
            [("REVEALS", "quantity", "denied", "absent")],
        ),
    ],
)
def test_each_kind_of_change(
    before: tuple[str, ...], after: tuple[str, ...], expected: list[tuple[str, str, str, str]]
) -> None:
    assert sorted(changes(rules(*before), rules(*after))) == sorted(expected)


def test_what_only_reads_differently_is_no_change() -> None:
    text = shipped_text()
    turned = compile_rules(parse_rule_set("# turned\n" + "\n".join(reversed(text.split("\n")))))
    difference = compare_rules(rules(text), turned)
    assert difference.changes == ()
    assert difference.before != difference.after


def test_a_link_to_a_group_reveals_all_that_the_group_sees() -> None:
    text = shipped_text()
    after = text + "g, role:auditor, role:record_keeper\n"
    difference = compare_rules(rules(text), rules(after))
    assert difference.hides == ()
    assert {(c.role, c.action) for c in difference.reveals} == {
        ("auditor", f"{name}:{verb}")
        for name, verb in (
            ("import", "read"), ("import", "run"), ("investor", "erase"), ("investor", "read"),
            ("investor", "write"), ("user", "read"), ("user", "write"),
        )
    }  # fmt: skip


def test_there_and_back_are_mirror_images() -> None:
    before, after = rules(GRANT.format("*", "clear")), rules(GRANT.format("quantity", "pseudonym"))
    there, back = compare_rules(before, after), compare_rules(after, before)
    turned = {Direction.HIDES: Direction.REVEALS, Direction.REVEALS: Direction.HIDES}
    assert {(turned[c.direction], c.fields, c.after, c.before) for c in there.changes} == {
        (c.direction, c.fields, c.before, c.after) for c in back.changes
    }
    assert there.digest != back.digest


def test_a_change_reads_as_one_line() -> None:
    (change,) = compare_rules(rules(), rules(GRANT.format("*", "clear"))).changes
    assert str(change).startswith("REVEALS registrar token:read [own_register] investor_id, ")
    assert str(change).endswith(": absent -> clear")
