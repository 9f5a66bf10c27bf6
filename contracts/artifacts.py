"""Runtimes as the network distributes them: which are registered, and their bytes.

Building a runtime twice does not give the same bytes, so the artifact of each one lies in the
database: of the first since the network was founded, of others since they were uploaded. Each
machine takes it from there when it needs it, and each member fetches it over HTTP. Whoever takes
one computes its id from the bytes.
"""

import contextlib
import datetime as dt
from collections.abc import Collection
from pathlib import Path

import msgspec
from sqlalchemy.orm import Session

from contracts import store
from contracts.errors import ArtifactRefused, RuntimeInvalid, RuntimeUnknown
from contracts.sandbox import runtime as runtimes
from contracts.sandbox.runtime import Runtime
from contracts.services import ContractServices
from contracts.tables import RuntimeRow
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault

MAX_ARTIFACT = 64 << 20
"""Bytes of the largest runtime; the shipped one has 18 MB."""

COMPONENT = b"\0asm\r\0\1\0"
"""How a WebAssembly component begins (component model, binary format 0xd, layer 1)."""


class RuntimeView(msgspec.Struct, frozen=True):
    """A runtime.

    Args:
        id: names it in every contract version.
        artifact_digest: `sha256:<hex>` of the artifact; None if it is not on this node.
        size: bytes of the artifact; None if it is not on this node.
    """

    id: str
    artifact_digest: str | None
    size: int | None


def list_runtimes(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    services: ContractServices,
) -> tuple[RuntimeView, ...]:
    """Return the registered runtimes.

    Raises:
        Denied: the actor may not read runtimes.
    """
    rules.decide(actor, Action.RUNTIME_READ)
    registered: Collection[str] = services.runtimes(session)
    return tuple(
        _view(identity, find_runtime(session, identity, services.cache))
        for identity in sorted(registered)
    )


def read_artifact(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    services: ContractServices,
    identity: str,
) -> bytes:
    """Return the artifact of a runtime that is registered or was uploaded, its digest checked.

    Raises:
        Denied: the actor may not read runtimes.
        RuntimeUnknown: it is neither, or not on this node.
        RuntimeInvalid: what lies on this node is not what its name says.
    """
    rules.decide(actor, Action.RUNTIME_READ)
    offered = identity in services.runtimes(session) or store.has_artifact(session, identity)
    found = find_runtime(session, identity, services.cache) if offered else None
    if found is None:
        raise RuntimeUnknown(f"{identity[:80]} is not a registered runtime that this node has")
    return found.artifact.read_bytes()


def keep_artifact(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    services: ContractServices,
    artifact: bytes,
    at: dt.datetime,
) -> RuntimeView:
    """Keep a runtime's artifact for everybody, so that its registration can be voted on.

    Args:
        session: in the single-writer transaction.
        rules: the rules in force.
        actor: who uploads it.
        services: where this machine keeps runtimes.
        artifact: the WebAssembly component.
        at: the time, UTC.

    Raises:
        Denied: the actor may not register runtimes.
        ArtifactRefused: it is no component, or too large.
    """
    rules.decide(actor, Action.RUNTIME_REGISTER)
    if not artifact.startswith(COMPONENT):
        fault = Fault("artifact", f"begins with {artifact[:8].hex()}; expected {COMPONENT.hex()}")
        raise ArtifactRefused("this is no WebAssembly component", (fault,))
    if len(artifact) > MAX_ARTIFACT:
        fault = Fault("artifact", f"{len(artifact)} bytes; at most {MAX_ARTIFACT}")
        raise ArtifactRefused("the artifact is too large", (fault,))
    found = runtimes.adopt(artifact, services.cache)
    if not store.has_artifact(session, found.id):
        session.add(RuntimeRow(id=found.id, artifact=artifact, added_by=actor.member_id, at=at))
        session.flush()
    return _view(found.id, found)


def keep_registered(
    session: Session, registered: Collection[str], member: str, at: dt.datetime
) -> None:
    """Put artifacts into the database that only this machine's cache has.

    Args:
        session: in the single-writer transaction.
        registered: ids of the runtimes that the network accepts.
        member: the platform administrator.
        at: the time, UTC.
    """
    for identity in registered:
        if store.has_artifact(session, identity):
            continue
        with contextlib.suppress(RuntimeInvalid, RuntimeUnknown):
            found = runtimes.find(identity)
            if found is not None:
                artifact = found.artifact.read_bytes()
                session.add(RuntimeRow(id=identity, artifact=artifact, added_by=member, at=at))
    session.flush()


def find_runtime(session: Session, identity: str, cache: Path | None = None) -> Runtime | None:
    """Return a runtime from this machine's cache, or from the database, its digest checked.

    What was changed in the cache is replaced by what the database has.

    Args:
        session: in any transaction.
        identity: the runtime's id.
        cache: where this machine keeps runtimes; the default folder if None.

    Raises:
        RuntimeInvalid: what is kept does not make that runtime.
        RuntimeUnknown: `identity` is not the id of a runtime.
    """
    try:
        found = runtimes.find(identity, cache)
    except RuntimeInvalid:
        if not store.has_artifact(session, identity):
            raise
        found = None
    if found is not None:
        return found
    artifact = store.find_artifact(session, identity)
    return None if artifact is None else runtimes.adopt(artifact, cache, identity)


def _view(identity: str, found: Runtime | None) -> RuntimeView:
    if found is None:
        return RuntimeView(identity, None, None)
    return RuntimeView(identity, found.artifact_digest, found.artifact.stat().st_size)
