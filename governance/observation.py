"""Logs and metrics of one process. No secret, personal field or request body is ever logged."""

import logging
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from litestar import get
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.response import Response
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    multiprocess,
)
from prometheus_client.exposition import generate_latest

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder where processes share metrics; it must be set before this is imported."""

REQUESTS = Counter("sekisho_requests_total", "Requests answered.", ["route", "method", "status"])
SECONDS = Histogram("sekisho_request_seconds", "Seconds from request to answer.", ["route"])
CONTRACT_FAULTS = Counter(
    "sekisho_contract_faults_total",
    "Transactions that ended in a fault of the contract's code: gas, trap, exception.",
    ["contract"],
)
LOG_SIZE = Gauge(
    "sekisho_log_size", "Entries in the transparency log.", multiprocess_mode="mostrecent"
)
CHECKPOINT_AGE = Gauge(
    "sekisho_checkpoint_age_seconds",
    "Age of the last signed checkpoint while entries wait.",
    multiprocess_mode="mostrecent",
)
QUEUE_LENGTH = Gauge(
    "sekisho_submission_queue_length",
    "Transactions waiting to be committed.",
    multiprocess_mode="livesum",
)
CERTIFICATE_DAYS = Gauge(
    "sekisho_certificate_days_left",
    "Days until a node's certificate expires.",
    ["member", "node"],
    multiprocess_mode="livemostrecent",
)
QUORUM_DAYS = Gauge(
    "sekisho_quorum_days_left",
    "Days until expiring certificates cost a quorum.",
    ["action"],
    multiprocess_mode="livemostrecent",
)


def configure_logging(level: str, log_format: str) -> None:
    """Send structured lines to standard error: `json` for machines, `text` for people."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    logging.basicConfig(level=level.upper(), stream=sys.stderr, format="%(message)s", force=True)
    for noisy in ("httpx", "casbin", "granian.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if log_format == "json" else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def measuring(app: ASGIApp) -> ASGIApp:
    """Middleware: count and time every request, under its route's template."""

    async def measured(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        method = scope["method"]
        started = time.perf_counter()

        async def observe(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("path_template", "unknown") or "unknown"
                REQUESTS.labels(route, method, message["status"]).inc()
                SECONDS.labels(route).observe(time.perf_counter() - started)
            await send(message)

        await app(scope, receive, observe)

    return measured


@get("/health/live", opt={"authz": "public"}, tags=["health"], summary="The process answers")
async def live() -> dict[str, str]:
    """Answer; says nothing about the database."""
    return {"status": "live"}


@get(
    "/health/ready",
    opt={"authz": "public"},
    sync_to_thread=True,
    tags=["health"],
    summary="The process can serve: database, log and sandbox answer",
)
def ready(readiness: NamedDependency[Callable[[], dict[str, str]]]) -> Response[dict[str, str]]:
    """Return each part's state; 503 when one is not `ok`."""
    states = readiness()
    status = 200 if all(state == "ok" for state in states.values()) else 503
    return Response(states, status_code=status)


@get(
    "/metrics",
    opt={"authz": "public", "answer": "text/plain"},
    sync_to_thread=True,
    tags=["health"],
    summary="Prometheus",
)
def metrics() -> Response[bytes]:
    """Return the metrics of this server: of all its processes where there are several."""
    registry = REGISTRY
    if SHARED in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # theirs
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class Labelled:
    """A gauge whose labels come and go: what is not shown any more is taken back.

    Args:
        gauge: with labels, in the mode `livemostrecent` where several processes share it.
    """

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._shown: set[tuple[str, ...]] = set()

    def show(self, values: Mapping[tuple[str, ...], float]) -> None:
        """Show `values`, by labels, and no others.

        Shared metrics cannot be removed; they become not-a-number, which no alert compares true.
        """
        for labels in self._shown - set(values):
            if SHARED in os.environ:
                self._gauge.labels(*labels).set(math.nan)
            else:
                self._gauge.remove(*labels)
        for labels, value in values.items():
            self._gauge.labels(*labels).set(value)
        self._shown = set(values)


certificate_days = Labelled(CERTIFICATE_DAYS)
quorum_days = Labelled(QUORUM_DAYS)


def forget_dead_processes() -> None:
    """Drop what processes that were killed said of themselves, such as their queue's length."""
    if SHARED not in os.environ:
        return
    for file in Path(os.environ[SHARED]).glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            file.unlink(missing_ok=True)


ROUTES = (live, ready, metrics)
