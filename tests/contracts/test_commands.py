"""What a partner's engineer sees on a terminal: every fault with file and line, and what to do."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contracts import authoring
from governance.cli import cli, main
from governance.cli.output import REFUSED, UNVERIFIED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    authoring.new("my_token", tmp_path / "my_token", owner="trust-b")
    return tmp_path / "my_token"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["contract", *arguments], catch_exceptions=False)


def spoil(folder: Path) -> None:
    (folder / "contract.py").write_bytes(b"# ok\n# \xff\n")
    (folder / "examples/accepted/transfer.json").write_text('{\n "contract": 1\n}\n')
    manifest = folder / "contract.toml"
    text = manifest.read_text().replace('"1.0.0"', '"one"').replace("inputs = 200", "inputs = 0")
    manifest.write_text(text)
    (folder / "setup.py").write_text("1")


EXPECTED = (
    "contract.py:2: is not UTF-8",
    "contract.toml:2: `version`: expected three numbers, such as 1.2.0",
    "contract.toml:10: `largest_transaction.inputs`",
    "examples/accepted/transfer.json:2: is not a transaction",
    "setup.py: does not belong in a package",
)


def test_check_tells_every_fault_at_once(folder: Path):
    spoil(folder)
    shown = run("check", str(folder))
    assert shown.exit_code == UNVERIFIED
    for fault in EXPECTED:
        assert fault in " ".join(shown.output.split()), shown.output
    assert "the registry would refuse this version" in shown.output


def test_submit_refuses_before_it_asks_the_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    spoil(folder)
    monkeypatch.setattr(sys, "argv", ["sekisho", "contract", "submit", str(folder)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == REFUSED
    told = " ".join(capsys.readouterr().err.split())
    assert "the package has 5 fault(s)" in told
    for fault in EXPECTED:
        assert fault in told


def test_a_new_package_has_a_name_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    shown = run("new", "my_bond", "--owner", "trust-b")
    assert "now: sekisho contract check my_bond" in " ".join(shown.output.split())
    assert (tmp_path / "my_bond/contract.toml").read_text().startswith('name = "my_bond"')


def test_a_runtime_that_is_not_here_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    other = "sha256:" + "5" * 64
    arguments = ["sekisho", "contract", "check", str(folder), "--runtime", other]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == REFUSED
    told = " ".join(capsys.readouterr().err.split())
    assert f"runtime {other} is not on this machine" in told
    assert "sekisho contract fetch-runtime" in told
