"""Joining a network, from a member's side: apply, wait, fetch the certificate."""

import base64
import datetime as dt
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from governance.client.connection import Connection, new_statement
from governance.client.folder import MemberFolder
from governance.client.transport import ROOT_FILE
from governance.errors import AnchorsInvalid, ApplicationUnknown
from governance.membership.members import NodeKind, Role
from governance.membership.statements import APPLICATION, Application, NodeRequest
from ledger.keys import accept_public_key, key_id
from ledger.statements import sign_statement

APPLICATION_FILE = "application.id"
JSON = "application/json"
HOLD = "certificate_hold"
"""What stands against the certificate of a suspended member; it is good again afterwards."""

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


def has_applied(folder: MemberFolder) -> bool:
    """Return whether an application was made from this folder."""
    return (folder.path / APPLICATION_FILE).exists()


def application_state(folder: MemberFolder) -> dict[str, Any]:
    """Return what became of the folder's application.

    Raises:
        ApplicationUnknown: nothing was applied for from this folder.
    """
    if not has_applied(folder):
        raise ApplicationUnknown("nothing was applied for from this folder; `sekisho member apply`")
    identifier = (folder.path / APPLICATION_FILE).read_text(encoding="ascii")
    with folder_connection(folder) as connection:
        state: dict[str, Any] = connection.get(f"/v1/applications/{identifier}")
    return state


def fetch_certificate(folder: MemberFolder, seconds: float = 0) -> x509.Certificate | None:
    """Return the certificate of the folder's key once it is issued, and keep its chain.

    After an application, after a recovery, or where the answer to a renewal was lost.

    Args:
        folder: that holds the key.
        seconds: how long to wait for it at most.
    """
    give_up = time.monotonic() + seconds
    while True:
        certificate = issued_certificate(folder, folder.key_id)
        if certificate is not None:
            keep_certificate(folder, certificate)
            return certificate
        if time.monotonic() >= give_up:
            return None
        time.sleep(POLL)


def issued_certificate(folder: MemberFolder, key_id: str) -> x509.Certificate | None:
    """Return the newest good certificate of a key, or None if there is none."""
    with folder_connection(folder) as connection:
        found = connection.get(f"/v1/certificates/keys/{key_id}")
    for shown in found:
        certificate = x509.load_der_x509_certificate(base64.b64decode(shown["certificate"]))
        now = dt.datetime.now(dt.UTC)
        if shown["revoked"] in (None, HOLD) and now < certificate.not_valid_after_utc:
            return certificate
    return None


def has_good_certificate(folder: MemberFolder) -> bool:
    """Return whether the folder holds an unexpired certificate of its key."""
    if folder.certificate is None:
        return False
    own = x509.load_pem_x509_certificate(folder.certificate.encode())
    return _is_of(own, folder) and dt.datetime.now(dt.UTC) < own.not_valid_after_utc


def keep_certificate(folder: MemberFolder, certificate: x509.Certificate) -> None:
    """Save a certificate in the folder, with its authorities.

    Raises:
        AnchorsInvalid: it is not of the folder's key, or does not come from the pinned root.
    """
    if not _is_of(certificate, folder):
        raise AnchorsInvalid("the server answered with a certificate of another key")
    folder.save_certificate(_chain(folder, certificate))


def _is_of(certificate: x509.Certificate, folder: MemberFolder) -> bool:
    return key_id(accept_public_key(certificate.public_key())) == folder.key_id


def _chain(folder: MemberFolder, certificate: x509.Certificate) -> str:
    """Return the certificate and its authorities, the pinned root last, as PEM."""
    with folder_connection(folder) as connection:
        text = connection.get_bytes("/.well-known/est/cacerts")
    above = {c.subject: c for c in pkcs7.load_der_pkcs7_certificates(base64.b64decode(text))}
    chained = [certificate]
    while chained[-1].issuer != chained[-1].subject and chained[-1].issuer in above:
        chained.append(above[chained[-1].issuer])
    _check_chain(folder, chained)
    return "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in chained)


def _check_chain(folder: MemberFolder, chained: list[x509.Certificate]) -> None:
    pinned = folder.path / ROOT_FILE
    try:
        for lower, upper in pairwise([*chained, chained[-1]]):
            lower.verify_directly_issued_by(upper)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise AnchorsInvalid(f"the server's chain of certificates does not verify: {error}") from (
            error
        )
    if pinned.exists() and chained[-1] != x509.load_pem_x509_certificate(pinned.read_bytes()):
        raise AnchorsInvalid("the server's chain does not end in the root that is pinned here")


def folder_connection(folder: MemberFolder) -> Connection:
    """Return a connection to the folder's server that carries no token: there is none yet."""
    return Connection(folder.member.server, pinned=folder)
