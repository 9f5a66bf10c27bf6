"""What a ledger must refuse, sent to the real server: a stable problem type, and nothing stored."""

import dataclasses
import secrets
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ledger.keys import SoftwareSigner
from tests.http.network import Served
from tests.http.payments import PATH, payment

TEN_MEGABYTES = 10 << 20


def submit(served: Served, member: str, body: bytes) -> httpx.Response:
    headers = served.token(member) | {"Content-Type": "application/json"}
    return served.http.post(PATH, content=body, headers=headers)


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """Check that `answer` is that problem document, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:sekisho:problem:{slug}"
    assert document["status"] == status
    assert document["title"].endswith(".")
    return document


def test_a_payment_that_nobody_spoils_is_committed_once(served: Served) -> None:
    """Without this, the refusals below would prove nothing."""
    good = payment(served)
    body = good.signed().data
    before = served.rows()["ledger_transaction"]
    first, again = submit(served, good.creator, body), submit(served, good.creator, body)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert served.rows()["ledger_transaction"] == before + 1


def test_the_wrong_account_key(served: Served) -> None:
    stranger = SoftwareSigner(ec.generate_private_key(ec.SECP256R1()))
    forged = payment(served, accounts=lambda _: stranger)
    with served.nothing_stored():
        problem(submit(served, forged.creator, forged.signed().data), 422, "account-key-wrong")


def test_a_quantity_altered_on_the_way(served: Served) -> None:
    good = payment(served)
    altered = good.signed().data.replace(b'"quantity":1,', b'"quantity":2,')
    assert altered != good.signed().data
    with served.nothing_stored():
        problem(submit(served, good.creator, altered), 400, "signature-invalid")


def test_more_comes_out_than_goes_in(served: Served) -> None:
    good = payment(served)
    more = msgspec.structs.replace(good.outputs[0], quantity=2)
    forged = dataclasses.replace(good, outputs=[more, *good.outputs[1:]])
    with served.nothing_stored():
        problem(submit(served, good.creator, forged.signed().data), 422, "contract-rejected")


def test_a_state_with_an_altered_quantity(served: Served) -> None:
    good = payment(served)
    state = good.taken[0]
    richer = msgspec.structs.replace(state.token, quantity=state.token.quantity + 1)
    outputs = [msgspec.structs.replace(good.outputs[0], quantity=2), *good.outputs[1:]]
    forged = dataclasses.replace(
        good,
        taken=[msgspec.structs.replace(state, token=richer), *good.taken[1:]],
        outputs=outputs,
        command=msgspec.structs.replace(good.command, quantity=2),
    )
    with served.nothing_stored():
        problem(submit(served, good.creator, forged.signed().data), 422, "state-altered")


def test_a_spent_state(served: Served) -> None:
    good = payment(served)
    assert submit(served, good.creator, good.signed().data).status_code == 201
    trade = msgspec.structs.replace(good.command, trade_id="T-" + secrets.token_hex(8).upper())
    again = dataclasses.replace(good, command=trade)
    with served.nothing_stored():
        problem(submit(served, good.creator, again.signed().data), 409, "state-spent")


def test_a_state_that_never_was(served: Served) -> None:
    good = payment(served)
    unknown = msgspec.structs.replace(good.taken[0], txid="00" * 32)
    forged = dataclasses.replace(good, taken=[unknown, *good.taken[1:]])
    with served.nothing_stored():
        problem(submit(served, good.creator, forged.signed().data), 422, "state-unknown")


def test_a_creator_with_nothing_to_do_with_it(served: Served) -> None:
    """Another custodian sends it in, over its own name and its own node key."""
    good = payment(served)
    other = next(
        row.custodian_id
        for row in served.scenario.data.investors
        if row.custodian_id != good.creator
    )
    command = msgspec.structs.replace(good.command, transfer_creator_id=other, registered_by=other)
    forged = dataclasses.replace(good, composer=served.scenario.composer(other), command=command)
    with served.nothing_stored():
        answer = submit(served, other, forged.signed().data)
    assert answer.status_code in (403, 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"transaction":{},"signatures":[]}',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"transaction":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b',"signatures":[]}',
    ],
    ids=["empty", "cut", "list", "null", "hollow", "not UTF-8", "deep lists", "deep objects"],
)
def test_a_malformed_body(served: Served, body: bytes) -> None:
    with served.nothing_stored():
        problem(submit(served, "direct-a", body), 400, "transaction-malformed")


@pytest.mark.parametrize("place", [b'{"transaction":', b'"signatures":[{', b'"transaction":{'])
def test_an_unknown_field(served: Served, place: bytes) -> None:
    good = payment(served)
    body = good.signed().data
    assert place in body
    head, tail = (b'{"extra":0,', b"") if place.startswith(b"{") else (place, b'"extra":0,')
    spoilt = body.replace(place, head + (place[1:] if place.startswith(b"{") else tail), 1)
    with served.nothing_stored():
        problem(submit(served, good.creator, spoilt), 400, "transaction-malformed")


def test_a_field_said_twice(served: Served) -> None:
    """A reader that takes the first and one that takes the last must not see two transactions."""
    good = payment(served)
    body = good.signed().data.replace(b'"version":1,', b'"version":1,"version":1,', 1)
    assert b'"version":1,"version":1' in body
    with served.nothing_stored():
        problem(submit(served, good.creator, body), 400, "transaction-malformed")


@pytest.mark.parametrize("path", [PATH, "/v1/applications", "/v1/proposals", "/oauth/token"])
def test_a_body_of_ten_megabytes(served: Served, path: str) -> None:
    body = b'{"transaction":"' + b"x" * TEN_MEGABYTES + b'"}'
    headers = served.token("direct-a") | {"Content-Type": "application/json"}
    if path == "/oauth/token":
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with served.nothing_stored():
        problem(served.http.post(path, content=body, headers=headers), 413, "too-large")


def test_a_body_of_ten_megabytes_of_unknown_length(served: Served) -> None:
    def pieces() -> Any:
        for _ in range(160):
            yield b" " * (64 << 10)

    with served.nothing_stored():
        answer = served.http.post(PATH, content=pieces(), headers=served.token("direct-a"))
        problem(answer, 413, "too-large")


@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer " + "A" * 43, "Bearer !", "Basic cGxhdGZvcm06eA==", "Bearer"],
    ids=["none", "stranger's", "odd", "Basic", "scheme alone"],
)
def test_who_brings_no_good_token(served: Served, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    body = payment(served).signed().data
    with served.nothing_stored():
        answer = served.http.post(PATH, content=body, headers=headers)
        problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_custodian_cannot_tell_a_hidden_transaction_from_an_absent_one(served: Served) -> None:
    """Body, headers (but the date) and status are the same, bit for bit, the TxID apart."""
    txid, outsider = served.scenario.foreign_transaction()
    absent = secrets.token_hex(32)
    headers = served.token(outsider)
    hidden_answer = served.http.get(f"{PATH}/{txid}", headers=headers)
    absent_answer = served.http.get(f"{PATH}/{absent}", headers=headers)
    problem(hidden_answer, 404, "not-found")
    assert hidden_answer.content.replace(txid.encode(), absent.encode()) == absent_answer.content
    assert comparable(hidden_answer) == comparable(absent_answer)


def test_a_custodian_cannot_tell_a_foreign_trade_from_an_absent_one(served: Served) -> None:
    txid, outsider = served.scenario.foreign_transaction()
    registrar = next(
        r.registrar_member_id
        for r in served.scenario.data.rights
        if r.beneficial_right_id == served.scenario.data.transfers[0].beneficial_right_id
    )
    hidden = next(
        item["trade_id"]
        for item in served.member(registrar).pages("/v1/ledger/transfers", limit=500)
        if item["transfer_txid"] == txid
    )
    headers = served.token(outsider)
    answers = [
        served.http.get("/v1/ledger/transfers", params={"trade_id": trade}, headers=headers)
        for trade in (hidden, "TRD-ABSENT")
    ]
    assert answers[0].json()["items"] == []
    assert answers[0].content == answers[1].content
    assert comparable(answers[0]) == comparable(answers[1])


def test_a_repeated_trade_id_does_not_show_a_foreign_trade(served: Served) -> None:
    """Trade ids are each creator's own: another's id is free, and says nothing about a trade."""
    good = payment(served)
    foreign = next(
        row.trade_id for row in served.scenario.data.transfers if row.registered_by != good.creator
    )
    own = dataclasses.replace(good, command=msgspec.structs.replace(good.command, trade_id=foreign))
    answer = submit(served, good.creator, own.signed().data)
    assert answer.status_code == 201, answer.text


def comparable(answer: httpx.Response) -> tuple[int, list[tuple[str, str]]]:
    kept = [(k, v) for k, v in answer.headers.multi_items() if k != "date"]
    return answer.status_code, kept
