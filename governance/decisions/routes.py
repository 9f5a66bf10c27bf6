"""HTTP of decisions."""

import datetime as dt

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.params import FromPath, FromQuery, RawBody
from litestar.response import Response
from sqlalchemy.engine import Engine

from governance.decisions import readiness
from governance.decisions.counting import vote
from governance.decisions.liveness import Shortfall
from governance.decisions.network import bindings
from governance.decisions.proposing import deposit, propose, withdraw
from governance.decisions.readiness import ProposalPage, ProposalView
from governance.decisions.services import DecisionServices
from governance.decisions.statements import (
    PROPOSAL,
    VOTE,
    WITHDRAWAL,
    Proposal,
    Vote,
    Withdrawal,
)
from governance.decisions.store import (
    document,
    load_state,
    parameters_envelope,
    proposal_row,
)
from governance.decisions.voting import Status
from governance.decisions.voting_rules import VotingRules
from governance.errors import ProposalUnknown
from ledger.database import reading, writing
from ledger.statements import Envelope
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules


class Standing(msgspec.Struct, frozen=True):
    """A proposal's digest and where it stands now."""

    id: str
    status: Status


class Deposited(msgspec.Struct, frozen=True):
    """The digest of a text that was deposited."""

    digest: str


@post(
    "/v1/proposals",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Open a proposal",
)
def open_proposal(
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    decisions: NamedDependency[DecisionServices],
) -> Standing:
    """Open a proposal signed by its author (kind `proposal`)."""
    actor, opened = decisions.desk.open(body, PROPOSAL, Proposal)
    with writing(database) as session:
        proposal = propose(session, decisions, rules, actor, opened, at)
        return Standing(proposal, Status(proposal_row(session, proposal).status))


@post(
    "/v1/proposals/{proposal:str}/votes",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Vote on a proposal",
)
def cast_vote(
    proposal: FromPath[str],
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    decisions: NamedDependency[DecisionServices],
) -> Standing:
    """Cast a vote signed by a member (kind `vote`) on the proposal that it names."""
    actor, opened = decisions.desk.open(body, VOTE, Vote)
    _same(proposal, opened.body.proposal)
    with writing(database) as session:
        return Standing(proposal, vote(session, decisions, rules, actor, opened, at))


@post(
    "/v1/proposals/{proposal:str}/withdrawal",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Withdraw a proposal",
)
def withdraw_proposal(
    proposal: FromPath[str],
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    decisions: NamedDependency[DecisionServices],
) -> Standing:
    """Withdraw the author's own proposal (kind `withdrawal`)."""
    actor, opened = decisions.desk.open(body, WITHDRAWAL, Withdrawal)
    _same(proposal, opened.body.proposal)
    with writing(database) as session:
        withdraw(session, decisions, rules, actor, opened, at)
    return Standing(proposal, Status.WITHDRAWN)


@get(
    "/v1/proposals",
    opt={"authz": Action.PROPOSAL_READ},
    sync_to_thread=True,
    tags=["decisions"],
    summary="List proposals",
)
def list_proposals(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    status: FromQuery[Status | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> ProposalPage:
    """Return proposals, newest first."""
    with reading(database) as session:
        return readiness.page(session, rules, actor, status=status, cursor=cursor, limit=limit)


@get(
    "/v1/proposals/{proposal:str}",
    opt={"authz": Action.PROPOSAL_READ},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Show where a proposal stands, seat by seat",
)
def show_proposal(
    proposal: FromPath[str],
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
) -> ProposalView:
    """Return who approved, who rejected, who is awaited and who has no vote."""
    with reading(database) as session:
        return readiness.show(session, rules, actor, proposal, at)


@get(
    "/v1/proposals/{proposal:str}/decision",
    opt={"authz": Action.PROPOSAL_READ, "answer": Envelope},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Get the signed record of a decision",
)
def show_decision(
    proposal: FromPath[str],
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
) -> Response[bytes]:
    """Return the envelope of the decision as it stands in the log."""
    rules.decide(actor, Action.PROPOSAL_READ)
    with reading(database) as session:
        row = proposal_row(session, proposal)
        if row.decision is None:
            raise ProposalUnknown(f"proposal {proposal} is not decided yet")
        return Response(row.decision, media_type=MediaType.JSON)


@get(
    "/v1/parameters",
    opt={"authz": Action.PARAMETER_READ, "answer": Envelope},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Get the network parameters, signed",
)
def show_parameters(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    version: FromQuery[int | None] = None,
) -> Response[bytes]:
    """Return the envelope of a version of the parameters, or of the newest."""
    rules.decide(actor, Action.PARAMETER_READ)
    with reading(database) as session:
        return Response(parameters_envelope(session, version), media_type=MediaType.JSON)


@get(
    "/v1/governance/voting-rules",
    opt={"authz": Action.PARAMETER_READ},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Get the voting rules in force",
)
def show_voting_rules(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
) -> VotingRules:
    """Return who decides what."""
    rules.decide(actor, Action.PARAMETER_READ)
    with reading(database) as session:
        return load_state(session).voting_rules


@get(
    "/v1/governance/bindings",
    opt={"authz": Action.PROPOSAL_READ},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Get the digests that a proposal can bind",
)
def show_bindings(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
) -> dict[str, str]:
    """Return name → digest, as they are now."""
    rules.decide(actor, Action.PROPOSAL_READ)
    with reading(database) as session:
        return bindings(load_state(session))


@get(
    "/v1/governance/forecast",
    opt={"authz": Action.PROPOSAL_READ},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Tell when expiring certificates would cost a quorum",
)
def show_forecast(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    days: FromQuery[int] = 60,
) -> list[Shortfall]:
    """Return the moments, what would be undecidable from then on, and whom to remind."""
    with reading(database) as session:
        return readiness.look_ahead(session, rules, actor, at, days)


@post(
    "/v1/governance/documents",
    opt={"authz": Action.VOTE_CAST, "body": "text/plain"},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Deposit a text that a proposal will name",
)
def deposit_document(
    body: RawBody,
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
) -> Deposited:
    """Keep a text, such as a rule set, and return its digest."""
    with writing(database) as session:
        return Deposited(deposit(session, rules, actor, body, at))


@get(
    "/v1/governance/documents/{digest:str}",
    opt={"authz": Action.PROPOSAL_READ, "answer": "text/plain"},
    sync_to_thread=True,
    tags=["decisions"],
    summary="Get a deposited text",
)
def show_document(
    digest: FromPath[str],
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
) -> Response[bytes]:
    """Return the text with this digest."""
    rules.decide(actor, Action.PROPOSAL_READ)
    with reading(database) as session:
        return Response(document(session, digest), media_type=MediaType.TEXT)


def _same(path: str, named: str) -> None:
    if path != named:
        raise ProposalUnknown(f"the statement names {named}, the address {path}")


ROUTES = (
    open_proposal,
    cast_vote,
    withdraw_proposal,
    list_proposals,
    show_proposal,
    show_decision,
    show_parameters,
    show_voting_rules,
    show_bindings,
    show_forecast,
    deposit_document,
    show_document,
)
