"""Runs the HTTP server: API processes under one supervisor, stopped in good order by SIGTERM."""

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from granian._granian import ListenerSpec, SocketHolder
from granian.constants import Interfaces, RuntimeModes
from granian.http import HTTP1Settings
from granian.server.common import AbstractServer
from granian.server.mp import MPServer

from governance.access.fronting import LOOPBACK, check_tls, fronted
from governance.assembly.founding import create_network
from governance.assembly.publishing import check_log
from governance.errors import SettingsInvalid
from governance.observation import configure_logging
from governance.settings import Settings, as_environment
from governance.supervision import serve_until_stopped
from policies.errors import Fault

APP = "governance.app"
"""The module of the application, which imports this one."""

HEADER_TIMEOUT_MS = 10_000
"""How long a client may take to send its headers, in milliseconds."""

HEADER_BYTES = 64 << 10
"""Bytes of the largest request line and headers, and of what is read at once."""

BACKLOG = 1024
KILL_SECONDS = 50
"""How long a worker may take to stop in good order before it is killed."""

ENDING = (signal.SIGTERM, signal.SIGINT)
"""What a server is stopped by."""

COLLECT_AFTER = (50_000, 20, 100)
"""Objects that outlive their making before cyclic garbage is looked for, and how often the older
generations are: Python's own 700 lets it look through each batch several times (ADR 8)."""

WATCH_BEAT = 1.0
"""Seconds between two looks whether the supervisor lives."""


def run_server(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until stopped; create the network first, if there is none.

    Args:
        settings: how to run; the worker processes read the same ones.
        say: takes lines for the person at the terminal: what was made, where it listens.

    Raises:
        SettingsInvalid: client certificates are demanded without TLS, or from a proxy as well; the
            server cannot listen at its host and port.
        ServerUnreachable: the process that ends mutual TLS has ended.
        LogRolledBack, LogForked, LogStateInvalid: the database is not the one whose last
            checkpoint this machine signed; nothing is served.
    """
    configure_logging(settings.log_level, settings.log_format)
    check_tls(settings)
    create_network(settings, say)
    check_log(settings)
    os.environ.update(as_environment(settings))
    with fronted() if settings.tls_client_ca else nullcontext() as inner:
        address = settings.host if inner is None else LOOPBACK
        port = settings.port if inner is None else inner
        held = _bind(address, port)
        say(f"Serving {settings.network} at {settings.url} — API at {settings.url}/schema")
        multiprocessing.set_start_method("fork", force=True)  # the processes inherit the socket
        _let_signals_end_who_starts()
        import_module(APP)  # once, and not in each worker while clients wait for it
        settle_memory()
        serve_until_stopped(lambda: _server(settings, address, port, held))


def _bind(address: str, port: int) -> SocketHolder:
    try:
        return ListenerSpec(address, port, BACKLOG).build()
    except (RuntimeError, ValueError) as error:
        why = str(error).partition("\n")[0]
        message = f"the server cannot listen at {address}:{port}: {why}"
        raise SettingsInvalid(message, (Fault("port", why),)) from error


class _Server(MPServer):
    """Granian, its workers listening on a socket that this process holds.

    Each would open one of its own: who connects while none lives would be refused, and what had
    connected to one that is killed would be cut off. So they wait for the next.
    """

    def __init__(self, *arguments: Any, held: SocketHolder, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._held = held

    def _init_shared_socket(self) -> None:
        self._ssp, self._sso = None, None
        self._shd = self._held  # type: ignore[assignment] # its type is of None, the initial value


def _server(settings: Settings, address: str, port: int, held: SocketHolder) -> AbstractServer[Any]:
    """Return a server on the socket `held`, which is bound to `address` and `port`."""
    here = bool(settings.tls_certificate) and not settings.tls_client_ca
    return _Server(
        f"{APP}:create_app",
        held=held,
        address=address,
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=settings.workers,
        runtime_mode=RuntimeModes.st,
        backlog=BACKLOG,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_TIMEOUT_MS, max_buffer_size=HEADER_BYTES
        ),
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=KILL_SECONDS,
        ssl_cert=Path(settings.tls_certificate) if here else None,
        ssl_key=Path(settings.tls_key) if here else None,
    )


def _let_signals_end_who_starts() -> None:
    """Let a signal end a worker that is still starting: it answers nobody yet.

    It would inherit the supervisor's handlers, which take note and do nothing else in a worker: the
    signal would be lost, and the worker serve on until it is killed.
    """

    def reset() -> None:
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ENDING),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING),
        after_in_child=reset,
    )


def settle_memory() -> None:
    """Leave what the start made, which stays, out of every collection; collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def end_with_supervisor() -> None:
    """Stop this worker in good order once the process that started it is gone.

    A supervisor that was killed leaves no worker behind that would go on answering.
    """
    parent = multiprocessing.parent_process()
    supervisor = os.getppid() if parent is None or parent.pid is None else parent.pid

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(WATCH_BEAT)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(KILL_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()
