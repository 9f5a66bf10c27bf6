"""Opening and withdrawing proposals."""

import datetime as dt
import secrets

from sqlalchemy.orm import Session

from governance.decisions import folding
from governance.decisions.actions import Admit, AdoptRuleSet, ApproveContract, binding_names
from governance.decisions.network import NetworkState, bindings
from governance.decisions.recording import accept, record_facts, settle
from governance.decisions.services import DecisionServices
from governance.decisions.statements import (
    PROPOSAL,
    WITHDRAWAL,
    ApplicationReceived,
    Proposal,
    Withdrawal,
)
from governance.decisions.store import add_document, add_proposal, document, proposal_row
from governance.decisions.tables import ProposalRow
from governance.decisions.voting import Status
from governance.errors import ProposalClosed, ProposalInvalid
from ledger.hashing import content_digest
from ledger.keys import key_id
from ledger.statements import MAX_LIFETIME, Opened, Statement, sign_statement
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

MAX_DOCUMENT = 1 << 20
"""Bytes of the largest text that may be deposited."""


def propose(
    session: Session,
    services: DecisionServices,
    rules: CompiledRules,
    actor: Actor,
    opened: Opened[Proposal],
    at: dt.datetime,
) -> str:
    """Open a proposal and return its digest.

    Args:
        session: a session of `ledger.database.writing`.
        services: what decisions need.
        rules: the access rules in force.
        actor: who signed.
        opened: the statement, as opened at the edge.
        at: the time now.

    Raises:
        Denied: no rule lets the actor propose.
        And what `folding.open_proposal` raises.
    """
    rules.decide(actor, Action.PROPOSAL_SUBMIT)
    state = settle(session, services, at)
    for place, action in enumerate(opened.body.actions):
        refused = tuple(services.effects.membership.examine(session, action))
        if refused:
            raise ProposalInvalid(f"actions[{place}]: the registry would refuse it", refused)
        if isinstance(action, AdoptRuleSet):
            text = document(session, action.rule_set)
            if rules.digest != state.parameters.rule_set:
                raise ProposalInvalid(f"actions[{place}]: other rules came into force just now")
            network = services.effects.network
            faults = tuple(network.examine_rule_set(rules, text, action.difference))
            if faults:
                raise ProposalInvalid(f"actions[{place}]: the rule set has faults", faults)
    return _open(session, services, state, opened, at)


def propose_admission(
    session: Session,
    services: DecisionServices,
    application: ApplicationReceived,
    at: dt.datetime,
) -> str:
    """Record an application and open the proposal to admit the applicant; return its digest.

    The service proposes, with its own key and in the platform administrator's name; it has no
    vote, and the administrator's vote counts as on any other admission.

    Raises:
        FactRefused: there is such an application or member already.
        ProposalInvalid: an unknown role, or a sponsor that may not sponsor.
    """
    state = record_facts(session, services, [application], at)
    now = bindings(state)
    action = Admit(member_id=application.member_id)
    body = Proposal(
        actions=(action,),
        binds={name: now[name] for name in binding_names(action)},
        reason=f"application of {application.legal_name}",
    )
    moment = max(at, state.at)
    herald = services.herald
    statement = Statement(
        secrets.token_hex(16),
        herald.network,
        state.parameters.notary,
        moment,
        moment + MAX_LIFETIME,
        body,
    )
    envelope = sign_statement(PROPOSAL, statement, herald.signer)
    opened = Opened(PROPOSAL, statement, key_id(herald.signer.public_key()), envelope)
    return _open(session, services, state, opened, at)


def withdraw(
    session: Session,
    services: DecisionServices,
    rules: CompiledRules,
    actor: Actor,
    opened: Opened[Withdrawal],
    at: dt.datetime,
) -> None:
    """Withdraw the actor's own proposal.

    Raises:
        Denied: no rule lets the actor withdraw proposals.
        ProposalClosed: it was decided before.
        And what `folding.withdraw` raises.
    """
    rules.decide(actor, Action.PROPOSAL_WITHDRAW)
    state = settle(session, services, at)
    check_open(session, state, opened.body.proposal)
    after = folding.withdraw(state, opened, max(at, state.at))
    accept(session, services, opened.envelope, WITHDRAWAL, after)
    settle(session, services, at)


def deposit(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    data: bytes,
    at: dt.datetime,
) -> str:
    """Keep a text that a proposal will name, and return its digest.

    Raises:
        Denied: no rule lets the actor vote; what others propose needs no text.
        ProposalInvalid: it is empty or too large.
    """
    rules.decide(actor, Action.VOTE_CAST)
    if not 0 < len(data) <= MAX_DOCUMENT:
        raise ProposalInvalid(f"a document of {len(data)} bytes; expected 1 to {MAX_DOCUMENT}")
    digest = content_digest(data)
    add_document(session, digest, data, actor.member_id, at)
    return digest


def check_open(session: Session, state: NetworkState, proposal: str) -> None:
    """Return if `proposal` is open.

    Raises:
        ProposalClosed: it was decided.
        ProposalUnknown: it never was.
    """
    if proposal not in state.proposals:
        row = proposal_row(session, proposal)
        raise ProposalClosed(f"proposal {proposal} is {row.status}")


def _open(
    session: Session,
    services: DecisionServices,
    state: NetworkState,
    opened: Opened[Proposal],
    at: dt.datetime,
) -> str:
    moment = max(at, state.at)
    after, proposal = folding.open_proposal(state, opened, moment)
    index = accept(session, services, opened.envelope, PROPOSAL, after)
    add_proposal(
        session,
        ProposalRow(
            id=proposal.id,
            author=proposal.author,
            opened_at=moment,
            opened_index=index,
            status=Status.OPEN,
            envelope=opened.envelope,
        ),
    )
    for action in proposal.actions:
        if isinstance(action, ApproveContract):
            services.effects.contracts.proposed(session, action, proposal.id, moment)
    settle(session, services, at)
    return proposal.id
