"""HTTP of the contract registry."""

import asyncio
import base64
import datetime as dt
from collections.abc import AsyncIterator

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, RawBody
from litestar.response import Response, ServerSentEvent
from sqlalchemy.engine import Engine

from contracts import deployment, queries
from contracts.attesting import (
    ATTESTATION_KIND,
    ContractAttestation,
    FindingView,
    attest_version,
    findings,
)
from contracts.deployment import PACKAGE_KIND, ContractPackage, Submission
from contracts.errors import PackageInvalid, SubmissionMismatch
from contracts.queries import GateProgress, GateView, LifeEvent, VersionPage, VersionView
from contracts.rechecking import RECHECK_KIND, ContractRecheck, recheck
from contracts.runtime_routes import ROUTES as RUNTIME_ROUTES
from contracts.services import ContractServices
from ledger.database import reading
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault

ARCHIVE_TYPE = "application/zip"
MAX_SUBMISSION = 24 << 20
"""Bytes of the largest submission that is read: more than is accepted, to say what is too large."""

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
    opt={"authz": "statement", "body": PackageSubmission},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Submit a contract version",
    request_max_body_size=MAX_SUBMISSION,
)
def submit_contract(
    body: RawBody,
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
    except ValueError as error:
        raise PackageInvalid(
            "the archive is not base64", (Fault("archive", f"is not base64: {error}"),)
        ) from error
    actor, opened = contracts.desk.open(bytes(data.statement), PACKAGE_KIND, ContractPackage)
    with contracts.desk.writing(opened) as session:
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


@post(
    "/v1/contracts/{name:str}/{version:str}/recheck",
    opt={"authz": "statement"},
    sync_to_thread=True,
    status_code=202,
    tags=["contracts"],
    summary="Run the gates of a contract version again",
)
def recheck_contract(
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    contracts: NamedDependency[ContractServices],
    name: FromPath[str],
    version: FromPath[str],
) -> GateProgress:
    """Make it a draft again; a vote that is open on it becomes void."""
    actor, opened = contracts.desk.open(body, RECHECK_KIND, ContractRecheck)
    _check_path(name, version, opened.body.name, opened.body.version)
    with contracts.desk.writing(opened) as session:
        recheck(session, contracts, rules, actor, opened, at)
        return queries.progress(session, rules, actor, name, version)


@post(
    "/v1/contracts/{name:str}/{version:str}/attestations",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Say what one's own run of the gates found",
)
def attest_contract(
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    contracts: NamedDependency[ContractServices],
    name: FromPath[str],
    version: FromPath[str],
) -> tuple[FindingView, ...]:
    """Keep it for those who vote, beside what the registry attests."""
    actor, opened = contracts.desk.open(body, ATTESTATION_KIND, ContractAttestation)
    _check_path(name, version, opened.body.name, opened.body.version)
    with contracts.desk.writing(opened) as session:
        return attest_version(session, rules, actor, opened, at)


@get(
    "/v1/contracts/{name:str}/{version:str}/attestations",
    opt={"authz": Action.CONTRACT_READ},
    sync_to_thread=True,
    tags=["contracts"],
    summary="Read what members found when they ran the gates themselves",
)
def read_contract_attestations(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    name: FromPath[str],
    version: FromPath[str],
) -> tuple[FindingView, ...]:
    """Return each finding, oldest first, and whether the registry attests the same."""
    with reading(database) as session:
        return findings(session, rules, actor, name, version)


def _check_path(name: str, version: str, said_name: str, said_version: str) -> None:
    if (name, version) != (said_name, said_version):
        raise SubmissionMismatch(
            f"sent to {name} {version}; the statement says {said_name} {said_version}"
        )


ROUTES = (
    *RUNTIME_ROUTES,
    submit_contract,
    list_contracts,
    read_contract,
    read_contract_life,
    read_contract_evidence,
    download_contract,
    read_gate_progress,
    stream_gate_progress,
    recheck_contract,
    attest_contract,
    read_contract_attestations,
)
