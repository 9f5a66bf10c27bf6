"""The life of a version over HTTP, from submission to retirement, and what is refused."""

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from contracts.evidence import read_attestation
from contracts.reattesting import Comparison
from governance.audit import audit
from governance.cli import cli
from governance.client import attesting, governing, ledgering
from governance.client import contracts as authoring
from governance.client.connection import Connection, Refused
from governance.decisions.actions import (
    Action,
    ApproveContract,
    ConfirmFreeze,
    DeprecateContract,
    FreezeContract,
    RetireContract,
    UnfreezeContract,
)
from governance.demo.scenario import CONTRACT
from ledger.log.sources import UrlSource
from tests.governed.versions import FIRST_DAY, later, path
from tests.http.joining import approve, decide
from tests.http.network import Served
from tests.http.payments import PATH, Payment, payment


def state(served: Served, version: str) -> str:
    return str(served.chair.get(path(version))["state"])


def submitted(served: Served, folder: Path) -> dict[str, Any]:
    """Submit a package as its author; return how its gates ended."""
    author = served.member("trust-a")
    runtime = ledgering.read_parameters(author).runtimes[0]
    draft = authoring.submit(author, folder, runtime)
    return authoring.wait_for_gates(author, draft["name"], draft["version"])


def refused(connection: Connection, *actions: Action) -> Refused:
    with pytest.raises(Refused) as caught:
        governing.propose(connection, actions, "a test tries it")
    return caught.value


def proposed(connection: Connection, *actions: Action) -> str:
    return str(governing.propose(connection, actions, "a test wants it")["id"])


def pay(served: Served, made: Payment | None = None) -> Any:
    """Send a payment, or one under the version in force; return the answer."""
    made = made or payment(served)
    header = {"Content-Type": "application/json", **served.token(made.creator)}
    return served.http.post(PATH, content=made.signed().data, headers=header)


def status_of(served: Served, member: str, version: str) -> str:
    """Return what `sekisho contract status` prints for a member."""
    folder = str(served.member(member).own_folder().path)
    command = ["contract", "status", CONTRACT, version, "--folder", folder]
    shown = CliRunner().invoke(cli, command, catch_exceptions=False, terminal_width=200)
    return " ".join(shown.output.split())


def test_the_life_of_a_version(governed: Served, tmp_path: Path):
    served = governed
    the_first_version_came_by_vote(served)
    the_evidence_is_signed_by_the_key_that_members_pinned(served)
    an_unannounced_change_is_caught(served, tmp_path)
    an_announced_change_is_shown_and_approved(served, tmp_path)
    a_rollback_activates_the_old_digest(served)
    a_freeze_stops_it_at_once(served)
    nothing_is_retired_that_is_needed(served)
    with httpx.Client() as client:
        report = audit(UrlSource(served.settings.url + "/log", client), served.scenario.anchors)
    assert report.kinds["contract-package"] == 3
    assert report.kinds["contract-recheck"] == report.kinds["contract-attestation"] == 1
    states = {c.version: str(c.status) for c in report.state.contracts.values()}
    assert states == {"1.0.0": "active", "1.2.0": "retired"}


def the_first_version_came_by_vote(served: Served) -> None:
    life = served.chair.get(path("1.0.0") + "/life")
    steps = ["submit", "pass_gates", "propose", "approve", "schedule", "activate"]
    assert [step["step"] for step in life] == steps
    evidence = served.chair.get(path("1.0.0") + "/evidence")
    assert all(each["passed"] for each in evidence)
    assert state(served, "1.0.0") == "active"


def the_evidence_is_signed_by_the_key_that_members_pinned(served: Served) -> None:
    other = served.member("trust-b")
    key = attesting.service_key(served.settings.url, served.scenario.anchors)
    version = other.get(path("1.0.0"))
    for each in other.get(path("1.0.0") + "/evidence"):
        envelope = json.dumps(each["envelope"]).encode()
        made = read_attestation(envelope, key, version["digest"])
        assert made.payload_digest == each["payload_digest"]
    found = attesting.fetch_runtime(other, version["runtime"])
    assert found.id == version["runtime"]
    same = [
        Comparison(e["gate"], "", e["payload_digest"], True, ())
        for e in other.get(path("1.0.0") + "/evidence")
    ]
    told = attesting.attest(other, CONTRACT, "1.0.0", same)
    assert all(each["same"] for each in told)
    assert other.get(path("1.0.0") + "/attestations") == told


def an_unannounced_change_is_caught(served: Served, tmp_path: Path) -> None:
    folder = later(served, tmp_path / "unannounced", "1.1.0", announced=False)
    outcome = submitted(served, folder)
    assert outcome["status"] == "failed", outcome
    assert "replay" in outcome["message"]
    assert state(served, "1.1.0") == "draft"
    shown = status_of(served, "trust-b", "1.1.0")
    assert "replay found 1 fault(s)" in shown
    assert "NEWLY REJECTED: " in shown
    assert "before: accepted" in shown
    assert "now: rejected with E_SETTLEMENT" in shown
    assert "no gated version" in str(refused(served.member("trust-a"), approval("1.1.0")))
    with pytest.raises(Refused) as caught:
        authoring.recheck(served.member("trust-b"), CONTRACT, "1.1.0", "curious")
    assert caught.value.slug == "denied"
    authoring.recheck(served.chair, CONTRACT, "1.1.0", "to be sure")
    again = authoring.wait_for_gates(served.chair, CONTRACT, "1.1.0")
    assert (again["status"], again["message"]) == ("failed", outcome["message"])


def an_announced_change_is_shown_and_approved(served: Served, tmp_path: Path) -> None:
    outcome = submitted(served, later(served, tmp_path / "announced", "1.2.0", announced=True))
    assert outcome["status"] == "passed", outcome
    evidence = {e["gate"]: e for e in served.chair.get(path("1.2.0") + "/evidence")}
    found = json.loads(base64.b64decode(evidence["replay"]["envelope"]["payload"]))
    assert "newly_rejected" in json.dumps(found["predicate"]["details"])
    assert f"{CONTRACT}@1.2.0" == found["subject"][0]["name"]
    author, other = served.member("trust-a"), served.member("trust-b")
    proposal = proposed(author, approval("1.2.0"))
    with pytest.raises(Refused) as caught:
        governing.vote(author, proposal, approve=True)
    assert caught.value.slug == "not-entitled"
    assert governing.vote(other, proposal, approve=True)["status"] == "open"
    seats = {s["seat"]: s for s in served.chair.get(f"/v1/proposals/{proposal}")["seats"]}
    users = seats["registrars whose rights use it"]
    assert (users["approved"], list(users["excluded"])) == (["trust-b"], ["trust-a"])
    assert seats["platform administrator"]["missing"] == ["platform"]
    assert approve(served, proposal) == "approved"
    assert (state(served, "1.0.0"), state(served, "1.2.0")) == ("deprecated", "active")
    assert pay(served).status_code == 201
    assert FIRST_DAY in (tmp_path / "announced/contract.toml").read_text()


def a_rollback_activates_the_old_digest(served: Served) -> None:
    before = served.chair.get(path("1.0.0"))["digest"]
    assert decide(served, approval("1.0.0")) == "approved"
    found = served.chair.get(path("1.0.0"))
    assert (found["state"], found["in_force"], found["digest"]) == ("active", True, before)
    assert state(served, "1.2.0") == "deprecated"
    assert pay(served).status_code == 201


def a_freeze_stops_it_at_once(served: Served) -> None:
    composed_before = payment(served)
    freeze = FreezeContract(name=CONTRACT, version="1.0.0", reason="wrong sums")
    assert refused(served.member("trust-b"), freeze).slug == "not-entitled"
    proposal = proposed(served.chair, freeze)
    assert governing.vote(served.chair, proposal, approve=True)["status"] == "approved"
    assert state(served, "1.0.0") == "frozen"
    answer = pay(served, composed_before)
    assert answer.status_code == 409, answer.text
    assert answer.json()["type"].endswith(":contract-frozen")
    assert f"{CONTRACT} 1.0.0 is frozen" in answer.json()["detail"]
    confirm = ConfirmFreeze(name=CONTRACT, version="1.0.0")
    assert decide(served, confirm) == "approved"
    assert served.chair.get(path("1.0.0"))["frozen_until"] is None
    assert "confirmed already" in str(refused(served.chair, confirm))
    thaw = UnfreezeContract(name=CONTRACT, version="1.0.0")
    assert decide(served, thaw) == "approved"
    assert pay(served).status_code == 201
    assert "is active; expected frozen" in str(refused(served.chair, thaw))


def nothing_is_retired_that_is_needed(served: Served) -> None:
    early = RetireContract(name=CONTRACT, version="1.0.0")
    assert "is active; expected" in str(refused(served.chair, early))
    deprecate = DeprecateContract(name=CONTRACT, version="1.0.0")
    assert decide(served, deprecate) == "approved"
    assert "no version is active" in str(refused(served.chair, early))
    assert decide(served, approval("1.0.0")) == "approved"
    assert decide(served, RetireContract(name=CONTRACT, version="1.2.0")) == "approved"
    assert state(served, "1.2.0") == "retired"
    assert "is retired; expected" in str(refused(served.chair, approval("1.2.0")))
    assert pay(served).status_code == 201


def approval(version: str) -> ApproveContract:
    return ApproveContract(name=CONTRACT, version=version)
