"""Casting votes. The count follows each vote at once, in the same transaction."""

import datetime as dt

from sqlalchemy.orm import Session

from governance.decisions import folding
from governance.decisions.proposing import check_open
from governance.decisions.recording import accept, settle
from governance.decisions.services import DecisionServices
from governance.decisions.statements import VOTE, Vote
from governance.decisions.store import proposal_row
from governance.decisions.voting import Status
from ledger.statements import Opened
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules


def vote(
    session: Session,
    services: DecisionServices,
    rules: CompiledRules,
    actor: Actor,
    opened: Opened[Vote],
    at: dt.datetime,
) -> Status:
    """Cast a vote, apply what it decides, and return where the proposal stands then.

    Args:
        session: a session of `ledger.database.writing`.
        services: what decisions need.
        rules: the access rules in force.
        actor: who signed.
        opened: the statement, as opened at the edge.
        at: the time now.

    Raises:
        Denied: no rule lets the actor vote.
        ProposalClosed: it was decided before, by time or by votes.
        And what `folding.cast_vote` raises.
    """
    rules.decide(actor, Action.VOTE_CAST)
    state = settle(session, services, at)
    check_open(session, state, opened.body.proposal)
    after = folding.cast_vote(state, opened, max(at, state.at))
    accept(session, services, opened.envelope, VOTE, after)
    settle(session, services, at)
    return Status(proposal_row(session, opened.body.proposal).status)
