"""Ends mutual TLS in a process of its own, and tells the API whose connection it is.

The API's server verifies client certificates but does not hand them on, so that it could bind no
token to one. This process lets in whom `tls_client_ca` vouches for, knows the network's own issuing
authorities as they come, takes up a renewed server certificate without a restart, and ends a
connection within half a second after its certificate was revoked or has expired.
"""

import asyncio
import datetime as dt
import hashlib
import os
import resource
import socket
import ssl
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
import structlog
from cryptography import x509
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from governance.access.fronting import INNER_PORT, LOOPBACK
from governance.access.peers import Peers, shared_peers
from governance.identity import store as identity
from governance.identity.tables import CertificateRow, RevocationRow
from governance.observation import configure_logging
from governance.operations.databases import open_database
from governance.settings import Settings, load_settings
from ledger.database import reading

HANDSHAKE_SECONDS = 10.0
"""How long a client may take to shake hands."""

MAX_CONNECTIONS = 4096
"""Connections at once, as far as the process may open as many files: each takes two."""

OTHER_FILES = 100
"""Files that this process needs besides."""

BEAT = 0.25
"""Seconds between two looks at revocations, and at the server's certificate file."""

CHUNK = 64 << 10
MOST_ASKED = 500
"""Certificates in one query: within SQLite's limit of parameters."""

FOREVER = dt.datetime.max.replace(tzinfo=dt.UTC)

_log = structlog.get_logger()


@dataclass(eq=False)
class Client:
    """One client's connection."""

    thumbprint: bytes | None
    writer: asyncio.StreamWriter
    ends: dt.datetime
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def close(self) -> None:
        """End it now."""
        for task in self.tasks:
            task.cancel()
        self.writer.transport.abort()


class Front:
    """Lets clients in, and ends their connections.

    Args:
        settings: what is served, with which certificate, and who vouches for clients.
        database: where certificates and revocations are.
        peers: the table that the API reads.
        inner: the API's loopback port.
    """

    def __init__(self, settings: Settings, database: Engine, peers: Peers, inner: int) -> None:
        self._settings = settings
        self._database = database
        self._peers = peers
        self._inner = inner
        self._clients: set[Client] = set()
        self._most = _most_connections()
        self._own: set[bytes] = set()
        self._loaded = self._stamps()
        self._context = self._new_context()

    async def serve(self) -> None:
        """Serve until cancelled, once the API behind listens."""
        self._trust(self._authorities())
        await self._wait_for_api()
        server = await asyncio.start_server(
            self._let_in,
            self._settings.host,
            self._settings.port,
            ssl=self._context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            limit=CHUNK,
        )
        async with server:
            await self._watch()

    async def _wait_for_api(self) -> None:
        while True:
            try:
                _, probe = await asyncio.open_connection(LOOPBACK, self._inner)
            except OSError:
                await asyncio.sleep(BEAT)
            else:
                probe.close()
                return

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        open_to_all = self._settings.tls_client_optional
        context.verify_mode = ssl.CERT_OPTIONAL if open_to_all else ssl.CERT_REQUIRED
        context.verify_flags &= ~ssl.VERIFY_X509_PARTIAL_CHAIN
        context.num_tickets = 0  # a resumed session would not be verified anew
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self._settings.tls_certificate, self._settings.tls_key)
        context.load_verify_locations(cafile=self._settings.tls_client_ca)
        return context

    def _authorities(self) -> set[bytes]:
        """Return the network's issuing authorities, DER."""
        with reading(self._database) as session:
            rows = identity.authorities(session, "issuing", dt.datetime.now(dt.UTC))
            return {row.der for row in rows}

    def _trust(self, authorities: set[bytes]) -> None:
        """Complete the chains of clients that send their own certificate alone.

        These are no anchors: without the partial-chain flag a chain still has to end in
        `tls_client_ca`.
        """
        for der in authorities - self._own:
            self._context.load_verify_locations(cadata=der)
        self._own |= authorities

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        client = Client(None, writer, FOREVER)
        if der is not None:
            client.thumbprint = hashlib.sha256(der).digest()
            client.ends = x509.load_der_x509_certificate(der).not_valid_after_utc
        full = len(self._clients) >= self._most
        self._clients.add(client)
        try:
            if not full and not await asyncio.to_thread(self._revoked, [client]):
                await self._pass_on(client, reader)
        except (OSError, SQLAlchemyError) as error:
            _log.warning("a client's connection ended", error=type(error).__name__)
        finally:
            self._clients.discard(client)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _pass_on(self, client: Client, reader: asyncio.StreamReader) -> None:
        own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        own.setblocking(False)
        own.bind((LOOPBACK, 0))
        port = own.getsockname()[1]
        self._peers.put(port, client.thumbprint)
        try:
            await asyncio.get_running_loop().sock_connect(own, (LOOPBACK, self._inner))
            answers, requests = await asyncio.open_connection(sock=own, limit=CHUNK)
            client.tasks = {
                asyncio.create_task(_pump(reader, requests)),
                asyncio.create_task(_pump(answers, client.writer)),
            }
            try:
                await asyncio.wait(client.tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in client.tasks:
                    task.cancel()
                await asyncio.gather(*client.tasks, return_exceptions=True)
                requests.close()
        finally:
            self._peers.clear(port)
            own.close()

    def _revoked(self, clients: Iterable[Client]) -> set[bytes]:
        """Return which certificates the network has revoked; it knows none of other authorities."""
        wanted = sorted({c.thumbprint for c in clients if c.thumbprint is not None})
        found = set[bytes]()
        with reading(self._database) as session:
            for place in range(0, len(wanted), MOST_ASKED):
                found |= set(
                    session.scalars(
                        sa.select(CertificateRow.thumbprint)
                        .join(RevocationRow, RevocationRow.serial == CertificateRow.serial)
                        .where(CertificateRow.thumbprint.in_(wanted[place : place + MOST_ASKED]))
                    )
                )
        return found

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            try:
                gone = await asyncio.to_thread(self._revoked, list(self._clients))
                self._trust(await asyncio.to_thread(self._authorities))
            except SQLAlchemyError as error:
                _log.warning("revocations cannot be read", error=type(error).__name__)
                continue
            now = dt.datetime.now(dt.UTC)
            for client in [c for c in self._clients if c.thumbprint in gone or now >= c.ends]:
                client.close()
            self._renew_certificate()

    def _renew_certificate(self) -> None:
        """Take up the server's certificate if its files have changed."""
        stamps = self._stamps()
        if stamps == self._loaded:
            return
        self._loaded = stamps
        try:
            self._context.load_cert_chain(self._settings.tls_certificate, self._settings.tls_key)
        except (OSError, ssl.SSLError) as error:  # half written, perhaps: it will change again
            _log.warning("the server's new certificate does not load", error=str(error))
        else:
            _log.info("the server's certificate was loaded anew")

    def _stamps(self) -> tuple[int, ...]:
        files = (self._settings.tls_certificate, self._settings.tls_key)
        with suppress(OSError):
            return tuple(Path(file).stat().st_mtime_ns for file in files)
        return ()


def _most_connections() -> int:
    """Raise the limit of open files as far as it goes; return how many connections fit in."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS + OTHER_FILES
    limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return (limit - OTHER_FILES) // 2


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy bytes until there are no more."""
    with suppress(OSError):
        while part := await source.read(CHUNK):
            sink.write(part)
            await sink.drain()


def main() -> None:
    """Run in a process of its own, as `governance.server` starts it."""
    from governance.server import end_with_supervisor  # noqa: PLC0415 - it starts this module

    end_with_supervisor()
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    peers = shared_peers()
    if peers is None:
        sys.exit("this is started by `sekisho serve`")
    front = Front(settings, open_database(settings), peers, int(os.environ[INNER_PORT]))
    try:
        asyncio.run(front.serve())
    except OSError as error:
        sys.exit(f"{settings.host}:{settings.port} cannot be served: {error}")


if __name__ == "__main__":
    main()
