"""The network as decisions see it: one immutable value, a fold of the log's statements.

Nothing is decided on anything that is not in here, and nothing is in here that is not in the
log: whoever has the log has the same value (`replay`). Organisations are active while their
membership is; *enrolled* once a certificate was issued to them; *able* while one of their
certificates is valid. Only enrolled organisations are counted among those whose approval may be
needed: who was just admitted and has no certificate yet can neither help nor block.
"""

import datetime as dt
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

import msgspec

from governance.decisions.actions import Action
from governance.decisions.parameters import NetworkParameters
from governance.decisions.voting_rules import VotingRules
from ledger.hashing import content_digest

ADMINISTRATOR = "platform_administrator"
REGISTRAR = "registrar"
OPERATING_ROLES = frozenset({"custodian", "direct_securities_firm", ADMINISTRATOR, REGISTRAR})
"""The roles that hold a node (domain: operating partners)."""

ROLES = OPERATING_ROLES | {
    "asset_manager",
    "auditor",
    "entrusted_securities_firm",
    "fundraiser",
    "intermediary",
}
"""Every role (domain/participants.csv)."""


class MemberStatus(StrEnum):
    """Where a membership is in its life, once accepted."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    LEFT = "left"


class Certificate(msgspec.Struct, frozen=True):
    """A node's certificate by what decisions need of it; `public_key` is base64 of the DER key."""

    serial: str
    key_id: str
    public_key: str
    not_before: dt.datetime
    not_after: dt.datetime
    node: str
    revoked_at: dt.datetime | None = None

    def valid(self, at: dt.datetime) -> bool:
        """Say whether it is valid at `at`."""
        revoked = self.revoked_at is not None and self.revoked_at <= at
        return self.not_before <= at < self.not_after and not revoked


class Member(msgspec.Struct, frozen=True):
    """A membership; the id survives every key."""

    id: str
    legal_name: str
    status: MemberStatus
    roles: frozenset[str]
    sponsor: str | None = None
    certificates: tuple[Certificate, ...] = ()
    enrolled: bool = False
    recovering: frozenset[str] = frozenset()
    """Key ids that approved recoveries name: their certificates end the earlier ones of a node."""

    def able(self, at: dt.datetime) -> bool:
        """Say whether it is active and holds a valid certificate."""
        return self.status is MemberStatus.ACTIVE and any(c.valid(at) for c in self.certificates)


class Application(msgspec.Struct, frozen=True):
    """An open application; `digest` is that of its envelope."""

    member_id: str
    legal_name: str
    roles: frozenset[str]
    sponsor: str | None
    digest: str


class ContractStatus(StrEnum):
    """Where a contract version is in its life, once it passed its gates."""

    GATED = "gated"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"
    FROZEN = "frozen"


class ContractVersion(msgspec.Struct, frozen=True):
    """A contract version with the digests that approval binds.

    `base` is the package digest of the version that was active when the gates compared it with
    its predecessor, "" if none was.
    """

    name: str
    version: str
    owner: str
    package: str
    evidence: str
    runtime: str
    base: str
    status: ContractStatus
    activate_at: dt.datetime | None = None
    frozen_from: ContractStatus | None = None
    frozen_until: dt.datetime | None = None
    """When the freeze ends by itself; None while not frozen, or once it is confirmed."""


class Ballot(msgspec.Struct, frozen=True):
    """A vote as received: by which organisation, in which role, with which key, when."""

    member_id: str
    role: str
    key_id: str
    approve: bool
    reason: str
    received_at: dt.datetime
    statement: str
    """`sha256:<hex>` of the vote's envelope."""


class OpenProposal(msgspec.Struct, frozen=True):
    """A proposal that is not decided yet."""

    id: str
    author: str
    actions: tuple[Action, ...]
    binds: dict[str, str]
    reason: str
    opened_at: dt.datetime
    ballots: tuple[Ballot, ...] = ()
    withdrawn: str | None = None
    halted: str = ""
    """Why it could not be applied although it was approved."""


class NetworkState(msgspec.Struct, frozen=True, dict=True):
    """Everything that decisions are judged on; treat the mappings as immutable.

    What is looked up again and again while one network is judged is worked out once: it is no
    field, and no other network has it.

    Args:
        network: the network's id.
        service_keys: keys with which the service itself speaks: key id → base64 of the DER.
        members: by member id, the ended memberships too.
        applications: open ones, by member id.
        contracts: by `name@version`.
        contract_users: contract name → registrars whose rights use it.
        issuing_certificate: digest of the CA certificate that issues.
        parameters: the version in force.
        voting_rules: those in force.
        proposals: open ones, by digest, in the order in which they were opened.
        seen: ids of members' statements not yet expired → their expiry.
        announced: the newest version of the parameters that was signed and published.
        at: the time of the newest statement.
        activated: contract name → package digest of the version that was activated last.
    """

    network: str
    service_keys: dict[str, str]
    members: dict[str, Member]
    applications: dict[str, Application]
    contracts: dict[str, ContractVersion]
    contract_users: dict[str, frozenset[str]]
    issuing_certificate: str
    parameters: NetworkParameters
    voting_rules: VotingRules
    proposals: dict[str, OpenProposal]
    seen: dict[str, dt.datetime]
    announced: int
    at: dt.datetime
    activated: dict[str, str] = msgspec.field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the canonical bytes: keys and sets sorted, proposals in order."""
        return msgspec.json.encode(self, order="deterministic")

    def digest(self) -> str:
        """Return `sha256:<hex>` of the canonical bytes."""
        return content_digest(self.encode())

    def open_proposals(self) -> list[OpenProposal]:
        """Return the open proposals, oldest first."""
        return sorted(self.proposals.values(), key=lambda p: (p.opened_at, p.id))

    def holders(self, roles: frozenset[str]) -> frozenset[str]:
        """Return the ids of the active, enrolled members that hold one of `roles`."""
        known = self._holders.get(roles)
        if known is None:
            known = frozenset(
                member.id
                for member in self.members.values()
                if member.status is MemberStatus.ACTIVE and member.enrolled and member.roles & roles
            )
            self._holders[roles] = known
        return known

    @cached_property
    def _holders(self) -> dict[frozenset[str], frozenset[str]]:
        return {}

    @cached_property
    def voices(self) -> frozenset[tuple[str, str]]:
        """Every member in every role that it holds, whether it may act or not."""
        return frozenset((m.id, role) for m in self.members.values() for role in m.roles)

    def able(self, at: dt.datetime) -> frozenset[str]:
        """Return the ids of the members that are able at `at`."""
        known = self._able.get(at)
        if known is None:
            known = frozenset(m.id for m in self.members.values() if m.able(at))
            self._able[at] = known
        return known

    @cached_property
    def _able(self) -> dict[dt.datetime, frozenset[str]]:
        return {}

    def with_same_members(self, **changes: Any) -> Self:
        """Return the network with `changes`, none to its members: what they are stays known."""
        after = msgspec.structs.replace(self, **changes)
        for name in ("_holders", "_able", "voices"):
            after.__dict__[name] = getattr(self, name)
        return after

    def acting(self, member_id: str) -> bool:
        """Say whether the member may act: active, and its sponsor too if it has one."""
        member = self.members.get(member_id)
        if member is None or member.status is not MemberStatus.ACTIVE:
            return False
        sponsor = self.members.get(member.sponsor) if member.sponsor else None
        return member.sponsor is None or (
            sponsor is not None and sponsor.status is MemberStatus.ACTIVE
        )

    def key_owner(self, key_id: str) -> Member | None:
        """Return the member to which a certificate with this key was issued."""
        for member in self.members.values():
            if any(certificate.key_id == key_id for certificate in member.certificates):
                return member
        return None


def decode_state(data: bytes) -> NetworkState:
    """Return the state that `NetworkState.encode` wrote."""
    return msgspec.json.decode(data, type=NetworkState)


def bindings(state: NetworkState) -> dict[str, str]:
    """Return the digests now of everything that a proposal may bind, by name."""
    found = {
        "rule_set": state.parameters.rule_set,
        "voting_rules": state.voting_rules.digest,
        "parameters": state.parameters.digest,
        "issuing_certificate": state.issuing_certificate,
    }
    for member_id, application in state.applications.items():
        found[f"application:{member_id}"] = application.digest
    for key, contract in state.contracts.items():
        found[f"contract:{key}:package"] = contract.package
        found[f"contract:{key}:evidence"] = contract.evidence
        found[f"contract:{key}:runtime"] = contract.runtime
        found[f"active:{contract.name}"] = base_package(state, contract.name)
    return found


def base_package(state: NetworkState, name: str) -> str:
    """Return the package digest that a new version is compared with, or "" if there is none.

    It is the version that was activated last, frozen or deprecated though it may be: what follows
    a frozen version has to show how it differs from it.
    """
    return state.activated.get(name, "")


def active_package(state: NetworkState, name: str) -> str:
    """Return the package digest of the contract's active version, or "" if none is."""
    for contract in state.contracts.values():
        if contract.name == name and contract.status is ContractStatus.ACTIVE:
            return contract.package
    return ""
