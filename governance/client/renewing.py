"""Renewing, rotating and recovering a node's certificate, from a member's side."""

import base64
import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from governance.client.connection import Connection, new_statement
from governance.client.folder import MemberFolder, build_request
from governance.client.joining import (
    JSON,
    folder_connection,
    issued_certificate,
    keep_certificate,
)
from governance.errors import CertificateUnknown
from governance.identity.profile import renewal_due
from governance.membership.statements import RECOVERY, RENEWAL, Recovery, Renewal
from ledger.keys import SoftwareSigner, key_id
from ledger.statements import sign_statement


def is_due(folder: MemberFolder) -> bool:
    """Say whether the folder's certificate has passed two thirds of its life.

    Raises:
        CertificateUnknown: there is none in the folder.
    """
    chain = folder.certificate
    if chain is None:
        raise CertificateUnknown("the folder holds no certificate; `sekisho member status`")
    own = x509.load_pem_x509_certificate(chain.encode())
    due = renewal_due(own.not_valid_before_utc, own.not_valid_after_utc)
    return dt.datetime.now(dt.UTC) >= due


def renew(
    connection: Connection,
    folder: MemberFolder,
    new_key: ec.EllipticCurvePrivateKey | None = None,
) -> x509.Certificate:
    """Renew the certificate, and keep it; with `new_key`, rotate to that key.

    A rotation is signed by the old key and by the new one; the folder takes the new key once its
    certificate is there. One that was interrupted is finished first: its key may be certified by
    now, or at any time.
    """
    if folder.next_key is not None:
        finished = finish_rotation(folder)
        if finished is not None:
            return finished
        new_key = folder.next_key
    if new_key is None:
        request = x509.load_pem_x509_csr(folder.request.encode())
    else:
        request = build_request(new_key, folder.member)
        folder.keep_next_key(new_key)  # before the old one may end
    body = Renewal(folder.member.node, request.public_bytes(serialization.Encoding.DER))
    signers = [folder.signer, *([SoftwareSigner(new_key)] if new_key else [])]
    envelope = sign_statement(RENEWAL, new_statement(folder, body), *signers)
    answer = connection.post_bytes("/v1/certificates/renewals", envelope, JSON)
    certificate = x509.load_der_x509_certificate(base64.b64decode(answer["certificate"]))
    if new_key is not None:
        folder.take_next_key()
    keep_certificate(folder, certificate)
    return certificate


def finish_rotation(folder: MemberFolder) -> x509.Certificate | None:
    """Take up a new key whose certificate was issued though its answer never came.

    Returns:
        Its certificate; None where no rotation was interrupted, or none is issued yet.
    """
    key = folder.next_key
    certificate = issued_certificate(folder, key_id(key.public_key())) if key else None
    if certificate is None:
        return None
    folder.take_next_key()
    keep_certificate(folder, certificate)
    return certificate


def request_recovery(folder: MemberFolder) -> str:
    """Make a new key, ask for its certificate, and return its id, to be voted on."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = build_request(key, folder.member)
    der = request.public_bytes(serialization.Encoding.DER)
    body = Recovery(folder.member.member_id, folder.member.node, der)
    envelope = sign_statement(RECOVERY, new_statement(folder, body), SoftwareSigner(key))
    with folder_connection(folder) as connection:
        answer = connection.post_bytes("/v1/certificates/recoveries", envelope, JSON)
    folder.replace_key(key)
    return str(answer["key_id"])
