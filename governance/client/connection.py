"""A member's connection: statements signed, tokens renewed, problems turned into errors."""

import datetime as dt
import secrets
from collections.abc import Iterator
from typing import Any, Self, TypeVar

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from governance.access.grants import ASSERTION_TYPE, GRANT_TYPE, TOKEN_LIFETIME, TOKEN_PATH
from governance.client import transport
from governance.client.folder import MemberFolder
from governance.errors import GovernanceError, ServerUnreachable
from ledger.headers import LOG_INDEX_HEADER
from ledger.keys import PrivateKey
from ledger.statements import Statement, sign_statement

TIMEOUT = httpx.Timeout(60.0, connect=5.0)
STATEMENT_LIFETIME = dt.timedelta(minutes=10)
RENEW_BEFORE = dt.timedelta(minutes=1)

_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)

Answer = TypeVar("Answer")


class Refused(GovernanceError):
    """The server answered with a problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem.get("detail") or problem.get("title") or f"status {status}")
        self.status = status
        self.problem = problem

    @property
    def slug(self) -> str:
        """The problem's stable name."""
        return str(self.problem.get("type", "")).rpartition(":")[2]


class Connection:
    """Speaks to one server for one member; without a folder, as a stranger.

    Args:
        server: its URL.
        folder: of the member that speaks.
        pinned: of who speaks as a stranger for want of a good certificate: its pins are believed.

    Raises:
        ServerUnreachable: from every method, when the server does not answer.
        Refused: from every method, with the server's problem document.
    """

    def __init__(
        self, server: str, folder: MemberFolder | None = None, pinned: MemberFolder | None = None
    ) -> None:
        self.folder = folder
        self._place = folder or pinned
        self._server = server
        self._seen = -1
        self._open()
        self._key: PrivateKey | None = folder.node_key if folder else None

    def _open(self) -> None:
        """Open with the certificate that the folder holds now, and without a token."""
        self._shown = transport.stamp(self._server, self._place)
        believed = transport.trust(self._server, self._place)
        self._http = httpx.Client(base_url=self._server, timeout=TIMEOUT, verify=believed)
        self._token = ""
        self._token_ends = _LONG_AGO

    @classmethod
    def of(cls, folder: MemberFolder) -> "Connection":
        """Return the connection of a member to the server that its folder names."""
        return cls(folder.member.server, folder)

    @property
    def member_id(self) -> str:
        """The id of the member that speaks here; empty for a stranger."""
        return self.folder.member.member_id if self.folder else ""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the sockets."""
        self.close()

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at `path`."""
        parameters = {k: v for k, v in query.items() if v is not None}
        return self._send("GET", path, params=parameters).json()

    def get_bytes(self, path: str) -> bytes:
        """Return the body at `path`."""
        return self._send("GET", path).content

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """Yield every item of a paged list, the one list in each page, following its cursor."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from next(value for value in page.values() if isinstance(value, list))
            cursor = page["next"]
            if not cursor:
                return

    def post(self, path: str, document: Any) -> Any:
        """Post JSON; return the JSON answer."""
        return self._answer(
            self._send(
                "POST",
                path,
                content=msgspec.json.encode(document),
                headers={"Content-Type": "application/json"},
            )
        )

    def post_bytes(self, path: str, content: bytes, content_type: str, **query: Any) -> Any:
        """Post bytes as they are; return the JSON answer."""
        headers = {"Content-Type": content_type}
        return self._answer(
            self._send("POST", path, content=content, headers=headers, params=query)
        )

    def put_bytes(self, path: str, content: bytes, content_type: str, **query: Any) -> Any:
        """Put bytes as they are; return the JSON answer."""
        headers = {"Content-Type": content_type}
        return self._answer(self._send("PUT", path, content=content, headers=headers, params=query))

    def delete(self, path: str, **query: Any) -> Any:
        """Delete what is at `path`; return the JSON answer."""
        return self._answer(self._send("DELETE", path, params=query))

    def say(self, path: str, kind: str, body: msgspec.Struct) -> Any:
        """Sign a statement of `kind`, post it, return the JSON answer."""
        return self.post_bytes(path, self.sign(kind, body), "application/json")

    def sign(self, kind: str, body: msgspec.Struct) -> bytes:
        """Return the envelope of a statement of `kind` by this member."""
        folder = self.own_folder()
        return sign_statement(kind, new_statement(folder, body), folder.signer)

    def _answer(self, response: httpx.Response) -> Any:
        answer = response.json() if response.content else None
        self._seen = max(self._seen, newest_index(answer))
        return answer

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        if transport.stamp(self._server, self._place) != self._shown:  # it was renewed
            self._http.close()
            self._open()
        if self._seen >= 0 and method == "GET":
            options.setdefault("headers", {})[LOG_INDEX_HEADER] = str(self._seen)
        if self.folder is None or self.folder.certificate is None:
            return self._exchange(method, path, **options)
        headers = options.setdefault("headers", {})
        fresh = dt.datetime.now(dt.UTC) >= self._token_ends
        headers["Authorization"] = "Bearer " + self.token()
        try:
            return self._exchange(method, path, **options)
        except Refused as refusal:
            if fresh or refusal.status != httpx.codes.UNAUTHORIZED:
                raise
        self._token_ends = _LONG_AGO  # the server forgot it: a restored database, a wrong clock
        headers["Authorization"] = "Bearer " + self.token()
        return self._exchange(method, path, **options)

    def _exchange(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise ServerUnreachable(
                f"{self._http.base_url} does not answer ({error}); start it with `sekisho serve`"
            ) from error
        if response.is_error:
            raise Refused(response.status_code, _problem(response))
        return response

    def token(self) -> str:
        """Return an access token of this member, a new one if the last is about to end."""
        now = dt.datetime.now(dt.UTC)
        if now >= self._token_ends:
            form = {
                "grant_type": GRANT_TYPE,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": client_assertion(self.own_folder(), now),
            }
            self._token = self._exchange("POST", TOKEN_PATH, data=form).json()["access_token"]
            self._token_ends = now + TOKEN_LIFETIME - RENEW_BEFORE
        return self._token

    def own_folder(self) -> MemberFolder:
        """Return the member's folder.

        Raises:
            ServerUnreachable: this is a stranger's connection.
        """
        if self.folder is None:
            raise ServerUnreachable("a stranger has no key to sign with")
        return self.folder


def newest_index(answer: Any) -> int:
    """Return the newest log index that an answer to a submission names, or -1."""
    match answer:
        case {"log_index": int(index)}:
            return index
        case {"items": [*items]}:
            receipts = (i.get("receipt") for i in items if isinstance(i, dict))
            return max(map(newest_index, receipts), default=-1)
        case _:
            return -1


def new_statement(folder: MemberFolder, body: msgspec.Struct) -> Statement[Any]:
    """Return a statement of this member, issued now, with a fresh random id."""
    now = dt.datetime.now(dt.UTC)
    return Statement(
        id=secrets.token_hex(16),
        network=folder.member.network,
        author=folder.member.member_id,
        issued_at=now,
        expires_at=now + STATEMENT_LIFETIME,
        body=body,
    )


def client_assertion(folder: MemberFolder, now: dt.datetime) -> str:
    """Return the JWT by which a member proves itself (RFC 7523, 3)."""
    key = folder.node_key
    claims = {
        "iss": folder.member.member_id,
        "sub": folder.member.member_id,
        "aud": folder.member.network,
        "iat": now,
        "exp": now + dt.timedelta(minutes=2),
        "jti": secrets.token_hex(16),
    }
    return jwt.encode(claims, key, _algorithm(key), headers={"kid": folder.key_id})


def _algorithm(key: PrivateKey) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "ES256" if key.curve.name == "secp256r1" else "ES384"
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "EdDSA"


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {"title": response.text[:200]}
    return document if isinstance(document, dict) else {"title": response.text[:200]}
