"""`sekisho policy …` as a person types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from governance.cli import main
from governance.cli.policy import policy
from policies.compilation import compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.errors import RulesMalformed
from policies.matrix import matrix_csv

PEEK = "p, role:auditor, transfer, read, own_register, quantity, clear\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(policy, arguments)


@pytest.fixture
def peeking(tmp_path: Path) -> Path:
    file = tmp_path / "proposed.csv"
    file.write_text(shipped_text() + PEEK)
    return file


def test_the_matrix_in_every_form() -> None:
    assert run("matrix", "--csv").output == matrix_csv(
        compile_rules(parse_rule_set(shipped_text()))
    )
    assert run("matrix", "--html").output.startswith("<!doctype html>")
    assert "C clear, P pseudonym, H hidden" in run("matrix").output
    assert run("matrix").output.count("uniqueness") > run(
        "matrix", "--resource", "transfer"
    ).output.count("uniqueness")


def test_a_check_that_refuses_exits_with_4(peeking: Path) -> None:
    done = run("check", str(peeking))
    assert done.exit_code == 4
    assert "fails statement quantity" in done.output
    assert "absent -> clear" in done.output
    assert "responsibility: auditor transfer:read" in done.output
    review = json.loads(run("check", str(peeking), "--json").output)
    assert not all(not proof["counterexamples"] for proof in review["proofs"])


def test_the_whole_command_exits_with_4_too(peeking: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["sekisho", "policy", "check", str(peeking)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 4


def test_a_check_of_what_is_in_force_passes(tmp_path: Path) -> None:
    file = tmp_path / "same.csv"
    file.write_text(shipped_text())
    done = run("check", str(file))
    assert done.exit_code == 0, done.output
    assert "reveals nothing and hides nothing" in done.output
    assert "can be adopted" in done.output


def test_a_check_against_other_rules(tmp_path: Path, peeking: Path) -> None:
    file = tmp_path / "same.csv"
    file.write_text(shipped_text())
    done = run("check", str(file), "--rules", str(peeking))
    assert "clear -> absent" in done.output


@pytest.mark.parametrize("content", [b"p, role:nobody\n", b"\xff"])
def test_a_file_that_is_no_rule_set_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    assert isinstance(run("check", str(file)).exception, RulesMalformed)


def test_an_explanation_without_a_server() -> None:
    done = run("explain", "custody-a", "transfer:read", "--role", "custodian")
    assert "allowed custody-a transfer:read" in done.output
    assert "pseudonym: to_investor_id" in done.output
    assert "p, role:key_holder, transfer, read" in done.output
    done = run("explain", "fund-a", "transfer:read", "--role", "fundraiser", "--json")
    assert json.loads(done.output)["allowed"] is False
    whole = run("explain", "fund-a", "read", "transfer", "--role", "fundraiser", "--json")
    assert whole.output == done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("transfer:steal",),
        ("steal", "transfer"),
        ("read",),
        ("read", "transfers"),
        ("read", "transfer", "TRD1", "--role", "fundraiser"),
        ("transfer:read", "TRD1", "--role", "fundraiser"),
    ],
)
def test_an_explanation_of_nothing_is_refused(arguments: tuple[str, ...]) -> None:
    assert run("explain", "fund-a", *arguments).exit_code == 2


def test_the_responsibility_matrix() -> None:
    assert "| Attest uniqueness (二重使用の防止) | platform_administrator |" in (
        run("responsibility").output
    )
