"""Access tokens for reads: OAuth 2 client credentials with a signed assertion (RFC 7523).

The client proves itself with a JWT signed by its node key; it gets an opaque token of ten
minutes, kept here only as a hash. The token, its key's certificate and its member are looked up
again after half a second, so that a revocation acts within a second in every process. A suspended
member gets tokens too: the rules let it read its own past, and nothing else. Where mutual TLS is
on, the token works only with the certificate that it was issued to (RFC 8705).
"""

import datetime as dt
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from cryptography import x509
from jwt.types import Options
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from governance.access.grants import TOKEN_LIFETIME
from governance.access.store import add_token, spend, token_by_hash
from governance.access.tables import AccessToken
from governance.errors import Unauthenticated
from governance.identity.store import certificate_by_thumbprint, valid_by_serial
from governance.membership.store import known_key, reading_actor
from ledger.database import reading, writing
from ledger.keys import accept_public_key
from policies.actors import Actor

ASSERTION_LIFETIME = dt.timedelta(minutes=5)
"""The longest time between an assertion's issue and its expiry."""

CLOCK_SKEW = dt.timedelta(seconds=60)
BELIEVED_SECONDS = 0.5
"""How long a looked-up token is believed: a revocation acts within a second in every process."""

MAX_KNOWN = 10_000
"""Looked-up tokens that are kept; beyond that the memory starts anew."""

MAX_JTI = 128
"""Characters of an assertion's id: it is kept."""

_OPTIONS: Options = {
    "require": ["iss", "sub", "aud", "exp", "iat", "jti"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
"""Times are judged by the clock that is handed in, not by the library's own."""

ALGORITHMS = ("ES256", "ES384", "EdDSA", "RS256")


class Tokens:
    """Issues and judges the access tokens of one network.

    Args:
        database: where members' keys and tokens are kept.
        audience: what an assertion's `aud` must be: the network's name.
        clock: the time now, aware, UTC.
        admit: is told of each assertion whose signature holds, by its member; may refuse it.
    """

    def __init__(
        self,
        database: Engine,
        audience: str,
        clock: Callable[[], dt.datetime],
        admit: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._audience = audience
        self._clock = clock
        self._admit = admit
        self._known: dict[tuple[bytes, bytes | None], tuple[float, Actor]] = {}

    def issue(self, assertion: str, certificate_thumbprint: bytes | None = None) -> str:
        """Return a new token for the member that signed `assertion`.

        Raises:
            Unauthenticated: for whatever reason; the reason is not told to a stranger.
        """
        at = self._clock()
        key, claims = self._claims(assertion, at)
        self._admit(claims["sub"])
        token = secrets.token_urlsafe(32)
        with writing(self._database) as session:
            bound_to = certificate_thumbprint
            if bound_to and not _may_hold(session, bound_to, claims["sub"], at):
                raise Unauthenticated("the client certificate is not one of this member's")
            if not spend(session, "jti:" + claims["jti"], claims["sub"], "assertion", at):
                raise Unauthenticated("the assertion was used before")
            add_token(
                session,
                AccessToken(
                    token_hash=_token_hash(token),
                    member_id=claims["sub"],
                    key_id=key,
                    certificate_thumbprint=certificate_thumbprint,
                    issued_at=at,
                    expires_at=at + TOKEN_LIFETIME,
                ),
            )
        return token

    def actor(self, token: str, certificate_thumbprint: bytes | None = None) -> Actor:
        """Return the member that `token` speaks for, with the roles it holds now.

        Raises:
            Unauthenticated: unknown, expired, bound to another certificate, or its key is no
                longer certified.
        """
        believed = self.believed(token, certificate_thumbprint)
        if believed is not None:
            return believed
        now, place = time.monotonic(), (_token_hash(token), certificate_thumbprint)
        actor = self._look_up(*place)
        if len(self._known) >= MAX_KNOWN:
            self._known = {}
        self._known[place] = (now, actor)
        return actor

    def believed(self, token: str, certificate_thumbprint: bytes | None = None) -> Actor | None:
        """Return what `actor` returned within the last half second, or None; without a wait."""
        kept = self._known.get((_token_hash(token), certificate_thumbprint))
        if kept is None or time.monotonic() - kept[0] > BELIEVED_SECONDS:
            return None
        return kept[1]

    def _look_up(self, hashed: bytes, certificate_thumbprint: bytes | None) -> Actor:
        at = self._clock()
        with reading(self._database) as session:
            row = token_by_hash(session, hashed)
            if row is None or at >= row.expires_at:
                raise Unauthenticated("the access token is not valid")
            bound_to = row.certificate_thumbprint
            if bound_to not in (None, certificate_thumbprint):
                raise Unauthenticated("the access token is bound to another certificate")
            if bound_to and not _may_hold(session, bound_to, row.member_id, at):
                raise Unauthenticated("the access token is bound to a certificate that has ended")
            owner = known_key(session, row.key_id, at)
            if owner is None or owner.member_id != row.member_id:
                raise Unauthenticated("the access token is not valid")
            return reading_actor(session, row.member_id)

    def _claims(self, assertion: str, at: dt.datetime) -> tuple[str, dict[str, str]]:
        try:
            key_name = str(jwt.get_unverified_header(assertion).get("kid", ""))
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("the client assertion is not a JWT") from error
        with reading(self._database) as session:
            owner = known_key(session, key_name, at)
        if owner is None:
            raise Unauthenticated("the client assertion is not valid")
        try:
            claims = jwt.decode(
                assertion,
                accept_public_key(x509.load_der_x509_certificate(owner.certificate).public_key()),
                algorithms=list(ALGORITHMS),
                audience=self._audience,
                options=_OPTIONS,
            )
            if not isinstance(claims["aud"], str) or not len(claims["jti"]) <= MAX_JTI:
                raise Unauthenticated("the client assertion is not valid")  # meant for others too
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("the client assertion is not valid") from error
        if not claims["iss"] == claims["sub"] == owner.member_id or not _timely(claims, at):
            raise Unauthenticated("the client assertion is not valid")
        return key_name, claims


def _may_hold(session: Session, thumbprint: bytes, member_id: str, at: dt.datetime) -> bool:
    """Return whether a member's token may be bound to a certificate.

    One that the network has issued is the member's own, valid and not revoked; about one of another
    authority, whom the operator trusts for TLS, the network knows nothing.
    """
    found = certificate_by_thumbprint(session, thumbprint)
    if found is None:
        return True
    return found.member_id == member_id and valid_by_serial(session, found.serial, at) is not None


def _timely(claims: Mapping[str, Any], at: dt.datetime) -> bool:
    """Say whether an assertion is in force now, by this process's clock, and short-lived."""
    issued, expires = claims["iat"], claims["exp"]
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        return False
    now, skew = at.timestamp(), CLOCK_SKEW.total_seconds()
    short = 0 < expires - issued <= ASSERTION_LIFETIME.total_seconds()
    return bool(short) and issued <= now + skew and now < expires + skew


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
