"""Who may say what: everything that stands against a member's statement on a network. Pure."""

import datetime as dt

from governance.decisions.actions import (
    Action,
    Admit,
    ContractAction,
    binding_names,
    contract_key,
    kind,
    subject,
)
from governance.decisions.network import (
    ADMINISTRATOR,
    Ballot,
    Member,
    NetworkState,
    OpenProposal,
    bindings,
)
from governance.decisions.statements import Proposal, Vote, Withdrawal
from governance.decisions.voting import standing
from governance.decisions.voting_rules import Procedure
from governance.errors import (
    ForeignNetwork,
    KeyNotCertified,
    NotEntitled,
    ProposalInvalid,
    StatementReplayed,
    StatementUntimely,
)
from ledger.statements import Opened
from policies.errors import Fault

MAX_ACTIONS = 16
"""Actions in the largest proposal."""

MAX_REASON = 2000
"""Characters of the longest reason."""

CLOCK_SKEW = dt.timedelta(seconds=60)
"""How far an author's clock may be ahead of the service's."""


def received(
    state: NetworkState,
    opened: Opened[Proposal] | Opened[Vote] | Opened[Withdrawal],
    at: dt.datetime,
) -> NetworkState:
    """Return the network that has seen the statement.

    Raises:
        ForeignNetwork, StatementUntimely, StatementReplayed, NotEntitled, KeyNotCertified: as
            they say.
    """
    said = opened.statement
    if said.network != state.network:
        raise ForeignNetwork(f"the statement is for {said.network!r}, not {state.network!r}")
    if said.issued_at > at + CLOCK_SKEW or at >= said.expires_at:
        raise StatementUntimely(
            f"issued {said.issued_at.isoformat()}, expires {said.expires_at.isoformat()};"
            f" here it is {at.isoformat()}"
        )
    if said.id in state.seen:
        raise StatementReplayed(f"statement {said.id} was received before")
    if not state.acting(said.author):
        member = state.members.get(said.author)
        standing_now = member.status if member else "no member"
        raise NotEntitled(f"{said.author} may not act: {standing_now}")
    author = state.members[said.author]
    certified = any(c.key_id == opened.keyid and c.valid(at) for c in author.certificates)
    if not certified and not _by_service(state, opened.keyid, author):
        raise KeyNotCertified(f"key {opened.keyid} has no valid certificate of {said.author}")
    seen = {k: v for k, v in state.seen.items() if v > at}
    seen[said.id] = said.expires_at
    return state.with_same_members(seen=seen, at=at)


def _by_service(state: NetworkState, keyid: str, author: Member) -> bool:
    return keyid in state.service_keys and ADMINISTRATOR in author.roles


def check_form(body: Proposal) -> None:
    """Return if the proposal has a form that is looked at.

    Raises:
        ProposalInvalid: with all faults.
    """
    faults = []
    if not 0 < len(body.actions) <= MAX_ACTIONS:
        faults.append(Fault("actions", f"{len(body.actions)}; expected 1 to {MAX_ACTIONS}"))
    if len(body.reason) > MAX_REASON:
        faults.append(Fault("reason", f"expected at most {MAX_REASON} characters"))
    if faults:
        raise ProposalInvalid("; ".join(map(str, faults)), tuple(faults))


def check_binds(state: NetworkState, body: Proposal) -> list[Fault]:
    """Return a fault for each digest that is not bound, or not bound as it is now."""
    now = bindings(state)
    needed = {name for action in body.actions for name in binding_names(action)}
    faults = [
        Fault(f"binds.{name}", f"not bound; it is {now.get(name, 'gone')}")
        for name in sorted(needed - set(body.binds))
    ]
    faults += [
        Fault(f"binds.{name}", f"bound {digest!r}; it is {now.get(name, 'gone')}")
        for name, digest in sorted(body.binds.items())
        if now.get(name) != digest
    ]
    return faults


def check_proposer(state: NetworkState, opened: Opened[Proposal]) -> None:
    """Return if the author may propose every action.

    What the service opens by itself, with its own key, are admissions: one for each application.

    Raises:
        NotEntitled: it may not.
    """
    author = state.members[opened.statement.author]
    if opened.keyid in state.service_keys:
        if all(isinstance(action, Admit) for action in opened.body.actions):
            return
        raise NotEntitled("the service proposes admissions only")
    for action in opened.body.actions:
        procedure = state.voting_rules.procedure(kind(action))
        if not _may_propose(state, author, action, procedure):
            wanted = ", ".join(procedure.proposers)
            raise NotEntitled(f"{author.id} may not propose {kind(action)}; that is for: {wanted}")


def _may_propose(state: NetworkState, author: Member, action: Action, procedure: Procedure) -> bool:
    if "subject" in procedure.proposers and subject(action) == author.id:
        return True
    if "owner" in procedure.proposers and isinstance(action, ContractAction):
        contract = state.contracts.get(contract_key(action.name, action.version))
        if contract is not None and contract.owner == author.id:
            return True
    return any(author.roles & state.voting_rules.roles(name) for name in procedure.proposers)


def check_voter(state: NetworkState, proposal: OpenProposal, ballot: Ballot) -> None:
    """Return if the ballot has a seat.

    Raises:
        NotEntitled: it has none; with the reason.
    """
    member = state.members[ballot.member_id]
    if ballot.role not in member.roles:
        raise NotEntitled(f"{member.id} does not hold the role {ballot.role!r}")
    reasons = standing(state, proposal.actions, member, ballot.role)
    if reasons:
        raise NotEntitled("; ".join(reasons))
    if ballot.key_id in state.service_keys:
        raise NotEntitled("the service does not vote")
