import base64
import datetime as dt
from contextlib import AbstractContextManager

import msgspec
import pytest
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from contracts.archives import write_archive
from contracts.errors import ContractError, PackageInvalid
from contracts.jobs import run_pending_gates
from contracts.packages import Package
from contracts.routes import ROUTES
from contracts.sandbox.runtime import Runtime, runtime_id
from contracts.services import ContractServices
from ledger.database import writing
from ledger.hashing import content_digest
from ledger.statements import Opened
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import PolicyError
from tests.contracts.test_packages import BAD_ARCHIVES, BAD_FILES
from tests.contracts.versions import (
    AT,
    AUTHOR,
    KEY,
    at_version,
    opened,
    signed,
    with_files,
)

RUNTIME = "sha256:" + "7" * 64


class Desk:
    """Opens what the test's own key has signed."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def writing(self, _opened: Opened) -> AbstractContextManager[Session]:
        return writing(self.engine)

    def open(self, raw: bytes, kind: str, body: type) -> tuple[Actor, Opened]:
        assert (kind, body.__name__) == ("contract-package", "ContractPackage")
        return AUTHOR, opened(raw)


def told(_request: Request, error: Exception) -> Response:
    faults = msgspec.to_builtins(getattr(error, "faults", ()))
    body = {"error": type(error).__name__, "detail": str(error), "faults": faults}
    return Response(body, status_code=422)


@pytest.fixture
def client(engine: Engine, rules: CompiledRules):
    with open_app(
        engine, rules, ContractServices(Desk(engine), lambda _: {RUNTIME}, KEY)
    ) as client:
        yield client


def open_app(
    engine: Engine, rules: CompiledRules, services: ContractServices, actor: Actor = AUTHOR
) -> TestClient:
    given = {
        "actor": lambda: actor,
        "database": lambda: engine,
        "at": lambda: AT,
        "rules": lambda: rules,
        "contracts": lambda: services,
    }
    app = Litestar(
        ROUTES,
        dependencies={name: Provide(make, sync_to_thread=False) for name, make in given.items()},
        exception_handlers={ContractError: told, PolicyError: told},
    )
    return TestClient(app)


def body(package: Package, archive: bytes | None = None) -> bytes:
    encoded = base64.b64encode(package.archive() if archive is None else archive).decode()
    return msgspec.json.encode({"statement": msgspec.Raw(signed(package)), "archive": encoded})


def send(client: TestClient, data: bytes):
    return client.post("/v1/contracts", content=data, headers={"Content-Type": "application/json"})


def test_a_package_goes_in_and_comes_out_byte_for_byte(client: TestClient, package: Package):
    answer = send(client, body(package))
    assert answer.status_code == 201, answer.text
    assert answer.json()["digest"] == package.digest
    assert not send(client, body(package)).json()["created"]
    url = "/v1/contracts/beneficial_right/1.0.0"
    assert client.get(url).json()["state"] == "draft"
    assert client.get(f"{url}/archive").content == package.archive()
    assert [step["step"] for step in client.get(f"{url}/life").json()] == ["submit"]
    assert client.get(f"{url}/evidence").json() == []
    assert client.get(f"{url}/gates").json()["status"] == "waiting"


def test_a_list_goes_on_where_it_stopped(client: TestClient, package: Package):
    versions = ["1.0.0", "1.1.0", "1.10.0", "2.0.0"]
    for version in versions:
        assert send(client, body(at_version(package, version))).status_code == 201
    found, cursor = [], None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/contracts", params=params).json()
        found += [each["version"] for each in page["versions"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(found) == sorted(versions)
    assert client.get("/v1/contracts", params={"cursor": "x"}).json()["error"] == "PageInvalid"


def test_every_fault_is_told(client: TestClient, package: Package):
    answer = send(client, body(package, b"not a zip"))
    assert answer.json()["error"] == "PackageInvalid"
    assert answer.json()["faults"][0]["where"] == "archive"
    data = body(package).replace(base64.b64encode(package.archive()), b"?")
    assert "not base64" in send(client, data).json()["detail"]


def test_each_bad_package_is_one_clear_problem(client: TestClient, package: Package):
    sent = {case: (data, where, None, said) for case, (data, where, said) in BAD_ARCHIVES.items()}
    for case, (change, where, line, said) in BAD_FILES.items():
        files = dict(package.files)
        change(files)
        sent[case] = (write_archive(files), where, line, said)
    for case, (archive, where, line, said) in sent.items():
        answer = send(client, body(package, archive))
        problem = answer.json()
        assert (answer.status_code, problem["error"]) == (422, "PackageInvalid"), case
        found = [(f["where"], f["line"], f["message"]) for f in problem["faults"]]
        assert any(w == where and n == line and said in m for w, n, m in found), (case, found)
    assert client.get("/v1/contracts").json()["versions"] == []


def test_progress_streams_until_the_end(
    client: TestClient, engine: Engine, package: Package, runtime: Runtime
):
    bad = with_files(package, contract_py="def verify(tx):\n    raise ValueError\n")
    assert send(client, body(bad)).status_code == 201
    services = ContractServices(Desk(engine), lambda _: {RUNTIME}, KEY)
    moments = iter(AT + dt.timedelta(hours=n) for n in range(1000))
    run_pending_gates(engine, services, lambda: next(moments))
    url = "/v1/contracts/beneficial_right/1.0.0/gates"
    assert client.get(url).json()["message"].startswith("RuntimeUnknown")
    answer = client.get(f"{url}/stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [
        msgspec.json.decode(line.removeprefix("data: "))
        for line in answer.text.splitlines()
        if line.startswith("data: ")
    ]
    assert events[-1]["status"] == "broken"


def test_a_registered_runtime_can_be_fetched_and_checked(
    engine: Engine, rules: CompiledRules, runtime: Runtime
):
    services = ContractServices(Desk(engine), lambda _: {RUNTIME, runtime.id}, KEY)
    with open_app(engine, rules, services) as client:
        views = {each["id"]: each for each in client.get("/v1/runtimes").json()}
        assert views[RUNTIME]["artifact_digest"] is None
        assert views[runtime.id]["artifact_digest"] == runtime.artifact_digest
        artifact = client.get(f"/v1/runtimes/{runtime.id}/artifact").content
        assert content_digest(artifact) == runtime.artifact_digest
        assert runtime_id(content_digest(artifact)) == runtime.id
        for unknown in (RUNTIME, "sha256:" + "0" * 64, "x"):
            answer = client.get(f"/v1/runtimes/{unknown}/artifact")
            assert answer.json()["error"] == "RuntimeUnknown"


def test_what_is_not_there_is_not_found(client: TestClient):
    for path in ("", "/life", "/evidence", "/archive", "/gates"):
        answer = client.get(f"/v1/contracts/nothing/1.0.0{path}")
        assert answer.json()["error"] == "VersionNotFound"
    assert issubclass(PackageInvalid, ContractError)
