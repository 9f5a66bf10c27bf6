"""Contract packages, from a member's side: submit, wait for the gates, run them again."""

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from contracts.archives import read_folder, write_archive
from contracts.errors import RuntimeUnknown
from contracts.packages import make_package
from contracts.rechecking import RECHECK_KIND, ContractRecheck
from contracts.submission import PACKAGE_KIND, ContractPackage
from governance.client.connection import Connection
from governance.client.ledgering import read_parameters
from governance.errors import GatesUnfinished, ServerUnreachable

POLL = 0.2
PAUSE = 1.0
"""Seconds before a server that does not answer is asked again."""

PATIENCE = 600.0
"""Seconds that gates may take before a caller gives up waiting; they go on."""


def pack(connection: Connection, folder: Path, runtime: str) -> bytes:
    """Return what is posted to submit the package in `folder`: signed statement and archive.

    Raises:
        PackageInvalid: the package is not in form; every fault is named.
    """
    files = read_folder(folder)
    package = make_package(files)
    manifest = package.manifest
    body = ContractPackage(manifest.name, manifest.version, package.digest, runtime)
    statement = connection.sign(PACKAGE_KIND, body)
    archive = base64.b64encode(write_archive(files)).decode()
    return msgspec.json.encode({"statement": msgspec.Raw(statement), "archive": archive})


def submit(connection: Connection, folder: Path, runtime: str) -> dict[str, Any]:
    """Sign and submit the package in `folder`; return name, version, digest and state.

    Raises:
        PackageInvalid: as `pack`.
    """
    document = pack(connection, folder, runtime)
    answer: dict[str, Any] = connection.post_bytes("/v1/contracts", document, "application/json")
    return answer


def choose_runtime(connection: Connection, name: str) -> str:
    """Return the runtime to submit a version for: that of the version before, or the only one.

    Args:
        connection: of any member.
        name: the contract's name.

    Raises:
        RuntimeUnknown: the network accepts several, and no version in force tells which.
    """
    accepted = read_parameters(connection).runtimes
    versions = connection.pages("/v1/contracts")
    used = {v["runtime"] for v in versions if v["name"] == name and v["in_force"]}
    candidates = [one for one in accepted if one in used] or accepted
    if len(candidates) != 1:
        raise RuntimeUnknown(
            f"the network accepts {len(accepted)} runtimes; name one with --runtime:"
            " see `sekisho contract runtimes`"
        )
    return candidates[0]


def recheck(connection: Connection, name: str, version: str, reason: str) -> dict[str, Any]:
    """Ask the registry to run all gates of a version again; return how far they are."""
    path = f"/v1/contracts/{name}/{version}/recheck"
    answer: dict[str, Any] = connection.say(
        path, RECHECK_KIND, ContractRecheck(name, version, reason)
    )
    return answer


def wait_for_gates(
    connection: Connection,
    name: str,
    version: str,
    tell: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Return the gates' outcome once they have ended.

    Raises:
        GatesUnfinished: they still run after ten minutes.
    """
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            progress: dict[str, Any] = connection.get(f"/v1/contracts/{name}/{version}/gates")
        except ServerUnreachable:  # it is restarted: the gates go on where they were
            if time.monotonic() > give_up:
                raise
            time.sleep(PAUSE)
            continue
        tell(progress)
        if progress["status"] not in ("waiting", "running"):
            return progress
        if time.monotonic() > give_up:
            raise GatesUnfinished(f"the gates of {name} {version} still run: {progress}")
        time.sleep(POLL)
