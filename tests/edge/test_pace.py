"""Bodies that do not come: whoever sends them is told so, and nothing waits for them."""

import asyncio
import json
from collections.abc import Iterable
from itertools import repeat
from typing import Any

import pytest
from litestar import Litestar, post
from litestar.params import RawBody

from governance import requests
from governance.problems import answer
from governance.requests import hurrying


@post("/", sync_to_thread=False)
def count(body: RawBody) -> int:
    return len(body)


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def send(parts: Iterable[dict[str, Any]], every: float = 0.0) -> tuple[int, Any]:
    """Send a body in parts, so many seconds apart, and no more; return status and answer."""
    app = Litestar([count], middleware=[hurrying], exception_handlers={Exception: answer})
    left, said = iter(parts), []

    async def receive() -> Any:
        await asyncio.sleep(every)
        for message in left:
            return message
        return await asyncio.Event().wait()

    async def keep(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/", "raw_path": b"/", "root_path": "", "query_string": b"",
        "headers": [(b"transfer-encoding", b"chunked")], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "extensions": {},
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(app(scope, receive, keep), 60))  # type: ignore[arg-type] # as ASGI
    return said[0]["status"], json.loads(said[1]["body"])


def test_a_whole_body_is_waited_for():
    assert send([part(b"abc"), part(b"de", more=False)]) == (201, 5)


@pytest.mark.parametrize("parts", [[], [part(b"abc")]])
def test_a_body_that_does_not_come_is_a_408(
    parts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.05)
    status, problem = send(parts)
    assert (status, problem["type"]) == (408, "urn:sekisho:problem:body-too-slow")


def test_a_larger_body_may_take_longer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(requests, "BODY_SECONDS", 2.0)
    monkeypatch.setattr(requests, "BODY_PACE", 1)
    assert send([part(b"x" * 60), part(b"y", more=False)], every=1.5) == (201, 61)


def test_a_body_that_trickles_is_a_408(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.5)
    assert send(repeat(part(b"x")), every=0.01)[0] == 408
