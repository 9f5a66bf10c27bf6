import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from contracts.archives import read_folder
from contracts.gates import (
    behaviour,
    bounds,
    determinism,
    examples,
    lint,
    mutation,
    properties,
    replay,
    types,
)
from contracts.gates.corpus import accepted_examples, corpus
from contracts.gates.invariants import violations
from contracts.gates.requirements import Requirements, shipped_requirements
from contracts.gates.subjects import GateResult, Machines, NodeUnavailable, Recorded, Subject
from contracts.packages import Package, make_package
from contracts.sandbox.runtime import Runtime
from tests.contracts.shipped_examples import every_example
from tests.contracts.versions import at_version, with_files
from tests.contracts.weak import weak_package

SHIPPED = Path(__file__).parents[2] / "contracts" / "shipped"
NAMES = ("beneficial_right", "bond", "delivery_versus_payment")
FEW = msgspec.structs.replace(
    shipped_requirements()[0].high,
    determinism_transactions=16,
    determinism_repeats=2,
    property_examples=20,
    generated_transactions=700,
    behaviour_transactions=700,
)

SubjectOf = Callable[..., Subject]


@pytest.fixture
def subject_of(runtime: Runtime, machines: Machines):
    def make(package: Package, requirements: Requirements = FEW, **named: Any) -> Subject:
        return Subject(package, runtime, machines, requirements, seed=1, **named)

    return make


def shipped(name: str) -> Package:
    return make_package(read_folder(SHIPPED / name))


def told(result: GateResult) -> str:
    return "\n".join(map(str, result.faults))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gate", [lint, types, examples, bounds, properties, replay, behaviour])
def test_shipped_contracts_pass(gate: ModuleType, name: str, subject_of: SubjectOf):
    result = gate.run(subject_of(shipped(name)))
    assert result.passed, told(result)


def test_the_examples_of_shipped_contracts_are_what_their_generator_writes():
    written = dict(every_example())
    there = {path for name in NAMES for path in (SHIPPED / name / "examples").rglob("*.json")}
    assert there == set(written)
    assert all(path.read_text(encoding="utf-8") == text for path, text in written.items())


@pytest.mark.parametrize("name", NAMES)
def test_accepted_examples_break_no_rule_of_the_platform(name: str):
    package = shipped(name)
    for example in accepted_examples(package):
        assert violations(example, package.manifest.commands) == []


def test_a_corpus_follows_from_package_and_seed(package: Package):
    assert corpus(package, 7, 300) == corpus(package, 7, 300)
    assert corpus(package, 7, 1300)[-200:] != corpus(package, 8, 1300)[-200:]


def test_determinism_holds_for_the_shipped_contract(package: Package, subject_of: SubjectOf):
    result = determinism.run(subject_of(package))
    assert result.passed, told(result)
    assert len(result.details["ways"]) == 5


def test_types_are_checked_and_cannot_be_silenced(package: Package, subject_of: SubjectOf):
    wrong = package.source + "\n\ndef wrong() -> int:\n    return 'x'\n"
    result = types.run(subject_of(with_files(package, contract_py=wrong)))
    assert [fault.line for fault in result.faults] == [len(wrong.splitlines())]
    silent = wrong.replace("return 'x'", "return 'x'  # type: ignore[return-value]")
    result = types.run(subject_of(with_files(package, contract_py=silent)))
    assert "silences" in told(result)


def test_an_example_that_comes_out_otherwise_is_named(package: Package, subject_of: SubjectOf):
    source = package.source.replace('"E_SUM"', '"E_TOTAL"')
    result = examples.run(subject_of(with_files(package, contract_py=source)))
    assert "E_SUM-created.json: is rejected with E_TOTAL" in told(result)
    assert "E_TOTAL has no example" in told(result)


def test_a_contract_that_does_not_load_fails(package: Package, subject_of: SubjectOf):
    result = examples.run(subject_of(with_files(package, contract_py="1 // 0\n")))
    assert "does not load" in told(result)


def test_a_contract_out_of_bounds_fails_with_its_size(package: Package, subject_of: SubjectOf):
    slow = package.source.replace(
        "    check_holdings(tx)\n",
        "    check_holdings(tx)\n"
        "    for one in tx.outputs:\n"
        "        for other in tx.outputs:\n"
        "            for third in tx.inputs:\n"
        "                if one.quantity + other.quantity + third.quantity < 0:\n"
        "                    return\n",
        1,
    )
    result = bounds.run(subject_of(with_files(package, contract_py=slow)))
    assert "out of gas at" in told(result)
    assert result.details["growth_exponent_percent"] > 150


LEAVES_UNSPENT = (
    "        if want != got:\n",
    "        if want != got and got != want + holdings(tx.inputs).get(key, 0):\n",
)


def unspent(package: Package) -> Package:
    """Version 1.1.0, which differs only in that a consumed token may be left unspent."""
    assert LEAVES_UNSPENT[0] in package.source
    return at_version(package, "1.1.0", package.source.replace(*LEAVES_UNSPENT))


def test_the_platform_notices_what_is_created_from_nothing(package: Package, subject_of: SubjectOf):
    result = properties.run(subject_of(unspent(package)))
    assert "accepted, although" in told(result)


def test_behaviour_shows_a_consumed_token_left_unspent(package: Package, subject_of: SubjectOf):
    result = behaviour.run(subject_of(unspent(package), predecessor=package))
    assert not result.passed
    assert "newly accepted: was rejected with E_SUM" in told(result)
    assert "This breaks the platform's rules" in told(result)


def test_announcing_does_not_excuse_what_breaks_the_rules(package: Package, subject_of: SubjectOf):
    manifest = unspent(package).files["contract.toml"].decode()
    announced = manifest + '\n[changes]\nnewly_accepted = "more is accepted"\n'
    changed = with_files(unspent(package), contract_toml=announced)
    assert not behaviour.run(subject_of(changed, predecessor=package)).passed


def test_replay_and_behaviour_show_the_reverse(package: Package, subject_of: SubjectOf):
    """A version that no longer gives change back as a token rejects what was recorded."""
    source = package.source.replace("if want != got:", "if want != got or len(tx.outputs) > 1:")
    stricter = at_version(package, "1.1.0", source)
    record = [
        Recorded(f"{n:064x}", msgspec.json.encode(tx).decode())
        for n, tx in enumerate(accepted_examples(package))
    ]
    named = {"predecessor": package, "history": lambda: iter(record)}
    for gate in (replay, behaviour):
        result = gate.run(subject_of(stricter, **named))
        assert not result.passed
        assert "newly rejected: was accepted" in told(result)
    secret = replay.run(subject_of(stricter, **named))
    shown = told(secret) + str(secret.details)
    assert "INV-A" not in shown
    assert record[5].txid in shown
    manifest = stricter.files["contract.toml"].decode()
    announced = f'{manifest}\n[changes]\nnewly_rejected = "one output only"\n'
    announced += 'other_code = "the same"\n'
    said = with_files(stricter, contract_toml=announced)
    result = replay.run(subject_of(said, **named))
    assert result.passed
    assert result.details["differences"][0]["names"]


def test_replay_of_the_same_behaviour_passes(package: Package, subject_of: SubjectOf):
    same = at_version(package, "1.1.0", package.source + "\n# as before\n")
    record = [Recorded("00", msgspec.json.encode(tx).decode()) for tx in accepted_examples(package)]
    result = replay.run(subject_of(same, predecessor=package, history=lambda: iter(record)))
    assert result.passed
    assert result.details["replayed"] == len(record)


def test_a_failing_property_is_told_with_its_line_and_transaction(
    package: Package, subject_of: SubjectOf
):
    source = package.properties.replace("assert judge(tx) is None", "assert judge(tx) == 'E_X'")
    result = properties.run(subject_of(with_files(package, properties_py=source)))
    fault = next(f for f in result.faults if "plans_that_add_up" in f.where)
    assert fault.line == source[: source.index("'E_X'")].count("\n") + 1
    assert '"commands"' in fault.message


HOSTILE = {
    "reads a file": "open('/etc/passwd').read()",
    "opens a socket": "import socket; socket.socket()",
    "runs a program": "import os; os.system('true')",
    "opens with os": "import os; os.posix = None; import posix; posix.open('/etc/passwd', 0)",
    "never ends": "import signal\nfor _ in iter(int, 1): pass",
    "leaves": "import os; os._exit(0)",
    "has no property": "x = 1",
    "is broken": "1 // 0",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_properties_of_a_stranger_spoil_their_own_result_only(case: str, package: Package):
    changed = with_files(package, properties_py=HOSTILE[case] + "\n")
    results = properties.run_properties(changed, lambda _: None, seed=1, count=1, limit=6.0)
    assert [result.passed for result in results] == [False]


def test_properties_whose_process_is_killed_have_no_result(package: Package):
    def judge(_transaction: str) -> str | None:
        children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
        for child in children.read_text(encoding="ascii").split():
            if b"property_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)
        return None

    with pytest.raises(NodeUnavailable, match="killed"):
        properties.run_properties(package, judge, seed=1, count=1, limit=60.0)


def test_the_weak_package_fails_and_shows_what_nothing_notices(subject_of: SubjectOf):
    package = weak_package()
    assert examples.run(subject_of(package)).passed
    result = mutation.run(subject_of(package))
    assert not result.passed
    assert 0 < result.details["killed"] < result.details["mutants"]
    assert "nothing notices when `command.quantity > CAP` became" in told(result)
    assert len(result.faults) == result.details["mutants"] - result.details["killed"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_ninety_percent_of_mutants_of_shipped_contracts_are_killed(
    name: str, subject_of: SubjectOf
):
    result = mutation.run(subject_of(shipped(name), shipped_requirements()[0].high))
    assert result.passed, told(result)
