"""What decisions about contracts do to the registry."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contracts import deployment
from contracts import store as registry
from contracts.artifacts import find_runtime
from contracts.balloting import carry, open_vote
from contracts.errors import BindingChanged, RuntimeUnknown
from contracts.lifecycle import State
from governance.decisions.actions import (
    ApproveContract,
    ConfirmFreeze,
    DeprecateContract,
    FreezeContract,
    RegisterRuntime,
    RetireContract,
    UnfreezeContract,
    contract_key,
)
from governance.decisions.effects import Decided
from governance.decisions.entitlement import MAX_REASON
from governance.decisions.recording import record_facts
from governance.decisions.services import DecisionServices
from governance.decisions.statements import (
    ContractActivated,
    ContractGated,
    ContractReopened,
    ContractUnused,
    ContractUsed,
    Fact,
    FreezeExpired,
)
from governance.decisions.store import load_state
from ledger.gateway import STAMP
from ledger.log.store import log_size
from ledger.tables import RightRow
from policies.errors import Fault


class RegistryEffects:
    """Moves contract versions on in the registry, inside the transaction of the decision.

    The votes are bound to the digests of package, evidence, runtime, base and rule set twice: by
    `decisions`, to what the log says, and here, to what the registry held when the proposal was
    opened. Neither may have changed when the votes are counted.
    """

    def proposed(
        self, session: Session, action: ApproveContract, proposal: str, at: dt.datetime
    ) -> None:
        """Note that a vote on the version is open, and what it is about.

        Raises:
            BindingChanged: the registry holds something else than the log says.
        """
        state = load_state(session)
        name, version = action.name, action.version
        bound = open_vote(session, proposal, name, version, state.parameters.rule_set, at)
        said = state.contracts[contract_key(name, version)]
        faults = tuple(
            Fault(field, f"the log says {getattr(said, field)}, the registry {have}")
            for field in ("package", "evidence", "runtime")
            if getattr(said, field) != (have := getattr(bound, field))
        )
        if faults:
            raise BindingChanged("the registry has other evidence than the log; recheck", faults)

    def not_approved(
        self, session: Session, action: ApproveContract, reason: str, decided: Decided
    ) -> None:
        """Note that the vote ended without an approval."""
        deployment.withdraw(session, action.name, action.version, decided.at, reason)

    def approve(self, session: Session, action: ApproveContract, decided: Decided) -> None:
        """Approve the version as it was voted on; activate it unless it is scheduled for later."""
        name, version, at = action.name, action.version, decided.at
        rule_set = load_state(session).parameters.rule_set
        carry(session, decided.proposal, name, version, rule_set, at)
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
        deployment.end_freeze(session, fact.name, fact.version, at, "not confirmed in time")

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

    def register_runtime(self, session: Session, action: RegisterRuntime, decided: Decided) -> None:  # noqa: ARG002 - the protocol's signature
        """Check that every machine can have the runtime that the parameters list from now on.

        Raises:
            RuntimeUnknown: nobody has uploaded its artifact.
        """
        if find_runtime(session, action.runtime) is None:
            raise RuntimeUnknown(
                f"no artifact of {action.runtime} was uploaded; `sekisho contract upload-runtime`"
            )

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


class ReopenedObserver:
    """Tells decisions of versions whose gates run again: a vote on them becomes void."""

    def __init__(self, services: DecisionServices) -> None:
        self._services = services

    def __call__(
        self, session: Session, name: str, version: str, reason: str, at: dt.datetime
    ) -> None:
        """Record the fact."""
        fact = ContractReopened(name, version, reason[:MAX_REASON])
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
