"""Starts the process that ends mutual TLS, and ends with it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from governance.access.peers import PEERS, Peers
from governance.errors import ServerUnreachable, SettingsInvalid
from governance.settings import Settings
from policies.errors import Fault

LOOPBACK = "127.0.0.1"
INNER_PORT = "SEKISHO_INNER_PORT"
"""Names the loopback port on which the API listens behind the process that ends mutual TLS."""

STOP_SECONDS = 10.0


def check_tls(settings: Settings) -> None:
    """Return if the settings of TLS fit together.

    Raises:
        SettingsInvalid: with every fault.
    """
    faults = []
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        faults.append(Fault("tls_key", "a certificate and its key go together"))
    if settings.tls_client_ca and not settings.tls_certificate:
        faults.append(Fault("tls_client_ca", "client certificates need TLS: set tls_certificate"))
    if settings.tls_client_optional and not settings.tls_client_ca:
        faults.append(Fault("tls_client_optional", "set tls_client_ca, or nobody is known"))
    if settings.tls_client_ca and settings.trusted_proxies:
        faults.append(
            Fault("trusted_proxies", "either a proxy names the client or this server does")
        )
    if faults:
        raise SettingsInvalid("the settings of TLS do not fit together", tuple(faults))


@contextmanager
def fronted() -> Iterator[int]:
    """Run the process that ends mutual TLS; yield the loopback port for the API behind it.

    If it ends by itself, so does this process, in good order.

    Raises:
        ServerUnreachable: it ended by itself.
    """
    with tempfile.TemporaryDirectory(prefix="sekisho-") as folder:
        os.environ[PEERS] = str(Path(folder) / "peers")
        os.environ[INNER_PORT] = str(inner := free_port())
        Peers(Path(os.environ[PEERS]))
        process = subprocess.Popen([sys.executable, "-m", "governance.access.front"])
        stopping = threading.Event()

        def watch() -> None:
            process.wait()
            if not stopping.is_set():
                os.kill(os.getpid(), signal.SIGTERM)

        watcher = threading.Thread(target=watch, name="tls-watch", daemon=True)
        watcher.start()
        try:
            yield inner
            if process.poll() is not None:
                raise ServerUnreachable("the process that ends mutual TLS has ended; see its lines")
        finally:
            stopping.set()
            process.terminate()
            watcher.join(STOP_SECONDS)
            if watcher.is_alive():
                process.kill()


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
