"""The one way in which governance is written: say, append to the log, fold, keep.

Every function here runs inside `ledger.database.writing`, whose lock puts all governance in one
order: the network that a statement is judged on is the one that it changes. Log entry, folded
network and the rows of the package concerned are one database transaction, so that nothing can
happen between a decision and its application.
"""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy.orm import Session

from contracts.errors import ContractError
from governance.decisions import facts, folding
from governance.decisions.actions import ApproveContract
from governance.decisions.effects import Decided, perform, perform_elapsed
from governance.decisions.entitlement import MAX_REASON
from governance.decisions.network import NetworkState
from governance.decisions.parameters import NetworkParameters
from governance.decisions.services import DecisionServices
from governance.decisions.statements import (
    DECISION,
    FACT,
    PARAMETERS,
    RECEIPT,
    ContractActivated,
    ContractHalted,
    Decision,
    Fact,
    FactSaid,
    FreezeExpired,
    ProposalHalted,
    Receipt,
)
from governance.decisions.store import (
    add_parameters,
    close_proposal,
    load_state,
    save_state,
)
from governance.decisions.voting import Status
from governance.errors import FactRefused, GovernanceError
from ledger.errors import LedgerError
from ledger.hashing import content_digest
from ledger.log.sequencer import LogEntry, append
from policies.errors import PolicyError

_REFUSALS = (GovernanceError, ContractError, LedgerError, PolicyError)
"""What the tables' owners raise when they refuse; anything else is a fault of the program."""


def settle(session: Session, services: DecisionServices, at: dt.datetime) -> NetworkState:
    """Do everything that is due at `at`, and return the network then.

    Called in the background every few seconds, and before and after everything else here:
    expired and vetoed proposals, ends of veto windows, scheduled activations, ends of freezes,
    proposals that a change of rules or evidence decided.

    What the tables refuse is undone and said to be halted: a proposal is then void, a contract
    version stays frozen until voted on. Otherwise one that can never be applied would stand in
    the way of everything after it.
    """
    state = load_state(session)
    at = max(at, state.at)
    while (step := folding.due(state, at)) is not None:
        try:
            with session.begin_nested():
                _take(session, services, step, at)
            state = step.after
        except _REFUSALS as refusal:
            state = _halt(session, services, state, step, str(refusal), at)
    return state


def record_facts(
    session: Session, services: DecisionServices, reported: Sequence[Fact], at: dt.datetime
) -> NetworkState:
    """Record what other parts of the service did; return the network afterwards.

    Called in the transaction that did it: a certificate issued or revoked, an application
    received, a contract gated, the first right of a registrar under a contract.

    Raises:
        FactRefused: the network knows nothing that it could be a fact about.
        NetworkStranded: the network could no longer decide what it can decide now.
    """
    for fact in reported:
        state = settle(session, services, at)
        moment = max(at, state.at)
        after = facts.observe(state, fact, moment)
        save_state(session, after, services.herald.announce(session, FACT, FactSaid(fact), moment))
    return settle(session, services, at)


def accept(
    session: Session,
    services: DecisionServices,
    envelope: bytes,
    kind: str,
    after: NetworkState,
) -> int:
    """Append a member's statement with its receipt, keep the network after it.

    Returns:
        The log index of the member's statement.
    """
    receipt = Receipt(content_digest(envelope))
    said = services.herald.sign(RECEIPT, receipt, after.at)
    indexes = append(session, [LogEntry(kind, envelope), LogEntry(RECEIPT, said)])
    save_state(session, after, indexes[-1])
    return indexes[0]


def _take(session: Session, services: DecisionServices, step: folding.Due, at: dt.datetime) -> None:
    match step.body:
        case Decision() as decision:
            index = _close(session, services, decision, at)
            decided = Decided(decision.proposal, at, _approvers(decision))
            for action in step.refused:
                if isinstance(action, ApproveContract):
                    reason = f"{decision.outcome}: {'; '.join(decision.reasons)}"
                    services.effects.contracts.not_approved(session, action, reason, decided)
            for action in step.applied:
                perform(session, services.effects, action, decided)
        case NetworkParameters() as parameters:
            signed = services.herald.sign(PARAMETERS, parameters, at)
            index = append(session, [LogEntry(PARAMETERS, signed)])[0]
            add_parameters(session, parameters.version, signed, index)
            services.effects.network.publish_parameters(session, parameters)
        case fact:
            index = services.herald.announce(session, FACT, FactSaid(fact), at)
            perform_elapsed(session, services.effects, fact, at)
    save_state(session, step.after, index)


def _halt(
    session: Session,
    services: DecisionServices,
    state: NetworkState,
    step: folding.Due,
    reason: str,
    at: dt.datetime,
) -> NetworkState:
    """Say that what is due was refused by the tables; return the network then."""
    fact: Fact
    match step.body:
        case Decision() as decision if decision.outcome is Status.APPROVED:
            fact = ProposalHalted(decision.proposal, reason[:MAX_REASON])
        case ContractActivated() | FreezeExpired() as elapsed:
            fact = ContractHalted(elapsed.name, elapsed.version, reason[:MAX_REASON])
        case _:
            raise FactRefused(f"the tables refuse what must be: {reason}")
    after = facts.observe(state, fact, at)
    save_state(session, after, services.herald.announce(session, FACT, FactSaid(fact), at))
    return after


def _close(
    session: Session, services: DecisionServices, decision: Decision, at: dt.datetime
) -> int:
    signed = services.herald.sign(DECISION, decision, at)
    index = append(session, [LogEntry(DECISION, signed)])[0]
    close_proposal(session, decision.proposal, decision.outcome, at, (index, signed))
    return index


def _approvers(decision: Decision) -> tuple[str, ...]:
    return tuple(sorted({member for seat in decision.seats for member in seat.approved}))
