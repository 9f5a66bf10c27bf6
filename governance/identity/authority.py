"""The certificate authority's issuance, crash-safe: approve, reserve, sign, store.

1. `approve` commits, with the decision that caused it, what is to be certified.
2. `_reserve` commits a fresh serial number and the digest of what will be signed, linted.
3. the issuing key signs exactly that.
4. `_store` commits the certificate and its log entry.

A process killed between 2 and 4 may have signed. That serial number is never signed again:
`resume` revokes it, so that a copy that escaped is dead, and serves the approval with a fresh
one. So no serial number is signed twice and one approval never has two good certificates.
"""

import datetime as dt
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from governance.errors import AuthorityUnfit, CertificateUnsound, IssuanceRefused
from governance.identity import store
from governance.identity.announcements import CertificateIssued, CertificateRevoked, Herald
from governance.identity.keystores import KeyStore
from governance.identity.lint import lint_before_signing, rehearse
from governance.identity.profile import (
    NODE_LIFETIME,
    CertificateKind,
    CertificateOrder,
    Issuer,
    new_serial,
    node_certificate,
    signing_hash,
    tbs_digest,
)
from governance.identity.revocation import Reason, announce_revocation, revoke_key
from governance.identity.tables import (
    AuthorityRow,
    CertificateRow,
    HoldRow,
    IssuanceRow,
)
from ledger.database import reading, writing
from ledger.keys import key_id, load_public_key

SIGNING_LEASE = dt.timedelta(seconds=60)
"""How long a reservation is left to the process that made it before it counts as abandoned."""

PATIENCE_SECONDS = 5.0
"""How long a request waits for a certificate that another thread or process is signing."""

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Authority:
    """What issuing needs: the keys, where things are published, and the network's voice.

    Args:
        keystore: holds the issuing authorities' and OCSP responders' keys.
        herald: the network's voice.
        base_url: where CRLs, OCSP and certificates are served: plain HTTP, an address or a full
            domain name.
        hosting: holds the keys of nodes that are hosted here; `keystore` if None.
        days: how long a certificate of a kind lives, by the network parameters in force.
    """

    keystore: KeyStore
    herald: Herald
    base_url: str
    hosting: KeyStore | None = None
    days: Callable[[Session, CertificateKind], int] = lambda _session, _kind: NODE_LIFETIME.days

    @property
    def node_keys(self) -> KeyStore:
        """Where the keys of hosted nodes are."""
        return self.hosting or self.keystore

    def issuer(self, row: AuthorityRow) -> Issuer:
        """Return the authority of `row` as an issuer."""
        certificate = x509.load_der_x509_certificate(row.der)
        return Issuer(row.name, certificate, self.base_url)


def approve(
    session: Session, order: CertificateOrder, at: dt.datetime, supersedes: str | None = None
) -> int:
    """Record that a certificate is to be issued; return the issuance's id.

    Args:
        session: of the transaction that holds the decision.
        order: what to certify; its key passed `requests.check_request`.
        at: now.
        supersedes: the id of a key whose certificates are revoked when this one is stored.
    """
    key = key_id(load_public_key(order.spki))
    store.claim_key(session, key, order.member_id, at)
    row = IssuanceRow(
        member_id=order.member_id,
        node=order.node,
        key_id=key,
        certificate_order=msgspec.json.encode(order),
        supersedes=supersedes,
        state="approved",
        approved_at=at,
    )
    session.add(row)
    session.flush()
    return row.id


def issue(engine: Engine, authority: Authority, issuance: int, at: dt.datetime) -> bytes:
    """Return the DER certificate of an approved issuance: reserve, sign, store.

    If another thread or process is at it already, wait for its result.

    Raises:
        IssuanceRefused: it was refused or cancelled, the member is suspended, or whoever reserved
            it does not finish (`resume` will).
        CertificateUnsound: lint found faults; the issuance is closed as refused.
    """
    stored = _result_of_another(engine, issuance)
    if stored is not None:
        return stored
    with writing(engine) as session:
        problem = _reserve(session, authority, issuance, at)
    if problem is not None:
        stored = _result_of_another(engine, issuance)
        if stored is not None:
            return stored
        raise problem
    with reading(engine) as session:
        row = _issuance(session, issuance)
        certificate = _sign(session, authority, row)
    with writing(engine) as session:
        return _store(session, authority, issuance, certificate, at)


def _result_of_another(engine: Engine, issuance: int) -> bytes | None:
    """Return the certificate if it is stored, waiting while somebody is signing it."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        with reading(engine) as session:
            row = _issuance(session, issuance)
            if row.state == "stored":
                return store.certificate_of(session, issuance).der
        if row.state != "reserved":
            return None
        if time.monotonic() >= give_up:
            raise IssuanceRefused(f"issuance {issuance} is being signed elsewhere; ask again")
        time.sleep(POLL_SECONDS)


def issue_approved(engine: Engine, authority: Authority, at: dt.datetime) -> list[bytes]:
    """Issue everything that is approved, not reserved, and not on hold; return the certificates.

    One that is refused is closed with its reason and does not stop the others.
    """
    with reading(engine) as session:
        held = sa.exists().where(HoldRow.member_id == IssuanceRow.member_id)
        waiting = session.scalars(
            sa.select(IssuanceRow.id)
            .where(IssuanceRow.state == "approved", ~held)
            .order_by(IssuanceRow.id)
        ).all()
    issued = []
    for issuance in waiting:
        try:
            issued.append(issue(engine, authority, issuance, at))
        except (IssuanceRefused, CertificateUnsound):
            continue  # its row says why
    return issued


def resume(
    engine: Engine, authority: Authority, at: dt.datetime, lease: dt.timedelta = SIGNING_LEASE
) -> list[bytes]:
    """Finish what a killed process left; return the certificates issued.

    Args:
        engine: the database.
        authority: the authority.
        at: now.
        lease: reservations younger than this may still be another process's and are left alone.
    """
    with writing(engine) as session:
        abandoned = session.scalars(
            sa.select(IssuanceRow).where(
                IssuanceRow.state == "reserved", IssuanceRow.reserved_at <= at - lease
            )
        ).all()
        for row in abandoned:
            abandon(session, authority.herald, row, at)
            row.state = "approved"
    return issue_approved(engine, authority, at)


def cancel_issuances(
    session: Session, herald: Herald, member_id: str, reason: str, at: dt.datetime
) -> None:
    """Close a member's open issuances; a reserved serial number is revoked."""
    for row in store.open_issuances(session, member_id):
        cancel(session, herald, row, reason, at)


def cancel(
    session: Session, herald: Herald, row: IssuanceRow, reason: str, at: dt.datetime
) -> None:
    """Close an open issuance; a serial number that it has reserved is revoked."""
    if row.state == "reserved":
        abandon(session, herald, row, at)
    row.state, row.reason, row.finished_at = "cancelled", reason, at


def abandon(session: Session, herald: Herald, row: IssuanceRow, at: dt.datetime) -> None:
    """Revoke the serial number that `row` has reserved, and take it from the row."""
    if row.serial is None or row.issuer is None:
        raise IssuanceRefused(f"issuance {row.id} has no serial number reserved")
    order = msgspec.json.decode(row.certificate_order, type=CertificateOrder)
    body = CertificateRevoked(
        row.serial, row.issuer, row.member_id, order.node, Reason.ABANDONED, row.tbs_digest
    )
    issuer = store.authority_named(session, row.issuer)
    announce_revocation(session, herald, body, issuer.not_after if issuer else at, at)
    row.serial = row.issuer = row.tbs_digest = row.reserved_at = None
    session.flush()


def _reserve(
    session: Session, authority: Authority, issuance: int, at: dt.datetime
) -> CertificateUnsound | IssuanceRefused | None:
    """Commit to a serial number and a digest; return why not, after recording it."""
    row = _issuance(session, issuance)
    if row.state != "approved":
        return IssuanceRefused(f"issuance {issuance} is {row.state}, not approved")
    if store.is_held(session, row.member_id):
        return IssuanceRefused(f"{row.member_id} is suspended: its certificates are on hold")
    issuer_row = store.issuing_authority(session)
    if issuer_row is None:
        raise AuthorityUnfit("the network has no issuing authority yet")
    row.issuer, row.serial, row.reserved_at = issuer_row.name, f"{new_serial():x}", at
    issuer = authority.issuer(issuer_row)
    try:
        rehearsal = lint_before_signing(_builder(row, issuer), issuer.key)
    except CertificateUnsound as error:
        row.state, row.reason, row.finished_at = "refused", str(error), at
        row.serial = row.issuer = row.reserved_at = None
        return error
    row.tbs_digest = tbs_digest(rehearsal)
    row.state = "reserved"
    return None


def _sign(session: Session, authority: Authority, row: IssuanceRow) -> x509.Certificate:
    issuer_row = store.authority_named(session, row.issuer or "")
    if row.state != "reserved" or issuer_row is None:
        raise IssuanceRefused(f"issuance {row.id} is {row.state}, not reserved")
    issuer = authority.issuer(issuer_row)
    builder = _builder(row, issuer)
    if tbs_digest(rehearse(builder, issuer.key)) != row.tbs_digest:
        raise IssuanceRefused(f"issuance {row.id}: not what was reserved; nothing was signed")
    key = authority.keystore.private_key(issuer.name)
    return builder.sign(key, signing_hash(key))


def _store(
    session: Session,
    authority: Authority,
    issuance: int,
    certificate: x509.Certificate,
    at: dt.datetime,
) -> bytes:
    row = _issuance(session, issuance)
    serial = f"{certificate.serial_number:x}"
    if row.state != "reserved" or row.serial != serial or row.issuer is None:
        raise IssuanceRefused(f"issuance {issuance} was closed while it was being signed")
    if tbs_digest(certificate) != row.tbs_digest:
        raise IssuanceRefused(f"issuance {issuance}: what was signed is not what was reserved")
    der = certificate.public_bytes(serialization.Encoding.DER)
    body = CertificateIssued(serial, row.member_id, row.node, row.key_id, row.issuer, der)
    index = authority.herald.announce(session, "certificate", body, at)
    order = msgspec.json.decode(row.certificate_order, type=CertificateOrder)
    session.add(
        CertificateRow(
            serial=serial,
            issuance_id=row.id,
            kind=order.kind,
            issuer=row.issuer,
            member_id=row.member_id,
            node=row.node,
            key_id=row.key_id,
            der=der,
            thumbprint=hashlib.sha256(der).digest(),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            issued_at=at,
            log_index=index,
        )
    )
    row.state, row.finished_at = "stored", at
    session.flush()
    if order.kind is not CertificateKind.SERVICE:
        authority.herald.report(session, body, at)
    if row.supersedes is not None:
        gone = revoke_key(session, authority.herald, row.supersedes, Reason.SUPERSEDED, at)
        for event in gone:
            authority.herald.report(session, event, at)
    return der


def _builder(row: IssuanceRow, issuer: Issuer) -> x509.CertificateBuilder:
    order = msgspec.json.decode(row.certificate_order, type=CertificateOrder)
    if row.serial is None or row.reserved_at is None:
        raise IssuanceRefused(f"issuance {row.id} has no serial number reserved")
    at = row.reserved_at.replace(microsecond=0)
    return node_certificate(order, issuer, int(row.serial, 16), at)


def _issuance(session: Session, issuance: int) -> IssuanceRow:
    row = session.get(IssuanceRow, issuance)
    if row is None:
        raise IssuanceRefused(f"there is no issuance {issuance}")
    return row
