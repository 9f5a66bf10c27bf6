"""What decisions about contracts do to the registry."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contracts import deployment
from contracts import store as registry
from contracts.lifecycle import State
from governance.decisions.actions import (
    ApproveContract,
    ConfirmFreeze,
    DeprecateContract,
    FreezeContract,
    RegisterRuntime,
    RetireContract,
    UnfreezeContract,
)
from governance.decisions.effects import Decided
from governance.decisions.recording import record_facts
from governance.decisions.services import DecisionServices
from governance.decisions.statements import (
    ContractActivated,
    ContractGated,
    ContractUnused,
    ContractUsed,
    Fact,
    FreezeExpired,
)
from governance.decisions.store import load_state
from ledger.gateway import STAMP
from ledger.log.store import log_size
from ledger.tables import RightRow


class RegistryEffects:
    """Moves contract versions on in the registry, inside the transaction of the decision.

    The votes were bound to the digests of package, evidence, runtime, base and rule set by
    `decisions`; what is bound here is compared once more with what the registry holds.
    """

    def proposed(
        self, session: Session, action: ApproveContract, proposal: str, at: dt.datetime
    ) -> None:
        """Note that a vote on the version is open."""
        deployment.propose(session, action.name, action.version, at, proposal)

    def not_approved(
        self, session: Session, action: ApproveContract, reason: str, decided: Decided
    ) -> None:
        """Note that the vote ended without an approval."""
        deployment.withdraw(session, action.name, action.version, decided.at, reason)

    def approve(self, session: Session, action: ApproveContract, decided: Decided) -> None:
        """Approve the version; activate it unless it is scheduled for later."""
        name, version, at = action.name, action.version, decided.at
        rule_set = load_state(session).parameters.rule_set
        bound = deployment.binding(session, name, version, rule_set)
        deployment.approve(session, name, version, at, voted_on=bound, reason=decided.proposal)
        if action.activate_at is None:
            self._activate(session, name, version, at)

    def activate(self, session: Session, fact: ContractActivated, at: dt.datetime) -> None:
        """Activate a version whose time has come."""
        self._activate(session, fact.name, fact.version, at)

    def freeze(self, session: Session, action: FreezeContract, decided: Decided) -> None:
        """Stop the version for as long as the voting rules say, from now."""
        hours = load_state(session).voting_rules.freeze_hours
        until = decided.at + dt.timedelta(hours=hours)
        deployment.freeze(
            session, action.name, action.version, decided.at, until=until, reason=action.reason
        )

    def confirm_freeze(self, session: Session, action: ConfirmFreeze, decided: Decided) -> None:
        """Keep the version frozen until it is unfrozen."""
        deployment.confirm_freeze(
            session, action.name, action.version, decided.at, reason=decided.proposal
        )

    def unfreeze(self, session: Session, action: UnfreezeContract, decided: Decided) -> None:
        """End the freeze."""
        deployment.thaw(session, action.name, action.version, decided.at, decided.proposal)

    def thaw(self, session: Session, fact: FreezeExpired, at: dt.datetime) -> None:
        """Note the end of a freeze that was not confirmed."""
        row = registry.version_row(session, fact.name, fact.version)
        if row.frozen_until is not None:
            deployment.thaw(session, fact.name, fact.version, at, "not confirmed in time")

    def deprecate(self, session: Session, action: DeprecateContract, decided: Decided) -> None:
        """Let the version take no new tokens."""
        deployment.deprecate(session, action.name, action.version, decided.at, decided.proposal)

    def retire(self, session: Session, action: RetireContract, decided: Decided) -> None:
        """End the version; refused while tokens of its contract live and no version follows."""
        name, version = action.name, action.version
        heir = deployment.active_version(session, name, log_size(session))
        follows = heir is not None and heir.version != version
        deployment.retire(
            session,
            name,
            version,
            decided.at,
            live_states=_outstanding(session, name),
            migration=heir.version if heir is not None and follows else None,
            reason=decided.proposal,
        )

    def register_runtime(self, session: Session, action: RegisterRuntime, decided: Decided) -> None:
        """The parameters list the runtime from now on; the registry reads them."""

    def _activate(self, session: Session, name: str, version: str, at: dt.datetime) -> None:
        index = log_size(session)
        deployment.schedule(session, name, version, at, log_index=index)
        if registry.version_row(session, name, version).state == State.SCHEDULED:
            deployment.activate(session, name, version, at)


class GatedObserver:
    """Tells decisions of versions that passed their gates, so that they can be voted on."""

    def __init__(self, services: DecisionServices) -> None:
        self._services = services

    def __call__(self, session: Session, name: str, version: str, at: dt.datetime) -> None:
        """Record the fact, with the digests that a vote will be bound to."""
        row = registry.version_row(session, name, version)
        rule_set = load_state(session).parameters.rule_set
        bound = deployment.binding(session, name, version, rule_set)
        fact = ContractGated(
            name=name,
            version=version,
            owner=row.author,
            package=bound.package,
            evidence=bound.evidence,
            runtime=bound.runtime,
            base=bound.base or "",
        )
        record_facts(session, self._services, [fact], at)


class RightsObserver:
    """Tells decisions which contracts a registrar's rights use: it has a vote on their versions."""

    def __init__(self, services: DecisionServices) -> None:
        self._services = services

    def __call__(self, session: Session, registrar: str, at: dt.datetime) -> None:
        """Record what has changed since the network last heard of it."""
        query = sa.select(RightRow.contract).where(RightRow.registrar == registrar).distinct()
        used = set(session.scalars(query, execution_options=STAMP))
        users = load_state(session).contract_users
        known = {name for name, registrars in users.items() if registrar in registrars}
        facts: list[Fact] = [ContractUsed(name, registrar) for name in sorted(used - known)]
        facts += [ContractUnused(name, registrar) for name in sorted(known - used)]
        record_facts(session, self._services, facts, at)


def _outstanding(session: Session, contract: str) -> int:
    """Return what is outstanding of the rights that use a contract, in their units."""
    query = sa.select(sa.func.coalesce(sa.func.sum(RightRow.outstanding_quantity), 0)).where(
        RightRow.contract == contract
    )
    return int(session.scalar(query, execution_options=STAMP) or 0)
