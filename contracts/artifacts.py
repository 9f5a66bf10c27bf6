"""Runtimes as the network distributes them: which are registered, and their bytes."""

from collections.abc import Collection

import msgspec

from contracts.errors import RuntimeUnknown
from contracts.sandbox import runtime as runtimes
from contracts.services import ContractServices
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules


class RuntimeView(msgspec.Struct, frozen=True):
    """A registered runtime.

    Args:
        id: names it in every contract version.
        artifact_digest: `sha256:<hex>` of the artifact; None if it is not on this node.
        size: bytes of the artifact; None if it is not on this node.
    """

    id: str
    artifact_digest: str | None
    size: int | None


def list_runtimes(
    rules: CompiledRules, actor: Actor, registered: Collection[str], services: ContractServices
) -> tuple[RuntimeView, ...]:
    """Return the registered runtimes.

    Raises:
        Denied: the actor may not read runtimes.
    """
    rules.decide(actor, Action.RUNTIME_READ)
    return tuple(_view(identity, services) for identity in sorted(registered))


def read_artifact(
    rules: CompiledRules,
    actor: Actor,
    registered: Collection[str],
    services: ContractServices,
    identity: str,
) -> bytes:
    """Return the artifact of a registered runtime, its digest checked.

    Raises:
        Denied: the actor may not read runtimes.
        RuntimeUnknown: it is not registered, or not on this node.
        RuntimeInvalid: what lies on this node is not what its name says.
    """
    rules.decide(actor, Action.RUNTIME_READ)
    found = runtimes.find(identity, services.cache) if identity in registered else None
    if found is None:
        raise RuntimeUnknown(f"{identity} is not a registered runtime that this node has")
    return found.artifact.read_bytes()


def _view(identity: str, services: ContractServices) -> RuntimeView:
    found = runtimes.find(identity, services.cache)
    if found is None:
        return RuntimeView(identity, None, None)
    return RuntimeView(identity, found.artifact_digest, found.artifact.stat().st_size)
