"""The routes of access, memberships and identities over a network of the tests: real parts.

Only the clock is the test's, and the client certificate comes in a header, as from a proxy.
"""

import base64
import datetime as dt
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from litestar import Litestar, Request
from litestar.di import Provide
from litestar.testing import TestClient

from governance.access.grants import ASSERTION_TYPE
from governance.access.routes import ROUTES as ACCESS
from governance.access.statements import Desk
from governance.access.tokens import Tokens
from governance.identity.routes import ROUTES as IDENTITY
from governance.membership.routes import ROUTES as MEMBERSHIP
from governance.membership.services import MembershipServices
from governance.problems import answer
from governance.requests import bearer_token
from ledger.keys import PrivateKey, key_id
from policies.actors import Actor
from tests.membership.consortium import NETWORK, RULES, Consortium, statement


@contextmanager
def serving(consortium: Consortium) -> Iterator[TestClient[Litestar]]:
    """Yield a client of the routes."""
    engine = consortium.engine
    tokens = Tokens(engine, NETWORK, lambda: consortium.at)
    services = MembershipServices(
        consortium.authority, Desk(engine, NETWORK, lambda: consortium.at)
    )

    def thumbprint(request: Request[Any, Any, Any]) -> bytes | None:
        if "client-cert" not in request.headers:
            return None
        der = base64.b64decode(request.headers["client-cert"].strip(":"))
        return hashlib.sha256(der).digest()

    def actor(request: Request[Any, Any, Any]) -> Actor:
        return tokens.actor(bearer_token(request), thumbprint(request))

    def at() -> dt.datetime:
        return consortium.at

    fixed = {"database": engine, "membership": services, "rules": RULES, "tokens": tokens}
    app = Litestar(
        route_handlers=[*ACCESS, *IDENTITY, *MEMBERSHIP],
        dependencies={
            "actor": Provide(actor, sync_to_thread=True),
            "at": Provide(at, sync_to_thread=False),
            "certificate_demanded": _provide(False),
            "certificate_thumbprint": Provide(thumbprint, sync_to_thread=False),
            **{name: _provide(value) for name, value in fixed.items()},
        },
        exception_handlers={Exception: answer},
        logging_config=None,
    )
    with TestClient(app) as client:
        yield client


def _provide(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


class Partner:
    """A member, or one who would be, with its key."""

    def __init__(
        self, client: TestClient[Litestar], consortium: Consortium, member_id: str, key: PrivateKey
    ) -> None:
        self.client = client
        self.consortium = consortium
        self.member_id = member_id
        self.key = key

    def say(self, path: str, kind: str, body: msgspec.Struct, *others: PrivateKey) -> Any:
        raw = statement(kind, self.member_id, body, self.consortium.at, self.key, *others)
        return self.client.post(path, content=raw)

    def token(self) -> Any:
        """Ask for an access token; return the answer."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": client_assertion(self.key, self.member_id, self.consortium.at),
        }
        return self.client.post("/oauth/token", data=form)

    def get(self, path: str, token: str | None = None) -> Any:
        bearer = token or self.token().json().get("access_token", "none")
        return self.client.get(path, headers={"Authorization": f"Bearer {bearer}"})


def client_assertion(key: PrivateKey, member_id: str, at: dt.datetime, **changed: Any) -> str:
    """Return a JWT with which a member gets a token (RFC 7523), in order unless changed."""
    moment = int(at.timestamp())
    claims = {
        "iss": member_id,
        "sub": member_id,
        "aud": NETWORK,
        "iat": moment,
        "exp": moment + 60,
        "jti": secrets.token_hex(16),
    }
    kept = {name: value for name, value in (claims | changed).items() if value is not None}
    return jwt.encode(kept, key, "ES256", {"kid": key_id(key.public_key())})


def ocsp_question(subject: bytes, issuer: bytes) -> bytes:
    """Return a DER OCSP request about one certificate."""
    question = ocsp.OCSPRequestBuilder().add_certificate(
        x509.load_der_x509_certificate(subject),
        x509.load_der_x509_certificate(issuer),
        hashes.SHA256(),
    )
    return question.build().public_bytes(serialization.Encoding.DER)
