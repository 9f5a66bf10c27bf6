"""Keeps a server up: whichever of its API processes dies, and however often, it is replaced."""

import signal
import time
from collections.abc import Callable
from typing import Any

import structlog
from granian.server.common import AbstractServer

YOUNG_SECONDS = 20.0
"""A server that gives up before is set up wrongly: it ends, and says so."""

AGAIN_SECONDS = 1.0
"""Seconds before a server that gave up is started again."""

_log = structlog.get_logger()


def serve_until_stopped(make: Callable[[], AbstractServer[Any]]) -> None:
    """Serve until SIGTERM or SIGINT.

    Granian replaces a process that dies, but gives up when one dies twice within seconds, as all do
    while their database is away. Then everything is started again, as often as need be.

    Args:
        make: returns a new server.

    Raises:
        SystemExit: the first server gave up at once.
    """
    started = time.monotonic()
    while True:
        server = make()
        try:
            server.serve()
        except SystemExit:
            if server.interrupt_signal:
                return
            if time.monotonic() - started < YOUNG_SECONDS:
                raise
        else:
            return
        _log.error("processes die faster than they are replaced; all are started again")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)  # the old server's: a signal now ends this one
        time.sleep(AGAIN_SECONDS)
