"""Every version is judged on the runtime that it was approved with, whatever else is there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import RuntimeInvalid, RuntimeUnknown
from contracts.sandbox import runtime as runtimes
from contracts.sandbox.pool import Sandboxed
from contracts.sandbox.pools import Approved, Pools, SandboxVerifier
from contracts.sandbox.runtime import Runtime
from contracts.sandbox.verdicts import Accepted, OutOfGas, Rejected, Unavailable
from ledger.verification import ContractVersion, VerificationRequest, Verifier
from tests.sandbox.conftest import CONSERVING, SMALL

HONEST = ContractVersion("honest", "1.0.0", "sha256:1")
LOOP = ContractVersion("loop", "1.0.0", "sha256:2")
BROKEN = ContractVersion("broken", "1.0.0", "sha256:3")
ELSEWHERE = ContractVersion("honest", "2.0.0", "sha256:4")
OTHER = "sha256:" + "7" * 64
ENDLESS = Sandboxed("def verify(tx):\n    while True: pass", 1_000_000)


@pytest.fixture
def pools(runtime: Runtime) -> Iterator[Pools]:
    made = Pools({runtime.id: runtime}.get, size=1)
    made.prepare(runtime.id)
    yield made
    made.close()


def asked(*versions: ContractVersion) -> list[VerificationRequest]:
    return [VerificationRequest(version, SMALL) for version in versions]


def test_a_mixed_batch_is_answered_in_order(pools: Pools, runtime: Runtime):
    contracts = {
        HONEST: Approved(runtime.id, Sandboxed(CONSERVING)),
        LOOP: Approved(runtime.id, ENDLESS),
        BROKEN: Approved(runtime.id, Sandboxed("def verify(")),
    }
    verifier: Verifier = SandboxVerifier(pools, contracts.__getitem__)
    answers = verifier.verify(asked(HONEST, LOOP, BROKEN, HONEST, LOOP))
    kinds = [Accepted, OutOfGas, Rejected, Accepted, OutOfGas]
    assert [type(answer) for answer in answers] == kinds
    assert answers[0] == answers[3]
    assert isinstance(answers[2], Rejected)
    assert answers[2].line == 1


def test_an_unknown_version_is_the_caller_s_error(pools: Pools):
    with pytest.raises(KeyError):
        SandboxVerifier(pools, {}.__getitem__).verify(asked(HONEST))


def test_a_version_on_a_runtime_that_is_not_here_is_not_judged_on_another(
    pools: Pools, runtime: Runtime
):
    contracts = {
        HONEST: Approved(runtime.id, Sandboxed(CONSERVING)),
        ELSEWHERE: Approved(OTHER, Sandboxed(CONSERVING)),
    }
    answers = SandboxVerifier(pools, contracts.__getitem__).verify(asked(ELSEWHERE, HONEST))
    assert [type(answer) for answer in answers] == [Unavailable, Accepted]
    assert OTHER in getattr(answers[0], "reason", "")
    with pytest.raises(RuntimeUnknown):
        pools.prepare(OTHER)


def test_an_artifact_that_was_changed_judges_nothing(runtime: Runtime, tmp_path: Path):
    there = runtimes.adopt(runtime.artifact.read_bytes(), tmp_path)
    there.artifact.write_bytes(there.artifact.read_bytes()[:-1] + b"\xff")
    changed = Pools(lambda identity: runtimes.find(identity, tmp_path), size=1)
    contracts = {HONEST: Approved(runtime.id, Sandboxed(CONSERVING))}
    [answer] = SandboxVerifier(changed, contracts.__getitem__).verify(asked(HONEST))
    assert isinstance(answer, Unavailable)
    assert "it was changed" in answer.reason
    with pytest.raises(RuntimeInvalid):
        changed.prepare(runtime.id)
    changed.close()


def test_a_runtime_that_comes_later_is_used_then(runtime: Runtime):
    here: dict[str, Runtime] = {}
    pools = Pools(here.get, size=1)
    assert isinstance(pools.get(runtime.id), Unavailable)
    here[runtime.id] = runtime
    assert not isinstance(pools.get(runtime.id, 60.0), Unavailable)
    pools.close()
    assert isinstance(pools.get(runtime.id), Unavailable)


def test_a_transaction_does_not_wait_for_a_runtime_that_is_being_made(runtime: Runtime):
    pools = Pools({runtime.id: runtime}.get, size=1)
    late = pools.get(runtime.id, 0.0)
    assert isinstance(late, Unavailable)
    assert "being made ready" in late.reason
    assert pools.prepare(runtime.id).size == 1
    pools.close()


@pytest.mark.slow
def test_two_runtimes_judge_each_its_own_versions(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The other one is built from a guest that cuts messages at ten characters."""
    guest = tmp_path / "guest"
    shutil.copytree(runtimes._GUEST, guest)
    program = guest / "judging.py"
    text = program.read_text()
    program.write_text(text.replace("MESSAGE_LIMIT = 1_000", "MESSAGE_LIMIT = 10"))
    monkeypatch.setattr(runtimes, "_GUEST", guest)
    other = runtimes.obtain(tmp_path / "cache")
    assert other.id != runtime.id
    pools = Pools({runtime.id: runtime, other.id: other}.get, size=1)
    refusing = Sandboxed(
        "from contracts.author import Rejected\n"
        "def verify(tx): raise Rejected('E_LONG', 'a message of many words')"
    )
    contracts = {HONEST: Approved(runtime.id, refusing), ELSEWHERE: Approved(other.id, refusing)}
    verifier = SandboxVerifier(pools, contracts.__getitem__)
    for identity in (runtime.id, other.id):
        pools.prepare(identity)
    said = [getattr(a, "message", a) for a in verifier.verify(asked(HONEST, ELSEWHERE, HONEST))]
    assert said == ["a message of many words", "a message ", "a message of many words"]
    pools.close()
