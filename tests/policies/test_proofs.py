"""Proofs: the shipped rules pass every statement; a bad rule fails with a row that shows it."""

import pytest

from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.errors import StatementsMalformed
from policies.proofs import PARTIES, RELATIONS, Counterexample, prove_statements
from policies.resources import VOCABULARY
from policies.statements import parse_statements, shipped_statements


def shipped_with(*rows: str, without: str = "\0") -> CompiledRules:
    kept = [line for line in shipped_text().split("\n") if without not in line]
    return compile_rules(parse_rule_set("\n".join([*kept, *rows])))


def failures(rules: CompiledRules) -> dict[str, tuple[Counterexample, ...]]:
    proofs = prove_statements(rules, shipped_statements())
    return {proof.statement: proof.counterexamples for proof in proofs if not proof.proved}


def test_the_shipped_rules_pass_every_statement() -> None:
    assert failures(shipped_with()) == {}


BAD_RULES = [
    (
        "p, role:auditor, transfer, read, own_register, quantity, clear",
        {"quantity", "transactions", "auditor"},
    ),
    (
        "p, role:auditor, transfer, read, own_register, quantity, pseudonym",
        {"quantity", "transactions", "auditor"},
    ),
    (
        "p, role:auditor, transfer, read, own_register, quantity, hidden",
        {"transactions", "auditor"},
    ),
    (
        "p, role:fundraiser, transfer, read, own_customers.to, trade_id, clear",
        {"transactions", "api-partners"},
    ),
    (
        "p, role:platform_administrator, token, read, own_register, *, hidden",
        {"notary", "transactions"},
    ),
    (
        "p, role:custodian, transfer, read, managed_customers.to, from_investor_id, clear",
        {"sender"},
    ),
    (
        "p, role:intermediary, transfer, read, own_customers, to_investor_id, clear",
        {"receiver"},
    ),
    ("p, role:custodian, transaction, read, managed_customers, commands, clear", {"commands"}),
    ("p, role:registrar, uniqueness, read, uniqueness_only, *, clear", {"uniqueness"}),
    ("p, role:custodian, register, read, own_register, *, clear", {"registers"}),
    ("p, role:auditor, vote, cast, any, *, allow", {"votes"}),
    ("p, role:custodian, transaction, attest, any, *, allow", {"attestation"}),
    ("p, role:custodian, transaction, submit, any, *, allow", {"submission"}),
    ("p, role:registrar, account_key, register, any, *, allow", {"account-keys"}),
    ("p, role:registrar, market_session, set, any, *, allow", {"market"}),
    ("p, role:registrar, investor, erase, any, *, allow", {"records"}),
    ("p, role:registrar, log, read, *, *, deny", {"open-governance"}),
    ("p, role:custodian, vote, cast, *, *, deny", {"self-government"}),
    ("p, role:auditor, read_receipt, read, *, *, deny", {"oversight"}),
    ("p, role:auditor, membership, leave, *, *, deny", {"way-out"}),
]


@pytest.mark.parametrize(("row", "statements"), BAD_RULES)
def test_a_bad_rule_fails_with_a_counterexample(row: str, statements: set[str]) -> None:
    dead = ", ".join(row.split(", ")[1:4]) if row.endswith("deny") else "\0"
    found = failures(shipped_with(row, without=dead))
    assert set(found) == statements
    for name, examples in found.items():
        for example in examples:
            assert example.statement == name
            assert (example.effect == "absent") is row.endswith("deny")
            if example.row:
                assert any(row in rule for rule in example.rules)


def test_every_shipped_statement_is_failed_by_some_bad_rule() -> None:
    shipped = shipped_statements()
    ids = {statement.id for statement in (*shipped.never, *shipped.always)}
    failed = {name for _, names in BAD_RULES for name in names}
    assert ids == failed


def test_a_counterexample_is_a_row_that_the_arm_admits_and_no_exception_covers() -> None:
    row = "p, role:fundraiser, transfer, read, own_register, quantity, clear"
    (example,) = failures(shipped_with(row))["quantity"]
    assert example.role == "fundraiser"
    assert example.field == "quantity"
    assert example.row["registrar"] == example.viewer
    assert set(example.row) == set(PARTIES)


def test_removing_a_pseudonym_is_no_failure_and_clearing_it_is() -> None:
    assert failures(shipped_with(without="pseudonym")) == {}
    clear = shipped_text().replace("pseudonym\n", "clear\n")
    assert set(failures(compile_rules(parse_rule_set(clear)))) == {"sender", "receiver"}


def test_every_arm_has_its_relations() -> None:
    arms = {a for r in VOCABULARY.resources.values() for v in r.verbs for a in r.all_arms(v)}
    assert arms == set(RELATIONS)


GOOD = """
[[never]]
id = "a"
text = "A."
actions = ["token:read"]
fields = ["quantity"]
level = "row"
only = ["registrar: own_register"]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("token:read", "token:write"),
        ('["token:read"]', "[]"),
        ('["quantity"]', '["weight"]'),
        ('["quantity"]', "[]"),
        ('"row"', '"shadow"'),
        ("registrar:", "boss:"),
        ("own_register", "somewhere"),
        ('text = "A."', ""),
        ('id = "a"', 'id = "a"\ncolour = "red"'),
        ('id = "a"', 'id = "a"\nof = ["member"]'),
        ("[[never]]", "[[never"),
    ],
)
def test_a_bad_statement_is_refused(old: str, new: str) -> None:
    assert parse_statements(GOOD).never[0].id == "a"
    with pytest.raises(StatementsMalformed) as caught:
        parse_statements(GOOD.replace(old, new, 1))
    assert caught.value.faults


def test_two_statements_with_one_id_are_refused() -> None:
    with pytest.raises(StatementsMalformed, match="two statements"):
        parse_statements(GOOD + GOOD)
