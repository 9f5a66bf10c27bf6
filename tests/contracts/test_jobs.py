import datetime as dt
import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from contracts import deployment, jobs, queries, store
from contracts.evidence import read_attestation
from contracts.gates import requirements, types
from contracts.gates.requirements import RequirementTable, shipped_requirements
from contracts.gates.subjects import GateResult, Machines, Subject
from contracts.gating import GATES
from contracts.jobs import CLAIM, MAX_ATTEMPTS, claim, log_leaf, run_pending_gates
from contracts.lifecycle import State
from contracts.packages import Package
from contracts.sandbox.runtime import Runtime
from contracts.services import ContractServices
from ledger.database import reading, writing
from ledger.log.store import read_entries
from ledger.statements import Opened
from policies.actors import Actor
from policies.compilation import CompiledRules
from tests.contracts.versions import AT, AUTHOR, KEY, at_version, opened, signed, with_files

NAME = "beneficial_right"


class Desk:
    """Not asked by the worker."""

    def open(self, raw: bytes, kind: str, body: type) -> tuple[Actor, Opened]:
        raise AssertionError(raw, kind, body)

    def writing(self, opened: Opened) -> AbstractContextManager[Session]:
        raise AssertionError(opened)


def services(runtime: Runtime) -> ContractServices:
    return ContractServices(Desk(), lambda _: {runtime.id}, KEY)


def submit(engine: Engine, rules: CompiledRules, package: Package, runtime: Runtime) -> None:
    with writing(engine) as session:
        said = opened(signed(package, runtime=runtime.id))
        archive = package.archive()
        deployment.submit(session, rules, AUTHOR, said, archive, {runtime.id}, AT)


@pytest.fixture
def few() -> RequirementTable:
    """Requirements that run every cheap gate: a file of the operator's own."""
    table, _ = shipped_requirements()
    gates = ("form", "lint", "examples", "bounds", "replay", "behaviour")
    small = msgspec.structs.replace(table.high, gates=gates, behaviour_transactions=300)
    return RequirementTable(small, small, small)


def run(
    engine: Engine,
    runtime: Runtime,
    machines: Machines,
    table: RequirementTable,
    at: dt.datetime = AT,
) -> int:
    return run_pending_gates(
        engine, services(runtime), lambda: at, machines=machines, requirements=(table, "sha256:few")
    )


def die_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the worker that runs gates die after its first `count`; the next one lives."""
    run_gates = jobs.run_gates

    def dying(subject: Subject, **named: Any) -> Iterator[GateResult]:
        yield from itertools.islice(run_gates(subject, **named), count)
        monkeypatch.setattr(jobs, "run_gates", run_gates)
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "run_gates", dying)


def state(engine: Engine, version: str = "1.0.0") -> str:
    with reading(engine) as session:
        return store.version_row(session, NAME, version).state


def test_a_good_package_is_gated_with_signed_evidence_in_the_log(
    engine: Engine,
    rules: CompiledRules,
    package: Package,
    runtime: Runtime,
    machines: Machines,
    few: RequirementTable,
):
    submit(engine, rules, package, runtime)
    assert run(engine, runtime, machines, few) == 1
    assert state(engine) == State.GATED
    with reading(engine) as session:
        rows = store.evidence_rows(session, package.digest)
        assert [row.gate for row in rows] == list(few.high.gates)
        for row in rows:
            made = read_attestation(row.envelope, KEY.public_key(), package.digest)
            assert made.statement.predicate.passed
            assert made.statement.predicate.requirements == "sha256:few"
        logged = [data for _, kind, data in read_entries(session, 0, 99) if "evidence" in kind]
        assert logged == [log_leaf(row.envelope) for row in rows]
        progress = queries.progress(session, rules, AUTHOR, NAME, "1.0.0")
        assert (progress.status, progress.finished) == ("passed", True)
    assert run(engine, runtime, machines, few) == 0


def test_a_bad_package_stays_a_draft_and_says_why(
    engine: Engine,
    rules: CompiledRules,
    package: Package,
    runtime: Runtime,
    machines: Machines,
    few: RequirementTable,
):
    bad = with_files(package, contract_py=package.source + "\nSEEN: list[str] = []\n")
    submit(engine, rules, bad, runtime)
    assert run(engine, runtime, machines, few) == 1
    assert state(engine) == State.DRAFT
    with reading(engine) as session:
        progress = queries.progress(session, rules, AUTHOR, NAME, "1.0.0")
        assert (progress.status, progress.message) == ("failed", "lint: 1 finding(s)")


def test_a_killed_worker_is_followed_by_another_that_repeats_nothing(
    engine: Engine,
    rules: CompiledRules,
    package: Package,
    runtime: Runtime,
    machines: Machines,
    few: RequirementTable,
    monkeypatch: pytest.MonkeyPatch,
):
    submit(engine, rules, package, runtime)
    die_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        run(engine, runtime, machines, few)
    assert claim(engine, AT + dt.timedelta(seconds=1)) is None
    assert state(engine) == State.DRAFT
    assert run(engine, runtime, machines, few, AT + CLAIM) == 1
    assert state(engine) == State.GATED
    with reading(engine) as session:
        gates = [row.gate for row in store.evidence_rows(session, package.digest)]
    assert gates == list(few.high.gates)


def test_a_job_that_kills_its_workers_is_broken_in_the_end(
    engine: Engine, rules: CompiledRules, package: Package, runtime: Runtime
):
    submit(engine, rules, package, runtime)
    moments = [AT + n * CLAIM for n in range(MAX_ATTEMPTS + 1)]
    assert [claim(engine, at) is not None for at in moments] == [True] * MAX_ATTEMPTS + [False]
    with writing(engine) as session:
        assert store.job_row(session, package.digest).status == "broken"
        jobs.requeue(session, NAME, "1.0.0", AT)
    assert claim(engine, AT) == package.digest


def test_a_job_that_gets_on_is_never_called_broken(
    engine: Engine,
    rules: CompiledRules,
    package: Package,
    runtime: Runtime,
    machines: Machines,
    few: RequirementTable,
    monkeypatch: pytest.MonkeyPatch,
):
    submit(engine, rules, package, runtime)
    before = [AT + n * CLAIM for n in range(MAX_ATTEMPTS - 1)]
    assert all(claim(engine, at) for at in before)  # and their workers die at once
    last = before[-1] + CLAIM

    die_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        run(engine, runtime, machines, few, last)
    assert claim(engine, last + CLAIM) == package.digest


def test_a_gate_whose_process_is_killed_is_run_again(
    engine: Engine,
    rules: CompiledRules,
    package: Package,
    runtime: Runtime,
    machines: Machines,
    few: RequirementTable,
    monkeypatch: pytest.MonkeyPatch,
):
    submit(engine, rules, package, runtime)
    small = msgspec.structs.replace(few.high, gates=("form", "types"))
    few = RequirementTable(small, small, small)
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with monkeypatch.context() as patched:
        patched.setattr(types, "_LIMITED", killed)
        run(engine, runtime, machines, few)
    with reading(engine) as session:
        progress = queries.progress(session, rules, AUTHOR, NAME, "1.0.0")
        assert (progress.status, "checker was killed" in progress.message) == ("running", True)
    assert claim(engine, AT) is None
    assert run(engine, runtime, machines, few, AT + jobs.AGAIN) == 1
    assert state(engine) == State.GATED


def test_a_later_version_is_compared_with_the_one_in_force(
    engine: Engine,
    rules: CompiledRules,
    package: Package,
    runtime: Runtime,
    machines: Machines,
    few: RequirementTable,
):
    submit(engine, rules, package, runtime)
    run(engine, runtime, machines, few)
    with writing(engine) as session:
        deployment.propose(session, NAME, "1.0.0", AT)
        voted_on = deployment.binding(session, NAME, "1.0.0", rules.digest)
        deployment.approve(
            session, NAME, "1.0.0", AT, voted_on=voted_on, rule_set=voted_on.rule_set
        )
        deployment.bring_into_force(session, NAME, "1.0.0", AT)
    source = package.source.replace("if want != got:", "if want != got and got > 5:")
    submit(engine, rules, at_version(package, "1.0.1", source), runtime)
    run(engine, runtime, machines, few)
    assert state(engine, "1.0.1") == State.DRAFT
    with reading(engine) as session:
        row = store.version_row(session, NAME, "1.0.1")
        evidence = store.latest_evidence(session, row.digest)
    assert row.base_digest == package.digest
    made = read_attestation(evidence["examples"].envelope, KEY.public_key(), row.digest)
    assert made.statement.predicate.predecessor == package.digest


def test_requirements_are_read_from_their_file():
    table, digest = requirements.shipped_requirements()
    assert table.high.mutants_killed_percent == 90
    assert digest.startswith("sha256:")
    assert set(table.high.gates) == set(GATES)
