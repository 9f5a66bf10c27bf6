"""A reverse proxy that ends mutual TLS and names the client's certificate (RFC 9440)."""

import asyncio
import base64
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self


class Proxy:
    """Listens at localhost; forwards to one server, from an address that the server trusts.

    Args:
        server: port of the server, plain HTTP.
        address: the address that the proxy connects from.
        chain: PEM file of the proxy's own certificate chain.
        key: PEM file of its key.
        root: PEM file of the authority whose client certificates are let in; none is demanded.
    """

    def __init__(self, server: int, address: str, chain: Path, key: Path, root: Path) -> None:
        self._server = server
        self._address = address
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=root)
        self._tls.verify_mode = ssl.CERT_OPTIONAL
        self._tls.load_cert_chain(chain, key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self._listening = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._listening.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one request; drop whatever the client says of certificates itself."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        names = {line.partition(":")[0].lower(): line.partition(":")[2] for line in lines[1:]}
        kept = [lines[0]] + [
            line for line in lines[1:] if not line.lower().startswith(("client-cert", "connection"))
        ]
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if der:
            kept.append(f"Client-Cert: :{base64.b64encode(der).decode()}:")
        head = "\r\n".join([*kept, "Connection: close", "", ""]).encode("latin-1")
        body = await reader.readexactly(int(names.get("content-length", "0")))
        there, back = await asyncio.open_connection(
            "127.0.0.1", self._server, local_addr=(self._address, 0)
        )
        try:
            back.write(head + body)
            await back.drain()
            while part := await there.read(65536):
                writer.write(part)
            await writer.drain()
        finally:
            for stream in (back, writer):
                stream.close()
                with suppress(OSError, ssl.SSLError):
                    await stream.wait_closed()
