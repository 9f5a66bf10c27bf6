"""What every request brings: a size, an actor, a client certificate, a rate.

Handlers receive these as dependencies; a handler without an `authz` declaration does not start.
"""

import base64
import hashlib
import time
from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from litestar import Request
from litestar.exceptions import NotAuthorizedException, TooManyRequestsException
from litestar.handlers import HTTPRouteHandler

from governance.errors import RouteUndeclared
from policies.actors import Actor

CLIENT_CERT = "client-cert"
BURST_SECONDS = 10
"""A member may use ten seconds' worth of its rate at once."""

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


class ClientCertificates:
    """Reads the client certificate from a trusted proxy's `Client-Cert` header (RFC 9440).

    Args:
        trusted: addresses or networks of the proxies that are believed; from anyone else the
            header is ignored.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = tuple(ip_network(proxy) for proxy in trusted)

    def thumbprint(self, request: Request[Any, Any, Any]) -> bytes | None:
        """Return the SHA-256 of the certificate's DER, or None where there is none."""
        header = request.headers.get(CLIENT_CERT)
        client = request.client
        if header is None or client is None:
            return None
        if not any(ip_address(client.host) in network for network in self._trusted):
            return None
        try:
            certificate = base64.b64decode(header.strip().strip(":"), validate=True)
        except ValueError as error:
            raise NotAuthorizedException from error
        return hashlib.sha256(certificate).digest()


class RateLimit:
    """A token bucket for each member, in this process.

    Args:
        rate: requests a second on average.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, member_id: str) -> None:
        """Count one request of `member_id`.

        Raises:
            TooManyRequestsException: its bucket is empty.
        """
        now = time.monotonic()
        full = float(self._rate * BURST_SECONDS)
        level, then = self._buckets.get(member_id, (full, now))
        level = min(full, level + (now - then) * self._rate)
        if level < 1:
            raise TooManyRequestsException
        self._buckets[member_id] = (level - 1, now)
