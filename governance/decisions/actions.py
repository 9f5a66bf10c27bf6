"""What can be decided: every change of the network as a typed action.

The types only; `transitions` says when an action is valid and what it changes, `voting` who
decides it. `binding_names` says what each one is judged on.
"""

import datetime as dt
from typing import get_args

import msgspec

from governance.decisions.parameters import NetworkParameters
from governance.decisions.voting_rules import VotingRules


class _Action(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True
): ...


class Admit(_Action, frozen=True, tag="admit", kw_only=True):
    """An applicant becomes a member with the name and roles that it applied for."""

    member_id: str


class Decline(_Action, frozen=True, tag="decline", kw_only=True):
    """An application is turned down."""

    member_id: str
    reason: str


class Suspend(_Action, frozen=True, tag="suspend", kw_only=True):
    """A member may read its own past and act on nothing, until reinstated."""

    member_id: str
    reason: str


class Reinstate(_Action, frozen=True, tag="reinstate", kw_only=True):
    """A suspended member is active again."""

    member_id: str


class Revoke(_Action, frozen=True, tag="revoke", kw_only=True):
    """A membership ends for good; its certificates are revoked with it."""

    member_id: str
    reason: str


class GrantRole(_Action, frozen=True, tag="grant_role", kw_only=True):
    """A member gets a role."""

    member_id: str
    role: str


class RemoveRole(_Action, frozen=True, tag="remove_role", kw_only=True):
    """A member loses a role."""

    member_id: str
    role: str


class ChangeLegalName(_Action, frozen=True, tag="change_legal_name", kw_only=True):
    """A member's organisation has a new name."""

    member_id: str
    legal_name: str


class RecoverKey(_Action, frozen=True, tag="recover_key", kw_only=True):
    """A member that lost its key gets a certificate for the new key `key_id`; old ones end."""

    member_id: str
    key_id: str
    reason: str


class ApproveContract(_Action, frozen=True, tag="approve_contract", kw_only=True):
    """A contract version is approved, and active at once or from a later moment on."""

    name: str
    version: str
    activate_at: dt.datetime | None = None


class FreezeContract(_Action, frozen=True, tag="freeze_contract", kw_only=True):
    """A contract version stops at once; it goes on by itself unless the freeze is confirmed."""

    name: str
    version: str
    reason: str


class ConfirmFreeze(_Action, frozen=True, tag="confirm_freeze", kw_only=True):
    """A frozen contract version stays frozen until it is unfrozen."""

    name: str
    version: str


class UnfreezeContract(_Action, frozen=True, tag="unfreeze_contract", kw_only=True):
    """A frozen contract version goes on as what it was."""

    name: str
    version: str


class DeprecateContract(_Action, frozen=True, tag="deprecate_contract", kw_only=True):
    """A contract version takes no new rights."""

    name: str
    version: str


class RetireContract(_Action, frozen=True, tag="retire_contract", kw_only=True):
    """A contract version judges nothing any more; it stays loadable, to verify history."""

    name: str
    version: str


class RegisterRuntime(_Action, frozen=True, tag="register_runtime", kw_only=True):
    """A contract runtime is accepted."""

    runtime: str


class AdoptRuleSet(_Action, frozen=True, tag="adopt_rule_set", kw_only=True):
    """Access is judged by another rule set; its text was deposited under its digest."""

    rule_set: str
    difference: str
    """`sha256:<hex>` of what it reveals and hides against the rules in force, which is what is
    voted on: a proposal that names another is refused."""


class ChangeParameters(_Action, frozen=True, tag="change_parameters", kw_only=True):
    """The network goes on under the next version of its parameters."""

    parameters: NetworkParameters


class ChangeVotingRules(_Action, frozen=True, tag="change_voting_rules", kw_only=True):
    """Proposals, the open ones too, are decided by other voting rules."""

    voting_rules: VotingRules


class RotateCaKey(_Action, frozen=True, tag="rotate_ca_key", kw_only=True):
    """Certificates are issued by a new issuing CA; the old one's stay valid to their end."""

    certificate: str
    """`sha256:<hex>` of the new issuing certificate's DER."""


Action = (
    Admit
    | Decline
    | Suspend
    | Reinstate
    | Revoke
    | GrantRole
    | RemoveRole
    | ChangeLegalName
    | RecoverKey
    | ApproveContract
    | FreezeContract
    | ConfirmFreeze
    | UnfreezeContract
    | DeprecateContract
    | RetireContract
    | RegisterRuntime
    | AdoptRuleSet
    | ChangeParameters
    | ChangeVotingRules
    | RotateCaKey
)
MemberAction = (
    Admit
    | Decline
    | Suspend
    | Reinstate
    | Revoke
    | GrantRole
    | RemoveRole
    | ChangeLegalName
    | RecoverKey
)
ContractAction = (
    ApproveContract
    | FreezeContract
    | ConfirmFreeze
    | UnfreezeContract
    | DeprecateContract
    | RetireContract
)

ACTION_TYPES: tuple[type[Action], ...] = get_args(Action)


def kind(action: Action) -> str:
    """Return the action's kind, the name that voting rules know it by."""
    return kind_of(type(action))


def kind_of(action_type: type[Action]) -> str:
    """Return the kind of a type of action."""
    return str(action_type.__struct_config__.tag)


KINDS = frozenset(kind_of(action_type) for action_type in ACTION_TYPES)
"""Every kind of action."""


def subject(action: Action) -> str | None:
    """Return the id of the member that the action is about, if it is about one."""
    return action.member_id if isinstance(action, MemberAction) else None


def contract_key(name: str, version: str) -> str:
    """Return the key under which the network knows a contract version."""
    return f"{name}@{version}"


def binding_names(  # noqa: PLR0911 - one for each arm of a closed union
    action: Action,
) -> tuple[str, ...]:
    """Return the names of what the action is judged on; a proposal binds their digests.

    The digests now are `network.bindings`'s to say.
    """
    match action:
        case Admit() | Decline():
            return (f"application:{action.member_id}",)
        case ApproveContract():
            key = contract_key(action.name, action.version)
            parts = tuple(f"contract:{key}:{part}" for part in ("package", "evidence", "runtime"))
            return (*parts, f"active:{action.name}", "rule_set")
        case AdoptRuleSet():
            return ("rule_set",)
        case ChangeParameters() | RegisterRuntime():
            return ("parameters",)
        case ChangeVotingRules():
            return ("voting_rules",)
        case RotateCaKey():
            return ("issuing_certificate",)
        case Suspend() | Reinstate() | Revoke() | GrantRole() | RemoveRole():
            return ()
        case ChangeLegalName() | RecoverKey() | FreezeContract() | ConfirmFreeze():
            return ()
        case UnfreezeContract() | DeprecateContract() | RetireContract():
            return ()
