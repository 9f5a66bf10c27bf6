"""What a vote on a version is about: bound when the proposal opens, compared when it is carried."""

import datetime as dt

import msgspec
from sqlalchemy.orm import Session

from contracts import deployment, store
from contracts.deployment import Binding
from contracts.errors import BindingChanged
from contracts.tables import VoteBindingRow
from policies.errors import Fault


def open_vote(
    session: Session, proposal: str, name: str, version: str, rule_set: str, at: dt.datetime
) -> Binding:
    """Note that a vote on the version is open, and what it is about.

    Args:
        session: in the single-writer transaction.
        proposal: what names the vote.
        name: the contract's name.
        version: the version.
        rule_set: digest of the rule set in force.
        at: the time, UTC.

    Raises:
        BindingChanged, TransitionRefused: as `deployment.propose`.
    """
    deployment.propose(session, name, version, at, proposal)
    bound = deployment.binding(session, name, version, rule_set)
    data = msgspec.json.encode(bound)
    session.add(VoteBindingRow(proposal=proposal, name=name, version=version, binding=data, at=at))
    session.flush()
    return bound


def voted_on(session: Session, proposal: str, name: str, version: str) -> Binding:
    """Return what the vote is about, as it was when it was opened.

    Raises:
        BindingChanged: no vote on the version was opened under this proposal.
    """
    row = store.vote_binding(session, proposal, name, version)
    if row is None:
        fault = Fault("proposal", f"bound nothing of {name} {version}")
        raise BindingChanged(f"no vote on {name} {version} was opened by {proposal}", (fault,))
    return msgspec.json.decode(row.binding, type=Binding)


def carry(
    session: Session, proposal: str, name: str, version: str, rule_set: str, at: dt.datetime
) -> None:
    """Approve the version, if everything that was voted on still stands.

    Raises:
        BindingChanged: something else stands now than what was voted on.
        TransitionRefused: the version is not proposed.
    """
    bound = voted_on(session, proposal, name, version)
    deployment.approve(
        session, name, version, at, voted_on=bound, rule_set=rule_set, reason=proposal
    )
