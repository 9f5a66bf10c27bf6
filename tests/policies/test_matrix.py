"""The golden matrix: a change of rules shows here, line by line, and is reviewed here."""

import csv
import html
import re
from pathlib import Path

import pytest

from policies.cells import visible_cells
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.matrix import SIGNS, make_matrix, matrix_csv, matrix_html, matrix_table
from policies.resources import VOCABULARY

GOLDEN = Path(__file__).parent / "golden_matrix.csv"


@pytest.fixture(scope="module")
def rules() -> CompiledRules:
    return compile_rules(parse_rule_set(shipped_text()))


def test_the_matrix_of_the_shipped_rules_is_the_reviewed_one(rules: CompiledRules) -> None:
    assert matrix_csv(rules) == GOLDEN.read_text(encoding="utf-8"), (
        "review the difference; then write `sekisho policy matrix --csv` to the golden file"
    )


def test_the_matrix_says_every_cell_once(rules: CompiledRules) -> None:
    cells = set()
    for line in make_matrix(rules):
        fields = VOCABULARY.resources[line.action.partition(":")[0]].fields
        shown = line.action.endswith(":read") and bool(fields)
        for role in line.roles:
            for field in fields if shown and line.fields == ("*",) else line.fields:
                cell = (role, line.action, line.arm, field, line.effect)
                assert cell not in cells
                cells.add(cell)
    assert cells == {
        (p.role, p.action, p.arm, p.field, effect) for p, effect in visible_cells(rules).items()
    }


def test_the_matrix_agrees_with_the_report_on_transfers(rules: CompiledRules) -> None:
    """`visibility_matrix.csv`: asset nodes their register, custodian nodes their customers."""
    seen = {
        (place.role, place.arm)
        for place in visible_cells(rules)
        if place.action in {"transfer:read", "token:read"}
    }
    scopes = {(role, arm.partition(".")[0]) for role, arm in seen}
    assert scopes == {
        ("registrar", "own_register"),
        ("custodian", "managed_customers"),
        ("direct_securities_firm", "managed_customers"),
        ("entrusted_securities_firm", "own_customers"),
        ("intermediary", "own_customers"),
    }


def test_the_table_says_every_cell_once(rules: CompiledRules) -> None:
    columns, rows = matrix_table(rules)
    roles = columns[3:]
    effects = {sign: effect for effect, sign in SIGNS.items()}
    cells = [
        (role, action, arm, field, effects[sign])
        for action, arm, fields, *signs in rows
        for field in fields.split(", ")
        for role, sign in zip(roles, signs, strict=True)
        if sign
    ]
    assert len(set(cells)) == len(cells)
    assert set(cells) == {
        (p.role, p.action, p.arm, p.field, effect) for p, effect in visible_cells(rules).items()
    }


def test_the_three_forms_say_the_same(rules: CompiledRules) -> None:
    """The golden CSV is under review; table and page are the same lines in another dress."""
    page = html.unescape(re.sub(r"</?(tr|td)>", "\n", matrix_html(rules)))
    told = [line for line in page.split("\n") if line]
    for row in csv.DictReader(matrix_csv(rules).splitlines()):
        assert all(cell in told for cell in row.values()), row


def test_the_page_shows_the_digest_and_every_line(rules: CompiledRules) -> None:
    page = matrix_html(rules)
    assert rules.digest in page
    assert page.count("<tr>") == len(make_matrix(rules)) + 1


def test_the_csv_can_be_read_back(rules: CompiledRules) -> None:
    rows = list(csv.DictReader(matrix_csv(rules).splitlines()))
    assert [tuple(row.values()) for row in rows] == [line.cells() for line in make_matrix(rules)]
