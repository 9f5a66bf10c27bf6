"""Running a version's gates oneself, from a member's side: fetch, run, compare, say."""

import base64
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from contracts.attesting import ATTESTATION_KIND, ContractAttestation, Finding
from contracts.errors import DigestMismatch
from contracts.gates.subjects import Machines, Progress
from contracts.packages import open_package
from contracts.reattesting import Comparison, Registered, reattest
from contracts.sandbox import runtime as runtimes
from contracts.sandbox.runtime import Runtime
from governance.anchors import Anchors
from governance.audit import open_reader
from governance.client.connection import Connection
from governance.decisions.statements import GENESIS, Genesis
from governance.errors import AnchorsInvalid
from ledger.hashing import content_digest
from ledger.keys import PublicKey, load_public_key
from ledger.log.sources import UrlSource
from ledger.statements import read_envelope, read_statement

MOST_BEFORE_GENESIS = 64
"""Entries among which the genesis statement is: only the authority's precede it."""


def service_key(server: str, anchors: Anchors) -> PublicKey:
    """Return the key with which the network's service speaks, as the pinned genesis names it.

    Raises:
        AnchorsInvalid: the log does not begin with the genesis statement that is pinned.
        LogWrong: the log is not what its checkpoint promises.
    """
    with httpx.Client() as client:
        reader = open_reader(UrlSource(server.rstrip("/") + "/log", client), anchors)
        for index, entry in reader.entries(reader.checkpoint().checkpoint):
            if content_digest(entry) == anchors.genesis:
                body = read_statement(read_envelope(entry), GENESIS, Genesis).body
                return load_public_key(base64.b64decode(body.service_key))
            if index >= MOST_BEFORE_GENESIS:
                break
    raise AnchorsInvalid(f"the log at {server} does not hold the genesis statement pinned here")


def fetch_runtime(connection: Connection, runtime: str) -> Runtime:
    """Return a runtime from this machine's cache, fetched from the network if it is not there.

    Raises:
        RuntimeInvalid: the bytes do not make that runtime, here.
        Refused: the network does not have it.
    """
    found = runtimes.find(runtime)
    if found is not None:
        return found
    artifact = connection.get_bytes(f"/v1/runtimes/{runtime}/artifact")
    return runtimes.adopt(artifact, expected_id=runtime)


def run_gates(
    connection: Connection,
    name: str,
    version: str,
    key: PublicKey,
    progress: Progress,
) -> list[Comparison]:
    """Run the gates of a version on this machine and compare with the registry's evidence.

    Args:
        connection: of any member.
        name: the contract's name.
        version: the version.
        key: the service's, with which the registry attests.
        progress: is told how far a gate is.

    Raises:
        DigestMismatch: the archive is not the one of the version.
        EvidenceInvalid: an attestation is not the registry's, or was made otherwise.
    """
    base = f"/v1/contracts/{name}/{version}"
    view: dict[str, Any] = connection.get(base)
    runtime = fetch_runtime(connection, view["runtime"])
    said = Registered(
        archive=_archive(connection, name, version, view["digest"]),
        envelopes=_latest(connection.get(f"{base}/evidence")),
        predecessor=_predecessor(connection, name, view["base_digest"]),
    )
    machines = Machines()
    try:
        signer = connection.own_folder().signer
        made = reattest(said, key, signer, runtime, machines, progress=progress)
        return [comparison for comparison, _ in made]
    finally:
        machines.close()


def attest(
    connection: Connection, name: str, version: str, found: Sequence[Comparison]
) -> list[dict[str, Any]]:
    """Say to the network what the gates found here; return it beside the registry's evidence."""
    view = connection.get(f"/v1/contracts/{name}/{version}")
    findings = tuple(Finding(each.gate, each.found) for each in found if each.found)
    body = ContractAttestation(name, version, view["digest"], findings)
    path = f"/v1/contracts/{name}/{version}/attestations"
    answer: list[dict[str, Any]] = connection.say(path, ATTESTATION_KIND, body)
    return answer


def _archive(connection: Connection, name: str, version: str, digest: str) -> bytes:
    archive = connection.get_bytes(f"/v1/contracts/{name}/{version}/archive")
    package = open_package(archive)
    if package.digest != digest:
        raise DigestMismatch(f"{name} {version} has {digest}; the archive has {package.digest}")
    return archive


def _predecessor(connection: Connection, name: str, digest: str | None) -> bytes | None:
    if digest is None:
        return None
    versions = connection.pages("/v1/contracts")
    version = next(v["version"] for v in versions if v["digest"] == digest)
    return _archive(connection, name, version, digest)


def _latest(evidence: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return the newest attestation of each gate, byte for byte."""
    newest = {each["gate"]: each["envelope"] for each in evidence}
    return [msgspec.json.encode(envelope) for envelope in newest.values()]
