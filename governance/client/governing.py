"""Proposals and votes, from a member's side."""

from collections.abc import Sequence
from typing import Any

from governance.client.connection import Connection
from governance.decisions.actions import Action, binding_names
from governance.decisions.network import OPERATING_ROLES
from governance.decisions.statements import (
    PROPOSAL,
    VOTE,
    WITHDRAWAL,
    Proposal,
    Vote,
    Withdrawal,
)
from governance.errors import NotEntitled


def propose(connection: Connection, actions: Sequence[Action], reason: str) -> dict[str, Any]:
    """Open a proposal bound to everything as it is now; return its digest and status."""
    now = connection.get("/v1/governance/bindings")
    names = [name for action in actions for name in binding_names(action)]
    body = Proposal(
        actions=tuple(actions),
        binds={name: now[name] for name in names if name in now},
        reason=reason,
    )
    answer: dict[str, Any] = connection.say("/v1/proposals", PROPOSAL, body)
    return answer


def vote(
    connection: Connection,
    proposal: str,
    *,
    approve: bool,
    role: str | None = None,
    reason: str = "",
) -> dict[str, Any]:
    """Vote on a proposal, in the role given or in the member's own operating role."""
    role = role or voting_role(connection)
    body = Vote(proposal=proposal, role=role, approve=approve, reason=reason)
    answer: dict[str, Any] = connection.say(f"/v1/proposals/{proposal}/votes", VOTE, body)
    return answer


def withdraw(connection: Connection, proposal: str, reason: str) -> dict[str, Any]:
    """Take the member's own proposal back."""
    path = f"/v1/proposals/{proposal}/withdrawal"
    answer: dict[str, Any] = connection.say(path, WITHDRAWAL, Withdrawal(proposal, reason))
    return answer


def open_proposals(connection: Connection) -> list[dict[str, Any]]:
    """Return the open proposals, oldest first."""
    return list(connection.pages("/v1/proposals", status="open"))[::-1]


def voting_role(connection: Connection) -> str:
    """Return the role in which the member votes.

    Raises:
        NotEntitled: it holds none that votes.
    """
    own = connection.get(f"/v1/members/{connection.member_id}")
    held = sorted(set(own["roles"]) & OPERATING_ROLES)
    if not held:
        raise NotEntitled(f"{connection.member_id} holds no role that votes")
    return str(held[0])
