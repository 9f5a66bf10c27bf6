"""Decisions over HTTP, with the problem documents of the one table."""

from collections.abc import Iterator

import msgspec
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from governance.decisions.actions import Suspend
from governance.decisions.parameters import NetworkParameters
from governance.decisions.routes import ROUTES
from governance.decisions.statements import (
    DECISION,
    PARAMETERS,
    Decision,
    Proposal,
    Vote,
    Withdrawal,
)
from governance.problems import answer
from ledger.statements import read_envelope, read_statement
from policies.actors import Actor
from tests.decisions.world import World, rules

SUSPEND = Suspend(member_id="custody-b", reason="reports are late")


@pytest.fixture
def http(consortium: World) -> Iterator[TestClient[Litestar]]:
    reader = Actor("auditor", frozenset({"auditor"}))
    provided = {
        "actor": lambda: reader,
        "database": lambda: consortium.engine,
        "at": lambda: consortium.at,
        "rules": rules,
        "decisions": lambda: consortium.services,
    }
    dependencies = {k: Provide(v, sync_to_thread=False) for k, v in provided.items()}
    app = Litestar(ROUTES, dependencies=dependencies, exception_handlers={Exception: answer})
    with TestClient(app) as client:
        yield client


def opened(http: TestClient[Litestar], world: World) -> str:
    body = world.sign("trust-a", "proposal", Proposal((SUSPEND,), {}, "reports"))
    answered = http.post("/v1/proposals", content=body)
    assert answered.status_code == 201, answered.text
    assert answered.json()["status"] == "open"
    return str(answered.json()["id"])


def cast(http: TestClient[Litestar], world: World, member: str, role: str, proposal: str):
    body = world.sign(member, "vote", Vote(proposal, role, approve=True))
    return http.post(f"/v1/proposals/{proposal}/votes", content=body)


def test_a_proposal_from_opening_to_its_signed_record(
    http: TestClient[Litestar], consortium: World
):
    proposal = opened(http, consortium)
    assert http.get(f"/v1/proposals/{proposal}/decision").status_code == 404
    assert cast(http, consortium, "trust-a", "registrar", proposal).json()["status"] == "open"
    view = http.get(f"/v1/proposals/{proposal}").json()
    seats = {seat["seat"]: seat for seat in view["seats"]}
    assert seats["platform administrator"]["missing"] == ["platform"]
    assert seats["another operating partner"]["approved"] == ["trust-a"]
    assert seats["another operating partner"]["excluded"] == {
        "custody-b": "custody-b does not decide about itself"
    }
    done = cast(http, consortium, "platform", "platform_administrator", proposal)
    assert done.json() == {"id": proposal, "status": "approved"}
    record = http.get(f"/v1/proposals/{proposal}/decision")
    decision = read_statement(read_envelope(record.content), DECISION, Decision)
    assert (decision.body.proposal, decision.author) == (proposal, "platform")
    closed = http.get(f"/v1/proposals/{proposal}").json()
    assert (closed["status"], closed["seats"]) == (
        "approved",
        msgspec.json.decode(msgspec.json.encode(decision.body.seats)),
    )


def test_refusals_are_problem_documents(http: TestClient[Litestar], consortium: World):
    proposal = opened(http, consortium)
    wrong = cast(http, consortium, "custody-a", "registrar", proposal)
    assert (wrong.status_code, wrong.json()["type"]) == (403, "urn:sekisho:problem:not-entitled")
    cast(http, consortium, "trust-a", "registrar", proposal)
    twice = cast(http, consortium, "trust-a", "registrar", proposal)
    assert (twice.status_code, twice.json()["type"]) == (409, "urn:sekisho:problem:already-voted")
    nowhere = cast(http, consortium, "trust-a", "registrar", "sha256:" + "0" * 64)
    assert (nowhere.status_code, nowhere.json()["type"]) == (
        404,
        "urn:sekisho:problem:proposal-unknown",
    )
    body = consortium.sign("trust-a", "vote", Vote(proposal, "registrar", approve=True))
    elsewhere = http.post("/v1/proposals/sha256:0/votes", content=body)
    assert elsewhere.status_code == 404


def test_withdrawal_over_http(http: TestClient[Litestar], consortium: World):
    proposal = opened(http, consortium)
    body = consortium.sign("trust-a", "withdrawal", Withdrawal(proposal, "done otherwise"))
    answered = http.post(f"/v1/proposals/{proposal}/withdrawal", content=body)
    assert answered.json()["status"] == "withdrawn"
    late = cast(http, consortium, "trust-b", "registrar", proposal)
    assert late.json()["type"] == "urn:sekisho:problem:proposal-closed"


def test_list_goes_through_pages_newest_first(http: TestClient[Litestar], consortium: World):
    last = opened(http, consortium)
    first = http.get("/v1/proposals", params={"limit": 2}).json()
    assert first["proposals"][0]["id"] == last
    seen = [line["id"] for line in first["proposals"]]
    cursor = first["next"]
    while cursor:
        page = http.get("/v1/proposals", params={"limit": 2, "cursor": cursor}).json()
        seen += [line["id"] for line in page["proposals"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 6
    assert [
        p["id"] for p in http.get("/v1/proposals", params={"status": "open"}).json()["proposals"]
    ] == [last]
    assert http.get("/v1/proposals", params={"cursor": "???"}).status_code == 400


def test_parameters_come_signed(http: TestClient[Litestar], consortium: World):
    signed = read_envelope(http.get("/v1/parameters").content)
    assert (
        read_statement(signed, PARAMETERS, NetworkParameters).body == consortium.state().parameters
    )
    assert http.get("/v1/parameters", params={"version": 9}).status_code == 404


def test_rules_bindings_and_forecast(http: TestClient[Litestar], consortium: World):
    assert http.get("/v1/governance/voting-rules").json()["freeze_hours"] == 72
    assert "voting_rules" in http.get("/v1/governance/bindings").json()
    (first, *_) = http.get("/v1/governance/forecast", params={"days": 60}).json()
    assert "trust-a" in first["remind"]


def test_document_is_deposited_by_those_who_may_vote(http: TestClient[Litestar], consortium: World):
    assert http.post("/v1/governance/documents", content=b"p,").status_code == 403
    digest = consortium.deposit("trust-a", b"p, a text")
    assert http.get(f"/v1/governance/documents/{digest}").content == b"p, a text"
    assert http.get("/v1/governance/documents/sha256:0").status_code == 404
