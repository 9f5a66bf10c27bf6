"""Packages that are made to trouble the gates themselves: each fails, and nothing else suffers."""

import dataclasses
from collections.abc import Callable

import msgspec
import pytest

from contracts import gating
from contracts.errors import PackageInvalid
from contracts.gates import bounds, mutation, types
from contracts.gates.requirements import shipped_requirements
from contracts.gates.subjects import Machines, Subject
from contracts.gating import run_gate
from contracts.packages import Package
from contracts.sandbox.runtime import Runtime
from tests.contracts.test_gates import shipped
from tests.contracts.versions import with_files
from tests.contracts.weak import weak_package

SubjectOf = Callable[..., Subject]


@pytest.fixture
def subject_of(runtime: Runtime, machines: Machines) -> SubjectOf:
    table, _ = shipped_requirements()

    def make(package: Package, **changes: int) -> Subject:
        wanted = msgspec.structs.replace(table.high, **changes)
        return Subject(package, runtime, machines, wanted, seed=1)

    return make


def test_what_a_gate_cannot_digest_does_not_pass(
    package: Package, subject_of: SubjectOf, monkeypatch: pytest.MonkeyPatch
):
    def surprised(_subject: Subject) -> None:
        raise RecursionError("maximum recursion depth exceeded \x1b[2J")

    monkeypatch.setattr(gating, "GATES", {**gating.GATES, "lint": surprised})
    result = run_gate("lint", subject_of(package))
    assert not result.passed
    assert "RecursionError" in result.faults[0].message
    assert "\x1b" not in result.faults[0].message


@pytest.mark.parametrize("gate", ["examples", "determinism", "bounds", "properties", "mutation"])
def test_a_gate_uses_no_more_gas_than_it_may(gate: str, package: Package, subject_of: SubjectOf):
    result = run_gate(gate, subject_of(package, gas_at_most=5_000_000, mutants_at_most=20))
    assert not result.passed
    assert "more than 5000000 gas" in result.faults[0].message


def test_a_chain_that_tools_cannot_copy_is_refused_before_they_try(package: Package):
    chain = package.source + "\nLONG = " + " + ".join(["1"] * 150) + "\n"
    with pytest.raises(PackageInvalid) as caught:
        with_files(package, contract_py=chain)
    [fault] = caught.value.faults
    assert (fault.where, fault.line) == ("contract.py", package.source.count("\n") + 2)
    allowed = package.source + "\nLONG = " + " + ".join(["1"] * 80) + "\n"
    assert mutation.mutants(with_files(package, contract_py=allowed).source)


def test_a_source_that_eats_the_type_checker_s_memory_fails(
    package: Package, subject_of: SubjectOf, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(types, "_LIMITED", types._LIMITED.replace(str(types.MEMORY), "20000000"))
    result = types.run(subject_of(package))
    assert not result.passed
    assert "cannot read it" in result.faults[0].message


def test_properties_that_fail_anyway_kill_no_mutant(subject_of: SubjectOf):
    weak = weak_package()
    always = weak.properties + "\n\ndef property_that_never_holds():\n    assert False\n"
    honest = mutation.run(subject_of(weak, mutants_at_most=40))
    cheating = mutation.run(subject_of(with_files(weak, properties_py=always), mutants_at_most=40))
    assert cheating.details["killed"] <= honest.details["killed"]
    assert "a property of the author's" not in cheating.details["killers"]


@pytest.mark.parametrize("name", ["bond", "delivery_versus_payment"])
def test_commands_with_terms_are_grown_too(name: str, subject_of: SubjectOf):
    package = shipped(name)
    largest = msgspec.to_builtins(package.manifest.largest_transaction)
    result = bounds.run(subject_of(package))
    assert result.passed
    assert result.details["reached"] == largest
    assert "only" not in result.summary


def test_a_size_that_examples_do_not_reach_is_remarked(package: Package, subject_of: SubjectOf):
    few = {name: data for name, data in package.files.items() if "accepted/" not in name}
    few["examples/accepted/cancel.json"] = package.files["examples/accepted/cancel.json"]
    one = dataclasses.replace(
        subject_of(package), package=msgspec.structs.replace(package, files=few)
    )
    result = bounds.run(one)
    assert "examples could be grown to 1 of 100 commands only" in result.summary
