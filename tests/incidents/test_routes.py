"""Incidents over HTTP."""

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from governance.incidents.routes import ROUTES
from governance.incidents.services import IncidentServices
from governance.incidents.statements import Acknowledgement, Closing, Escalation, Report
from governance.problems import answer
from policies.actors import Actor
from tests.decisions.world import HOUR, World, rules


@pytest.fixture
def http(world: World, services: IncidentServices) -> Iterator[TestClient[Litestar]]:
    provided = {
        "actor": lambda: Actor("custody-b", frozenset({"custodian"})),
        "database": lambda: world.engine,
        "at": lambda: world.at,
        "rules": rules,
        "incidents": lambda: services,
    }
    dependencies = {k: Provide(v, sync_to_thread=False) for k, v in provided.items()}
    app = Litestar(ROUTES, dependencies=dependencies, exception_handlers={Exception: answer})
    with TestClient(app) as client:
        yield client


def reported(http: TestClient[Litestar], world: World) -> str:
    body = Report("register_wrong", "BR001", "trust-a", "it shows too much", world.at)
    answered = http.post("/v1/incidents", content=world.sign("custody-a", "incident", body))
    assert answered.status_code == 201, answered.text
    return str(answered.json()["id"])


def test_an_incident_from_report_to_summary(http: TestClient[Litestar], world: World):
    incident = reported(http, world)
    said = (
        ("acknowledgement", Acknowledgement(incident, "on it"), "acknowledged"),
        ("escalation", Escalation(incident, "needs the platform"), "acknowledged"),
    )
    for part, body, status in said:
        signed = world.sign("trust-a", f"incident-{part}", body)
        answered = http.post(f"/v1/incidents/{incident}/{part}", content=signed)
        assert (answered.status_code, answered.json()["status"]) == (201, status)
    assert answered.json()["answerable"] == "platform"
    world.at += HOUR
    closing = world.sign("platform", "incident-closing", Closing(incident, "a", "b", world.at))
    closed = http.post(f"/v1/incidents/{incident}/closing", content=closing)
    assert closed.json()["status"] == "closed"
    view = http.get(f"/v1/incidents/{incident}").json()
    assert [m["author"] for m in view["timeline"]] == [
        "custody-a",
        "trust-a",
        "trust-a",
        "platform",
    ]
    levels = http.get("/v1/service-levels", params={"month": "2026-01"}).json()
    assert [x["disturbed_minutes"] for x in levels if x["incidents"]] == [60]


def test_refusals_are_problem_documents(http: TestClient[Litestar], world: World):
    incident = reported(http, world)
    stranger = world.sign("trust-b", "incident-acknowledgement", Acknowledgement(incident, ""))
    refused = http.post(f"/v1/incidents/{incident}/acknowledgement", content=stranger)
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "urn:sekisho:problem:incident-refused",
    )
    unknown = Report("bad_mood", "BR001", "trust-a", "x", world.at)
    invalid = http.post("/v1/incidents", content=world.sign("trust-b", "incident", unknown))
    assert (invalid.status_code, invalid.json()["faults"][0]["where"]) == (422, "kind")
    assert http.get("/v1/incidents/sha256:0").status_code == 404
    assert http.get("/v1/incidents", params={"cursor": "?"}).status_code == 400
    assert http.get("/v1/service-levels", params={"month": "May"}).status_code == 422
    assert [i["id"] for i in http.get("/v1/incidents").json()["incidents"]] == [incident]
