"""Secrets and personal values are in no log and in no problem document."""

import base64
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from governance.client.connection import client_assertion
from governance.membership.members import Role
from governance.membership.statements import INVITATION, InvitationRequest
from tests.http.network import Served, contents, stored_files, stored_rows
from tests.records.searching import found_in

PERSONAL = {
    "investor_name": "秘密田 太郎",
    "contact_address": "東京都千代田区秘密町1-2-3",
    "contact_phone": "03-9876-5432",
    "contact_email": "himitsuda@secret.example",
    "payee_account_number": "7654321",
}


def shown(served: Served) -> str:
    return served.log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def investor(served: Served) -> dict[str, Any]:
    """A record of an investor, in order, full of personal values."""
    fields = served.http.get("/v1/records", headers=served.token("custody-a")).json()
    assert fields
    return {
        "investor_id": "INV-SECRET-1",
        "corporate_number": "",
        "registered_address": "東京都千代田区秘密町1-2-3",
        "custody_type": "customer",
        "custody_holder_id": "custody-a",
        "custody_holder_account_id": "custody-a-9999",
        "custodian_id": "custody-a",
        "investor_status": "active",
        "aml_category": "low",
    } | PERSONAL


def send(served: Served, member: str, record: dict[str, Any]) -> httpx.Response:
    return served.http.post("/v1/records/investor", json=record, headers=served.token(member))


def test_personal_values_are_in_no_log_and_no_problem(
    served: Served, investor: dict[str, Any]
) -> None:
    """Accepted, refused for its form, refused for its sender, and in conflict with the first."""
    accepted = send(served, "custody-a", investor)
    assert accepted.status_code == 201, accepted.text
    refusals = [
        send(served, "custody-a", investor | {"corporate_number": "1234567890123"}),
        send(served, "custody-a", investor | {"custody_type": "himitsu", "extra": "秘密田"}),
        send(served, "custody-a", investor | {"contact_email": "秘密田 himitsuda@secret.example@"}),
        send(served, "custody-a", investor | {"payee_account_number": "7654321x"}),
        send(served, "auditor", investor),
        served.http.post("/v1/records/investor", json=investor),
    ]
    for answer in refusals:
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"].startswith("application/problem+json")
        for value in PERSONAL.values():
            assert value not in answer.text
    assert found_in(shown(served).encode(), set(PERSONAL.values())) == set()


def test_personal_values_are_not_in_the_database_in_clear(
    served: Served, investor: dict[str, Any]
) -> None:
    send(served, "custody-a", investor)
    settings = served.settings
    stored = b"\n".join([*contents(stored_files(settings)), *stored_rows(settings)])
    assert b"INV-SECRET-1" in stored
    assert found_in(stored, set(PERSONAL.values())) == set()


def test_tokens_and_assertions_are_in_no_log(served: Served) -> None:
    """Used well, used in the wrong place, and used as an address."""
    connection = served.member("trust-a")
    bearer = served.token("trust-a")
    token = bearer["Authorization"].removeprefix("Bearer ")
    assertion = client_assertion(connection.own_folder(), served.now())
    invitation = served.chair.say(
        "/v1/invitations", INVITATION, InvitationRequest("Secret Ltd", Role.CUSTODIAN)
    )["token"]
    answers = [
        served.http.get("/v1/members", headers=bearer),
        served.http.get(f"/v1/members/{token}", headers=bearer),
        served.http.get("/v1/ledger/transfers", params={"cursor": token}, headers=bearer),
        served.http.post("/v1/ledger/transactions", content=token, headers=bearer),
        served.http.post("/oauth/token", data={"client_assertion": assertion}),
        served.http.post("/v1/applications", content=invitation.encode()),
    ]
    assert answers[0].status_code == 200
    assert all(answer.is_client_error for answer in answers[1:])
    for secret in (token, assertion, invitation):
        assert secret not in shown(served)
    stored = b"".join(contents(stored_files(served.settings)))
    for secret in (token, assertion, invitation):
        assert secret.encode() not in stored


def test_private_keys_are_in_no_log_and_not_beside_the_server_in_clear(served: Served) -> None:
    for connection in served.scenario.connections.values():
        key = connection.own_folder().node_key
        der = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        assert base64.b64encode(der).decode()[:40] not in shown(served)
    text = shown(served)
    assert "PRIVATE KEY" not in text
    master = served.settings.master_key
    assert master.exists()
    assert master.stat().st_mode & 0o077 == 0
    secret = master.read_bytes()
    assert secret not in text.encode()
    for file in served.settings.keys_dir.rglob("*"):
        if file.is_file() and file != master:
            data = file.read_bytes()
            assert b"BEGIN PRIVATE KEY" not in data
            assert secret not in data


def test_a_failure_of_the_server_tells_nothing(served: Served) -> None:
    """The log has no trace of an unhandled error after all the other tests' requests."""
    assert "request failed" not in shown(served)
