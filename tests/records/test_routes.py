"""The records over HTTP, in a bare application with the product's own table of problems."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator

import pytest
from litestar import Litestar, Request
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient
from sqlalchemy.engine import Engine

from governance.problems import answer
from ledger.records.routes import ROUTES
from ledger.records.services import RecordServices
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from tests.records.conftest import AT, MASTER, PERSON, ROLES, SPONSORS
from tests.records.files import csv_text, investor, transfer
from tests.records.simulated import KnownLedger

Members = Callable[[str], dict[str, str]]


def as_member(member_id: str) -> dict[str, str]:
    return {"x-member": member_id}


@pytest.fixture
def client(engine: Engine, rules: CompiledRules) -> Iterator[TestClient[Litestar]]:
    def actor(request: Request) -> Actor:  # type: ignore[type-arg]
        member_id = request.headers["x-member"]
        return Actor(member_id, frozenset({ROLES[member_id]}), SPONSORS.get(member_id))

    app = Litestar(
        ROUTES,
        dependencies={
            "actor": Provide(actor, sync_to_thread=False),
            "rules": Provide(lambda: rules, sync_to_thread=False),
            "database": Provide(lambda: engine, sync_to_thread=False),
            "at": Provide(now, sync_to_thread=False),
            "records": Provide(lambda: RecordServices(MASTER, KnownLedger()), sync_to_thread=False),
        },
        exception_handlers={Exception: answer},
    )
    with TestClient(app) as client:
        yield client


def now() -> dt.datetime:
    return AT


def test_every_route_says_what_it_takes():
    assert all(isinstance(route, HTTPRouteHandler) for route in ROUTES)
    assert all(isinstance(route.opt["authz"], Action) for route in ROUTES)
    places = [(path, tuple(route.http_methods)) for route in ROUTES for path in route.paths]
    assert len(places) == len(set(places))


def test_a_record_over_http(client: TestClient[Litestar]):
    mine = as_member("custody-a")
    made = client.post("/v1/records/investor", json=PERSON, headers=mine)
    assert made.status_code == 201, made.text
    assert made.json()["values"] == PERSON
    changed = PERSON | {"contact_phone": "06-1111-2222"}
    assert client.put("/v1/records/investor/INV900001", json=changed, headers=mine).is_success
    read = client.get("/v1/records/investor/INV900001", headers=mine)
    assert read.json()["values"] == changed
    past = client.get("/v1/records/investor/INV900001/history", headers=mine).json()
    assert past["changes"][0]["before"] == {"contact_phone": PERSON["contact_phone"]}
    found = client.post(
        "/v1/records/investor/search",
        json={"corporate_number": PERSON["corporate_number"]},
        headers=mine,
    )
    assert [one["row_id"] for one in found.json()["records"]] == ["INV900001"]
    other = client.get("/v1/records/investor/INV900001", headers=as_member("custody-b"))
    assert other.status_code == 404
    assert "INV900001/" not in other.text
    denied = client.get("/v1/records/investor", headers=as_member("fund-a"))
    assert denied.status_code == 403


def test_pages_follow_one_another(client: TestClient[Litestar]):
    mine = as_member("custody-a")
    for number in range(5):
        assert client.post("/v1/records/investor", json=investor(number), headers=mine).is_success
    seen, cursor = [], None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/records/investor", params=query, headers=mine).json()
        seen += [one["row_id"] for one in page["records"]]
        cursor = page["next"]
        if not cursor:
            break
    assert seen == [f"INV{number:06d}" for number in range(5)]
    wrong = client.get("/v1/records/investor?cursor=!!", headers=mine)
    assert wrong.status_code == 400


def test_faults_come_as_one_problem_document(client: TestClient[Litestar]):
    wrong = PERSON | {"contact_phone": "関所", "aml_category": "x"}
    refused = client.post("/v1/records/investor", json=wrong, headers=as_member("custody-a"))
    assert refused.status_code == 400
    assert {fault["where"] for fault in refused.json()["faults"]} == {
        "contact_phone",
        "aml_category",
    }
    assert "関所" not in refused.text


def test_erasing_over_http(client: TestClient[Litestar]):
    mine = as_member("custody-a")
    client.post("/v1/records/investor", json=PERSON, headers=mine)
    path = "/v1/records/investor/INV900001"
    no_reason = client.delete(f"{path}/personal-data", headers=mine)
    assert no_reason.status_code == 400
    proof = client.delete(f"{path}/personal-data?reason=request_of_person", headers=mine)
    assert proof.status_code == 200, proof.text
    assert client.get(f"{path}/erasure", headers=mine).json() == proof.json()
    assert client.get(path, headers=mine).json()["values"]["investor_name"] == ""
    again = client.put(path, json=PERSON, headers=mine)
    assert again.status_code == 409


def test_an_import_over_http(client: TestClient[Litestar]):
    mine = as_member("custody-a")
    people = [investor(n) for n in range(1, 30)]
    data = csv_text(people).encode("cp932")
    order = {
        "import_target": "investor",
        "file_size": len(data),
        "file_timestamp": "2025-04-01T00:00:00Z",
        "file_digest": "sha256:" + hashlib.sha256(data).hexdigest(),
    }
    state = client.post("/v1/imports", json=order, headers=mine).json()
    one = f"/v1/imports/{state['import_id']}"
    early = client.post(f"{one}/work", headers=mine)
    assert early.status_code == 409
    while state["received"] < len(data):
        offset = state["received"]
        piece = data[offset : offset + 3000]
        sent = client.put(f"{one}/content?offset={offset}", content=piece, headers=mine)
        assert sent.is_success, sent.text
        state = sent.json()
    while state["status"] not in ("done", "refused"):
        state = client.post(f"{one}/work", headers=mine).json()
    report = client.get(f"{one}/report", headers=mine).json()
    assert (report["state"]["status"], report["problems"]) == ("done", [])
    assert len(client.get("/v1/imports", headers=mine).json()["imports"]) == 1
    assert client.get(one, headers=as_member("custody-b")).status_code == 404


def test_a_registration_and_an_instruction_over_http(client: TestClient[Litestar]):
    firm, custodian = as_member("entrusted-a"), as_member("custody-a")
    person = investor(1, custody_holder_id="entrusted-a")
    sent = client.post("/v1/registrations", json=person, headers=firm)
    assert sent.status_code == 201, sent.text
    assert sent.json()["investor_status"] == "applied"
    accepted = client.post(
        "/v1/registrations/accept", json={"investor_ids": ["INV000001"]}, headers=custodian
    )
    assert accepted.json() == {"accepted": 1}
    (seen,) = client.get("/v1/registrations", headers=firm).json()["registrations"]
    assert seen["investor_status"] == "active"
    said = transfer(1)
    instruction = client.post("/v1/instructions", json=said, headers=firm)
    assert instruction.status_code == 201, instruction.text
    ids = {"instruction_ids": [instruction.json()["instruction_id"]]}
    unmatched = client.post("/v1/instructions/match", json=ids, headers=custodian)
    assert unmatched.status_code == 409
    trade = {name: said[name] for name in list(said)[:6]} | {"traded_at": "2025-04-01T00:00:00Z"}
    assert client.post("/v1/trades", json=trade, headers=firm).json() == {"new": True}
    for step in ("match", "approve"):
        taken = client.post(f"/v1/instructions/{step}", json=ids, headers=custodian)
        assert taken.status_code == 200, taken.text
    unsubmitted = client.post("/v1/instructions/execute", json=ids, headers=custodian)
    assert unsubmitted.status_code == 409
    life = client.get(f"/v1/instructions/{ids['instruction_ids'][0]}/steps", headers=firm).json()[
        "steps"
    ]
    assert [step["status"] for step in life] == ["received", "matched", "approved"]
    stranger = client.get("/v1/instructions", headers=as_member("custody-b"))
    assert stranger.json() == {"instructions": [], "next": None}


def test_users_sign_in_and_are_locked_out(client: TestClient[Litestar]):
    mine = as_member("custody-a")
    user = {"user_id": "u1", "account_type": "operator", "user_name": "関所 花子"}
    assert client.post("/v1/records/user", json=user, headers=mine).is_success
    password = {"password": "correct horse battery"}
    assert client.put("/v1/users/u1/password", json=password, headers=mine).status_code == 204
    assert client.post("/v1/users/u1/sign-in", json=password, headers=mine).status_code == 200
    for _ in range(5):
        wrong = client.post("/v1/users/u1/sign-in", json={"password": "x" * 12}, headers=mine)
        assert wrong.status_code == 401
    locked = client.post("/v1/users/u1/sign-in", json=password, headers=mine)
    assert locked.status_code == 401
    shown = client.get("/v1/records/user/u1", headers=mine)
    assert shown.json()["values"]["user_status"] == "locked"
    assert "argon2" not in shown.text


def test_the_calendar_over_http(client: TestClient[Litestar]):
    mine = as_member("fund-a")
    day = client.get("/v1/calendar/days/2025-05-06", headers=mine).json()
    assert (day["business_day"], day["following"]) == (False, "2025-05-07")
    dates = client.get(
        "/v1/calendar/record-dates?month_day=03-31&month_day=09-30&first=2024-01-01"
        "&last=2024-12-31&adjustment=preceding",
        headers=mine,
    )
    assert dates.json() == {"record_dates": ["2024-03-29", "2024-09-30"]}


def test_the_tables_are_described(client: TestClient[Litestar]):
    tables = client.get("/v1/records", headers=as_member("fund-a")).json()
    (found,) = [table for table in tables if table["table"] == "investor"]
    assert found["table_ja"] == "投資家情報"
    assert {"field": "investor_name", "field_ja": "投資家名称", "personal_data": "yes"} in found[
        "fields"
    ]
