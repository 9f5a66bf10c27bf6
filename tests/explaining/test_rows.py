"""Why a member sees a row or not: which arm admitted it, what each field shows, by which rules.

And whom a row names, from which follows who could see it.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient
from msgspec.structs import replace
from sqlalchemy.engine import Engine

from governance.decisions.network import NetworkState
from governance.policy.relations import Day, Moment, Relations, who_could
from governance.policy.routes import ROUTES
from governance.problems import answer
from ledger import queries
from ledger.database import Base, connect, reading
from ledger.errors import LedgerError
from ledger.explaining import KNOWN
from ledger.queries import Asked, Reader
from ledger.reads import Notes, name_hash
from ledger.services import LedgerServices
from ledger.statements import read_envelope, read_statement
from policies.actions import Action
from policies.errors import Denied
from tests.conftest import new_postgresql
from tests.decisions.world import World
from tests.ledger.network import MEMBERS, TestNetwork, standard
from tests.ledger.test_gateway import GATEWAY, hidden_world

AT = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
ABSENT = "ab" * 32


class Scene:
    """A governed network with a ledger, and its policy routes as one member sees them."""

    def __init__(self, engine: Engine) -> None:
        self.world = World(engine)
        for member, role in MEMBERS.items():
            if member != "platform":
                self.world.join(member, role)
        self.ledger: TestNetwork = standard(engine)
        self.ledger.do("trust-a", "BR001", "", "INV001", 100, trade_id="TRD-ISSUE")
        self.between = self.ledger.do("custody-a", "BR001", "INV001", "INV003", 30).txid
        self.within = self.ledger.do("custody-a", "BR001", "INV001", "INV002", 5).txid
        self.hidden = hidden_world(self.ledger)
        self.notes = Notes()
        self.asker = "auditor"
        services = LedgerServices(
            desk=None,  # type: ignore[arg-type] # nothing is said here
            submissions=self.ledger.submissions,
            gateway=GATEWAY,
            signers=None,  # type: ignore[arg-type] # no register is attested here
            describe=str,
            notes=self.notes,
        )
        provided = {
            "actor": lambda: self.ledger.actor(self.asker),
            "database": lambda: engine,
            "rules": lambda: self.ledger.rules,
            "ledger": lambda: services,
            "decisions": lambda: self.world.services,
            "at": lambda: AT,
        }
        dependencies = {k: Provide(v, sync_to_thread=False) for k, v in provided.items()}
        self.http = TestClient(
            Litestar(ROUTES, dependencies=dependencies, exception_handlers={Exception: answer})
        )

    def explain(self, asker: str, action: str, name: str, member: str = "") -> dict[str, Any]:
        self.asker = asker
        query = {"action": action, "id": name}
        path = "/v1/policy/own-explanation"
        if member:
            query["member"], path = member, "/v1/policy/explanation"
        got = self.http.get(path, params=query)
        assert got.status_code == 200, got.text
        thing: dict[str, Any] = got.json()["thing"]
        return thing

    def relations(self, resource: str, name: str) -> Relations:
        self.asker = "auditor"
        query = {"resource": resource, "id": name}
        said = self.http.get("/v1/policy/relations", params=query).json()["envelope"]
        envelope = read_envelope(said.encode())
        return read_statement(envelope, "relations", Relations).body


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """One for all tests of a database: they only ask."""
    url = f"sqlite:///{tmp_path_factory.mktemp('scene') / 'scene.sqlite'}"
    if request.param == "postgresql":
        url = new_postgresql(request.getfixturevalue("postgresql_server"))[0]
    engine = connect(url)
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
    scene = Scene(engine)
    with scene.http:
        yield scene
    scene.ledger.submissions.close()
    engine.dispose()


def test_a_row_names_its_arm_its_fields_and_the_rules(scene: Scene) -> None:
    told = scene.explain("auditor", "transfer:read", scene.between, "custody-a")
    (row,) = told["rows"]
    assert row["arms"] == ["managed_customers.from"]
    assert "from_investor_id" in row["clear"]
    assert row["pseudonym"] == ["to_investor_id"]
    assert row["hidden"] == []
    assert any("managed_customers.from, to_investor_id, pseudonym" in r for r in row["rules"])
    assert not any("managed_customers.to," in rule for rule in row["rules"])
    told = scene.explain("auditor", "transfer:read", scene.between, "direct-a")
    assert [r["arms"] for r in told["rows"]] == [["managed_customers.to"]]
    told = scene.explain("auditor", "transfer:read", scene.within, "custody-a")
    assert told["rows"][0]["arms"] == ["managed_customers.from", "managed_customers.to"]
    assert told["rows"][0]["pseudonym"] == []


def test_a_trade_id_names_a_transfer_too(scene: Scene) -> None:
    told = scene.explain("auditor", "transfer:read", "TRD-ISSUE", "trust-a")
    assert [r["arms"] for r in told["rows"]] == [["own_register"]]


def test_an_explanation_shows_no_content(scene: Scene) -> None:
    for member in MEMBERS:
        scene.asker = "platform"
        query = {"member": member, "action": "transfer:read", "id": scene.between}
        text = scene.http.get("/v1/policy/explanation", params=query).text
        assert not any(word in text for word in ("INV00", "BR00", "TRD", '"30"', ": 30", ":30"))


@pytest.mark.parametrize("member", ["custody-a", "custody-b", "trust-a", "entrusted-a"])
def test_hidden_and_absent_have_one_explanation(scene: Scene, member: str) -> None:
    hidden = scene.hidden
    pairs = [
        ("transfer:read", hidden, ABSENT),
        ("transfer:read", "TRD-HIDDEN", "TRD-ABSENT"),
        ("transaction:read", hidden, ABSENT),
        ("token:read", hidden, ABSENT),
        ("holding:read", "INV-HIDDEN", "INV-ABSENT"),
        ("custody:read", "INV-HIDDEN", "INV-ABSENT"),
        ("account_key:read", "INV-HIDDEN", "INV-ABSENT"),
    ]
    for action, there, gone in pairs:
        for asker, about in ((member, ""), ("auditor", member)):
            told, nothing = (scene.explain(asker, action, name, about) for name in (there, gone))
            assert told["rows"] == []
            assert told["reason"].replace(there, gone) == nothing["reason"]
    told = scene.explain("auditor", "transfer:read", hidden, "direct-a")
    assert told["rows"], "it is there for whom it names"


def test_a_member_explains_itself_and_nobody_else(scene: Scene) -> None:
    scene.notes.drain()
    for member, name in ((m, scene.between) for m in MEMBERS):
        assert scene.explain(member, "transfer:read", name)["id"] == name
    assert scene.explain("entrusted-a", "transfer:read", scene.between)["rows"]
    for member in sorted(set(MEMBERS) - {"platform", "auditor"}):
        scene.asker = member
        query = {"member": member, "action": "transfer:read"}
        own = scene.http.get("/v1/policy/own-explanation", params={"action": "transfer:read"})
        assert scene.http.get("/v1/policy/explanation", params=query).json() == own.json()
        other = {"member": "auditor", "action": "transfer:read"}
        assert scene.http.get("/v1/policy/explanation", params=other).status_code == 403
        named = {"resource": "transfer", "id": scene.between}
        assert scene.http.get("/v1/policy/relations", params=named).status_code == 403
    assert scene.notes.drain() == []


def test_an_explanation_agrees_with_what_the_member_reads(scene: Scene) -> None:
    for member in MEMBERS:
        with reading(scene.ledger.engine) as session:
            reader = Reader(session, GATEWAY, scene.ledger.rules, scene.ledger.actor(member))
            try:
                read = queries.list_transfers(reader, Asked(limit=500)).items
            except (Denied, LedgerError):
                read = ()
        shown = {str(item.transfer_txid): item for item in read}
        for txid in (scene.between, scene.within, ABSENT):
            told = scene.explain("auditor", "transfer:read", txid, member)
            assert bool(told["rows"]) is (txid in shown), (member, txid)
            if told["rows"]:
                fields = {n for n in shown[txid].__struct_fields__ if shows(shown[txid], n)}
                assert fields == {*told["rows"][0]["clear"], *told["rows"][0]["pseudonym"]}


def shows(item: Any, name: str) -> bool:
    return type(getattr(item, name)).__name__ != "UnsetType"


def test_what_is_no_row_of_the_ledger_is_explained_by_the_rules_alone(scene: Scene) -> None:
    told = scene.explain("auditor", "investor:read", "INV001", "custody-a")
    assert told["rows"] == []
    assert "custody-a alone knows" in told["reason"]
    absent = scene.explain("auditor", "investor:read", "INV999", "custody-a")
    assert told["reason"] == absent["reason"]
    told = scene.explain("fund-a", "log:read", "7")
    assert [row["arms"] for row in told["rows"]] == [["governance_log"]]
    told = scene.explain("auditor", "transfer:read", scene.between, "fund-a")
    assert told["reason"].startswith("not shown: no rule")


def test_every_resource_of_the_ledger_with_an_id_is_explained(scene: Scene) -> None:
    """Whatever the id, the queries hold on both databases."""
    for resource in KNOWN:
        for name in (ABSENT, "BR001", "INV001", "", "x" * 10_000, "'; --", "\u00e9"):
            told = scene.explain("auditor", f"{resource}:read", name, "trust-a")
            assert told["id"] == name
    assert scene.explain("trust-a", "register:read", "BR001")["rows"]
    assert scene.explain("trust-a", "holding:read", "INV001")["rows"]
    assert scene.explain("trust-a", "account_key:read", "INV001")["rows"]
    assert scene.explain("trust-a", "transfer_control:read", "CTL-BR001")["rows"]
    assert not scene.explain("trust-b", "transfer_control:read", "CTL-BR001")["rows"]


def test_who_asks_about_a_thing_is_noted(scene: Scene) -> None:
    scene.notes.drain()
    scene.explain("platform", "transfer:read", scene.between, "custody-a")
    (noted,) = scene.notes.drain()
    assert (noted.member_id, noted.action) == ("platform", "policy:explain")
    assert noted.names == (name_hash("policy", f"transfer/{scene.between}"),)
    scene.explain("custody-a", "transfer:read", scene.between)
    assert scene.notes.drain() == []


def test_whom_a_thing_names_and_who_could_see_it(scene: Scene) -> None:
    named = scene.relations("transfer", scene.between)
    assert set(named.members) == {
        "am-a", "custody-a", "direct-a", "entrusted-a", "fund-a", "trust-a",
    }  # fmt: skip
    assert named.members["custody-a"] == (("managed_customers.from",),)
    assert named.members["direct-a"] == (("managed_customers.to", "own_customers.to"),)
    assert scene.relations("transfer", ABSENT).members == {}
    moments = [Moment(5, scene.world.state())]
    rules = {scene.ledger.rules.digest: scene.ledger.rules}
    could = list(who_could(moments, rules.get, "transfer", scene.between, named))
    assert [c.member_id for c in could] == ["custody-a", "direct-a", "entrusted-a", "trust-a"]
    assert could[0].pseudonym == ("to_investor_id",)
    at_all = {c.member_id for c in who_could(moments, rules.get, "transfer", "x", None)}
    assert at_all == {
        "custody-a", "custody-b", "direct-a", "entrusted-a", "trust-a", "trust-b",
    }  # fmt: skip


def test_a_thing_that_the_ledger_does_not_know_names_nobody(scene: Scene) -> None:
    scene.asker = "auditor"
    got = scene.http.get("/v1/policy/relations", params={"resource": "investor", "id": "INV001"})
    assert got.status_code == 404


def test_a_day_holds_what_was_in_force_before_and_within(scene: Scene) -> None:
    zone = dt.timezone(dt.timedelta(hours=9))
    state = scene.world.state()

    def on(moment: dt.datetime) -> NetworkState:
        return replace(state, at=moment)

    noon = dt.datetime(2026, 3, 2, 3, tzinfo=dt.UTC)
    less = {name: m for name, m in state.members.items() if name != "custody-b"}
    day = Day(dt.date(2026, 3, 2), zone)
    day.take(1, replace(on(noon - dt.timedelta(days=2)), members=less))
    day.take(2, on(noon - dt.timedelta(days=1)))
    day.take(3, on(noon))
    day.take(4, replace(on(noon + dt.timedelta(hours=1)), members=less))
    day.take(5, on(noon + dt.timedelta(days=1)))
    assert [m.index for m in day.moments()] == [2, 4]
    end = Day(None, zone)
    end.take(1, on(noon))
    end.take(2, replace(on(noon), members=less))
    assert [m.index for m in end.moments()] == [2]


def test_every_action_of_a_known_resource_can_be_explained(scene: Scene) -> None:
    for action in Action:
        told = scene.explain("trust-a", str(action), "BR001")
        assert told["reason"]
