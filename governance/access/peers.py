"""Whose connection it is, where this server ends mutual TLS itself.

The process that ends TLS (`governance.access.front`) opens a loopback connection to the API for
each client's. Before it connects, it writes the SHA-256 of the client's certificate into a table
under the local port that it connects from; API processes look the port up. Nothing passes through
the request itself, so nothing in a request can forge it.
"""

import mmap
import os
from pathlib import Path

from governance.client.files import PRIVATE_MODE

PEERS = "SEKISHO_PEERS"
"""Names the table's file, for the processes of one server."""

PORTS = 1 << 16
SLOT = 32
"""Bytes of a SHA-256; a slot of zeros is empty."""

_EMPTY = bytes(SLOT)
_STRANGER = b"\xff" * SLOT


class Peers:
    """The table, shared by the processes of one server; owner-only, in memory as a file.

    Args:
        path: of the file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_MODE)
        try:
            os.ftruncate(descriptor, PORTS * SLOT)
            self._slots = mmap.mmap(descriptor, PORTS * SLOT)
        finally:
            os.close(descriptor)

    def put(self, port: int, thumbprint: bytes | None) -> None:
        """Say whose connection comes from `port`, before it is opened: None for a stranger's."""
        self._slots[port * SLOT : (port + 1) * SLOT] = thumbprint or _STRANGER

    def clear(self, port: int) -> None:
        """Say that no client's connection comes from `port` any more."""
        self._slots[port * SLOT : (port + 1) * SLOT] = _EMPTY

    def of(self, port: int) -> bytes | None:
        """Return the SHA-256 of the client's certificate, or None if it showed none."""
        found = self._slots[port * SLOT : (port + 1) * SLOT]
        return None if found in (_EMPTY, _STRANGER) else found

    def knows(self, port: int) -> bool:
        """Return whether a client's connection comes from `port`."""
        return self._slots[port * SLOT : (port + 1) * SLOT] != _EMPTY


def shared_peers() -> Peers | None:
    """Return the table of this server's processes; None where it does not end mutual TLS."""
    path = os.environ.get(PEERS)
    return Peers(Path(path)) if path else None
