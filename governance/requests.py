"""What every request brings: a size and a pace, an actor, a client certificate, a rate.

Handlers receive these as dependencies; a handler without an `authz` declaration does not start.
"""

import asyncio
import base64
import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from litestar import Request
from litestar.enums import ScopeType
from litestar.exceptions import (
    ClientException,
    NotAuthorizedException,
    TooManyRequestsException,
)
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from governance.access.peers import Peers
from governance.errors import RouteUndeclared
from policies.actors import Actor

CLIENT_CERT = "client-cert"
BURST_SECONDS = 10
"""A member may use ten seconds' worth of its rate at once."""

BODY_SECONDS = 30.0
"""How long any body may take to come, in seconds."""

BODY_PACE = 32 << 10
"""Bytes for which a body may take one second more."""

Identify = Callable[[str, bytes | None], Actor]


def check_declared(handlers: Iterable[HTTPRouteHandler]) -> None:
    """Return if every handler declares what it needs.

    Raises:
        RouteUndeclared: naming those that do not.
    """
    missing = [h.handler_name for h in handlers if not h.opt.get("authz")]
    if missing:
        raise RouteUndeclared("no authz declared by: " + ", ".join(sorted(missing)))


def bearer_token(request: Request[Any, Any, Any]) -> str:
    """Return the bearer token of `request` (RFC 6750, 2.1).

    Raises:
        NotAuthorizedException: there is none.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthorizedException
    return token


class BodyTooSlow(ClientException):
    """The body does not come, or comes too slowly."""

    status_code = 408


def hurrying(app: ASGIApp) -> ASGIApp:
    """Middleware: wait for a body no longer than its size allows; nobody else waits for it."""

    async def hurried(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        give_up = time.monotonic() + BODY_SECONDS
        whole = False

        async def receive_soon() -> Any:
            nonlocal give_up, whole
            if whole:  # what comes now is that the client has gone, whenever that is
                return await receive()
            try:
                async with asyncio.timeout(give_up - time.monotonic()):
                    message: Any = await receive()
            except TimeoutError:
                raise BodyTooSlow from None
            whole = not message.get("more_body", False)
            give_up += len(message.get("body", b"")) / BODY_PACE
            return message

        await app(scope, receive_soon, send)

    return hurried


class ClientCertificates:
    """Knows the client's certificate: by the connection, or by a trusted proxy's word (RFC 9440).

    Args:
        trusted: addresses or networks of the proxies whose `Client-Cert` header is believed; from
            anyone else it is ignored.
        peers: whose connection it is, where this server ends mutual TLS itself; headers are not
            looked at then.
    """

    def __init__(self, trusted: Iterable[str], peers: Peers | None = None) -> None:
        self._trusted = tuple(ip_network(proxy) for proxy in trusted)
        self._peers = peers

    @property
    def demanded(self) -> bool:
        """Whether mutual TLS is on: tokens are then bound to the client's certificate."""
        return bool(self._trusted) or self._peers is not None

    def thumbprint(self, request: Request[Any, Any, Any]) -> bytes | None:
        """Return the SHA-256 of the certificate's DER, or None where there is none."""
        client = request.client
        if client is None:
            return None
        if self._peers is not None:
            return self._peers.of(int(client.port))  # the server gives it as text
        headers = request.headers.getall(CLIENT_CERT, [])
        if not headers or not any(ip_address(client.host) in net for net in self._trusted):
            return None
        try:
            (header,) = headers  # a second one would be the client's own, which the proxy let pass
            certificate = base64.b64decode(header.strip().strip(":"), validate=True)
        except ValueError as error:
            raise NotAuthorizedException from error
        return hashlib.sha256(certificate).digest()

    def guarding(self, app: ASGIApp) -> ASGIApp:
        """Middleware: where this server ends mutual TLS, nobody comes in past it."""
        peers = self._peers
        if peers is None:
            return app

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            client = scope.get("client")
            if scope["type"] == ScopeType.HTTP and (
                client is None or not peers.knows(int(client[1]))
            ):
                raise NotAuthorizedException
            await app(scope, receive, send)

        return guarded


class RateLimit:
    """A token bucket for each member, in this process; what strangers say shares one.

    Args:
        rate: requests a second on average.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._turn = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, member_id: str) -> None:
        """Count one request of `member_id`.

        Raises:
            TooManyRequestsException: its bucket is empty.
        """
        now = time.monotonic()
        full = float(self._rate * BURST_SECONDS)
        with self._turn:
            level, then = self._buckets.get(member_id, (full, now))
            level = min(full, level + (now - then) * self._rate)
            if level < 1:
                raise TooManyRequestsException
            self._buckets[member_id] = (level - 1, now)
