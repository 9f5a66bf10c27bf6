"""The API's own description: there, complete, and true of what the server does."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from governance.app import ROUTES
from tests.http.network import Served

METHODS = {"get", "head", "post", "put", "delete", "patch"}


@pytest.fixture(scope="module")
def document(served: Served) -> dict[str, Any]:
    answer = served.http.get("/schema/openapi.json")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].split(";")[0].endswith("json")
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", operation


def test_every_route_is_described(document: dict[str, Any]) -> None:
    described = {name for name, _ in operations(document)}
    served = {
        f"{method} {re.sub(r':[a-z]+}', '}', path)}"
        for handler in ROUTES
        for path in handler.paths
        for method in handler.http_methods
    }
    assert described == served


def test_every_operation_says_what_it_is_for_and_what_it_answers(
    document: dict[str, Any],
) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert any(status.startswith("2") for status in operation["responses"]), name
        assert {"4XX", "503"} <= set(operation["responses"]), name
    named = [(o["summary"], *name.split()) for name, o in operations(document)]
    summaries = [(summary, path) for summary, method, path in named if method != "HEAD"]
    assert len(set(summaries)) == len(summaries)


def test_every_operation_that_takes_a_body_describes_it(document: dict[str, Any]) -> None:
    taking = {
        re.sub(r":[a-z]+}", "}", path)
        for handler in ROUTES
        if {"body", "data"} & set(handler.parsed_fn_signature.parameters)
        for path in handler.paths
    }
    described = {
        name.split()[1] for name, operation in operations(document) if "requestBody" in operation
    }
    assert described == taking


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = set(document["components"]["schemas"])
    assert set(references(document)) <= known


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value.removeprefix("#/components/schemas/")
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_what_is_described_as_open_is_open_and_the_rest_is_not(
    served: Served, document: dict[str, Any]
) -> None:
    for path, item in document["paths"].items():
        operation = item.get("get")
        if operation is None or "{" in path or needs_more(operation):
            continue
        answer = served.http.get(path)
        is_open = operation.get("security") == []
        assert (answer.status_code != 401) == is_open, path


def needs_more(operation: dict[str, Any]) -> bool:
    return any(parameter.get("required") for parameter in operation.get("parameters", []))


def test_what_is_not_there_and_what_is_not_taken(served: Served) -> None:
    absent = served.http.get("/v1/nowhere", headers=served.token("platform"))
    assert (absent.status_code, absent.json()["type"]) == (404, "urn:sekisho:problem:not-found")
    odd = served.http.put("/v1/members", headers=served.token("platform"))
    assert odd.status_code == 405
    assert odd.json()["type"] == "urn:sekisho:problem:method-not-allowed"
    assert "GET" in odd.headers["allow"]
