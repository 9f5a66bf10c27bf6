"""Whoever asks too often is told so, whatever it asks: reads, statements, tokens."""

import datetime as dt
from collections.abc import Callable, Iterator

import httpx
import pytest

from governance.access.grants import ASSERTION_TYPE, GRANT_TYPE, TOKEN_PATH
from governance.client.connection import Connection, client_assertion
from governance.client.folder import MemberFolder
from governance.decisions.statements import WITHDRAWAL, Withdrawal
from governance.demo.process import ServerProcess
from governance.requests import BURST_SECONDS
from tests.serving import server_settings

RATE = 2
BURST = RATE * BURST_SECONDS


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The administrator of a network that lets a member make two requests a second."""
    home = tmp_path_factory.mktemp("rates")
    settings = server_settings(home / "data", rate_limit=RATE)
    with ServerProcess(settings, home / "server.log"):
        folder = MemberFolder(settings.data_dir / "members" / settings.platform_member)
        with Connection(settings.url, folder) as connection:
            yield connection


def test_a_member_that_asks_too_often_waits(member: Connection):
    server = str(member._http.base_url)
    token = {"Authorization": f"Bearer {member.token()}"}
    statement = member.sign(WITHDRAWAL, Withdrawal("sha256:" + "0" * 64, "a mistake"))
    form = {
        "grant_type": GRANT_TYPE,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": client_assertion(member.own_folder(), dt.datetime.now(dt.UTC)),
    }
    path = f"/v1/proposals/sha256:{'0' * 64}/withdrawal"
    with httpx.Client(base_url=server, timeout=30) as client:
        assert client.get("/v1/members", headers=token).status_code == 200
        for ask in (
            lambda: client.get("/v1/members", headers=token),
            lambda: client.post(path, content=statement),
            lambda: client.post(TOKEN_PATH, data=form),
        ):
            answer = refused(ask)
            assert answer.json()["type"] == "urn:sekisho:problem:too-many-requests"
            assert int(answer.headers["retry-after"]) > 0
        assert client.get("/health/live").status_code == 200


def refused(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Return the answer to whoever goes on asking, however slow the machine is."""
    for _ in range(20 * BURST):
        answer = ask()
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return answer
    raise AssertionError("nobody is told to wait")
