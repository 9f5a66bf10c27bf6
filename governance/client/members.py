"""What the demo and the command line know about roles: which node goes with which."""

from governance.membership.members import NODE_OF_ROLE, NodeKind, Role
from governance.membership.statements import NodeRequest


def own_node(role: Role, member_id: str, network: str) -> tuple[str, NodeKind, str]:
    """Return name, kind and address of the node whose key the member keeps itself.

    A registrar's asset node is hosted by the platform administrator unless it says otherwise:
    its own key is then an API client's.
    """
    kind = NODE_OF_ROLE.get(role)
    if kind is None or kind is NodeKind.ASSET_NODE:
        return "client", NodeKind.API_CLIENT, ""
    return "node", kind, f"{member_id}.{network}:443"


def hosted_nodes(role: Role, member_id: str, network: str) -> list[NodeRequest]:
    """Return the nodes that the platform administrator hosts for a member of this role."""
    if NODE_OF_ROLE.get(role) is not NodeKind.ASSET_NODE:
        return []
    address = f"{member_id}.{network}:443"
    return [NodeRequest("asset", NodeKind.ASSET_NODE, address)]
