"""The engines of a running process: no wait without an end, no dead connection handed out."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from governance.settings import Settings
from ledger.database import connect
from ledger.second_net import attach

CONNECT_SECONDS = 5
"""How long opening a connection may take."""

POOL_SECONDS = 10
"""How long a request waits for a free connection."""

RECYCLE_SECONDS = 1800
"""Age at which a connection is replaced: firewalls forget quiet ones."""

IDLE_FACTOR = 3
"""A transaction may wait for its process, say for the sandbox, as many statement time-outs."""


def open_database(settings: Settings, url: str = "") -> Engine:
    """Return the engine of a process that serves.

    On PostgreSQL a connection is tried before it is handed out, so that a restarted server is
    found again by the next request, and every statement, every wait for a lock and every idle
    transaction ends after the settings' time-outs. On SQLite the wait for the writer ends after
    `ledger.database.BUSY_TIMEOUT_MS`. Ledger rows are only for the gateway (`ledger.second_net`).

    Args:
        settings: pool size and time-outs.
        url: another database than the primary: a replica.
    """
    name = sa.make_url(url or settings.database)
    options: dict[str, Any] = {
        "pool_size": settings.pool_size,
        "max_overflow": settings.pool_size,
        "pool_timeout": POOL_SECONDS,
    }
    if name.get_backend_name() == "postgresql":
        options |= {
            "pool_pre_ping": True,
            "pool_recycle": RECYCLE_SECONDS,
            "connect_args": {
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "sekisho",
                "options": _server_options(settings),
            },
        }
    engine = connect(name.render_as_string(hide_password=False), **options)
    attach(engine)
    return engine


def _server_options(settings: Settings) -> str:
    limits = {
        "statement_timeout": settings.statement_timeout,
        "lock_timeout": settings.lock_timeout,
        "idle_in_transaction_session_timeout": IDLE_FACTOR * settings.statement_timeout,
        "tcp_user_timeout": settings.statement_timeout,
    }
    return " ".join(f"-c {name}={seconds * 1000}" for name, seconds in limits.items())
