"""The rules over HTTP: text, matrix, review, explanation, and who may ask."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient
from sqlalchemy.engine import Engine

from governance.decisions.actions import Suspend
from governance.policy.routes import ROUTES
from governance.problems import answer
from ledger.services import LedgerServices
from policies.actors import Actor
from policies.compilation import compile_rules
from policies.differences import compare_rules
from policies.engine import parse_rule_set, shipped_text
from tests.decisions.world import World, rules

PEEK = "p, role:auditor, transfer, read, own_register, quantity, clear\n"


class Http:
    """The routes as one actor sees them."""

    def __init__(self, world: World) -> None:
        self.actor = Actor("auditor", frozenset({"auditor"}))
        services = LedgerServices(None, None, None, None, str)  # type: ignore[arg-type] # only notes
        provided: dict[str, Callable[[], Any]] = {
            "actor": lambda: self.actor,
            "at": lambda: world.at,
            "database": lambda: world.engine,
            "decisions": lambda: world.services,
            "ledger": lambda: services,
            "rules": rules,
        }
        dependencies = {k: Provide(v, sync_to_thread=False) for k, v in provided.items()}
        app = Litestar(ROUTES, dependencies=dependencies, exception_handlers={Exception: answer})
        self.client = TestClient(app)

    def as_role(self, role: str) -> TestClient[Litestar]:
        self.actor = Actor("someone", frozenset({role}))
        return self.client


@pytest.fixture
def network(engine: Engine) -> World:
    world = World(engine)
    world.join("trust-a", "registrar")
    world.join("custody-a", "custodian")
    world.join("custody-b", "custodian")
    return world


@pytest.fixture
def http(network: World) -> Iterator[Http]:
    http = Http(network)
    with http.client:
        yield http


def test_every_member_reads_the_rules_that_answers_name(http: Http) -> None:
    shown = http.as_role("fundraiser").get("/v1/policy/rules").json()
    assert shown == {"digest": rules().digest, "text": shipped_text()}
    matrix = http.client.get("/v1/policy/matrix").json()
    assert matrix["rule_set"] == shown["digest"]
    assert {
        "action": "uniqueness:read",
        "arm": "uniqueness_only",
        "fields": ["*"],
        "effect": "clear",
        "roles": ["platform_administrator"],
    } in matrix["lines"]
    operations = http.client.get("/v1/policy/responsibility").json()
    assert {"notarise", "hold_account_keys"} <= {operation["name"] for operation in operations}


def test_an_explanation_is_of_the_roles_that_the_member_holds_now(
    http: Http, network: World
) -> None:
    query = {"member": "custody-a", "action": "transfer:read"}
    told = http.as_role("auditor").get("/v1/policy/explanation", params=query).json()
    assert told["allowed"] is True
    assert [arm["arm"] for arm in told["arms"]] == [
        "managed_customers.from",
        "managed_customers.to",
    ]
    assert told["rule_set"] == rules().digest
    suspend(network, "custody-a")
    told = http.client.get("/v1/policy/explanation", params=query).json()
    assert told["allowed"] is True  # its own past
    act = {"member": "custody-a", "action": "transaction:submit"}
    told = http.client.get("/v1/policy/explanation", params=act).json()
    assert told["allowed"] is False
    assert told["reason"].startswith("suspended: transaction:submit")


def suspend(world: World, member: str) -> None:
    world.carry(world.propose("trust-a", Suspend(member_id=member, reason="late")))


def test_only_administrator_and_auditor_ask_about_others(http: Http) -> None:
    query = {"member": "custody-a", "action": "transfer:read"}
    for role in ("registrar", "custodian", "fundraiser", "intermediary"):
        refused = http.as_role(role).get("/v1/policy/explanation", params=query)
        absent = http.client.get("/v1/policy/explanation", params={**query, "member": "nobody"})
        assert refused.status_code == absent.status_code == 403
        assert refused.content == absent.content


def test_a_stranger_and_an_unknown_action_are_clear_problems(http: Http) -> None:
    client = http.as_role("auditor")
    query = {"member": "nobody", "action": "transfer:read"}
    assert client.get("/v1/policy/explanation", params=query).status_code == 404
    query = {"member": "custody-a", "action": "transfer:steal"}
    assert client.get("/v1/policy/explanation", params=query).status_code == 400


def test_a_review_shows_what_a_text_reveals_and_why_it_is_refused(http: Http) -> None:
    client = http.as_role("registrar")
    body = {"text": shipped_text() + PEEK}
    review = client.post("/v1/policy/reviews", json=body).json()
    assert review["before"] == rules().digest
    assert (
        "REVEALS auditor transfer:read [own_register] quantity: absent -> clear"
        in (review["reveals"])
    )
    assert {fault["where"] for fault in review["faults"]} >= {"statement quantity"}
    assert review["hides"] == []
    proposed = compile_rules(parse_rule_set(body["text"]))
    assert review["difference"] == compare_rules(rules(), proposed).digest


def test_a_text_that_is_no_rule_set_gets_every_fault(http: Http) -> None:
    body = {"text": "p, role:nobody\nq\n"}
    refused = http.as_role("registrar").post("/v1/policy/reviews", json=body)
    assert refused.status_code in {400, 422}
    assert [fault["line"] for fault in refused.json()["faults"]] == [1, 2]
    assert http.as_role("fundraiser").post("/v1/policy/reviews", json=body).status_code == 403
