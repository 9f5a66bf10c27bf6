"""What an applied decision does to the tables of the package concerned.

`decisions` knows the network only; who keeps the rows implements one of these and is handed in
when the process is assembled. Each method runs inside the transaction of the decision: if one
raises, nothing of the proposal happens, and neither does the vote that carried it. What must
outlive a crash half-way (signing a certificate) is an intent here and a result later.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from sqlalchemy.orm import Session

from governance.decisions.actions import (
    Action,
    Admit,
    AdoptRuleSet,
    ApproveContract,
    ChangeLegalName,
    ChangeParameters,
    ChangeVotingRules,
    ConfirmFreeze,
    Decline,
    DeprecateContract,
    FreezeContract,
    GrantRole,
    RecoverKey,
    RegisterRuntime,
    Reinstate,
    RemoveRole,
    RetireContract,
    Revoke,
    RotateCaKey,
    Suspend,
    UnfreezeContract,
)
from governance.decisions.parameters import NetworkParameters
from governance.decisions.statements import ContractActivated, Elapsed, FreezeExpired
from governance.decisions.store import document
from policies.compilation import CompiledRules
from policies.errors import Fault


class Decided(msgspec.Struct, frozen=True):
    """What an effect is told: which proposal decided, when, and who approved it."""

    proposal: str
    at: dt.datetime
    approved_by: tuple[str, ...]


class MembershipEffects(Protocol):
    """Kept by the membership tables; `admit` and `recover_key` leave an intent to enrol."""

    def examine(self, session: Session, action: Action) -> Sequence[Fault]:
        """Return why the tables would refuse `action` now, as far as they know."""
        ...

    def admit(self, session: Session, action: Admit, decided: Decided) -> None:
        """Do what `Admit` says."""
        ...

    def decline(self, session: Session, action: Decline, decided: Decided) -> None:
        """Do what `Decline` says."""
        ...

    def suspend(self, session: Session, action: Suspend, decided: Decided) -> None:
        """Do what `Suspend` says."""
        ...

    def reinstate(self, session: Session, action: Reinstate, decided: Decided) -> None:
        """Do what `Reinstate` says."""
        ...

    def revoke(self, session: Session, action: Revoke, decided: Decided) -> None:
        """Do what `Revoke` says."""
        ...

    def grant_role(self, session: Session, action: GrantRole, decided: Decided) -> None:
        """Do what `GrantRole` says."""
        ...

    def remove_role(self, session: Session, action: RemoveRole, decided: Decided) -> None:
        """Do what `RemoveRole` says."""
        ...

    def change_legal_name(
        self, session: Session, action: ChangeLegalName, decided: Decided
    ) -> None:
        """Do what `ChangeLegalName` says."""
        ...

    def recover_key(self, session: Session, action: RecoverKey, decided: Decided) -> None:
        """Do what `RecoverKey` says."""
        ...


class ContractEffects(Protocol):
    """Kept by the contract registry; `activate` and `thaw` come by time, not by vote."""

    def proposed(
        self, session: Session, action: ApproveContract, proposal: str, at: dt.datetime
    ) -> None:
        """Note that a proposal to approve the version was opened."""
        ...

    def not_approved(
        self, session: Session, action: ApproveContract, reason: str, decided: Decided
    ) -> None:
        """Note that the proposal was rejected, voided or withdrawn, or expired."""
        ...

    def approve(self, session: Session, action: ApproveContract, decided: Decided) -> None:
        """Do what `ApproveContract` says."""
        ...

    def freeze(self, session: Session, action: FreezeContract, decided: Decided) -> None:
        """Do what `FreezeContract` says."""
        ...

    def confirm_freeze(self, session: Session, action: ConfirmFreeze, decided: Decided) -> None:
        """Do what `ConfirmFreeze` says."""
        ...

    def unfreeze(self, session: Session, action: UnfreezeContract, decided: Decided) -> None:
        """Do what `UnfreezeContract` says."""
        ...

    def deprecate(self, session: Session, action: DeprecateContract, decided: Decided) -> None:
        """Do what `DeprecateContract` says."""
        ...

    def retire(self, session: Session, action: RetireContract, decided: Decided) -> None:
        """Do what `RetireContract` says."""
        ...

    def register_runtime(self, session: Session, action: RegisterRuntime, decided: Decided) -> None:
        """Do what `RegisterRuntime` says."""
        ...

    def activate(self, session: Session, fact: ContractActivated, at: dt.datetime) -> None:
        """Make a scheduled version active; its moment has come."""
        ...

    def thaw(self, session: Session, fact: FreezeExpired, at: dt.datetime) -> None:
        """Let a frozen version go on; its freeze was not confirmed in time."""
        ...


class NetworkEffects(Protocol):
    """Kept where rules are compiled, certificates issued and parameters read."""

    def examine_rule_set(self, current: CompiledRules, text: bytes, difference: str) -> list[Fault]:
        """Return every fault of a rule set's text, before anyone votes on it.

        That `difference` is not the digest of what it reveals and hides is one.
        """
        ...

    def adopt_rule_set(self, session: Session, digest: str, text: bytes, decided: Decided) -> None:
        """Judge access by the rule set with this digest and text from now on."""
        ...

    def rotate_ca_key(self, session: Session, action: RotateCaKey, decided: Decided) -> None:
        """Do what `RotateCaKey` says."""
        ...

    def publish_parameters(self, session: Session, parameters: NetworkParameters) -> None:
        """Take over the parameters now in force."""
        ...


@dataclass(frozen=True)
class Effects:
    """Who does what; handed in at assembly."""

    membership: MembershipEffects
    contracts: ContractEffects
    network: NetworkEffects


def perform(  # noqa: C901, PLR0912 - one arm for each kind of a closed union
    session: Session, effects: Effects, action: Action, decided: Decided
) -> None:
    """Do to the tables what `action` does to the network."""
    members, contracts = effects.membership, effects.contracts
    match action:
        case Admit():
            members.admit(session, action, decided)
        case Decline():
            members.decline(session, action, decided)
        case Suspend():
            members.suspend(session, action, decided)
        case Reinstate():
            members.reinstate(session, action, decided)
        case Revoke():
            members.revoke(session, action, decided)
        case GrantRole():
            members.grant_role(session, action, decided)
        case RemoveRole():
            members.remove_role(session, action, decided)
        case ChangeLegalName():
            members.change_legal_name(session, action, decided)
        case RecoverKey():
            members.recover_key(session, action, decided)
        case ApproveContract():
            contracts.approve(session, action, decided)
        case FreezeContract():
            contracts.freeze(session, action, decided)
        case ConfirmFreeze():
            contracts.confirm_freeze(session, action, decided)
        case UnfreezeContract():
            contracts.unfreeze(session, action, decided)
        case DeprecateContract():
            contracts.deprecate(session, action, decided)
        case RetireContract():
            contracts.retire(session, action, decided)
        case RegisterRuntime():
            contracts.register_runtime(session, action, decided)
        case AdoptRuleSet():
            text = document(session, action.rule_set)
            effects.network.adopt_rule_set(session, action.rule_set, text, decided)
        case RotateCaKey():
            effects.network.rotate_ca_key(session, action, decided)
        case ChangeParameters() | ChangeVotingRules():
            pass  # the network itself holds both; the announcement publishes the parameters


def perform_elapsed(session: Session, effects: Effects, fact: Elapsed, at: dt.datetime) -> None:
    """Do to the tables what time alone brought about."""
    match fact:
        case ContractActivated():
            effects.contracts.activate(session, fact, at)
        case FreezeExpired():
            effects.contracts.thaw(session, fact, at)
