"""What applicants and members say about memberships: the bodies of their statements."""

import msgspec

from governance.membership.members import Node, NodeKind, Role

APPLICATION = "application"
APPLICATION_WITHDRAWAL = "application-withdrawal"
LEAVE = "leave"
NODE_ADDITION = "node-addition"
NODE_REMOVAL = "node-removal"
RENEWAL = "renewal"
ENROLMENT = "enrolment"
RECOVERY = "recovery"
INVITATION = "invitation"
INVITATION_REVOCATION = "invitation-revocation"
GROUP_CHANGE = "group-change"


class NodeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node that the applicant wants certified.

    Args:
        name: unique within the member.
        kind: what it is.
        address: `host:port`; "" for an API client.
        csr: DER PKCS#10 request, in base64; empty for a node that the platform administrator
            hosts and makes the key of.
    """

    name: str
    kind: NodeKind
    address: str = ""
    csr: bytes = b""

    def node(self) -> Node:
        """Return the node without its request."""
        return Node(self.name, self.kind, self.address)


class Application(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation asks to join, or to join again.

    Signed with the key of its first certificate request, since it has no certificate yet.

    Args:
        member_id: the id that it wants; a returning organisation names its own.
        legal_name: its registered name, at most 64 characters.
        roles: what it wants to do.
        nodes: its nodes and API clients, each with a key of its own.
        sponsor_id: the operating partner through which it acts, if it runs no node.
        invitation: the one-time token of an invitation, or "".
    """

    member_id: str
    legal_name: str
    roles: tuple[Role, ...]
    nodes: tuple[NodeRequest, ...]
    sponsor_id: str | None = None
    invitation: str = ""


class ApplicationWithdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The applicant takes its application back; signed with the key that signed it."""

    application_id: str


class Leave(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The member leaves the network."""

    reason: str = ""


class NodeAddition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The member runs one more node, or API client."""

    node: NodeRequest


class NodeRemoval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The member runs one node less; its certificates are revoked."""

    node: str


class Renewal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node wants its next certificate.

    Signed with the node's certified key. If the request has another key, that is a rotation: the
    envelope is signed by the new key as well, and the old one is revoked when the new certificate
    is stored.
    """

    node: str
    csr: bytes


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The member wants a one-time token with which one of its nodes enrols over EST."""

    node: str


class Recovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member that lost a node's key, or let its certificate expire, asks for a new one.

    Signed with the new key, and worth nothing until a proposal that names this key is approved.
    """

    member_id: str
    node: str
    csr: bytes


class InvitationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody is to be invited: this organisation, in this role, for so many days."""

    legal_name: str
    role: Role
    days: int = 14


class InvitationRevocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An invitation is taken back before it is used."""

    invitation_id: str


class GroupChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group of members is made, or its members are others from now on."""

    group_id: str
    title: str
    members: tuple[str, ...]


class ApplicationReceived(msgspec.Struct, frozen=True):
    """An observer is told: an organisation applied; `digest` names its envelope."""

    application: Application
    digest: str


class ApplicationWithdrawn(msgspec.Struct, frozen=True):
    """An observer is told: the applicant took its application back."""

    member_id: str


class MemberLeft(msgspec.Struct, frozen=True):
    """An observer is told: the member left."""

    member_id: str
