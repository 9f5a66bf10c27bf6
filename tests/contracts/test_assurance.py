"""Gates run again, members' own findings, and runtimes, over HTTP."""

import datetime as dt
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from contracts import deployment, store
from contracts.artifacts import COMPONENT, find_runtime
from contracts.attesting import ATTESTATION_KIND, ContractAttestation, Finding
from contracts.errors import RuntimeInvalid
from contracts.packages import Package
from contracts.rechecking import RECHECK_KIND, ContractRecheck
from contracts.sandbox.runtime import runtime_id
from contracts.services import ContractServices
from contracts.tables import EvidenceRow, RuntimeRow
from ledger.database import reading, writing
from ledger.hashing import content_digest
from ledger.log.store import read_entries
from ledger.statements import (
    Opened,
    Statement,
    open_statement,
    read_envelope,
    read_statement,
    sign_statement,
)
from policies.actors import Actor
from policies.compilation import CompiledRules
from tests.contracts.test_routes import open_app
from tests.contracts.versions import AT, AUTHOR, KEY, RUNTIME, opened, signed

NAME = "beneficial_right"
URL = f"/v1/contracts/{NAME}/1.0.0"
ARTIFACT = COMPONENT + b"a component of another build"
ROLES = {
    "trust-a": "registrar",
    "trust-b": "registrar",
    "platform": "platform_administrator",
    "broker": "intermediary",
}


class Desk:
    """Opens what the test's key has signed, for whichever member it says."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def writing(self, _opened: Opened) -> AbstractContextManager[Session]:
        return writing(self.engine)

    def open(self, raw: bytes, kind: str, body: type) -> tuple[Actor, Opened]:
        read = read_envelope(raw)
        said = open_statement(read, raw, read_statement(read, kind, body), KEY.public_key())
        author = said.statement.author
        return Actor(author, frozenset({ROLES[author]})), said


def statement(author: str, kind: str, body: msgspec.Struct) -> bytes:
    said = Statement("s" * 20, "net", author, AT, AT + dt.timedelta(days=1), body)
    return sign_statement(kind, said, KEY)


def services(engine: Engine, cache: Path | None = None) -> ContractServices:
    return ContractServices(Desk(engine), lambda _: {RUNTIME}, KEY, cache=cache)


@pytest.fixture
def client(engine: Engine, rules: CompiledRules, package: Package):
    """A registry with one gated version that has one attestation."""
    with writing(engine) as session:
        said, archive = opened(signed(package)), package.archive()
        deployment.submit(session, rules, AUTHOR, said, archive, {RUNTIME}, AT)
        store.job_row(session, package.digest).status = "passed"
        session.add(
            EvidenceRow(
                digest=package.digest,
                gate="lint",
                passed=True,
                payload_digest=content_digest(b"clean"),
                envelope=b"{}",
                at=AT,
            )
        )
        deployment.gates_passed(session, NAME, "1.0.0", AT)
    with open_app(engine, rules, services(engine)) as client:
        yield client


def post(client: TestClient, path: str, data: bytes) -> Any:
    return client.post(path, content=data, headers={"Content-Type": "application/json"})


def recheck(client: TestClient, author: str, version: str = "1.0.0") -> Any:
    body = ContractRecheck(NAME, version, "new tools")
    return post(client, f"{URL}/recheck", statement(author, RECHECK_KIND, body))


def attest(client: TestClient, author: str, package: str, *findings: Finding) -> Any:
    body = ContractAttestation(NAME, "1.0.0", package, findings)
    return post(client, f"{URL}/attestations", statement(author, ATTESTATION_KIND, body))


@pytest.mark.parametrize("author", ["trust-a", "platform"])
def test_author_and_administrator_have_the_gates_run_again(
    client: TestClient, engine: Engine, author: str
):
    answer = recheck(client, author)
    assert (answer.status_code, answer.json()["status"]) == (202, "waiting")
    assert client.get(URL).json()["state"] == "draft"
    assert recheck(client, author).json()["error"] == "TransitionRefused"
    with reading(engine) as session:
        kinds = [kind for _, kind, _ in read_entries(session, 0, 99)]
    assert kinds == ["contract-package", "contract-recheck"]


def test_nobody_else_does(client: TestClient):
    for author in ("trust-b", "broker"):
        assert recheck(client, author).json()["error"] == "Denied"
    assert recheck(client, "trust-a", "2.0.0").json()["error"] == "SubmissionMismatch"
    assert client.get(URL).json()["state"] == "gated"


def test_what_members_found_stands_beside_the_evidence(client: TestClient, package: Package):
    same, other = content_digest(b"clean"), content_digest(b"dirty")
    [first] = attest(client, "trust-b", package.digest, Finding("lint", same)).json()
    assert (first["member"], first["same"]) == ("trust-b", True)
    attest(client, "platform", package.digest, Finding("lint", other), Finding("form", same))
    found = client.get(f"{URL}/attestations").json()
    said = [(f["member"], f["gate"], f["same"], f["attested"]) for f in found]
    assert said == [
        ("trust-b", "lint", True, same),
        ("platform", "form", False, None),
        ("platform", "lint", False, same),
    ]


def test_findings_that_cannot_be(client: TestClient, package: Package):
    digest = content_digest(b"clean")
    answer = attest(
        client,
        "trust-b",
        package.digest,
        Finding("lint", digest),
        Finding("lint", "sha256:short"),
        Finding("horoscope", digest),
    )
    assert answer.json()["error"] == "EvidenceInvalid"
    told = {fault["where"]: fault["message"] for fault in answer.json()["faults"]}
    assert set(told) == {"findings.lint", "findings.horoscope"}
    assert len(answer.json()["faults"]) == 3
    assert attest(client, "trust-b", package.digest).json()["error"] == "EvidenceInvalid"
    assert attest(client, "broker", package.digest, Finding("lint", digest)).json()["error"] == (
        "Denied"
    )
    elsewhere = attest(client, "trust-b", content_digest(b"x"), Finding("lint", digest))
    assert elsewhere.json()["error"] == "DigestMismatch"
    assert client.get(f"{URL}/attestations").json() == []


def upload(client: TestClient, data: bytes) -> Any:
    return client.post("/v1/runtimes", content=data, headers={"Content-Type": "application/wasm"})


def test_a_runtime_is_uploaded_once_and_fetched_by_everybody(
    engine: Engine, rules: CompiledRules, tmp_path: Path
):
    platform = Actor("platform", frozenset({"platform_administrator"}))
    identity = runtime_id(content_digest(ARTIFACT))
    with open_app(engine, rules, services(engine, tmp_path / "one"), platform) as client:
        answer = upload(client, ARTIFACT)
        assert answer.status_code == 201, answer.text
        assert answer.json() == {
            "id": identity,
            "artifact_digest": content_digest(ARTIFACT),
            "size": len(ARTIFACT),
        }
        assert upload(client, ARTIFACT).json() == answer.json()
        for broken in (b"", b"\x7fELF", b"\0asm\1\0\0\0 a module"):
            assert upload(client, broken).json()["error"] == "ArtifactRefused"
    with open_app(engine, rules, services(engine, tmp_path / "another machine")) as client:
        assert client.get(f"/v1/runtimes/{identity}/artifact").content == ARTIFACT
        assert upload(client, ARTIFACT).json()["error"] == "Denied"


def test_a_machine_believes_no_artifact_that_is_not_the_runtime(engine: Engine, tmp_path: Path):
    identity = runtime_id(content_digest(ARTIFACT))
    with writing(engine) as session:
        forged = ARTIFACT + b"!"
        session.add(RuntimeRow(id=identity, artifact=forged, added_by="platform", at=AT))
    with reading(engine) as session, pytest.raises(RuntimeInvalid):
        find_runtime(session, identity, tmp_path)
    assert not list(tmp_path.rglob("artifact.wasm"))
