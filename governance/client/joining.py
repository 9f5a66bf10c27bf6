"""Joining a network, from a member's side: apply, wait, fetch the certificate."""

import base64
import time
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from governance.client.connection import Connection, new_statement
from governance.client.folder import MemberFolder
from governance.errors import ApplicationUnknown
from governance.membership.members import NodeKind, Role
from governance.membership.statements import APPLICATION, Application, NodeRequest
from ledger.keys import accept_public_key, public_bytes
from ledger.statements import sign_statement

APPLICATION_FILE = "application.id"
JSON = "application/json"
POLL = 0.1
"""Seconds between two looks for a certificate."""


def build_application(
    folder: MemberFolder,
    roles: Sequence[Role],
    *,
    sponsor: str | None = None,
    invitation: str = "",
    hosted: Sequence[NodeRequest] = (),
) -> Application:
    """Return the application of a member whose own key is in `folder`.

    Args:
        folder: with the key and the request for it.
        roles: what the member wants to do.
        sponsor: the operating partner through whom it acts, if it runs no node.
        invitation: the token of an invitation.
        hosted: nodes whose keys the platform administrator is to keep.
    """
    request = x509.load_pem_x509_csr(folder.request.encode())
    own = NodeRequest(
        name=folder.member.node,
        kind=NodeKind(folder.member.kind),
        address=folder.member.address,
        csr=request.public_bytes(serialization.Encoding.DER),
    )
    return Application(
        member_id=folder.member.member_id,
        legal_name=folder.member.legal_name,
        roles=tuple(roles),
        nodes=(own, *hosted),
        sponsor_id=sponsor,
        invitation=invitation,
    )


def apply(folder: MemberFolder, application: Application) -> str:
    """Sign and send an application; keep its id in the folder, and return it."""
    envelope = sign_statement(APPLICATION, new_statement(folder, application), folder.signer)
    with folder_connection(folder) as connection:
        answer = connection.post_bytes("/v1/applications", envelope, JSON)
    identifier = str(answer["application_id"])
    (folder.path / APPLICATION_FILE).write_text(identifier, encoding="ascii")
    return identifier


def application_state(folder: MemberFolder) -> dict[str, Any]:
    """Return what became of the folder's application.

    Raises:
        ApplicationUnknown: nothing was applied for from this folder.
    """
    file = folder.path / APPLICATION_FILE
    if not file.exists():
        raise ApplicationUnknown("nothing was applied for from this folder; `sekisho member apply`")
    identifier = file.read_text(encoding="ascii")
    with folder_connection(folder) as connection:
        state: dict[str, Any] = connection.get(f"/v1/applications/{identifier}")
    return state


def fetch_certificate(folder: MemberFolder, seconds: float = 0) -> x509.Certificate | None:
    """Return the certificate of the folder's key once it is issued, and keep its chain.

    Args:
        folder: from which was applied.
        seconds: how long to wait for it at most.
    """
    own = public_bytes(accept_public_key(folder.node_key.public_key()))
    give_up = time.monotonic() + seconds
    while True:
        for text in application_state(folder)["certificates"]:
            certificate = x509.load_der_x509_certificate(base64.b64decode(text))
            if public_bytes(accept_public_key(certificate.public_key())) == own:
                keep_certificate(folder, certificate)
                return certificate
        if time.monotonic() >= give_up:
            return None
        time.sleep(POLL)


def keep_certificate(folder: MemberFolder, certificate: x509.Certificate) -> None:
    """Save a certificate in the folder, with its authorities."""
    folder.save_certificate(_chain(folder, certificate))


def _chain(folder: MemberFolder, certificate: x509.Certificate) -> str:
    """Return the certificate and its authorities, the root last, as PEM."""
    with folder_connection(folder) as connection:
        text = connection.get_bytes("/.well-known/est/cacerts")
    above = {c.subject: c for c in pkcs7.load_der_pkcs7_certificates(base64.b64decode(text))}
    chained = [certificate]
    while chained[-1].issuer != chained[-1].subject and chained[-1].issuer in above:
        chained.append(above[chained[-1].issuer])
    return "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in chained)


def folder_connection(folder: MemberFolder) -> Connection:
    """Return a connection to the folder's server that carries no token: there is none yet."""
    return Connection(folder.member.server, pinned=folder)
