"""Every error as a problem document (RFC 9457): the one table from errors to HTTP.

`type` is `urn:sekisho:problem:<slug>`; the slug is the error class's name in kebab case and is
stable. What is not in the table is a 500 with a fixed text.
"""

import errno
import re
from typing import Any

import msgspec
import structlog
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.response import Response

from governance import statuses
from governance.errors import EnrolmentTokenRefused
from ledger.database import may_pass, never_stored
from policies.errors import Fault

MEDIA_TYPE = "application/problem+json"
URN = "urn:sekisho:problem:"
ENROLMENT_SCHEME = 'Basic realm="sekisho enrolment", charset="UTF-8"'
"""How EST clients come with a one-time token (RFC 7030, 3.2.3; RFC 7617)."""

MAX_FAULTS = 100
"""Faults that one document lists; it says how many more there are."""

RETRY_AFTER = "1"
"""Seconds after which to try again, when the service is busy."""

_HTTP_TITLES = {
    400: ("malformed", "The request is malformed."),
    401: ("unauthenticated", "The request carries no token, or one that is not valid now."),
    403: ("denied", "No rule allows this actor to do this."),
    404: ("not-found", "There is nothing here that you may see."),
    405: ("method-not-allowed", "This resource does not take this method."),
    408: ("body-too-slow", "The request's body does not come, or comes too slowly."),
    413: ("too-large", "The request's body is too large."),
    415: ("unsupported-media-type", "The body's media type is not accepted here."),
    429: ("too-many-requests", "This member asks too often; wait and try again."),
}
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE})
"""Disk, quota, size of a file, open files."""

_log = structlog.get_logger()


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document.

    Args:
        type: `urn:sekisho:problem:<slug>`.
        title: what is true whenever this type occurs.
        status: the HTTP status.
        detail: what is true this time.
        faults: every fault of the input, at most 100.
        more_faults: how many more there are.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    faults: tuple[Fault, ...] = ()
    more_faults: int = 0


NO_DATABASE = Problem(
    URN + "database-unavailable", "The database does not answer now; try again.", 503
)
NO_ROOM = Problem(URN + "no-room", "The server has no room to store this now; try again.", 503)
INTERNAL = Problem(URN + "internal", "The server failed; its operator can read why.", 500)


def slug(error: type[Exception]) -> str:
    """Return the class's name in kebab case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", error.__name__).lower()


def describe(error: Exception) -> Problem:
    """Return the problem document of `error`."""
    status = statuses.STATUS.get(type(error))
    if status is not None:
        faults = tuple(getattr(error, "faults", ()))
        title = (type(error).__doc__ or "").strip().splitlines()[0]
        rest = max(0, len(faults) - MAX_FAULTS)
        name = URN + slug(type(error))
        return Problem(name, title, status, str(error), faults[:MAX_FAULTS], rest)
    if isinstance(error, HTTPException):
        return _describe_http(error)
    if may_pass(error):
        return NO_DATABASE
    if reason := never_stored(error):
        return Problem(URN + "malformed", _HTTP_TITLES[400][1], 400, reason)
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return NO_ROOM
    return INTERNAL


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Return the response to `error`; log it when it is the server's own fault."""
    problem = describe(error)
    if problem is INTERNAL:
        _log.error("request failed", path=request.url.path, exc_info=error)
    if problem in (NO_DATABASE, NO_ROOM):
        _log.error(problem.title, path=request.url.path, error=_said(error))
    if problem.status in (statuses.UNAUTHENTICATED, statuses.FORBIDDEN):
        _note_refusal(request, problem)
    headers = {"Cache-Control": "no-store"}
    if problem.status in statuses.TRY_AGAIN:
        headers["Retry-After"] = RETRY_AFTER
    if problem.status == statuses.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = _challenge(error)
    if isinstance(error, HTTPException):  # `Allow` of a 405, another scheme of a 401
        headers |= error.headers or {}
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def _note_refusal(request: Request[Any, Any, Any], problem: Problem) -> None:
    """Log who was refused what, for those who watch: the route's template, no value of it."""
    _log.info(
        "refused",
        problem=problem.type.removeprefix(URN),
        method=request.method,
        route=request.scope.get("path_template") or "unknown",
        client=request.client.host if request.client else "unknown",
    )


def _challenge(error: Exception) -> str:
    """Return the scheme by which to come again (RFC 9110, 11.6.1)."""
    return ENROLMENT_SCHEME if isinstance(error, EnrolmentTokenRefused) else "Bearer"


def _said(error: Exception) -> str:
    """Return what the driver said, without the statement and its values: they may be secrets."""
    return str(getattr(error, "orig", None) or error)[:500]


def _describe_http(error: HTTPException) -> Problem:
    known = _HTTP_TITLES.get(error.status_code)
    if known is None:
        return INTERNAL
    name, title = known
    extra = error.extra if isinstance(error.extra, list) else []
    faults = tuple(
        Fault(str(item.get("key", "request")), str(item.get("message", ""))[:500])
        for item in extra
        if isinstance(item, dict)
    )
    detail = error.detail if error.status_code in {400, 413, 415} else ""
    return Problem(URN + name, title, error.status_code, detail[:500], faults[:MAX_FAULTS])
