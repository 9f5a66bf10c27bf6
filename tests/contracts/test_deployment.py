import datetime as dt

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from contracts import deployment, store
from contracts.errors import (
    BindingChanged,
    DigestMismatch,
    LiveStates,
    RuntimeUnknown,
    SubmissionMismatch,
    TransitionRefused,
    VersionConflict,
    VersionNotFound,
)
from contracts.in_force import approved, runtimes_in_use, standing
from contracts.lifecycle import State
from contracts.packages import Package
from ledger.database import reading, writing
from ledger.log.sequencer import LogEntry, append
from ledger.log.store import log_size, read_entries
from ledger.standing import Standing
from ledger.verification import ContractVersion
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Denied
from tests.contracts.versions import AT, AUTHOR, RUNTIME, at_version, opened, signed

NAME = "beneficial_right"


def submit(session: Session, rules: CompiledRules, package: Package) -> deployment.Submission:
    said = opened(signed(package))
    return deployment.submit(session, rules, AUTHOR, said, package.archive(), {RUNTIME}, AT)


def state(session: Session, version: str = "1.0.0") -> str:
    return store.version_row(session, NAME, version).state


def in_force(session: Session) -> str:
    [found] = [
        row.version
        for row in store.versions_of(session, NAME)
        if standing(session, ContractVersion(NAME, row.version, row.digest), AT)
        is Standing.IN_FORCE
    ]
    return found


def make_active(session: Session, version: str, log_index: int | None = None) -> None:
    deployment.gates_passed(session, NAME, version, AT)
    deployment.propose(session, NAME, version, AT)
    voted_on = deployment.binding(session, NAME, version, "rules")
    deployment.approve(session, NAME, version, AT, voted_on=voted_on, rule_set=voted_on.rule_set)
    index = log_size(session) if log_index is None else log_index
    deployment.schedule(session, NAME, version, AT, log_index=index)
    deployment.activate_due(session, AT)


def test_a_submission_is_a_draft_and_an_entry_of_the_log(
    engine: Engine, rules: CompiledRules, package: Package
):
    with writing(engine) as session:
        answer = submit(session, rules, package)
        assert (answer.created, answer.state) == (True, State.DRAFT)
    with reading(engine) as session:
        assert deployment.source(session, package.digest) == package.source
        [(_, kind, data)] = read_entries(session, 0, 10)
        assert (kind, data[:10]) == ("contract-package", signed(package)[:10])


def test_the_same_again_changes_nothing(engine: Engine, rules: CompiledRules, package: Package):
    with writing(engine) as session:
        submit(session, rules, package)
        again = submit(session, rules, package)
        assert not again.created
        assert log_size(session) == 1


def test_refused_submissions(engine: Engine, rules: CompiledRules, package: Package):
    other = at_version(package, "1.0.0", package.source + "\n# changed\n")
    lower = at_version(package, "0.9.0")
    cases = [
        (VersionConflict, opened(signed(other)), other, {RUNTIME}, AUTHOR),
        (VersionConflict, opened(signed(lower)), lower, {RUNTIME}, AUTHOR),
        (DigestMismatch, opened(signed(other)), package, {RUNTIME}, AUTHOR),
        (
            SubmissionMismatch,
            opened(signed(lower, digest=package.digest)),
            package,
            {RUNTIME},
            AUTHOR,
        ),
        (RuntimeUnknown, opened(signed(at_version(package, "2.0.0"))), None, set[str](), AUTHOR),
        (Denied, opened(signed(package)), package, {RUNTIME}, Actor("nobody")),
    ]
    with writing(engine) as session:
        submit(session, rules, package)
        for error, said, sent, runtimes, actor in cases:
            archive = (sent or at_version(package, "2.0.0")).archive()
            with pytest.raises(error):
                deployment.submit(session, rules, actor, said, archive, runtimes, AT)
        assert log_size(session) == 1


def test_everything_that_is_wrong_with_a_submission_is_told_at_once(
    engine: Engine, rules: CompiledRules, package: Package
):
    said = opened(signed(package, digest="sha256:" + "0" * 64, version="0.9.0"))
    with writing(engine) as session:
        submit(session, rules, package)
        with pytest.raises(DigestMismatch) as caught:
            deployment.submit(session, rules, AUTHOR, said, package.archive(), set(), AT)
    found = [(fault.where, fault.line) for fault in caught.value.faults]
    assert found == [
        ("statement.digest", None),
        ("contract.toml", 2),
        ("statement.runtime", None),
        ("contract.toml", 2),
    ]
    assert "does not rise above 1.0.0" in caught.value.faults[-1].message


def test_a_life_from_draft_to_retired(engine: Engine, rules: CompiledRules, package: Package):
    with writing(engine) as session:
        submit(session, rules, package)
        make_active(session, "1.0.0")
        first = ContractVersion(NAME, "1.0.0", package.digest)
        assert deployment.active_version(session, NAME, log_size(session)) == first
        assert standing(session, first, AT) is Standing.IN_FORCE
        submit(session, rules, at_version(package, "1.1.0"))
        make_active(session, "1.1.0", log_size(session) + 2)
        assert state(session, "1.1.0") == State.SCHEDULED
        append(session, [LogEntry("x", b"1"), LogEntry("x", b"2")])
        assert [v.version for v in deployment.activate_due(session, AT)] == ["1.1.0"]
        assert state(session) == State.DEPRECATED
        assert in_force(session) == "1.1.0"
        assert deployment.active_version(session, NAME, 1) == first
        assert standing(session, first, AT) is Standing.DEPRECATED
        with pytest.raises(LiveStates):
            deployment.retire(session, NAME, "1.0.0", AT, live_states=3)
        deployment.retire(session, NAME, "1.0.0", AT, live_states=3, migration="1.1.0")
        assert standing(session, first, AT) is Standing.RETIRED
        assert deployment.source(session, first.digest) == package.source


def test_a_version_is_judged_with_what_was_approved(
    engine: Engine, rules: CompiledRules, package: Package
):
    version = ContractVersion(NAME, "1.0.0", package.digest)
    with writing(engine) as session:
        assert standing(session, version, AT) is Standing.UNKNOWN
        submit(session, rules, package)
        assert standing(session, version, AT) is Standing.NOT_YET
        assert runtimes_in_use(session) == []
        make_active(session, "1.0.0")
        assert runtimes_in_use(session) == [RUNTIME]
        found = approved(session, version)
        assert (found.runtime, found.contract.source) == (RUNTIME, package.source)
        assert found.contract.gas_limit == package.manifest.gas_limit
        forged = ContractVersion(NAME, "1.0.0", "sha256:" + "0" * 64)
        assert standing(session, forged, AT) is Standing.UNKNOWN
        with pytest.raises(VersionNotFound, match="has digest"):
            approved(session, forged)


def test_activation_counts_from_its_index_even_before_it_is_noted(
    engine: Engine, rules: CompiledRules, package: Package
):
    with writing(engine) as session:
        submit(session, rules, package)
        make_active(session, "1.0.0", log_size(session) + 1)
        index = log_size(session) + 1
        assert deployment.active_version(session, NAME, index - 1) is None
        append(session, [LogEntry("x", b"1")])
        before = deployment.active_version(session, NAME, index)
        deployment.activate_due(session, AT)
        assert before == deployment.active_version(session, NAME, index)
        assert deployment.active_version(session, NAME, index - 1) is None


def test_a_rollback_is_a_new_activation(engine: Engine, rules: CompiledRules, package: Package):
    with writing(engine) as session:
        submit(session, rules, package)
        make_active(session, "1.0.0")
        submit(session, rules, at_version(package, "2.0.0"))
        make_active(session, "2.0.0")
        deployment.propose(session, NAME, "1.0.0", AT)
        voted_on = deployment.binding(session, NAME, "1.0.0", "rules")
        deployment.approve(
            session, NAME, "1.0.0", AT, voted_on=voted_on, rule_set=voted_on.rule_set
        )
        append(session, [LogEntry("x", b"1")])
        deployment.schedule(session, NAME, "1.0.0", AT, log_index=log_size(session))
        deployment.activate_due(session, AT)
        assert in_force(session) == "1.0.0"
        assert state(session, "2.0.0") == State.DEPRECATED


def test_an_approval_is_void_when_what_it_was_bound_to_changed(
    engine: Engine, rules: CompiledRules, package: Package
):
    with writing(engine) as session:
        submit(session, rules, package)
        make_active(session, "1.0.0")
        for version in ("1.1.0", "1.2.0"):
            submit(session, rules, at_version(package, version))
        deployment.gates_passed(session, NAME, "1.1.0", AT)
        deployment.propose(session, NAME, "1.1.0", AT)
        voted_on = deployment.binding(session, NAME, "1.1.0", "rules")
        make_active(session, "1.2.0")
        with pytest.raises(BindingChanged) as caught:
            deployment.approve(
                session, NAME, "1.1.0", AT, voted_on=voted_on, rule_set=voted_on.rule_set
            )
        assert [fault.where for fault in caught.value.faults] == ["base"]


def test_gates_run_again_when_another_version_came_into_force(
    engine: Engine, rules: CompiledRules, package: Package
):
    with writing(engine) as session:
        submit(session, rules, package)
        late = at_version(package, "1.1.0")
        submit(session, rules, late)
        deployment.gates_passed(session, NAME, "1.1.0", AT)
        make_active(session, "1.0.0")
        with pytest.raises(BindingChanged, match="no longer in force"):
            deployment.propose(session, NAME, "1.1.0", AT)
        deployment.reopen(session, NAME, "1.1.0", AT)
        assert state(session, "1.1.0") == State.DRAFT
        assert store.job_row(session, late.digest).status == "waiting"
        make_active(session, "1.1.0")
        assert in_force(session) == "1.1.0"


def test_a_freeze_stops_at_once_and_ends_by_itself(
    engine: Engine, rules: CompiledRules, package: Package
):
    with writing(engine) as session:
        submit(session, rules, package)
        make_active(session, "1.0.0")
        until = AT + dt.timedelta(hours=72)
        deployment.freeze(session, NAME, "1.0.0", AT, until=until, reason="fault")
        first = ContractVersion(NAME, "1.0.0", package.digest)
        assert standing(session, first, AT) is Standing.FROZEN
        with pytest.raises(TransitionRefused):
            deployment.freeze(session, NAME, "1.0.0", AT, until=until + dt.timedelta(seconds=1))
        assert standing(session, first, until) is Standing.IN_FORCE
        deployment.thaw(session, NAME, "1.0.0", AT)
        assert in_force(session) == "1.0.0"


def test_a_version_frozen_while_scheduled_waits(
    engine: Engine, rules: CompiledRules, package: Package
):
    with writing(engine) as session:
        submit(session, rules, package)
        index = log_size(session) + 1
        make_active(session, "1.0.0", index)
        until = AT + dt.timedelta(hours=1)
        deployment.freeze(session, NAME, "1.0.0", AT, until=until)
        append(session, [LogEntry("x", bytes([n + 1])) for n in range(5)])
        assert deployment.activate_due(session, AT) == []
        assert deployment.active_version(session, NAME, index) is None
        assert len(deployment.activate_due(session, until)) == 1
        assert deployment.active_version(session, NAME, index) is None
        assert deployment.active_version(session, NAME, log_size(session)) is not None
