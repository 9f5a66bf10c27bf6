"""The HTTP application: routes of every package over one open network.

`create_app()` is what the server's workers call; it reads the settings from the environment.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, get
from litestar.concurrency import set_asyncio_executor, sync_to_thread
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from contracts.routes import ROUTES as CONTRACT_ROUTES
from governance import observation
from governance.access.peers import shared_peers
from governance.access.routes import ROUTES as ACCESS_ROUTES
from governance.anchors import Anchors
from governance.assembly.anchors import network_anchors
from governance.assembly.background import Background
from governance.assembly.network import Network, open_network
from governance.assembly.services import utc_now
from governance.decisions.routes import ROUTES as DECISION_ROUTES
from governance.documentation import CompleteDocument
from governance.identity.routes import ROUTES as IDENTITY_ROUTES
from governance.incidents.routes import ROUTES as INCIDENT_ROUTES
from governance.membership.routes import ROUTES as MEMBERSHIP_ROUTES
from governance.observation import configure_logging
from governance.policy.routes import ROUTES as POLICY_ROUTES
from governance.problems import answer
from governance.requests import ClientCertificates, bearer_token, check_declared, hurrying
from governance.server import end_with_supervisor, settle_memory
from governance.settings import load_settings
from ledger.database import reading
from ledger.log.routes import ROUTES as LOG_ROUTES
from ledger.records.routes import ROUTES as RECORD_ROUTES
from ledger.routes import ROUTES as LEDGER_ROUTES
from policies.actors import Actor
from policies.compilation import CompiledRules


@get(
    "/v1/network",
    opt={"authz": "public"},
    sync_to_thread=True,
    tags=["access"],
    summary="What to pin of this network",
)
def show_anchors(anchors: NamedDependency[Callable[[], Anchors]]) -> Anchors:
    """Return the network's anchors; compare their fingerprint before you believe them."""
    return anchors()


THREADS = 32
"""Requests that a process works on at a time; some wait for a commit, and others go on."""

HTTPS_ALONE = 365 * 24 * 3600
"""Seconds for which a browser that was here over HTTPS never comes without it."""

RULE_SET_HEADER = "Sekisho-Rule-Set"
"""Names the rule set under which an answer was made, by digest."""

ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_anchors,
    *observation.ROUTES,
    *ACCESS_ROUTES,
    *MEMBERSHIP_ROUTES,
    *IDENTITY_ROUTES,
    *DECISION_ROUTES,
    *INCIDENT_ROUTES,
    *POLICY_ROUTES,
    *CONTRACT_ROUTES,
    *LEDGER_ROUTES,
    *RECORD_ROUTES,
    *LOG_ROUTES,
)


def create_app() -> Litestar:
    """Return the application of the network that the environment's settings name."""
    end_with_supervisor()
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    set_asyncio_executor(ThreadPoolExecutor(THREADS, "request"))
    app = build_app(open_network(settings))
    settle_memory()
    return app


def build_app(network: Network) -> Litestar:
    """Return the application over an open network, which it closes when it stops.

    Raises:
        RouteUndeclared: a handler does not declare what its caller must be allowed to do.
    """
    check_declared(ROUTES)
    background = Background(network)
    certificates = ClientCertificates(network.settings.trusted_proxies, shared_peers())

    @asynccontextmanager
    async def running(_app: Litestar) -> AsyncIterator[None]:
        background.start()
        try:
            yield
        finally:
            network.ledger.submissions.close()  # what waits is committed before the last checkpoint
            background.stop()
            network.__exit__()

    return Litestar(
        route_handlers=list(ROUTES),
        dependencies=_dependencies(network, background, certificates),
        exception_handlers={Exception: answer},
        middleware=[observation.measuring, hurrying, certificates.guarding],
        request_max_body_size=network.settings.max_body,
        openapi_config=_openapi(network),
        lifespan=[running],
        after_request=_stamp(network),
        logging_config=None,
    )


def _dependencies(
    network: Network, background: Background, certificates: ClientCertificates
) -> dict[str, Provide]:

    async def actor(request: Request[Any, Any, Any]) -> Actor:
        shown = bearer_token(request), certificates.thumbprint(request)
        found = network.tokens.believed(*shown)  # most requests: no thread has to be waited for
        if found is None:
            found = await sync_to_thread(network.tokens.actor, *shown)
        network.rates.take(found.member_id)
        return found

    async def rules() -> CompiledRules:
        believed = network.view.believed_rules()
        return await sync_to_thread(network.view.rules) if believed is None else believed

    def anchors() -> Anchors:
        with reading(network.database) as session:
            return network_anchors(session, network.settings, network.keys)

    fixed = {
        "anchors": anchors,
        "contracts": network.contracts,
        "database": network.database,
        "decisions": network.governance.decisions,
        "incidents": network.governance.incidents,
        "ledger": network.ledger,
        "membership": network.membership,
        "readiness": background.states,
        "records": network.records,
        "tokens": network.tokens,
    }
    return {
        "actor": Provide(actor),
        "at": Provide(_now, sync_to_thread=False),
        "certificate_demanded": _provide(certificates.demanded),
        "certificate_thumbprint": Provide(certificates.thumbprint, sync_to_thread=False),
        "rules": Provide(rules),
        **{name: _provide(value) for name, value in fixed.items()},
    }


def _provide(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


def _now() -> dt.datetime:
    return utc_now()


def _stamp(network: Network) -> Callable[[Any], Any]:
    """Return what every answer passes: security headers, and the rule set that shaped it."""
    fixed = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
    }
    if network.settings.url.startswith("https:"):
        fixed["Strict-Transport-Security"] = f"max-age={HTTPS_ALONE}"

    def stamp(response: Any) -> Any:
        if not any(name.lower() == "cache-control" for name in response.headers):
            response.headers["Cache-Control"] = "no-store"
        response.headers.update(fixed)
        rules = network.view.last_rules
        if rules is not None:
            response.headers[RULE_SET_HEADER] = rules.digest
        return response

    return stamp


def _openapi(network: Network) -> OpenAPIConfig:
    return OpenAPIConfig(
        title=f"sekisho: {network.settings.network}",
        version="1",
        description="A permissioned ledger of digital securities, shared by several companies.",
        components=Components(
            security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}
        ),
        security=[{"token": []}],
        path="/schema",
        render_plugins=[CompleteDocument(ROUTES)],
        use_handler_docstrings=True,
    )
