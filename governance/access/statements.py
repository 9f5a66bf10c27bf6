"""Opens statements at the edge: signature, certificate valid now, network, time, replay.

What passes is handed on as an actor and the opened statement. Opening uses the statement's id
up, whatever the use case then says: whoever is refused signs anew.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from cryptography import x509
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from governance.access.store import spend
from governance.errors import (
    AuthorMismatch,
    ForeignNetwork,
    KeyNotCertified,
    StatementReplayed,
    StatementUntimely,
)
from governance.membership.store import certified_key, member_actor
from ledger.database import reading, writing
from ledger.keys import PublicKey, accept_public_key
from ledger.statements import (
    Envelope,
    Opened,
    Statement,
    open_statement,
    read_envelope,
    read_statement,
)
from policies.actors import Actor

CLOCK_SKEW = dt.timedelta(seconds=60)
"""How far an author's clock may be ahead of ours."""

MIN_ID, MAX_ID = 16, 64
"""Characters of a statement's id."""

STRANGERS = ""
"""Whose statements those are that bring their own key; no member has this id."""

Body = TypeVar("Body", bound=msgspec.Struct)
StatementOpener = Callable[[bytes, str, type[Body]], tuple[Actor, Opened[Body]]]


class Desk:
    """Opens the statements that reach one network.

    Args:
        database: where members' keys are registered and used ids are kept.
        network: the network's name; a statement for another one is refused.
        clock: the time now, aware, UTC.

    Attributes:
        admit: is told of each statement whose signature holds, by its member, before anything is
            stored; may refuse it. Strangers' are `STRANGERS`. Admits everything if not set.
    """

    def __init__(self, database: Engine, network: str, clock: Callable[[], dt.datetime]) -> None:
        self._database = database
        self._network = network
        self._clock = clock
        self.admit: Callable[[str], None] = lambda _: None

    def open(self, raw: bytes, kind: str, body: type[Body]) -> tuple[Actor, Opened[Body]]:
        """Return who says what in `raw`, a statement of `kind` by a certified member.

        Raises:
            StatementMalformed, SignatureInvalid: as in `ledger.statements`.
            KeyNotCertified: no signing key has a valid certificate of an active member.
            AuthorMismatch: the key belongs to another member than the author.
            ForeignNetwork, StatementUntimely, StatementReplayed: as they say.
        """
        envelope, statement, at = self._read(raw, kind, body)
        with reading(self._database) as session:
            for signature in envelope.signatures:
                owner = certified_key(session, signature.keyid, at)
                if owner is not None:
                    break
            else:
                raise KeyNotCertified(
                    "no signing key has a valid certificate of an active member;"
                    " see `sekisho member status`"
                )
            if owner.member_id != statement.author:
                raise AuthorMismatch(f"the key that signed is not {statement.author}'s")
            actor = member_actor(session, owner.member_id)
        certificate = x509.load_der_x509_certificate(owner.certificate)
        key = accept_public_key(certificate.public_key())
        return actor, self._open_once(raw, envelope, statement, key, at, owner.member_id)

    @contextmanager
    def writing(self, opened: Opened[Body]) -> Iterator[Session]:
        """Hold the single writer's lock while what a certified member said is done.

        It was opened before the lock, and a decision may have come in between: key and time are
        judged again, so that the log never holds what nobody could have said at that place.

        Raises:
            KeyNotCertified: the key has no valid certificate of the author, an active member, now.
            StatementUntimely: the statement has expired.
        """
        with writing(self._database) as session:
            at, said = self._clock(), opened.statement
            if at >= said.expires_at:
                raise StatementUntimely(f"expired at {said.expires_at.isoformat()}")
            owner = certified_key(session, opened.keyid, at)
            if owner is None or owner.member_id != said.author:
                raise KeyNotCertified(
                    f"the key that signed has no valid certificate of {said.author} any more"
                )
            yield session

    def open_with_own_key(
        self,
        raw: bytes,
        kind: str,
        body: type[Body],
        key_of: Callable[[Body], PublicKey],
    ) -> Opened[Body]:
        """Return what `raw` says, signed by the key that it brings: an application.

        Raises:
            As `open`, without the checks of certificate and author.
        """
        envelope, statement, at = self._read(raw, kind, body)
        return self._open_once(raw, envelope, statement, key_of(statement.body), at, STRANGERS)

    def _read(
        self, raw: bytes, kind: str, body: type[Body]
    ) -> tuple[Envelope, Statement[Body], dt.datetime]:
        envelope = read_envelope(raw)
        statement = read_statement(envelope, kind, body)
        at = self._clock()
        if statement.network != self._network:
            raise ForeignNetwork(f"the statement is for {statement.network!r}")
        if not MIN_ID <= len(statement.id) <= MAX_ID:
            raise StatementUntimely(f"a statement's id has {MIN_ID} to {MAX_ID} characters")
        if not statement.issued_at <= at + CLOCK_SKEW or at >= statement.expires_at:
            raise StatementUntimely(
                f"issued {statement.issued_at.isoformat()}, expires"
                f" {statement.expires_at.isoformat()}; here it is {at.isoformat()}"
            )
        return envelope, statement, at

    def _open_once(
        self,
        raw: bytes,
        envelope: Envelope,
        statement: Statement[Body],
        key: PublicKey,
        at: dt.datetime,
        speaker: str,
    ) -> Opened[Body]:
        opened = open_statement(envelope, raw, statement, key)
        self.admit(speaker)
        with writing(self._database) as session:
            fresh = spend(session, statement.id, statement.author, opened.kind, at)
        if not fresh:
            raise StatementReplayed(f"statement {statement.id} was received before")
        return opened
