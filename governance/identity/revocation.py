"""Which certificates are no longer good: revocation, hold, CRL (RFC 5280, 5) and OCSP (RFC 6960).

Registry, CRL and OCSP agree because all three read the same two tables: revocations, which are
for good, and holds, which stand for suspended members and go away when they are reinstated.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator
from enum import StrEnum

import msgspec
import sqlalchemy as sa
from cryptography import x509
from sqlalchemy.orm import Session

from governance.identity import store
from governance.identity.announcements import CertificateRevoked, Herald
from governance.identity.tables import (
    CertificateRow,
    HoldRow,
    KeyRow,
    RevocationRow,
)


class Reason(StrEnum):
    """Why a certificate is no longer good, in the terms of RFC 5280, 5.3.1."""

    KEY_COMPROMISE = "key_compromise"
    SUPERSEDED = "superseded"
    CESSATION = "cessation_of_operation"
    WITHDRAWN = "privilege_withdrawn"
    ABANDONED = "abandoned"
    """Reserved by a process that was killed, perhaps signed, never stored."""
    HOLD = "certificate_hold"

    @property
    def flag(self) -> x509.ReasonFlags:
        """The CRL reason; an abandoned one never operated."""
        if self is Reason.ABANDONED:
            return x509.ReasonFlags.cessation_of_operation
        return x509.ReasonFlags[self.value]


class Status(msgspec.Struct, frozen=True):
    """A serial number that is not good: since when and why."""

    serial: str
    since: dt.datetime
    reason: Reason


def revoke_certificate(
    session: Session, herald: Herald, row: CertificateRow, reason: Reason, at: dt.datetime
) -> CertificateRevoked | None:
    """Revoke one certificate for good, unless it is revoked or expired; return what was said."""
    if row.not_after <= at or store.revocation(session, row.serial) is not None:
        return None
    body = CertificateRevoked(row.serial, row.issuer, row.member_id, row.node, reason)
    announce_revocation(session, herald, body, row.not_after, at)
    return body


def announce_revocation(
    session: Session,
    herald: Herald,
    body: CertificateRevoked,
    not_after: dt.datetime,
    at: dt.datetime,
) -> None:
    """Say in the log that a certificate, valid until `not_after`, is no longer good; store it."""
    index = herald.announce(session, "revocation", body, at)
    session.add(
        RevocationRow(
            serial=body.serial,
            issuer=body.issuer,
            member_id=body.member_id,
            reason=body.reason,
            revoked_at=at,
            not_after=not_after,
            log_index=index,
        )
    )
    session.flush()


def revoke_key(
    session: Session, herald: Herald, key_id: str, reason: Reason, at: dt.datetime
) -> list[CertificateRevoked]:
    """Revoke every certificate of a key, never certified again; return what was said."""
    rows = session.scalars(sa.select(CertificateRow).where(CertificateRow.key_id == key_id)).all()
    said = [revoke_certificate(session, herald, row, reason, at) for row in rows]
    key = session.get(KeyRow, key_id)
    if key is not None and key.revoked_at is None:
        key.revoked_at = at
    return [body for body in said if body is not None]


def revoke_node(
    session: Session, herald: Herald, member_id: str, node: str, reason: Reason, at: dt.datetime
) -> list[CertificateRevoked]:
    """Revoke every key that was ever certified for a node; return what was said."""
    keys = sorted({row.key_id for row in store.certificates_of(session, member_id, node)})
    return [body for key in keys for body in revoke_key(session, herald, key, reason, at)]


def revoke_member(
    session: Session, herald: Herald, member_id: str, reason: Reason, at: dt.datetime
) -> None:
    """Revoke every key of a member, certified or only seen."""
    keys = session.scalars(sa.select(KeyRow.key_id).where(KeyRow.member_id == member_id)).all()
    for key in sorted(keys):
        revoke_key(session, herald, key, reason, at)


def hold(session: Session, member_id: str, at: dt.datetime) -> None:
    """Put all certificates of a member on hold; nothing happens if they are."""
    if session.get(HoldRow, member_id) is None:
        session.add(HoldRow(member_id=member_id, since=at))
        session.flush()


def release(session: Session, member_id: str) -> None:
    """Take a member's certificates off hold; nothing happens if they are not on it."""
    session.execute(sa.delete(HoldRow).where(HoldRow.member_id == member_id))


def status(session: Session, serial: str) -> Status | None:
    """Return why and since when `serial` is not good, or None if nothing is against it.

    Whether such a certificate was issued, and its dates, are other questions.
    """
    revoked = session.get(RevocationRow, serial)
    if revoked is not None:
        return Status(serial, revoked.revoked_at, Reason(revoked.reason))
    row = session.get(CertificateRow, serial)
    held = session.get(HoldRow, row.member_id) if row is not None else None
    return Status(serial, held.since, Reason.HOLD) if held is not None else None


def listed(session: Session, issuer: str, at: dt.datetime) -> list[Status]:
    """Return what a CRL of `issuer` lists now: unexpired and revoked or on hold, by serial."""
    return sorted(_listed(session, issuer, at), key=lambda found: found.serial)


def _listed(session: Session, issuer: str, at: dt.datetime) -> Iterator[Status]:
    revoked = session.scalars(
        sa.select(RevocationRow).where(RevocationRow.issuer == issuer, RevocationRow.not_after > at)
    )
    gone = set()
    for row in revoked:
        gone.add(row.serial)
        yield Status(row.serial, row.revoked_at, Reason(row.reason))
    held = session.execute(
        sa.select(CertificateRow.serial, HoldRow.since)
        .join(HoldRow, HoldRow.member_id == CertificateRow.member_id)
        .where(CertificateRow.issuer == issuer, CertificateRow.not_after > at)
    )
    for serial, since in held:
        if serial not in gone:
            yield Status(serial, since, Reason.HOLD)


def content_of(statuses: list[Status]) -> bytes:
    """Return the digest of what a CRL lists, to see whether a published one is still right."""
    return hashlib.sha256(msgspec.json.encode(statuses)).digest()
