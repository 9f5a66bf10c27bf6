"""The benchmark of decisions compares engines that agree, and the runner finds every benchmark."""

import json

import pytest

from tests.benchmarks import __main__ as runner
from tests.benchmarks import decision


def test_all_engines_agree_and_every_target_is_judged() -> None:
    answer = decision.run(sizes=(100,))
    (row,) = answer["rows"]
    assert row["rules"] == 100
    for name in decision.CONTESTANTS:
        assert row[f"{name} µs"] > 0
    assert all({"target", "measured", "met"} == set(target) for target in answer["targets"])
    assert json.loads(json.dumps(answer)) == answer


def test_a_disagreement_between_engines_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = (lambda request: (request,), lambda _: False)
    accepting = (lambda request: (request,), lambda _: True)
    engines = {"sekisho": lambda *_: refusing, "FastEnforcer": lambda *_: accepting}
    monkeypatch.setattr(decision, "CONTESTANTS", engines)
    with pytest.raises(AssertionError, match="FastEnforcer"):
        decision.at_size(100)


def test_the_runner_lists_the_benchmarks(capsys: pytest.CaptureFixture[str]) -> None:
    assert "decision" in runner.names()
    assert "__main__" not in runner.names()
    assert runner.summary("decision").startswith("One policy decision")
    assert runner.main(["--list"]) == 0
    assert "decision" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        runner.main(["no-such-benchmark"])


@pytest.mark.parametrize("met", [True, False])
def test_the_runner_prints_tables_or_json_and_fails_on_a_missed_target(
    met: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = {"target": "fast", "measured": 1.0, "met": met}
    answer = {"rows": [{"rules": 1000, "µs": 0.12345}], "targets": [target]}
    monkeypatch.setattr(decision, "run", lambda: answer)
    assert runner.main(["decision", "--json"]) == (0 if met else 1)
    assert json.loads(capsys.readouterr().out)["rows"] == answer["rows"]
    runner.main(["decision"])
    assert ("yes" if met else "NO") in capsys.readouterr().out
