"""HTTP of `access`: the token endpoint of RFC 6749, 4.4, with RFC 7523 assertions."""

from typing import Literal

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.params import URLEncodedBody
from litestar.response import Response

from governance.access.grants import TOKEN_LIFETIME, TOKEN_PATH
from governance.access.tokens import Tokens
from governance.errors import Unauthenticated


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form of a token request."""

    grant_type: Literal["client_credentials"]
    client_assertion_type: Literal["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    client_assertion: str


class TokenResponse(msgspec.Struct, frozen=True):
    """An access token; `expires_in` is in seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


@post(
    TOKEN_PATH,
    opt={"authz": "public"},
    status_code=200,
    sync_to_thread=True,
    tags=["access"],
    summary="Get an access token for a signed client assertion",
)
def issue_token(
    data: URLEncodedBody[TokenRequest],
    tokens: NamedDependency[Tokens],
    certificate_thumbprint: NamedDependency[bytes | None],
    certificate_demanded: NamedDependency[bool],
) -> Response[TokenResponse]:
    """Return a token of ten minutes (RFC 6749, 4.4; RFC 7523, 2.2).

    Where mutual TLS is on, it is bound to the client's certificate (RFC 8705, 3), and nobody gets
    one without.
    """
    if certificate_demanded and certificate_thumbprint is None:
        raise Unauthenticated("a token is issued to a client certificate here: use mutual TLS")
    token = tokens.issue(data.client_assertion, certificate_thumbprint)
    return Response(
        TokenResponse(token, "Bearer", int(TOKEN_LIFETIME.total_seconds())),
        media_type=MediaType.JSON,
        headers={"Cache-Control": "no-store"},
    )


ROUTES = (issue_token,)
