"""Queries on keys, certificates and revocations."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from governance.identity.requests import KeyStanding
from governance.identity.tables import (
    AuthorityRow,
    CertificateRow,
    EnrolmentTokenRow,
    HoldRow,
    IssuanceRow,
    IssuingRow,
    KeyRow,
    RevocationRow,
)


def latest_authority(session: Session, kind: str) -> AuthorityRow | None:
    """Return the newest certificate of an authority of `kind`."""
    return session.scalars(
        sa.select(AuthorityRow).where(AuthorityRow.kind == kind).order_by(AuthorityRow.id.desc())
    ).first()


def authority_named(session: Session, name: str) -> AuthorityRow | None:
    """Return the newest certificate of the authority `name`."""
    return session.scalars(
        sa.select(AuthorityRow).where(AuthorityRow.name == name).order_by(AuthorityRow.id.desc())
    ).first()


def issuing_authority(session: Session) -> AuthorityRow | None:
    """Return the authority that issues now; others may be certified, to issue later."""
    name = session.scalars(sa.select(IssuingRow.name).order_by(IssuingRow.id.desc())).first()
    return None if name is None else authority_named(session, name)


def put_in_force(session: Session, name: str, at: dt.datetime) -> None:
    """Let the authority `name` issue from now on."""
    session.add(IssuingRow(name=name, since=at))
    session.flush()


def authorities(
    session: Session, kind: str, at: dt.datetime, *, revoked: bool = False
) -> list[AuthorityRow]:
    """Return the unexpired certificates of authorities of `kind`, newest first.

    Args:
        session: a session.
        kind: `root` or `issuing`.
        at: now.
        revoked: whether to return revoked ones too: what they issued still has a status.
    """
    query = sa.select(AuthorityRow).where(AuthorityRow.kind == kind, AuthorityRow.not_after > at)
    if not revoked:
        query = query.where(~sa.exists().where(RevocationRow.serial == AuthorityRow.serial))
    return list(session.scalars(query.order_by(AuthorityRow.id.desc())))


def revoked_authorities(session: Session) -> frozenset[str]:
    """Return the names of the issuing authorities that the root has revoked."""
    query = sa.select(AuthorityRow.name).join(
        RevocationRow, RevocationRow.serial == AuthorityRow.serial
    )
    return frozenset(session.scalars(query))


def key_standing(session: Session, key: str, member_id: str) -> KeyStanding:
    """Return what is known of a key id, as seen from `member_id`."""
    row = session.get(KeyRow, key)
    if row is None:
        return KeyStanding.NEW
    if row.member_id != member_id:
        return KeyStanding.FOREIGN
    return KeyStanding.OWN if row.revoked_at is None else KeyStanding.REVOKED


def claim_key(session: Session, key: str, member_id: str, at: dt.datetime) -> None:
    """Record that a key is this member's, if it is not recorded yet."""
    if session.get(KeyRow, key) is None:
        session.add(KeyRow(key_id=key, member_id=member_id, first_seen_at=at, revoked_at=None))
        session.flush()


def certificate(session: Session, serial: str) -> CertificateRow | None:
    """Return the certificate with this serial number (lower-case hex)."""
    return session.get(CertificateRow, serial)


def certificate_of(session: Session, issuance: int) -> CertificateRow:
    """Return the certificate of an issuance that is stored."""
    query = sa.select(CertificateRow).where(CertificateRow.issuance_id == issuance)
    return session.scalars(query).one()


def certificate_by_thumbprint(session: Session, thumbprint: bytes) -> CertificateRow | None:
    """Return the certificate whose DER has this SHA-256."""
    return session.scalars(
        sa.select(CertificateRow).where(CertificateRow.thumbprint == thumbprint)
    ).first()


def is_held(session: Session, member_id: str) -> bool:
    """Return whether the member's certificates are on hold."""
    return session.get(HoldRow, member_id) is not None


def _unrevoked(at: dt.datetime) -> tuple[sa.ColumnElement[bool], ...]:
    revoked = sa.exists().where(RevocationRow.serial == CertificateRow.serial)
    return (~revoked, CertificateRow.not_before <= at, CertificateRow.not_after > at)


def valid_by_key(session: Session, key: str, at: dt.datetime) -> CertificateRow | None:
    """Return the key's certificate that is valid and not revoked; the longest-lived one."""
    return session.scalars(
        sa.select(CertificateRow)
        .where(CertificateRow.key_id == key, *_unrevoked(at))
        .order_by(CertificateRow.not_after.desc(), CertificateRow.serial)
    ).first()


def valid_by_serial(session: Session, serial: str, at: dt.datetime) -> CertificateRow | None:
    """Return the certificate if it is valid now and not revoked; holds are not regarded."""
    return session.scalars(
        sa.select(CertificateRow).where(CertificateRow.serial == serial, *_unrevoked(at))
    ).first()


def valid_certificates(session: Session, at: dt.datetime) -> list[CertificateRow]:
    """Return every valid certificate that is not revoked, by owner; holds are not regarded."""
    return list(
        session.scalars(
            sa.select(CertificateRow)
            .where(*_unrevoked(at))
            .order_by(CertificateRow.member_id, CertificateRow.node, CertificateRow.serial)
        )
    )


def certificates_of(
    session: Session, member_id: str, node: str | None = None
) -> list[CertificateRow]:
    """Return all certificates ever issued to a member (or one of its nodes), newest first."""
    query = sa.select(CertificateRow).where(CertificateRow.member_id == member_id)
    if node is not None:
        query = query.where(CertificateRow.node == node)
    return list(session.scalars(query.order_by(CertificateRow.log_index.desc())))


def certificates_of_key(session: Session, key: str) -> list[CertificateRow]:
    """Return all certificates ever issued to a key, newest first."""
    query = sa.select(CertificateRow).where(CertificateRow.key_id == key)
    return list(session.scalars(query.order_by(CertificateRow.log_index.desc())))


def revocation(session: Session, serial: str) -> RevocationRow | None:
    """Return the revocation of this serial number."""
    return session.get(RevocationRow, serial)


def open_issuances(session: Session, member_id: str) -> list[IssuanceRow]:
    """Return the member's issuances that are approved or reserved."""
    return list(
        session.scalars(
            sa.select(IssuanceRow).where(
                IssuanceRow.member_id == member_id,
                IssuanceRow.state.in_(("approved", "reserved")),
            )
        )
    )


def void_tokens(session: Session, member_id: str, at: dt.datetime) -> None:
    """Make a member's unused enrolment tokens worthless."""
    session.execute(
        sa.update(EnrolmentTokenRow)
        .where(EnrolmentTokenRow.member_id == member_id, EnrolmentTokenRow.used_at.is_(None))
        .values(used_at=at)
    )
