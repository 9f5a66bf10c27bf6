"""The life of a membership, as rules: no clock, no database, no keys.

    applied -> accepted | declined | withdrawn
    active <-> suspended;  active | suspended -> revoked;  active -> left

An organisation that left may come back: its next membership links to the earlier one. One that
was revoked may not. A partner without a node acts through a sponsor and stands no better than it:
while the sponsor is not active, neither is the partner, whatever its own state.
"""

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from typing import assert_never

import msgspec

from governance.errors import TransitionRefused
from policies.errors import Fault

MEMBER_ID = re.compile(r"[a-z][a-z0-9-]{1,62}")
NODE_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
MAX_LEGAL_NAME = 64
"""Characters: it becomes a certificate's O (ub-organization-name, RFC 5280, appendix A.1)."""

MAX_NODES = 16
"""Nodes of one organisation; several may share an address (report question V)."""

MAX_REASON = 500
"""Characters of a reason."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
ADDRESS = re.compile(rf"(?P<host>(?:{_LABEL}\.)+[a-z0-9-]*[a-z0-9]):(?P<port>[1-9][0-9]{{0,4}})")
MAX_PORT = 65_535


class Role(StrEnum):
    """What a member does in the network (domain/participants.csv)."""

    ASSET_MANAGER = "asset_manager"
    FUNDRAISER = "fundraiser"
    REGISTRAR = "registrar"
    PLATFORM_ADMINISTRATOR = "platform_administrator"
    CUSTODIAN = "custodian"
    DIRECT_SECURITIES_FIRM = "direct_securities_firm"
    ENTRUSTED_SECURITIES_FIRM = "entrusted_securities_firm"
    INTERMEDIARY = "intermediary"
    AUDITOR = "auditor"


class NodeKind(StrEnum):
    """What a node is; an API client is a key without a node, for partners that call an API."""

    ASSET_NODE = "asset_node"
    NOTARY_NODE = "notary_node"
    CUSTODIAN_NODE = "custodian_node"
    API_CLIENT = "api_client"


NODE_OF_ROLE = {
    Role.REGISTRAR: NodeKind.ASSET_NODE,
    Role.PLATFORM_ADMINISTRATOR: NodeKind.NOTARY_NODE,
    Role.CUSTODIAN: NodeKind.CUSTODIAN_NODE,
    Role.DIRECT_SECURITIES_FIRM: NodeKind.CUSTODIAN_NODE,
}
"""The node that a role needs; a role that is not here needs none, but a sponsor."""


class State(StrEnum):
    """Where a membership stands."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    LEFT = "left"


class Standing(StrEnum):
    """What a member may do now, its sponsor regarded.

    An active one acts; a suspended one, itself or by its sponsor, reads its own past; a former
    one does nothing.
    """

    ACTIVE = "active"
    SUSPENDED = "suspended"
    FORMER = "former"


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node, or API client, of a member: an identity of its own.

    Args:
        name: unique within the member.
        kind: what it is.
        address: `host:port`, shared with other nodes or not; "" for an API client.
    """

    name: str
    kind: NodeKind
    address: str = ""

    @property
    def host(self) -> str:
        """The host of the address; "" where there is none."""
        return self.address.rpartition(":")[0]


class Membership(msgspec.Struct, frozen=True):
    """One membership of one organisation.

    Args:
        member_id: the organisation's id; the same for every membership that it has had.
        number: 1 for the first, 2 after it has come back once.
        legal_name: the registered name.
        state: where it stands.
        roles: what it does.
        nodes: what it runs.
        sponsor_id: through whom it acts, if it runs no node.
    """

    member_id: str
    number: int
    legal_name: str
    state: State
    roles: frozenset[Role]
    nodes: tuple[Node, ...]
    sponsor_id: str | None = None


class Suspended(msgspec.Struct, frozen=True, tag="suspended"):
    """The member may not act for a time."""

    reason: str


class Reinstated(msgspec.Struct, frozen=True, tag="reinstated"):
    """The suspended member acts again."""


class Revoked(msgspec.Struct, frozen=True, tag="revoked"):
    """The membership is over, against the member's will, for good."""

    reason: str


class Left(msgspec.Struct, frozen=True, tag="left"):
    """The membership is over, as the member wished; it may come back."""


class RoleGranted(msgspec.Struct, frozen=True, tag="role_granted"):
    """The member has one more role."""

    role: Role


class RoleRemoved(msgspec.Struct, frozen=True, tag="role_removed"):
    """The member has one role less, never none."""

    role: Role


class Renamed(msgspec.Struct, frozen=True, tag="renamed"):
    """The organisation's registered name has changed."""

    legal_name: str


class NodeAdded(msgspec.Struct, frozen=True, tag="node_added"):
    """The member runs one more node."""

    node: Node


class NodeRemoved(msgspec.Struct, frozen=True, tag="node_removed"):
    """The member runs one node less."""

    name: str


class SponsorChanged(msgspec.Struct, frozen=True, tag="sponsor_changed"):
    """The partner acts through another operating partner."""

    sponsor_id: str


Change = (
    Suspended
    | Reinstated
    | Revoked
    | Left
    | RoleGranted
    | RoleRemoved
    | Renamed
    | NodeAdded
    | NodeRemoved
    | SponsorChanged
)


def standing(membership: Membership, sponsor: Membership | None) -> Standing:
    """Return what the member may do now."""
    match membership.state:
        case State.ACTIVE:
            if membership.sponsor_id is None:
                return Standing.ACTIVE
            sponsored = sponsor is not None and sponsor.state is State.ACTIVE
            return Standing.ACTIVE if sponsored else Standing.SUSPENDED
        case State.SUSPENDED:
            return Standing.SUSPENDED
        case State.REVOKED | State.LEFT:
            return Standing.FORMER


def change(membership: Membership, event: Change) -> Membership:
    """Return the membership after `event`.

    Raises:
        TransitionRefused: the membership cannot make this change.
    """
    match event:
        case Suspended(reason):
            _require(membership, "suspend", State.ACTIVE)
            _require_reason(reason)
            return msgspec.structs.replace(membership, state=State.SUSPENDED)
        case Reinstated():
            _require(membership, "reinstate", State.SUSPENDED)
            return msgspec.structs.replace(membership, state=State.ACTIVE)
        case Revoked(reason):
            _require(membership, "revoke", State.ACTIVE, State.SUSPENDED)
            _require_reason(reason)
            return msgspec.structs.replace(membership, state=State.REVOKED)
        case Left():
            _require(membership, "leave", State.ACTIVE)
            return msgspec.structs.replace(membership, state=State.LEFT)
        case _:
            return _amend(membership, event)


def _amend(
    membership: Membership,
    event: RoleGranted | RoleRemoved | Renamed | NodeAdded | NodeRemoved | SponsorChanged,
) -> Membership:
    _require(membership, "change", State.ACTIVE)
    match event:
        case RoleGranted(role):
            amended = _with_role(membership, role)
        case RoleRemoved(role):
            amended = _without_role(membership, role)
        case Renamed(legal_name):
            amended = msgspec.structs.replace(membership, legal_name=legal_name)
        case NodeAdded(node):
            amended = msgspec.structs.replace(membership, nodes=(*membership.nodes, node))
        case NodeRemoved(name):
            amended = _without_node(membership, name)
        case SponsorChanged(sponsor_id):
            if membership.sponsor_id is None:
                raise TransitionRefused(f"{membership.member_id} acts for itself, with a node")
            amended = msgspec.structs.replace(membership, sponsor_id=sponsor_id)
        case _:
            assert_never(event)
    faults = tuple(membership_faults(amended))
    if faults:
        raise TransitionRefused("; ".join(map(str, faults)), faults)
    return amended


def _with_role(membership: Membership, role: Role) -> Membership:
    if role in membership.roles:
        raise TransitionRefused(f"{membership.member_id} holds the role {role} already")
    return msgspec.structs.replace(membership, roles=membership.roles | {role})


def _without_role(membership: Membership, role: Role) -> Membership:
    if role not in membership.roles:
        raise TransitionRefused(f"{membership.member_id} does not hold the role {role}")
    return msgspec.structs.replace(membership, roles=membership.roles - {role})


def _without_node(membership: Membership, name: str) -> Membership:
    nodes = tuple(node for node in membership.nodes if node.name != name)
    if len(nodes) == len(membership.nodes):
        raise TransitionRefused(f"{membership.member_id} has no node named {name}")
    return msgspec.structs.replace(membership, nodes=nodes)


def membership_faults(membership: Membership) -> Iterator[Fault]:
    """Yield everything that a membership of this shape breaks."""
    if not MEMBER_ID.fullmatch(membership.member_id):
        yield Fault("member_id", f"{membership.member_id!r}; expected {MEMBER_ID.pattern}")
    yield from _name_faults(membership.legal_name)
    if not membership.roles:
        yield Fault("roles", "none; a member has at least one role, or its membership ends")
    yield from _node_faults(membership.nodes)
    yield from _role_faults(membership)


def _name_faults(legal_name: str) -> Iterator[Fault]:
    if not 0 < len(legal_name) <= MAX_LEGAL_NAME:
        yield Fault("legal_name", f"{len(legal_name)} characters; expected 1 to {MAX_LEGAL_NAME}")
    elif legal_name != unicodedata.normalize("NFC", legal_name).strip():
        yield Fault("legal_name", "write it in Unicode normal form C, without outer blanks")
    elif any(unicodedata.category(letter).startswith("C") for letter in legal_name):
        yield Fault("legal_name", "has control characters")


def _node_faults(nodes: tuple[Node, ...]) -> Iterator[Fault]:
    if not 0 < len(nodes) <= MAX_NODES:
        yield Fault("nodes", f"{len(nodes)} nodes or clients; expected 1 to {MAX_NODES}")
    names = [node.name for node in nodes]
    for place, node in enumerate(nodes):
        where = f"nodes[{place}]"
        if not NODE_NAME.fullmatch(node.name):
            yield Fault(f"{where}.name", f"{node.name!r}; expected {NODE_NAME.pattern}")
        if names.index(node.name) != place:
            yield Fault(f"{where}.name", f"{node.name} is there twice")
        if node.kind is NodeKind.API_CLIENT and node.address:
            yield Fault(f"{where}.address", "an API client has no address")
        if node.kind is not NodeKind.API_CLIENT and not _is_address(node.address):
            yield Fault(
                f"{where}.address", f"{node.address!r}; expected host:port, a full domain name"
            )


def _is_address(address: str) -> bool:
    found = ADDRESS.fullmatch(address)
    return found is not None and int(found["port"]) <= MAX_PORT


def _role_faults(membership: Membership) -> Iterator[Fault]:
    kinds = {node.kind for node in membership.nodes}
    operating = False
    for role in sorted(membership.roles):
        needed = NODE_OF_ROLE.get(role)
        operating = operating or needed is not None
        if needed is not None and needed not in kinds:
            yield Fault("roles", f"{role} needs a node of kind {needed}, and there is none")
    if operating and membership.sponsor_id is not None:
        yield Fault("sponsor_id", "a member with a node of its own has no sponsor")
    if not operating and membership.sponsor_id is None:
        yield Fault("sponsor_id", "a partner without a node needs a sponsor")
    if membership.sponsor_id == membership.member_id:
        yield Fault("sponsor_id", "nobody sponsors itself")
    for node in membership.nodes:
        if node.kind is not NodeKind.API_CLIENT and not operating:
            yield Fault("nodes", f"{node.name}: no role here runs a {node.kind}")


def sponsor_faults(sponsor: Membership | None, sponsor_id: str) -> Iterator[Fault]:
    """Yield why `sponsor_id` cannot sponsor now."""
    if sponsor is None or sponsor.state is not State.ACTIVE:
        yield Fault("sponsor_id", f"{sponsor_id} is not an active member")
    elif not is_operating(sponsor):
        yield Fault("sponsor_id", f"{sponsor_id} runs no node; a sponsor is an operating partner")


def is_operating(membership: Membership) -> bool:
    """Return whether the member holds a role that runs a node."""
    return any(role in NODE_OF_ROLE for role in membership.roles)


def name_key(legal_name: str) -> str:
    """Return the form in which legal names are compared: NFKC, case folded, without blanks."""
    folded = unicodedata.normalize("NFKC", legal_name).casefold()
    return "".join(folded.split())


def _require(membership: Membership, verb: str, *states: State) -> None:
    if membership.state not in states:
        raise TransitionRefused(
            f"cannot {verb} {membership.member_id}: it is {membership.state},"
            f" and that takes {' or '.join(states)}"
        )


def _require_reason(reason: str) -> None:
    if not 0 < len(reason.strip()) <= MAX_REASON:
        raise TransitionRefused(f"a reason of 1 to {MAX_REASON} characters is needed")
