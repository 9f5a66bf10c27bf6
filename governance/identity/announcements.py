"""What the network itself says: statements signed by its service key, in the log."""

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import Protocol

import msgspec
from sqlalchemy.orm import Session

from ledger.log.sequencer import LogEntry, append
from ledger.statements import MAX_LIFETIME, Signer, Statement, sign_statement


class Observer(Protocol):
    """Is told, in the same transaction, what happened that nobody voted on.

    It may refuse by raising: then nothing has happened.
    """

    def observe(self, session: Session, event: msgspec.Struct, at: dt.datetime) -> None:
        """Take note of `event`, one of this module's or of `membership.statements`."""
        ...


@dataclass(frozen=True)
class Herald:
    """Speaks for the network.

    Args:
        network: the network's name.
        member_id: the platform administrator, in whose name the service key signs.
        signer: the service key.
        observers: who is told of what nobody voted on.
    """

    network: str
    member_id: str
    signer: Signer
    observers: tuple[Observer, ...] = ()

    def sign(self, kind: str, body: msgspec.Struct, at: dt.datetime) -> bytes:
        """Return a signed statement of `kind`."""
        statement = Statement(
            secrets.token_hex(16), self.network, self.member_id, at, at + MAX_LIFETIME, body
        )
        return sign_statement(kind, statement, self.signer)

    def announce(self, session: Session, kind: str, body: msgspec.Struct, at: dt.datetime) -> int:
        """Sign a statement, append it to the log, and return its index."""
        return append(session, [LogEntry(kind, self.sign(kind, body, at))])[0]

    def report(self, session: Session, event: msgspec.Struct, at: dt.datetime) -> None:
        """Tell every observer of `event`."""
        for observer in self.observers:
            observer.observe(session, event, at)


class CertificateIssued(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `certificate`: one was issued; `certificate` is its DER."""

    serial: str
    member_id: str
    node: str
    key_id: str
    issuer: str
    certificate: bytes


class CertificateRevoked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `revocation`: a serial number is no longer good.

    `tbs_digest` is there when the serial number was reserved and its certificate never stored.
    """

    serial: str
    issuer: str
    member_id: str
    node: str
    reason: str
    tbs_digest: bytes | None = None


class AuthorityCertified(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `authority`: a root or issuing authority; `certificate` is its DER."""

    name: str
    certificate: bytes
