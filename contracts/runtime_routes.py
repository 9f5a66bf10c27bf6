"""HTTP of contract runtimes: list, download, upload."""

import datetime as dt

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, RawBody
from litestar.response import Response
from sqlalchemy.engine import Engine

from contracts import artifacts
from contracts.artifacts import MAX_ARTIFACT, RuntimeView
from contracts.services import ContractServices
from ledger.database import reading, writing
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

WASM_TYPE = "application/wasm"


@get(
    "/v1/runtimes",
    opt={"authz": Action.RUNTIME_READ},
    sync_to_thread=True,
    tags=["contracts"],
    summary="List registered contract runtimes",
)
def list_runtimes(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    contracts: NamedDependency[ContractServices],
) -> tuple[RuntimeView, ...]:
    """Return each runtime's id and artifact digest."""
    with reading(database) as session:
        return artifacts.list_runtimes(session, rules, actor, contracts)


@get(
    "/v1/runtimes/{runtime:str}/artifact",
    opt={"authz": Action.RUNTIME_READ},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Download a contract runtime",
    media_type=WASM_TYPE,
)
def download_runtime(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    contracts: NamedDependency[ContractServices],
    runtime: FromPath[str],
) -> Response[bytes]:
    """Return the WebAssembly artifact; whoever keeps it computes the id from its bytes."""
    with reading(database) as session:
        artifact = artifacts.read_artifact(session, rules, actor, contracts, runtime)
    return Response(artifact, media_type=WASM_TYPE)


@post(
    "/v1/runtimes",
    opt={"authz": Action.RUNTIME_REGISTER, "body": WASM_TYPE},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Upload a contract runtime",
    request_max_body_size=MAX_ARTIFACT,
)
def upload_runtime(
    body: RawBody,
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    contracts: NamedDependency[ContractServices],
) -> RuntimeView:
    """Keep the artifact; contracts may name it once a proposal has registered its id."""
    with writing(database) as session:
        return artifacts.keep_artifact(session, rules, actor, contracts, body, at)


ROUTES = (list_runtimes, download_runtime, upload_runtime)
