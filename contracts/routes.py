"""HTTP of the contract registry."""

import asyncio
import base64
import binascii
import datetime as dt
from collections.abc import AsyncIterator

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, RawBody
from litestar.response import Response, ServerSentEvent
from sqlalchemy.engine import Engine

from contracts import artifacts, deployment, queries
from contracts.artifacts import RuntimeView
from contracts.deployment import PACKAGE_KIND, ContractPackage, Submission
from contracts.errors import PackageInvalid
from contracts.queries import GateProgress, GateView, LifeEvent, VersionPage, VersionView
from contracts.services import ContractServices
from ledger.database import reading, writing
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault

ARCHIVE_TYPE = "application/zip"
WASM_TYPE = "application/wasm"
MAX_STREAM = dt.timedelta(minutes=30)
"""The longest stream of progress; a client asks again after it."""

POLL = 0.5
"""Seconds between two looks at the job."""


class PackageSubmission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contract version on its way in.

    Args:
        statement: the DSSE envelope of kind `contract-package`; its bytes are kept as they are.
        archive: the package's archive, base64.
    """

    statement: msgspec.Raw
    archive: str


@post(
    "/v1/contracts",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Submit a contract version",
)
def submit_contract(
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    contracts: NamedDependency[ContractServices],
) -> Submission:
    """Register a draft and queue its gates; the same submission again changes nothing."""
    try:
        data = msgspec.json.decode(body, type=PackageSubmission)
    except msgspec.MsgspecError as error:
        fault = Fault("submission", str(error))
        raise PackageInvalid(f"not a submission: {error}", (fault,)) from error
    try:
        archive = base64.b64decode(data.archive, validate=True)
    except binascii.Error as error:
        raise PackageInvalid(
            "the archive is not base64", (Fault("archive", f"is not base64: {error}"),)
        ) from error
    actor, opened = contracts.desk.open(bytes(data.statement), PACKAGE_KIND, ContractPackage)
    with writing(database) as session:
        runtimes = contracts.runtimes(session)
        return deployment.submit(session, rules, actor, opened, archive, runtimes, at)


@get(
    "/v1/contracts",
    opt={"authz": Action.CONTRACT_READ},
    sync_to_thread=True,
    tags=["contracts"],
    summary="List contract versions",
)
def list_contracts(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> VersionPage:
    """Return versions by name, in the order in which they were submitted."""
    with reading(database) as session:
        return queries.list_versions(session, rules, actor, at, cursor=cursor, limit=limit)


@get(
    "/v1/contracts/{name:str}/{version:str}",
    opt={"authz": Action.CONTRACT_READ},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Read one contract version",
)
def read_contract(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    name: FromPath[str],
    version: FromPath[str],
) -> VersionView:
    """Return where one version is in its life."""
    with reading(database) as session:
        return queries.version_view(session, rules, actor, name, version, at)


@get(
    "/v1/contracts/{name:str}/{version:str}/life",
    opt={"authz": Action.CONTRACT_READ},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Read the life of a contract version",
)
def read_contract_life(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    name: FromPath[str],
    version: FromPath[str],
) -> tuple[LifeEvent, ...]:
    """Return every step, oldest first."""
    with reading(database) as session:
        return queries.life(session, rules, actor, name, version)


@get(
    "/v1/contracts/{name:str}/{version:str}/evidence",
    opt={"authz": Action.CONTRACT_READ},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Read the attestations about a contract version",
)
def read_contract_evidence(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    name: FromPath[str],
    version: FromPath[str],
) -> tuple[GateView, ...]:
    """Return every attestation with its envelope, oldest first."""
    with reading(database) as session:
        return queries.evidence(session, rules, actor, name, version)


@get(
    "/v1/contracts/{name:str}/{version:str}/archive",
    opt={"authz": Action.CONTRACT_READ},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Download a contract package",
    media_type=ARCHIVE_TYPE,
)
def download_contract(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    name: FromPath[str],
    version: FromPath[str],
) -> Response[bytes]:
    """Return the archive, byte for byte as it was submitted."""
    with reading(database) as session:
        archive = queries.archive(session, rules, actor, name, version)
    file = f'attachment; filename="{name}-{version}.zip"'
    return Response(archive, media_type=ARCHIVE_TYPE, headers={"Content-Disposition": file})


@get(
    "/v1/contracts/{name:str}/{version:str}/gates",
    opt={"authz": Action.CONTRACT_READ},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Read how far the gates are",
)
def read_gate_progress(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    name: FromPath[str],
    version: FromPath[str],
) -> GateProgress:
    """Return the job's state now."""
    with reading(database) as session:
        return queries.progress(session, rules, actor, name, version)


@get(
    "/v1/contracts/{name:str}/{version:str}/gates/stream",
    opt={"authz": Action.CONTRACT_READ},
    tags=["contracts"],
    summary="Follow the gates as server-sent events",
)
async def stream_gate_progress(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    name: FromPath[str],
    version: FromPath[str],
) -> ServerSentEvent:
    """Send an event whenever something changed, and end with the job."""

    def look() -> GateProgress:
        with reading(database) as session:
            return queries.progress(session, rules, actor, name, version)

    first = await asyncio.to_thread(look)

    async def events() -> AsyncIterator[str]:
        last, waited = first, 0.0
        yield msgspec.json.encode(last).decode()
        while not last.finished and waited < MAX_STREAM.total_seconds():
            await asyncio.sleep(POLL)
            waited += POLL
            now = await asyncio.to_thread(look)
            if now != last:
                last = now
                yield msgspec.json.encode(last).decode()

    return ServerSentEvent(events(), event_type="progress")


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
        registered = contracts.runtimes(session)
    return artifacts.list_runtimes(rules, actor, registered, contracts)


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
        registered = contracts.runtimes(session)
    artifact = artifacts.read_artifact(rules, actor, registered, contracts, runtime)
    return Response(artifact, media_type=WASM_TYPE)


ROUTES = (
    list_runtimes,
    download_runtime,
    submit_contract,
    list_contracts,
    read_contract,
    read_contract_life,
    read_contract_evidence,
    download_contract,
    read_gate_progress,
    stream_gate_progress,
)
