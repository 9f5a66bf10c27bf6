"""What an action may change: valid or not, and the network after it. Pure.

`validate` names everything that stands against an action on a network; `apply` assumes that
nothing does. Whether the network can still govern itself afterwards is `liveness`'s question,
asked once for all actions of a proposal.
"""

import datetime as dt
import re
from collections.abc import Callable

import msgspec

from governance.decisions.actions import (
    KINDS,
    Action,
    Admit,
    AdoptRuleSet,
    ApproveContract,
    ChangeLegalName,
    ChangeParameters,
    ChangeVotingRules,
    ConfirmFreeze,
    ContractAction,
    Decline,
    DeprecateContract,
    FreezeContract,
    GrantRole,
    MemberAction,
    RecoverKey,
    RegisterRuntime,
    Reinstate,
    RemoveRole,
    RetireContract,
    Revoke,
    RotateCaKey,
    Suspend,
    UnfreezeContract,
    contract_key,
)
from governance.decisions.network import (
    ADMINISTRATOR,
    OPERATING_ROLES,
    ROLES,
    ContractStatus,
    ContractVersion,
    Member,
    MemberStatus,
    NetworkState,
    active_package,
    base_package,
)
from governance.decisions.parameters import NetworkParameters, check_parameters, check_succession
from governance.decisions.voting_rules import check_voting_rules
from policies.errors import Fault

MAX_NAME = 200
"""Characters of the longest legal name."""

_KEY_ID = re.compile(r"[0-9a-f]{64}")
_FREEZABLE = {ContractStatus.SCHEDULED, ContractStatus.ACTIVE, ContractStatus.DEPRECATED}
_APPROVABLE = {ContractStatus.GATED, ContractStatus.DEPRECATED}
_ALLOWED_STATUS: dict[type[ContractAction], set[ContractStatus]] = {
    ApproveContract: _APPROVABLE,
    FreezeContract: _FREEZABLE,
    ConfirmFreeze: {ContractStatus.FROZEN},
    UnfreezeContract: {ContractStatus.FROZEN},
    DeprecateContract: {ContractStatus.ACTIVE},
    RetireContract: {ContractStatus.DEPRECATED, ContractStatus.FROZEN},
}
_ALLOWED_MEMBER: dict[type[MemberAction], set[MemberStatus]] = {
    Suspend: {MemberStatus.ACTIVE},
    Reinstate: {MemberStatus.SUSPENDED},
    Revoke: {MemberStatus.ACTIVE, MemberStatus.SUSPENDED},
    GrantRole: {MemberStatus.ACTIVE},
    RemoveRole: {MemberStatus.ACTIVE, MemberStatus.SUSPENDED},
    ChangeLegalName: {MemberStatus.ACTIVE, MemberStatus.SUSPENDED},
    RecoverKey: {MemberStatus.ACTIVE, MemberStatus.SUSPENDED},
}


def validate(  # noqa: PLR0911 - one for each arm of a closed union
    state: NetworkState, action: Action, at: dt.datetime
) -> list[Fault]:
    """Return everything that stands against `action` on `state` at `at`."""
    match action:
        case Admit() | Decline():
            return _validate_application(state, action)
        case (
            Suspend()
            | Reinstate()
            | Revoke()
            | GrantRole()
            | RemoveRole()
            | ChangeLegalName()
            | RecoverKey()
        ):
            return _validate_member(state, action)
        case (
            ApproveContract()
            | FreezeContract()
            | ConfirmFreeze()
            | UnfreezeContract()
            | DeprecateContract()
            | RetireContract()
        ):
            return _validate_contract(state, action, at)
        case RegisterRuntime():
            known = action.runtime in state.parameters.runtimes
            return [Fault("runtime", "it is registered already")] if known else []
        case AdoptRuleSet():
            same = action.rule_set == state.parameters.rule_set
            return [Fault("rule_set", "it is in force already")] if same else []
        case ChangeParameters():
            return _validate_parameters(state, action.parameters)
        case ChangeVotingRules():
            if action.voting_rules.digest == state.voting_rules.digest:
                return [Fault("voting_rules", "they are in force already")]
            return check_voting_rules(action.voting_rules, KINDS, ROLES)
        case RotateCaKey():
            same = action.certificate == state.issuing_certificate
            return [Fault("certificate", "it issues already")] if same else []


def _validate_application(state: NetworkState, action: Admit | Decline) -> list[Fault]:
    application = state.applications.get(action.member_id)
    if application is None:
        return [Fault("member_id", f"no open application of {action.member_id!r}")]
    if isinstance(action, Decline):
        return []
    faults = []
    member = state.members.get(action.member_id)
    if member is not None and member.status in (MemberStatus.ACTIVE, MemberStatus.SUSPENDED):
        faults.append(Fault("member_id", f"{action.member_id} is a member: {member.status}"))
    faults += [Fault("roles", f"no role {role!r}") for role in sorted(application.roles - ROLES)]
    if application.sponsor is not None:
        sponsor = state.members.get(application.sponsor)
        if sponsor is None or not sponsor.roles & OPERATING_ROLES or not state.acting(sponsor.id):
            faults.append(
                Fault("sponsor", f"{application.sponsor!r} is no active operating partner")
            )
    return faults


def _validate_member(state: NetworkState, action: MemberAction) -> list[Fault]:
    member = state.members.get(action.member_id)
    if member is None:
        return [Fault("member_id", f"no member {action.member_id!r}")]
    allowed = _ALLOWED_MEMBER[type(action)]
    faults = []
    if member.status not in allowed:
        expected = " or ".join(sorted(allowed))
        faults.append(Fault("member_id", f"{member.id} is {member.status}; expected {expected}"))
    if isinstance(action, GrantRole):
        if action.role not in ROLES:
            faults.append(Fault("role", f"no role {action.role!r}"))
        elif action.role in member.roles:
            faults.append(Fault("role", f"{member.id} holds {action.role} already"))
    if isinstance(action, RemoveRole) and action.role not in member.roles:
        faults.append(Fault("role", f"{member.id} does not hold {action.role}"))
    if isinstance(action, RecoverKey):
        faults += _validate_recovery(state, member, action.key_id)
    if isinstance(action, ChangeLegalName) and not 0 < len(action.legal_name) <= MAX_NAME:
        faults.append(Fault("legal_name", f"expected 1 to {MAX_NAME} characters"))
    return faults


def _validate_recovery(state: NetworkState, member: Member, key_id: str) -> list[Fault]:
    if not _KEY_ID.fullmatch(key_id):
        return [Fault("key_id", "expected 64 lower-case hex digits, the SHA-256 of the key")]
    owner = state.key_owner(key_id)
    if owner is None:
        return []
    if owner.id != member.id:
        return [Fault("key_id", "the key belongs to another member")]
    ended = any(c.key_id == key_id and c.revoked_at for c in member.certificates)
    return [Fault("key_id", "the key was revoked")] if ended else []


def _validate_contract(state: NetworkState, action: ContractAction, at: dt.datetime) -> list[Fault]:
    key = contract_key(action.name, action.version)
    contract = state.contracts.get(key)
    if contract is None:
        return [Fault("contract", f"no gated version {key}")]
    allowed = _ALLOWED_STATUS[type(action)]
    faults = []
    if contract.status not in allowed:
        expected = " or ".join(sorted(allowed))
        faults.append(Fault("contract", f"{key} is {contract.status}; expected {expected}"))
    if isinstance(action, ApproveContract):
        faults += _validate_approval(state, action, contract, at)
    if isinstance(action, ConfirmFreeze) and contract.frozen_until is None:
        faults.append(Fault("contract", f"the freeze of {key} is confirmed already"))
    if isinstance(action, RetireContract) and _used_without_other(state, contract):
        faults.append(Fault("contract", f"rights use {contract.name} and no version is active"))
    return faults


def _validate_approval(
    state: NetworkState, action: ApproveContract, contract: ContractVersion, at: dt.datetime
) -> list[Fault]:
    faults = []
    if contract.runtime not in state.parameters.runtimes:
        faults.append(Fault("runtime", f"runtime {contract.runtime} is not accepted"))
    base = base_package(state, contract.name)
    if contract.status is ContractStatus.GATED and contract.base != base:
        against = f"gated against {contract.base or 'nothing'}; last active is {base or 'none'}"
        faults.append(Fault("base", against))
    if action.activate_at is not None and action.activate_at.tzinfo is None:
        faults.append(Fault("activate_at", "a time without a zone"))
    elif action.activate_at is not None and action.activate_at <= at:
        faults.append(Fault("activate_at", "in the past; leave it out to activate on approval"))
    return faults


def _used_without_other(state: NetworkState, contract: ContractVersion) -> bool:
    return bool(state.contract_users.get(contract.name)) and not active_package(
        state, contract.name
    )


def _validate_parameters(state: NetworkState, parameters: NetworkParameters) -> list[Fault]:
    faults = [*check_parameters(parameters), *check_succession(state.parameters, parameters)]
    notary = state.members.get(parameters.notary)
    if notary is None or ADMINISTRATOR not in notary.roles:
        faults.append(Fault("parameters.notary", "expected a platform administrator's id"))
    return faults


def apply(  # noqa: PLR0911 - one for each arm of a closed union
    state: NetworkState, action: Action, at: dt.datetime
) -> NetworkState:
    """Return the network after `action`, in which `validate` found no fault."""
    match action:
        case Admit() | Decline():
            return _apply_application(state, action)
        case (
            Suspend()
            | Reinstate()
            | Revoke()
            | GrantRole()
            | RemoveRole()
            | ChangeLegalName()
            | RecoverKey()
        ):
            member = state.members[action.member_id]
            return put_member(state, _changed_member(member, action, at))
        case (
            ApproveContract()
            | FreezeContract()
            | ConfirmFreeze()
            | UnfreezeContract()
            | DeprecateContract()
            | RetireContract()
        ):
            return _apply_contract(state, action, at)
        case RegisterRuntime():
            runtimes = tuple(sorted({*state.parameters.runtimes, action.runtime}))
            return next_parameters(state, runtimes=runtimes)
        case AdoptRuleSet():
            return next_parameters(state, rule_set=action.rule_set)
        case ChangeParameters():
            return msgspec.structs.replace(state, parameters=action.parameters)
        case ChangeVotingRules():
            rules = action.voting_rules
            changed = msgspec.structs.replace(state, voting_rules=rules)
            return next_parameters(changed, voting_rules=rules.digest)
        case RotateCaKey():
            return msgspec.structs.replace(state, issuing_certificate=action.certificate)


def _apply_application(state: NetworkState, action: Admit | Decline) -> NetworkState:
    applications = dict(state.applications)
    application = applications.pop(action.member_id)
    after = msgspec.structs.replace(state, applications=applications)
    if isinstance(action, Decline):
        return after
    member = Member(
        id=application.member_id,
        legal_name=application.legal_name,
        status=MemberStatus.ACTIVE,
        roles=application.roles,
        sponsor=application.sponsor,
    )
    return put_member(after, member)


def _changed_member(  # noqa: PLR0911 - one for each arm of a closed union
    member: Member,
    action: Suspend | Reinstate | Revoke | GrantRole | RemoveRole | ChangeLegalName | RecoverKey,
    at: dt.datetime,
) -> Member:
    change: Callable[..., Member] = msgspec.structs.replace
    match action:
        case Suspend():
            return change(member, status=MemberStatus.SUSPENDED)
        case Reinstate():
            return change(member, status=MemberStatus.ACTIVE)
        case Revoke():
            return change(
                member,
                status=MemberStatus.REVOKED,
                certificates=tuple(
                    c if c.revoked_at else msgspec.structs.replace(c, revoked_at=at)
                    for c in member.certificates
                ),
            )
        case GrantRole():
            return change(member, roles=member.roles | {action.role})
        case RemoveRole():
            return change(member, roles=member.roles - {action.role})
        case ChangeLegalName():
            return change(member, legal_name=action.legal_name)
        case RecoverKey():
            return change(member, recovering=member.recovering | {action.key_id})


def _apply_contract(  # noqa: PLR0911 - one for each arm of a closed union
    state: NetworkState, action: ContractAction, at: dt.datetime
) -> NetworkState:
    contract = state.contracts[contract_key(action.name, action.version)]
    match action:
        case ApproveContract():
            if action.activate_at is None:
                return activate(state, contract)
            scheduled = msgspec.structs.replace(
                contract, status=ContractStatus.SCHEDULED, activate_at=action.activate_at
            )
            return put_contract(state, scheduled)
        case FreezeContract():
            hours = dt.timedelta(hours=state.voting_rules.freeze_hours)
            frozen = msgspec.structs.replace(
                contract,
                status=ContractStatus.FROZEN,
                frozen_from=contract.status,
                frozen_until=at + hours,
            )
            return put_contract(state, frozen)
        case ConfirmFreeze():
            return put_contract(state, msgspec.structs.replace(contract, frozen_until=None))
        case UnfreezeContract():
            return thaw(state, contract)
        case DeprecateContract():
            return put_contract(
                state, msgspec.structs.replace(contract, status=ContractStatus.DEPRECATED)
            )
        case RetireContract():
            retired = msgspec.structs.replace(
                contract, status=ContractStatus.RETIRED, frozen_from=None, frozen_until=None
            )
            return put_contract(state, retired)


def activate(state: NetworkState, contract: ContractVersion) -> NetworkState:
    """Return the network with `contract` active and its predecessor deprecated."""
    after = state
    for other in state.contracts.values():
        if other.name == contract.name and other.status is ContractStatus.ACTIVE:
            deprecated = msgspec.structs.replace(other, status=ContractStatus.DEPRECATED)
            after = put_contract(after, deprecated)
    active = msgspec.structs.replace(contract, status=ContractStatus.ACTIVE, activate_at=None)
    activated = {**after.activated, contract.name: contract.package}
    return put_contract(msgspec.structs.replace(after, activated=activated), active)


def thaw(state: NetworkState, contract: ContractVersion) -> NetworkState:
    """Return the network with `contract` as it was before its freeze.

    If another version became active meanwhile, the thawed one is deprecated.
    """
    before = contract.frozen_from or ContractStatus.DEPRECATED
    if before is ContractStatus.ACTIVE and active_package(state, contract.name):
        before = ContractStatus.DEPRECATED
    thawed = msgspec.structs.replace(contract, status=before, frozen_from=None, frozen_until=None)
    return put_contract(state, thawed)


def put_member(state: NetworkState, member: Member) -> NetworkState:
    """Return the network with `member` as given."""
    return msgspec.structs.replace(state, members={**state.members, member.id: member})


def put_contract(state: NetworkState, contract: ContractVersion) -> NetworkState:
    """Return the network with `contract` as given."""
    key = contract_key(contract.name, contract.version)
    return msgspec.structs.replace(state, contracts={**state.contracts, key: contract})


def next_parameters(state: NetworkState, **changes: object) -> NetworkState:
    """Return the network under the next version of its parameters."""
    version = state.parameters.version + 1
    parameters = msgspec.structs.replace(state.parameters, version=version, **changes)
    return msgspec.structs.replace(state, parameters=parameters)
