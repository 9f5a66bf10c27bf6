"""What a member may not see changes nothing of any whole answer: status, headers, body, cursor.

Every GET of the ledger's routes must have its questions here: one that is added without them fails
the first test.
"""

import datetime as dt
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient
from sqlalchemy.engine import Engine

from governance.problems import answer
from ledger.database import reading
from ledger.queries import Asked, Reader, list_transfers
from ledger.routes import ROUTES
from ledger.services import LedgerServices
from policies.actors import Actor
from tests.ledger.network import TestNetwork, standard
from tests.ledger.test_gateway import GATEWAY, hidden_world

NOW = dt.datetime(2025, 9, 30, tzinfo=dt.UTC)
TXID = "{txid}"
QUESTIONS: dict[str, tuple[str, ...]] = {
    "/v1/ledger/transactions/{txid:str}": (
        f"/v1/ledger/transactions/{TXID}",
        "/v1/ledger/transactions/zz",
    ),
    "/v1/ledger/transfers": (
        "/v1/ledger/transfers",
        "/v1/ledger/transfers?limit=1",
        "/v1/ledger/transfers?trade_id=TRD-HIDDEN",
        "/v1/ledger/transfers?beneficial_right_id=BR002",
        "/v1/ledger/transfers?cursor=x",
    ),
    "/v1/ledger/tokens": ("/v1/ledger/tokens?limit=1", "/v1/ledger/tokens?investor_id=INV-HIDDEN"),
    "/v1/ledger/rights": ("/v1/ledger/rights", "/v1/ledger/rights?limit=1"),
    "/v1/ledger/holdings": (
        "/v1/ledger/holdings",
        "/v1/ledger/holdings?limit=1",
        "/v1/ledger/holdings?investor_id=INV-HIDDEN",
    ),
    "/v1/ledger/registers/{right:str}": (
        "/v1/ledger/registers/BR001",
        "/v1/ledger/registers/BR009?as_of=2025-09-30",
        "/v1/ledger/registers/BR001?at_index=1",
    ),
    "/v1/ledger/registers/{right:str}/record-dates": (
        "/v1/ledger/registers/BR001/record-dates?year=2025",
        "/v1/ledger/registers/BR009/record-dates?year=2025",
    ),
    "/v1/ledger/registers/{right:str}/csv": ("/v1/ledger/registers/BR001/csv",),
    "/v1/ledger/registers/{right:str}/attestation": ("/v1/ledger/registers/BR009/attestation",),
    "/v1/ledger/investors/{investor:str}/statement": (
        "/v1/ledger/investors/INV-HIDDEN/statement",
        "/v1/ledger/investors/INV001/statement",
    ),
    "/v1/ledger/uniqueness": (),
    "/v1/ledger/custody": ("/v1/ledger/custody", "/v1/ledger/custody?investor_id=INV-HIDDEN"),
    "/v1/ledger/account-keys": (
        "/v1/ledger/account-keys",
        "/v1/ledger/account-keys?investor_id=INV-HIDDEN",
    ),
    "/v1/ledger/transfer-controls": ("/v1/ledger/transfer-controls",),
    "/v1/ledger/market-session": ("/v1/ledger/market-session",),
}  # fmt: skip
"""What is asked of each path. Who sees the notary's hashes at all sees all of them."""

MEMBERS = ("custody-a", "custody-b", "trust-a", "entrusted-a")


def test_every_read_endpoint_is_asked():
    paths = {path for route in ROUTES if "GET" in route.http_methods for path in route.paths}
    assert paths == set(QUESTIONS)


@pytest.fixture
def network(engine: Engine) -> Iterator[TestNetwork]:
    network = standard(engine)
    network.do("trust-a", "BR001", "", "INV001", 100)
    network.do("custody-a", "BR001", "INV001", "INV003", 30)
    yield network
    network.submissions.close()


def client(network: TestNetwork, member: str) -> TestClient:
    services = LedgerServices(
        desk=None,  # type: ignore[arg-type] # nothing is said here
        submissions=network.submissions,
        gateway=GATEWAY,
        signers=None,  # type: ignore[arg-type] # no register is attested here
        describe=str,
    )
    values = {
        "actor": network.actor(member),
        "rules": network.rules,
        "ledger": services,
        "database": network.engine,
        "at": NOW,
    }
    given = {name: provided(value) for name, value in values.items()}
    reads = [route for route in ROUTES if "GET" in route.http_methods]
    return TestClient(Litestar(reads, dependencies=given, exception_handlers={Exception: answer}))


def provided(value: object) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


def answers(network: TestNetwork, member: str, txids: tuple[str, ...]) -> list[tuple]:
    """Return every whole answer that `member` gets, following cursors."""
    found = []
    with client(network, member) as http:
        for asked in (q for questions in QUESTIONS.values() for q in questions):
            for txid in txids if TXID in asked else ("",):
                url: str | None = asked.replace(TXID, txid)
                while url is not None:
                    got = http.get(url)
                    headers = {k: v for k, v in got.headers.items() if k != "date"}
                    body = got.text.replace(txid, "TXID") if txid else got.text
                    found.append((asked, got.status_code, headers, body))
                    more = got.json().get("next") if "json" in headers["content-type"] else None
                    joint = "&" if "?" in asked else "?"
                    url = f"{asked}{joint}cursor={more}" if more and "cursor" not in asked else None
    return found


@pytest.mark.parametrize("member", MEMBERS)
def test_hidden_rows_change_no_answer(network: TestNetwork, member: str):
    known = visible_txid(network)
    absent = "ab" * 32
    before = answers(network, member, (known, absent))
    assert any(status == 200 for _, status, _, _ in before)
    hidden = hidden_world(network)
    assert answers(network, member, (known, absent)) == before
    assert answers(network, member, (known, hidden)) == before  # hidden and absent are the same


def test_more_of_what_is_hidden_changes_no_answer(network: TestNetwork):
    """A change to hidden rows: spent, moved to another owner, cancelled."""
    hidden_world(network)
    before = answers(network, "custody-a", (visible_txid(network),))
    network.do("direct-a", "BR002", "INV-HIDDEN", "INV004", 2)
    network.customer("custody-b", "INV-HIDDEN-2")
    network.do("trust-b", "BR002", "INV004", "", 1)
    assert answers(network, "custody-a", (visible_txid(network),)) == before


def test_the_check_sees_what_is_visible(network: TestNetwork):
    before = answers(network, "custody-a", ("ab" * 32,))
    network.do("custody-a", "BR001", "INV001", "INV002", 1)
    assert answers(network, "custody-a", ("ab" * 32,)) != before


def visible_txid(network: TestNetwork) -> str:
    with reading(network.engine) as session:
        actor: Actor = network.actor("trust-a")
        page = list_transfers(Reader(session, GATEWAY, network.rules, actor), Asked())
    return str(page.items[-1].transfer_txid)
