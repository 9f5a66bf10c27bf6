import shutil
from pathlib import Path

import pytest

from contracts import authoring
from contracts.errors import PackageInvalid
from contracts.gates.requirements import Requirements, shipped_requirements
from contracts.gates.subjects import Machines
from contracts.packages import open_package
from contracts.sandbox.runtime import Runtime


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    authoring.new("my_token", tmp_path / "my_token", owner="trust-b")
    return tmp_path / "my_token"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    gates = ("form", "lint", "examples", "behaviour")
    small = Requirements(gates, 8, 2, 10, 300, 90, 10, 400, 10**12)
    monkeypatch.setattr(authoring, "requirements_of", lambda _: small)


def edit(folder: Path, old: str, new: str, name: str = "contract.py") -> None:
    path = folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_new_package_passes_and_can_be_submitted(
    folder: Path, runtime: Runtime, machines: Machines, few: None
):
    told: list[str] = []
    report = authoring.check(
        folder, lambda gate, *_: told.append(gate), runtime=runtime, machines=machines
    )
    assert report.passed, report.text()
    assert (report.name, report.version) == ("my_token", "1.0.0")
    assert "every gate passed" in report.text()
    assert {"form", "lint", "examples"} <= set(told)
    package = authoring.read_package(folder)
    assert open_package(package.archive()).digest == package.digest == report.digest
    assert package.manifest.owner == "trust-b"


def test_the_quick_tests_say_what_is_wrong(
    folder: Path, runtime: Runtime, machines: Machines, few: None
):
    assert authoring.run_tests(folder, runtime=runtime, machines=machines).passed
    edit(folder, "if not right.transfer_allowed:", "if right.transfer_allowed is None:")
    report = authoring.run_tests(folder, runtime=runtime, machines=machines)
    assert not report.passed
    assert "E_BLOCKED-transfer.json: is accepted; expected to be rejected" in report.text()


def test_faults_of_form_are_a_report_too(folder: Path):
    (folder / "contract.py").write_text("def verify(:\n")
    edit(folder, '"1.0.0"', '"one"', "contract.toml")
    report = authoring.check(folder)
    assert not report.passed
    assert "contract.py:1: is not Python" in report.text()
    assert "contract.toml:2: `version`" in report.text()


def test_a_difference_is_told_to_those_who_do_not_program(
    folder: Path, tmp_path: Path, runtime: Runtime, machines: Machines, few: None
):
    old = tmp_path / "old"
    shutil.copytree(folder, old)
    edit(folder, '"1.0.0"', '"1.1.0"', "contract.toml")
    edit(folder, 'facts.session != "open"', 'facts.session == "halted"')
    report = authoring.diff(old, folder, runtime=runtime, machines=machines)
    text = report.text()
    told = text[text.index("NEWLY ACCEPTED: ") :].splitlines()
    assert told[1:4] == [
        "    before: rejected with E_SESSION",
        "    now:    accepted",
        "    for example:",
    ]
    assert "session closed" in told[8]
    assert told[9:11] == [
        "    THIS BREAKS THE PLATFORM'S RULES:",
        "      the market session is closed",
    ]
    assert 'version: "1.0.0" became "1.1.0"' in text
    assert '+    if tx.facts.session == "halted":' in text
    same = authoring.diff(old, old, runtime=runtime, machines=machines)
    assert same.behaviour == ()
    assert same.compared > 300


def test_a_package_begins_in_an_empty_folder_with_a_good_name(folder: Path, tmp_path: Path):
    with pytest.raises(PackageInvalid, match="empty folder"):
        authoring.new("other", folder)
    with pytest.raises(PackageInvalid):
        authoring.new("Not A Name", tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_a_new_package_passes_every_gate_of_the_registry(folder: Path, runtime: Runtime):
    report = authoring.check(folder, runtime=runtime)
    assert report.passed, report.text()
    assert [result.gate for result in report.results] == list(shipped_requirements()[0].high.gates)
