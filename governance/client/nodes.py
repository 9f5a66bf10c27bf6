"""A member's further nodes and API clients, each with a folder and a key of its own."""

import base64
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from governance.client.anchors import pin_anchors, read_anchors
from governance.client.connection import Connection
from governance.client.folder import MemberFile, MemberFolder
from governance.client.joining import keep_certificate
from governance.membership.members import NodeKind
from governance.membership.statements import (
    ENROLMENT,
    NODE_ADDITION,
    NODE_REMOVAL,
    Enrolment,
    NodeAddition,
    NodeRemoval,
    NodeRequest,
)


def add_node(
    connection: Connection, place: Path, name: str, kind: NodeKind, address: str = ""
) -> x509.Certificate:
    """Make a folder with a key for a new node, let the network certify it, and keep the chain.

    Args:
        connection: of the member, from a folder that is certified already.
        place: of the new folder.
        name: of the node, unique within the member.
        kind: what it is.
        address: `host:port`; empty for an API client.
    """
    own = connection.own_folder()
    file = MemberFile(
        member_id=own.member.member_id,
        network=own.member.network,
        server=own.member.server,
        legal_name=own.member.legal_name,
        node=name,
        kind=kind,
        address=address,
    )
    made = MemberFolder.create(place, file)
    pin_anchors(place, read_anchors(own.path))
    request = x509.load_pem_x509_csr(made.request.encode())
    der = request.public_bytes(serialization.Encoding.DER)
    body = NodeAddition(NodeRequest(name, kind, address, der))
    answer = connection.say("/v1/nodes", NODE_ADDITION, body)
    certificate = x509.load_der_x509_certificate(base64.b64decode(answer["certificate"]))
    keep_certificate(made, certificate)
    return certificate


def remove_node(connection: Connection, name: str) -> None:
    """Take a node from the member; its certificates are revoked."""
    connection.say("/v1/nodes/removals", NODE_REMOVAL, NodeRemoval(name))


def enrolment_token(connection: Connection, name: str) -> dict[str, Any]:
    """Return user and one-time password with which a node enrols over EST."""
    answer: dict[str, Any] = connection.say(
        "/v1/certificates/enrolments", ENROLMENT, Enrolment(name)
    )
    return answer
