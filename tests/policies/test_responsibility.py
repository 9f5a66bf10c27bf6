"""The responsibility matrix: one accountable role each, and the rules agree with it."""

import datetime as dt

import pytest

from policies.actions import Action
from policies.compilation import compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.errors import MatrixMalformed
from policies.responsibility import (
    compare_responsibility,
    deadlines,
    matrix_markdown,
    parse_matrix,
    shipped_matrix,
)

AT = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
HEAD = (
    "operation,title,title_ja,accountable,subject,responsible,consulted,informed,actions,"
    "incidents,acknowledge_minutes,escalate_minutes,escalate_to\n"
)
LINE = "vote,Vote,投票,registrar,network,auditor,,member,vote:cast,late,60,120,registrar"


def test_the_shipped_rules_and_the_shipped_matrix_agree() -> None:
    rules = compile_rules(parse_rule_set(shipped_text()))
    assert compare_responsibility(shipped_matrix(), rules) == ()


def test_every_action_and_every_kind_of_incident_belongs_to_exactly_one_operation() -> None:
    matrix = shipped_matrix()
    assert sorted(a for o in matrix.operations.values() for a in o.actions) == sorted(Action)
    assert len(set(matrix.incident_kinds)) == len(matrix.incident_kinds)
    needed = {"node_unreachable", "notary_slow", "api_errors", "contract_trap", "checkpoint_late"}
    assert needed <= set(matrix.incident_kinds)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "p, role:auditor, transfer, read, own_register, quantity, clear",
            ("transfer:read", "auditor", "the rules allow it"),
        ),
        ("p, role:auditor, vote, cast, any, *, allow", ("vote:cast", "auditor", "the rules allow")),
        (
            "p, role:registrar, transaction, submit, *, *, deny",
            ("transaction:submit", "registrar", "no rule allows it"),
        ),
        (
            "p, role:fundraiser, register, read, *, *, deny",
            ("register:read", "fundraiser", "no rule allows it"),
        ),
    ],
)
def test_each_way_to_disagree_is_found(row: str, expected: tuple[str, str, str]) -> None:
    kept = [
        line
        for line in shipped_text().split("\n")
        if "deny" not in row or not line.startswith(row.split(", *", maxsplit=1)[0])
    ]
    rules = compile_rules(parse_rule_set("\n".join([*kept, row])))
    (found,) = compare_responsibility(shipped_matrix(), rules)
    assert (found.action, found.role) == expected[:2]
    assert expected[2] in found.message


def test_an_action_without_an_operation_is_a_disagreement() -> None:
    rules = compile_rules(parse_rule_set(""))
    found = compare_responsibility(parse_matrix(HEAD + LINE), rules)
    assert {d.action for d in found if not d.operation} == set(Action) - {Action.VOTE_CAST}
    assert {(d.action, d.role) for d in found if d.operation} == {
        ("vote:cast", "registrar"),
        ("vote:cast", "auditor"),
    }


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("registrar,network", ",network", "accountable"),
        ("registrar,network", "registrar|auditor,network", "accountable"),
        ("registrar,network", "boss,network", "accountable"),
        ("network", "world", "subject"),
        ("auditor", "boss", "responsible"),
        ("member", "members", "informed"),
        ("vote:cast", "vote:count", "actions"),
        ("vote:cast", "vote:cast|vote:cast", "actions"),
        ("60,120", "120,60", "deadlines"),
        ("60,120", "-1,120", "deadlines"),
        ("60,120", "x,120", "deadlines"),
        ("60,120", "60,99999999", "deadlines"),
        (",registrar", "", "row"),
    ],
)
def test_a_bad_matrix_is_refused_with_its_line(old: str, new: str, where: str) -> None:
    line = LINE[::-1].replace(old[::-1], new[::-1], 1)[::-1] if where == "row" else None
    bad = line or LINE.replace(old, new, 1)
    with pytest.raises(MatrixMalformed) as caught:
        parse_matrix(HEAD + bad + "\n")
    assert (where, 2) in [(fault.where, fault.line) for fault in caught.value.faults]


def test_all_faults_of_a_matrix_at_once() -> None:
    with pytest.raises(MatrixMalformed) as caught:
        parse_matrix(HEAD + LINE.replace("network", "x") + "\n" + LINE + "\n" + LINE)
    assert [fault.line for fault in caught.value.faults] == [2, 3, 3, 3, 4, 4, 4]


def test_a_matrix_without_its_columns_is_refused() -> None:
    with pytest.raises(MatrixMalformed, match="missing"):
        parse_matrix("operation,title\nvote,Vote\n")


def test_deadlines_count_from_the_opening() -> None:
    operation = shipped_matrix().of_incident("notary_slow")
    assert operation is not None
    assert operation.accountable == "platform_administrator"
    due = deadlines(operation, AT)
    assert AT < due.acknowledge_by < due.escalate_at
    assert shipped_matrix().of_incident("sunshine") is None


def test_the_documentation_prints_every_operation() -> None:
    table = matrix_markdown(shipped_matrix())
    for operation in shipped_matrix().operations.values():
        assert f"| {operation.title} ({operation.title_ja}) | {operation.accountable} |" in table
