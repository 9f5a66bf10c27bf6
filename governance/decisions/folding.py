"""The fold: each statement takes the network to the next. Pure; server and replay both use it.

1. `found` makes the first network from the genesis statement.
2. `open_proposal`, `cast_vote`, `withdraw` judge what a member says and add it.
3. `facts.observe` adds what the service reports.
4. `due` says what is to be decided, or has come by time, at a moment. Nothing else may be said
   while something is due: that is what makes the order of the log leave no choice.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Sequence

import msgspec

from governance.decisions import transitions
from governance.decisions.actions import (
    KINDS,
    Action,
    Admit,
    Decline,
)
from governance.decisions.entitlement import (
    MAX_REASON,
    check_binds,
    check_form,
    check_proposer,
    check_voter,
    received,
)
from governance.decisions.facts import certificate, elapsed, observe, spki_key_id
from governance.decisions.liveness import stranded
from governance.decisions.network import (
    ADMINISTRATOR,
    ROLES,
    Ballot,
    Member,
    MemberStatus,
    NetworkState,
    OpenProposal,
)
from governance.decisions.parameters import NetworkParameters, check_parameters
from governance.decisions.statements import (
    Decision,
    Elapsed,
    Genesis,
    Proposal,
    Vote,
    Withdrawal,
)
from governance.decisions.voting import Outcome, Status, decide, stale
from governance.decisions.voting_rules import check_voting_rules
from governance.errors import (
    AlreadyVoted,
    NetworkStranded,
    NetworkUnfounded,
    NotEntitled,
    ProposalClosed,
    ProposalInvalid,
    ProposalUnknown,
)
from ledger.hashing import content_digest
from ledger.statements import Opened, read_envelope
from policies.errors import Fault


class Due(msgspec.Struct, frozen=True):
    """What must happen next: what is said, the network after it, and the actions applied.

    `applied` holds what the tables are to follow: the proposal's actions, or the declined
    applications of an admission that failed; `refused` the actions of a proposal that failed.
    """

    body: Decision | Elapsed | NetworkParameters
    after: NetworkState
    applied: tuple[Action, ...] = ()
    refused: tuple[Action, ...] = ()


def found(genesis: Genesis, at: dt.datetime) -> NetworkState:
    """Return the network that `genesis` founds.

    Raises:
        NetworkUnfounded: it contradicts itself; with all faults.
    """
    faults = check_parameters(genesis.parameters)
    faults += check_voting_rules(genesis.voting_rules, KINDS, ROLES)
    expected = (
        ("version", 1),
        ("network", genesis.network),
        ("notary", genesis.administrator.member_id),
        ("voting_rules", genesis.voting_rules.digest),
    )
    faults += [
        Fault(f"parameters.{name}", f"{getattr(genesis.parameters, name)}; expected {value}")
        for name, value in expected
        if getattr(genesis.parameters, name) != value
    ]
    if faults:
        raise NetworkUnfounded("; ".join(map(str, faults)), tuple(faults))
    first = genesis.administrator
    issued = certificate(
        first.serial, first.public_key, first.not_before, first.not_after, first.node
    )
    member = Member(
        id=first.member_id,
        legal_name=first.legal_name,
        status=MemberStatus.ACTIVE,
        roles=frozenset({ADMINISTRATOR}),
        certificates=(issued,),
        enrolled=True,
    )
    return NetworkState(
        network=genesis.network,
        service_keys={spki_key_id(genesis.service_key): genesis.service_key},
        members={member.id: member},
        applications={},
        contracts={},
        contract_users={},
        issuing_certificate=_certificate_digest(genesis.issuing_certificate),
        parameters=genesis.parameters,
        voting_rules=genesis.voting_rules,
        proposals={},
        seen={},
        announced=0,
        at=at,
    )


def open_proposal(
    state: NetworkState, opened: Opened[Proposal], at: dt.datetime
) -> tuple[NetworkState, OpenProposal]:
    """Return the network with the proposal open, and the proposal.

    Raises:
        ProposalInvalid: with all faults.
        NotEntitled: the author may not propose some action.
        NetworkStranded: applied now, it would leave the network unable to decide something.
        And what `received` raises.
    """
    after = received(state, opened, at)
    body = opened.body
    check_form(body)
    check_proposer(state, opened)
    rehearsed, faults = rehearse(state, body.actions, at)
    faults = [*faults, *check_binds(state, body)]
    if faults:
        raise ProposalInvalid("; ".join(map(str, faults)), tuple(faults))
    lost = stranded(state, rehearsed, at)
    if lost:
        raise NetworkStranded(f"this would leave undecidable: {', '.join(lost)}")
    proposal = OpenProposal(
        id=payload_digest(opened.envelope),
        author=opened.statement.author,
        actions=body.actions,
        binds=body.binds,
        reason=body.reason,
        opened_at=at,
    )
    return _put_proposal(after, proposal), proposal


def cast_vote(state: NetworkState, opened: Opened[Vote], at: dt.datetime) -> NetworkState:
    """Return the network with the vote on the proposal.

    Raises:
        ProposalUnknown: no open proposal has this digest.
        NotEntitled: the author has no vote in that role, or not on this proposal.
        AlreadyVoted: its vote in that role stands.
        And what `received` raises.
    """
    after = received(state, opened, at)
    vote = opened.body
    proposal = _open(state, vote.proposal)
    if len(vote.reason) > MAX_REASON:
        raise ProposalInvalid(f"a reason of {len(vote.reason)} characters; at most {MAX_REASON}")
    ballot = Ballot(
        member_id=opened.statement.author,
        role=vote.role,
        key_id=opened.keyid,
        approve=vote.approve,
        reason=vote.reason,
        received_at=at,
        statement=content_digest(opened.envelope),
    )
    check_voter(state, proposal, ballot)
    others = []
    for earlier in proposal.ballots:
        if (earlier.member_id, earlier.role) != (ballot.member_id, ballot.role):
            others.append(earlier)
        elif not stale(state, proposal.actions, earlier, at):
            raise AlreadyVoted(f"{ballot.member_id} voted as {ballot.role} already")
    return _put_proposal(after, msgspec.structs.replace(proposal, ballots=(*others, ballot)))


def withdraw(state: NetworkState, opened: Opened[Withdrawal], at: dt.datetime) -> NetworkState:
    """Return the network with the proposal withdrawn; `due` closes it.

    Raises:
        ProposalUnknown: no open proposal has this digest.
        NotEntitled: somebody else proposed it.
        And what `received` raises.
    """
    after = received(state, opened, at)
    proposal = _open(state, opened.body.proposal)
    if proposal.author != opened.statement.author:
        raise NotEntitled(f"{proposal.author} proposed this; only it can withdraw it")
    reason = f"withdrawn by its author: {opened.body.reason[:MAX_REASON]}"
    return _put_proposal(after, msgspec.structs.replace(proposal, withdrawn=reason))


def due(state: NetworkState, at: dt.datetime) -> Due | None:
    """Return what must happen next at `at`, or None when nothing is due."""
    if state.announced != state.parameters.version:
        announced = state.with_same_members(announced=state.parameters.version, at=at)
        return Due(state.parameters, announced)
    for fact in elapsed(state, at):
        return Due(fact, observe(state, fact, at))
    for proposal in state.open_proposals():
        outcome = decide(state, proposal, proposal.ballots, at)
        if outcome.status is not Status.OPEN:
            return _conclude(state, proposal, outcome, at)
    return None


def rehearse(
    state: NetworkState, actions: Sequence[Action], at: dt.datetime
) -> tuple[NetworkState, list[Fault]]:
    """Return the network after all `actions`, and every fault found on the way.

    An action that has a fault is left out, so that the faults of the later ones are found too.
    """
    after, faults = state, []
    for place, action in enumerate(actions):
        found_here = transitions.validate(after, action, at)
        faults += [Fault(f"actions[{place}].{fault.where}", fault.message) for fault in found_here]
        if not found_here:
            after = transitions.apply(after, action, at)
    return after, faults


def payload_digest(envelope: bytes) -> str:
    """Return the digest of what an envelope signs: the name of a proposal."""
    return content_digest(read_envelope(envelope).payload_bytes())


def _certificate_digest(certificate_in_base64: str) -> str:
    try:
        return content_digest(base64.b64decode(certificate_in_base64, validate=True))
    except binascii.Error as error:
        raise NetworkUnfounded(f"issuing_certificate is not base64: {error}") from error


def _conclude(
    state: NetworkState, proposal: OpenProposal, outcome: Outcome, at: dt.datetime
) -> Due:
    """Return the decision on `proposal`.

    An approval that cannot be applied is void. An admission that was voted down or that nobody
    carried in time declines the application: it does not stay open without a proposal.
    """
    left = {k: v for k, v in state.proposals.items() if k != proposal.id}
    closed = state.with_same_members(proposals=left, at=at)
    after, status, reasons = closed, outcome.status, outcome.reasons
    applied: tuple[Action, ...] = ()
    if status is Status.APPROVED:
        changed, faults = rehearse(closed, proposal.actions, at)
        lost = () if faults else stranded(closed, changed, at)
        if faults:
            status, reasons = Status.VOID, tuple(map(str, faults))
        elif lost:
            status = Status.VOID
            reasons = tuple(f"would leave undecidable: {name}" for name in lost)
        else:
            after, applied = changed, proposal.actions
    elif status in (Status.REJECTED, Status.EXPIRED):
        applied = tuple(
            Decline(member_id=action.member_id, reason="; ".join(reasons))
            for action in proposal.actions
            if isinstance(action, Admit)
        )
        after, _ = rehearse(closed, applied, at)
    decision = Decision(
        proposal=proposal.id,
        outcome=status,
        reasons=reasons,
        seats=outcome.seats,
        dropped=outcome.dropped,
        state=after.digest(),
    )
    refused = () if status is Status.APPROVED else proposal.actions
    return Due(decision, after, applied, refused)


def _open(state: NetworkState, proposal_id: str) -> OpenProposal:
    proposal = state.proposals.get(proposal_id)
    if proposal is None:
        raise ProposalUnknown(f"no open proposal {proposal_id}")
    if proposal.withdrawn is not None:
        raise ProposalClosed(proposal.withdrawn)
    return proposal


def _put_proposal(state: NetworkState, proposal: OpenProposal) -> NetworkState:
    return state.with_same_members(proposals={**state.proposals, proposal.id: proposal})
