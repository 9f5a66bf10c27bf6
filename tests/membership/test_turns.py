"""A statement is opened before the writer's lock: what comes in between is seen under it."""

import datetime as dt

import pytest

from governance.access.statements import Desk
from governance.errors import GovernanceError, KeyNotCertified, StatementUntimely
from governance.membership import changes
from governance.membership.statements import LEAVE, Leave
from ledger.database import reading, writing
from ledger.log.sequencer import LogEntry, append
from ledger.log.store import log_size
from ledger.statements import Opened
from tests.membership.consortium import NETWORK, RULES, Consortium, statement

ENOUGH = dt.timedelta(days=8)


@pytest.fixture
def desk(consortium: Consortium) -> Desk:
    return Desk(consortium.engine, NETWORK, lambda: consortium.at)


@pytest.fixture
def opened(consortium: Consortium, desk: Desk) -> Opened[Leave]:
    consortium.join("trust-a")
    key = consortium.join("trust-b")
    raw = statement(LEAVE, "trust-b", Leave("merged"), consortium.at, key)
    _, opened = desk.open(raw, LEAVE, Leave)
    return opened


def act(consortium: Consortium, desk: Desk, opened: Opened[Leave]) -> None:
    actor = consortium.actor("trust-b")
    with desk.writing(opened) as session:
        herald = consortium.authority.herald
        changes.leave(session, herald, actor, RULES, opened, consortium.at)


def refused(
    consortium: Consortium, desk: Desk, opened: Opened[Leave], why: type[GovernanceError]
) -> None:
    with reading(consortium.engine) as session:
        before = log_size(session)
    with pytest.raises(why), desk.writing(opened) as session:
        append(session, [LogEntry(LEAVE, opened.envelope)])
    with reading(consortium.engine) as session:
        assert log_size(session) == before


def test_what_still_holds_is_done(consortium: Consortium, desk: Desk, opened: Opened[Leave]):
    act(consortium, desk, opened)
    assert consortium.speaks(consortium.keys["trust-b"]) is None


def test_a_member_that_was_suspended_meanwhile(
    consortium: Consortium, desk: Desk, opened: Opened[Leave]
):
    with writing(consortium.engine) as session:
        changes.suspend(session, "trust-b", "audit", consortium.at)
    refused(consortium, desk, opened, KeyNotCertified)


def test_a_statement_that_expired_meanwhile(
    consortium: Consortium, desk: Desk, opened: Opened[Leave]
):
    consortium.at += ENOUGH
    refused(consortium, desk, opened, StatementUntimely)
