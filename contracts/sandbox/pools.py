"""A pool for each runtime: a version is judged on the one that it was approved with.

The pool of a runtime is made when a version first needs it. Making native code takes about ten
seconds on a machine that has none yet, too long for a transaction to wait: it gets "try again",
and the pool is made meanwhile.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from contracts.errors import ContractError, RuntimeUnknown
from contracts.sandbox.pool import Pool, Sandboxed
from contracts.sandbox.runtime import Runtime
from ledger.verification import ContractVersion, Unavailable, Verdict, VerificationRequest

PATIENCE = 2.0
"""Seconds that a batch waits for a pool that is being made."""


class Approved(msgspec.Struct, frozen=True):
    """A contract version as the network approved it.

    Args:
        runtime: id of the runtime that it was approved with.
        contract: its source and gas limit.
    """

    runtime: str
    contract: Sandboxed


class Pools:
    """Pools by the runtime that their workers run. Safe to use from several threads.

    Args:
        find: returns a runtime with its digest checked, or None where this machine cannot have
            it; may raise a `ContractError`.
        size: worker processes of each pool; the number of cores when None.
    """

    def __init__(self, find: Callable[[str], Runtime | None], size: int | None = None) -> None:
        self._find = find
        self._size = size
        self._lock = threading.Lock()
        self._closed = False
        self._making = ThreadPoolExecutor(1, "sandbox-pools")
        self._pools: dict[str, Future[Pool]] = {}

    def prepare(self, runtime: str) -> Pool:
        """Return the pool of a runtime, however long making it takes.

        Raises:
            RuntimeUnknown: this machine cannot have the runtime.
            RuntimeInvalid: what it has is not that runtime.
            SandboxUnavailable: no worker can be started here.
        """
        return self._ordered(runtime).result()

    def get(self, runtime: str, patience: float = PATIENCE) -> Pool | Unavailable:
        """Return the pool of a runtime, or why it cannot be used now.

        Args:
            runtime: its id.
            patience: seconds to wait for a pool that is being made.
        """
        try:
            return self._ordered(runtime).result(patience)
        except TimeoutError:
            return Unavailable(f"runtime {runtime} is being made ready; try again")
        except ContractError as error:
            return Unavailable(f"runtime {runtime} cannot be used here: {error}")

    def alive(self) -> bool:
        """Return whether every pool that was made has a worker left."""
        with self._lock:
            made = [order for order in self._pools.values() if order.done()]
        return all(order.exception() is None and order.result().alive() for order in made)

    def _ordered(self, runtime: str) -> Future[Pool]:
        with self._lock:
            if self._closed:
                raise RuntimeUnknown("the sandbox is closed")
            ordered = self._pools.get(runtime)
            if ordered is None or (ordered.done() and ordered.exception() is not None):
                ordered = self._pools[runtime] = self._making.submit(self._make, runtime)
            return ordered

    def _make(self, runtime: str) -> Pool:
        found = self._find(runtime)
        if found is None:
            raise RuntimeUnknown(f"runtime {runtime} is not on this machine")
        return Pool(found, size=self._size)

    def close(self) -> None:
        """Stop every worker of every pool."""
        with self._lock:
            self._closed = True
        self._making.shutdown(wait=True, cancel_futures=True)
        for ordered in self._pools.values():
            if not ordered.cancelled() and ordered.exception() is None:
                ordered.result().close()


class SandboxVerifier:
    """The ledger's `Verifier`: judges a batch in the sandbox, each version on its runtime.

    Args:
        pools: the workers.
        approved: gives what the network approved; raises what its owner raises when there is no
            such version.
    """

    def __init__(self, pools: Pools, approved: Callable[[ContractVersion], Approved]) -> None:
        self._pools = pools
        self._approved = approved

    def verify(self, batch: Sequence[VerificationRequest]) -> list[Verdict | Unavailable]:
        """Return one answer for each request, in order."""
        places: dict[ContractVersion, list[int]] = {}
        for place, request in enumerate(batch):
            places.setdefault(request.contract, []).append(place)
        answers: list[Verdict | Unavailable] = [Unavailable("not judged")] * len(batch)
        for version, wanted in places.items():
            texts = [batch[place].transaction for place in wanted]
            for place, answer in zip(wanted, self._judge(version, texts), strict=True):
                answers[place] = answer
        return answers

    def _judge(
        self, version: ContractVersion, transactions: list[str]
    ) -> list[Verdict | Unavailable]:
        approved = self._approved(version)
        pool = self._pools.get(approved.runtime)
        if isinstance(pool, Unavailable):
            return [pool] * len(transactions)
        return [outcome.verdict for outcome in pool.judge(approved.contract, transactions)]
