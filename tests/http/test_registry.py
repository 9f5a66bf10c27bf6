"""What the registry holds of every member is what anybody replays from the log."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from governance.client import renewing
from governance.client.nodes import add_node
from governance.decisions.actions import GrantRole, RecoverKey, Reinstate, RemoveRole, Suspend
from governance.decisions.network import NetworkState
from governance.decisions.replay import replay
from governance.decisions.store import load_state
from governance.identity import store as identity
from governance.membership import store as memberships
from governance.membership.members import NodeKind, Role
from governance.membership.statements import LEAVE, Leave
from ledger.database import connect, reading
from ledger.log.store import log_size, read_entries
from tests.http.joining import Newcomer, decide
from tests.http.network import Served

Shown = dict[str, tuple[str, frozenset[str], frozenset[str]]]


@contextmanager
def beside(served: Served) -> Iterator[Session]:
    """A session beside the server, on its database."""
    engine = connect(served.settings.database)
    try:
        with reading(engine) as session:
            yield session
    finally:
        engine.dispose()


def registered(session: Session) -> Shown:
    """Each member's state, roles, and serial numbers of the certificates that are not revoked."""
    shown: Shown = {}
    for member in memberships.members_after(session, "", 1000):
        good = frozenset(
            row.serial
            for row in identity.certificates_of(session, member.member_id)
            if row.kind != "service" and identity.revocation(session, row.serial) is None
        )
        shown[member.member_id] = (str(member.state), frozenset(member.roles), good)
    return shown


def replayed(state: NetworkState) -> Shown:
    return {
        member.id: (
            str(member.status),
            member.roles,
            frozenset(c.serial for c in member.certificates if c.revoked_at is None),
        )
        for member in state.members.values()
    }


def differences(served: Served) -> dict[str, tuple[Any, Any]]:
    """What registry and state say of members where they differ; state and replay never do."""
    with beside(served) as session:
        entries = ((i, data) for i, _, data in read_entries(session, 0, log_size(session)))
        stored = load_state(session)
        assert replay(entries).state == stored
        here, there = registered(session), replayed(stored)
    return {
        name: (here.get(name), there.get(name))
        for name in here.keys() | there.keys()
        if here.get(name) != there.get(name)
    }


def settled(served: Served) -> None:
    """Return once they agree: what a decision orders is issued right after it."""
    give_up = time.monotonic() + 10
    while found := differences(served):
        assert time.monotonic() < give_up, found
        time.sleep(0.2)


@pytest.fixture
def member(served: Served, tmp_path: Path) -> Iterator[Newcomer]:
    """A custodian with a node and an API client of its own."""
    made = Newcomer(served, tmp_path).pin().join()
    add_node(made.connection, tmp_path / "client", "client-2", NodeKind.API_CLIENT)
    yield made
    made.close()


def recover(served: Served, member: Newcomer) -> Any:
    wanted = renewing.request_recovery(member.folder)
    action = RecoverKey(member_id=member.member_id, key_id=wanted, reason="a test")
    assert decide(served, action) == "approved"


def leave(_: Served, member: Newcomer) -> None:
    assert member.say("/v1/members/leave", LEAVE, Leave("a test")).status_code == 204


def suspend(served: Served, member: Newcomer) -> None:
    assert decide(served, Suspend(member_id=member.member_id, reason="a test")) == "approved"


def suspend_recover_reinstate(served: Served, member: Newcomer) -> None:
    """The certificate is on hold with its member, and issued when that is reinstated."""
    suspend(served, member)
    recover(served, member)
    assert decide(served, Reinstate(member_id=member.member_id)) == "approved"


def change_roles(served: Served, member: Newcomer) -> None:
    role = Role.AUDITOR
    assert decide(served, GrantRole(member_id=member.member_id, role=role)) == "approved"
    assert decide(served, RemoveRole(member_id=member.member_id, role=role)) == "approved"


@pytest.mark.parametrize(
    "event",
    [
        recover,
        suspend,
        suspend_recover_reinstate,
        change_roles,
        leave,
        lambda _, member: member.rotate(),
        lambda _, member: member.renew(),
    ],
    ids=["recover", "suspend", "recover while suspended", "roles", "leave", "rotate", "renew"],
)
def test_registry_and_replay_agree(
    served: Served, member: Newcomer, event: Callable[[Served, Newcomer], Any]
) -> None:
    event(served, member)
    settled(served)


def test_after_recovering_one_of_two_nodes_the_other_goes_on(
    served: Served, member: Newcomer
) -> None:
    with beside(served) as session:
        before = {
            row.serial: row.node for row in identity.certificates_of(session, member.member_id)
        }
    recover(served, member)
    settled(served)
    with beside(served) as session:
        good = registered(session)[member.member_id][2]
        lost = {serial for serial in before if serial not in good}
    own = member.folder.member.node
    assert {before[serial] for serial in lost} == {own}
    assert {node for serial, node in before.items() if serial in good} >= {"client-2"}
