"""Certificates in the log: each chains to the pinned root, and facts say what they say.

The service reports certificates to the network's state as facts. It is the certificate itself,
signed by an authority that the root certified, that makes a fact true.
"""

import base64
import datetime as dt
from collections.abc import Iterator

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from governance.decisions import statements as said
from governance.decisions.network import NetworkState
from governance.errors import EntryWrong
from governance.identity.announcements import (
    AuthorityCertified,
    CertificateIssued,
    CertificateRevoked,
)
from governance.identity.profile import BACKDATING, STATEMENT_SIGNING, authority_title
from governance.identity.revocation import Reason
from ledger.errors import LedgerError
from ledger.hashing import content_digest
from ledger.keys import PublicKey, accept_public_key, key_id, public_bytes

LATENESS = dt.timedelta(minutes=10)
"""How long an authority may take from reserving a serial number to the log; it gives up after
one minute (`identity.authority.SIGNING_LEASE`)."""


class Certified(msgspec.Struct):
    """A certificate that the log holds.

    Args:
        index: of its entry.
        member: whose it is.
        node: the node's name within the member.
        serial: hex.
        key: the public key.
        not_before: start of validity, UTC.
        not_after: end of validity, UTC.
        service: whether it is the network's own.
        reported: whether the network's state was told of it.
        revoked: the index of its revocation.
    """

    index: int
    member: str
    node: str
    serial: str
    key: PublicKey
    not_before: dt.datetime
    not_after: dt.datetime
    service: bool
    reported: bool = False
    revoked: int | None = None


class Certificates:
    """The certificates of one log, entry by entry.

    Args:
        root: the pinned root certificate.
    """

    def __init__(self, root: x509.Certificate) -> None:
        self._root = root
        self._authorities: dict[str, x509.Certificate] = {}
        self._serials: dict[str, Certified] = {}
        self._keys: dict[str, list[Certified]] = {}
        self._abandoned: set[str] = set()
        self._in_force = ""
        self._until: dict[str, dt.datetime] = {}
        self._untrusted: set[str] = set()

    def certify(self, body: AuthorityCertified) -> None:
        """Take an authority that was certified.

        Raises:
            EntryWrong: it is not the pinned root, or not certified by it.
        """
        certificate = _load(body.certificate)
        if body.name in self._authorities:
            raise EntryWrong(f"the authority {body.name} was certified before")
        if not self._authorities and certificate != self._root:
            raise EntryWrong("the root authority is not the one that is pinned")
        if self._authorities:
            self._check_issued(certificate, self._root)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca or authority_title(body.name) not in _common_names(certificate):
            raise EntryWrong(f"the certificate is not that of the authority {body.name}")
        self._authorities[body.name] = certificate

    def found(self, body: said.Genesis) -> None:
        """Take the genesis statement: its authorities and first member are those certified.

        Raises:
            EntryWrong: the log says otherwise before it.
        """
        named = (body.root_certificate, body.issuing_certificate)
        certified = [_der(certificate) for certificate in self._authorities.values()]
        if [base64.b64decode(text) for text in named] != certified:
            raise EntryWrong("the authorities of the genesis statement were not certified before")
        first = body.administrator
        self.report(
            said.CertificateIssued(
                first.member_id,
                first.serial,
                first.public_key,
                first.not_before,
                first.not_after,
                first.node,
            )
        )
        for certified_before in self._serials.values():
            certified_before.reported = True

    def follow(self, state: NetworkState) -> None:
        """Take note of the issuing authority that is in force: it changes by a vote only."""
        if state.issuing_certificate != self._in_force:
            self._until[self._in_force] = state.at
            self._in_force = state.issuing_certificate

    def issue(self, index: int, body: CertificateIssued, state: NetworkState) -> None:
        """Take a certificate that was issued.

        Raises:
            EntryWrong: the authority did not sign it or was not in force, it is not the member's,
                is back-dated, or certifies another member's key.
        """
        certificate = _load(body.certificate)
        issuer = self._authorities.get(body.issuer)
        if issuer is None or issuer == self._root:
            raise EntryWrong(f"{body.issuer} is no issuing authority of this network")
        if body.issuer in self._untrusted:
            raise EntryWrong(f"{body.issuer} was revoked before it issued this")
        self._check_in_force(body.issuer, issuer, state.at)
        self._check_issued(certificate, issuer)
        found = _certified(index, body, certificate, state.network)
        self._check_key(found, state)
        if found.serial in self._serials or found.serial in self._abandoned:
            raise EntryWrong(f"serial {found.serial} was issued or given up before")
        if self._founded(found) and found.not_before < state.at - BACKDATING - LATENESS:
            raise EntryWrong(
                f"the certificate is back-dated: valid from {found.not_before.isoformat()}, logged"
                f" after {state.at.isoformat()}"
            )
        self._serials[found.serial] = found
        self._keys.setdefault(key_id(found.key), []).append(found)

    def report(self, fact: said.CertificateIssued) -> None:
        """Take the fact that a certificate was issued.

        Raises:
            EntryWrong: there is no such certificate, or it says something else.
        """
        found = self._serials.get(fact.serial)
        if found is None:
            raise EntryWrong(f"no certificate {fact.serial} was logged before this fact")
        says = (
            found.member,
            base64.b64encode(public_bytes(found.key)).decode(),
            found.not_before,
            found.not_after,
            found.node,
        )
        told = (fact.member_id, fact.public_key, fact.not_before, fact.not_after, fact.node)
        if says != told:
            raise EntryWrong(f"the fact is not what certificate {fact.serial} says")
        found.reported = True

    def revoke(self, index: int, body: CertificateRevoked) -> None:
        """Take a revocation.

        Raises:
            EntryWrong: there is no such certificate of that member.
        """
        found = self._serials.get(body.serial)
        for name, certificate in self._authorities.items():
            if f"{certificate.serial_number:x}" == body.serial and certificate != self._root:
                self._untrusted.add(name)
                return
        if body.reason == Reason.ABANDONED and found is None:
            self._abandoned.add(body.serial)
            return
        if found is None or found.member != body.member_id or found.revoked is not None:
            raise EntryWrong(f"{body.member_id} has no certificate {body.serial} to revoke")
        found.revoked = index

    def report_revoked(self, fact: said.CertificateRevoked) -> None:
        """Take the fact that a certificate was revoked.

        Raises:
            EntryWrong: it was not.
        """
        found = self._serials.get(fact.serial)
        if found is None or found.member != fact.member_id or found.revoked is None:
            raise EntryWrong(
                f"certificate {fact.serial} of {fact.member_id} was not revoked before"
            )

    def finish(self) -> None:
        """Return if every certificate was reported.

        Raises:
            EntryWrong: the network's state was not told of one.
        """
        for found in self._serials.values():
            if not found.reported and not found.service:
                raise EntryWrong(
                    f"entry {found.index} (certificate): the network was never told of it"
                )

    def keys_of(self, member: str, keyid: str, index: int) -> Iterator[Certified]:
        """Yield the member's certificates for the key that are not revoked at `index`."""
        for found in self._keys.get(keyid, ()):
            standing = found.revoked is None or found.revoked > index
            if found.member == member and found.index < index and standing:
                yield found

    def _founded(self, found: Certified) -> bool:
        return not found.service and any(c.reported for c in self._serials.values())

    def _check_in_force(self, name: str, issuer: x509.Certificate, at: dt.datetime) -> None:
        """Return if the authority is in force, or was when it reserved the serial number."""
        digest = content_digest(_der(issuer))
        ended = self._until.get(digest)
        if digest != self._in_force and (ended is None or ended < at - LATENESS):
            raise EntryWrong(f"{name} was not in force: no vote put it there, or one replaced it")

    def _check_key(self, found: Certified, state: NetworkState) -> None:
        others = self._keys.get(key_id(found.key), ())
        if any(other.member != found.member for other in others):
            raise EntryWrong(f"the key of certificate {found.serial} belongs to another member")
        if found.service != (key_id(found.key) in state.service_keys):
            raise EntryWrong("the service key is certified as the service's, and no other key is")

    def _check_issued(self, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError) as error:
            name = issuer.subject.rfc4514_string()
            raise EntryWrong(f"the certificate was not issued by {name}") from error
        if certificate.not_valid_after_utc > issuer.not_valid_after_utc:
            raise EntryWrong("the certificate outlives its issuer")


def _certified(
    index: int, body: CertificateIssued, certificate: x509.Certificate, network: str
) -> Certified:
    """Return what a certificate says, if its statement says the same."""
    try:
        key = accept_public_key(certificate.public_key())
    except LedgerError as error:
        raise EntryWrong(f"the certified key is of no kind that is accepted: {error}") from error
    serial = f"{certificate.serial_number:x}"
    if (serial, key_id(key)) != (body.serial, body.key_id):
        raise EntryWrong("serial number or key are not those of the certificate")
    place = f"/network/{network}/{body.member_id}/{body.node}"
    if not any(uri.endswith(place) for uri in _uris(certificate)):
        raise EntryWrong(f"the certificate is not for {body.member_id}/{body.node}")
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return Certified(
        index=index,
        member=body.member_id,
        node=body.node,
        serial=serial,
        key=key,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        service=STATEMENT_SIGNING in usage,
    )


def _load(der: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.extensions
    except ValueError as error:
        raise EntryWrong(f"not a certificate: {error}") from error
    return certificate


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)


def _common_names(certificate: x509.Certificate) -> list[str]:
    attributes = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return [str(attribute.value) for attribute in attributes]
