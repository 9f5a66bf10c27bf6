"""Founding the authority: the offline root, the issuing authority, its successors.

The root's key is made in memory, signs, is exported once under a passphrase, and is then only
where the operator keeps it. A rollover brings it back for one signature.
"""

import datetime as dt

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.orm import Session

from governance.errors import AuthorityUnfit, KeyUnknown
from governance.identity import store
from governance.identity.announcements import AuthorityCertified, CertificateRevoked
from governance.identity.authority import Authority
from governance.identity.keystores import KeyKind, KeyStore, make_key
from governance.identity.lint import lint_before_signing
from governance.identity.profile import (
    Issuer,
    issuing_certificate,
    new_serial,
    root_certificate,
    signing_hash,
)
from governance.identity.publication import (
    ROOT_CRL_LIFETIME,
    authority_row,
    certify_responder,
    sign_crl,
)
from governance.identity.revocation import Reason, announce_revocation, listed
from governance.identity.tables import AuthorityRow
from ledger.keys import PrivateKey, PublicKey

ROOT = "root-1"
MIN_PASSPHRASE = 12
"""Characters of the passphrase that seals the exported root."""


class RootKey:
    """The root's key, in memory until it is exported; exported at most once."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._exported = False

    @classmethod
    def load(cls, pem: bytes, passphrase: str) -> "RootKey":
        """Return the key in an exported file, for a rollover; it is not exported again.

        Raises:
            AuthorityUnfit: the passphrase does not open the file, or it is no such file.
        """
        try:
            key = serialization.load_pem_private_key(pem, passphrase.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise AuthorityUnfit("the root file does not open with this passphrase") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityUnfit("the root file holds another kind of key")
        loaded = cls(key)
        loaded._exported = True
        return loaded

    def export(self, passphrase: str) -> bytes:
        """Return the key as encrypted PKCS#8 PEM; a second time is refused.

        Raises:
            AuthorityUnfit: exported before, or the passphrase is shorter than 12 characters.
        """
        if self._exported:
            raise AuthorityUnfit("the root was exported before; it is exported once")
        if len(passphrase) < MIN_PASSPHRASE:
            raise AuthorityUnfit(f"the passphrase needs at least {MIN_PASSPHRASE} characters")
        self._exported = True
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase.encode()),
        )

    @property
    def key(self) -> PrivateKey:
        """The key, to sign with."""
        return self._key


def create_authority(session: Session, authority: Authority, at: dt.datetime) -> RootKey:
    """Make root, issuing authority and OCSP responder; return the root's key to export.

    Raises:
        AuthorityUnfit: the network has an authority already.
    """
    if store.latest_authority(session, "root") is not None:
        raise AuthorityUnfit("the network has an authority already")
    root = RootKey(make_key(KeyKind.P384))
    at = at.replace(microsecond=0)
    network = authority.herald.network
    public = root.key.public_key()
    builder = root_certificate(public, ROOT, network, new_serial(), at)
    lint_before_signing(builder, public)
    certificate = builder.sign(root.key, signing_hash(root.key))
    row = authority_row(certificate, ROOT, "root", ROOT)
    session.add(row)
    session.flush()
    _announce(session, authority, row, at)
    store.put_in_force(session, certify_issuing(session, authority, root, at).name, at)
    return root


def certify_issuing(
    session: Session, authority: Authority, root: RootKey, at: dt.datetime
) -> AuthorityRow:
    """Make the next issuing authority, signed by the root; it issues once it is put in force.

    Whoever fetches the authorities knows it from now on. Its predecessor keeps signing CRLs and
    OCSP answers for what it issued: the two overlap until the last of those certificates has
    expired, so that nobody has to renew at once.

    Raises:
        AuthorityUnfit: there is no root, or this is not its key.
    """
    root_row = store.latest_authority(session, "root")
    if root_row is None:
        raise AuthorityUnfit("the network has no root yet")
    issuer = authority.issuer(root_row)
    if issuer.key != root.key.public_key():
        raise AuthorityUnfit("this is not the key of the network's root")
    at = at.replace(microsecond=0)
    name = _next_name(session)
    public = _own_key(authority.keystore, name)
    network = authority.herald.network
    builder = issuing_certificate(public, name, network, issuer, new_serial(), at)
    lint_before_signing(builder, issuer.key)
    certificate = builder.sign(root.key, signing_hash(root.key))
    row = authority_row(certificate, name, "issuing", root_row.name)
    session.add(row)
    session.flush()
    _announce(session, authority, row, at)
    certify_responder(session, authority, row, at)
    _sign_root_crl(session, issuer, root, at)
    return row


def revoke_authority(
    session: Session, authority: Authority, root: RootKey, name: str, at: dt.datetime
) -> None:
    """Revoke an issuing authority whose key is no longer trusted, signed by the root.

    The root's CRL lists it; `cacerts` and the network map show it no more, nor what it issued.
    Its CRL and OCSP answers go on, for who has not heard. Members renew under its successor.

    Raises:
        AuthorityUnfit: there is none of this name, it was revoked, it is the one that issues, or
            this is not the key of the root.
    """
    root_row, row = store.latest_authority(session, "root"), store.authority_named(session, name)
    if root_row is None or row is None or row.kind != "issuing":
        raise AuthorityUnfit(f"there is no issuing authority {name}")
    issuer = authority.issuer(root_row)
    if issuer.key != root.key.public_key():
        raise AuthorityUnfit("this is not the key of the network's root")
    if name in store.revoked_authorities(session):
        raise AuthorityUnfit(f"{name} is revoked already")
    current = store.issuing_authority(session)
    if current is None or current.name == name:
        raise AuthorityUnfit(f"{name} issues now; put another in force before you revoke it")
    herald, reason = authority.herald, Reason.KEY_COMPROMISE
    body = CertificateRevoked(row.serial, root_row.name, herald.member_id, name, reason)
    announce_revocation(session, herald, body, row.not_after, at)
    _sign_root_crl(session, issuer, root, at.replace(microsecond=0))


def _sign_root_crl(session: Session, issuer: Issuer, root: RootKey, at: dt.datetime) -> None:
    sign_crl(
        session, issuer, root.key, listed(session, issuer.name, at), at, at + ROOT_CRL_LIFETIME
    )


def chain(session: Session, issuer: str) -> list[x509.Certificate]:
    """Return the certificates from `issuer` up to the root.

    Raises:
        AuthorityUnfit: there is no such authority.
    """
    row = store.authority_named(session, issuer)
    if row is None:
        raise AuthorityUnfit(f"there is no authority {issuer}")
    above = [] if row.issuer == row.name else chain(session, row.issuer)
    return [x509.load_der_x509_certificate(row.der), *above]


def trust_anchor(session: Session) -> Issuer:
    """Return the root's certificate, as clients pin it.

    Raises:
        AuthorityUnfit: the network has no root yet.
    """
    row = store.latest_authority(session, "root")
    if row is None:
        raise AuthorityUnfit("the network has no root yet")
    return Issuer(row.name, x509.load_der_x509_certificate(row.der), "")


def _next_name(session: Session) -> str:
    newest = store.latest_authority(session, "issuing")
    number = int(newest.name.rpartition("-")[2]) + 1 if newest else 1
    return f"issuing-{number}"


def _own_key(keystore: KeyStore, name: str) -> PublicKey:
    try:
        return keystore.public_key(name)  # made before a crash that lost the row
    except KeyUnknown:
        return keystore.generate(name, KeyKind.P384)


def _announce(session: Session, authority: Authority, row: AuthorityRow, at: dt.datetime) -> None:
    body = AuthorityCertified(row.name, row.der)
    authority.herald.announce(session, "authority", body, at)
