"""Worker processes, one per core, with a spare: whoever dies is replaced at once.

    with Pool(runtime.obtain()) as pool:
        outcomes = pool.judge(source, transactions)

`contracts.sandbox.pools` has one for each runtime.
"""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import msgspec

from contracts.errors import SandboxUnavailable
from contracts.sandbox import protocol
from contracts.sandbox.engine import DEADLINE
from contracts.sandbox.jail import Layer
from contracts.sandbox.limits import LIMITS
from contracts.sandbox.machine import Machine
from contracts.sandbox.process import WorkerLost, WorkerProcess
from contracts.sandbox.runtime import Progress, Runtime
from contracts.sandbox.verdicts import Outcome, Unavailable

CAPACITY = 16  # loaded contracts per worker; each takes some 15 to 96 MiB
_CHUNK = 64  # transactions handed to a worker at a time
_RESTARTS = 3  # workers that one chunk may use up before the rest of it is given back
_WAIT = 30.0  # seconds for a worker to be free
_PAUSES = (0.1, 5.0)  # seconds before a start that failed is tried again: at first, at most


class Sandboxed(msgspec.Struct, frozen=True):
    """A contract as the pool needs it.

    Args:
        source: the text of `contract.py`.
        gas_limit: units of wasm fuel for one verification.
    """

    source: str
    gas_limit: int = LIMITS.gas_default

    @property
    def key(self) -> str:
        """A name for the loaded contract: the digest of source and gas limit."""
        text = self.source.encode(errors="surrogatepass")
        return f"{hashlib.sha256(text).hexdigest()}/{self.gas_limit}"


class Pool:
    """Judges transactions in worker processes. Safe to use from several threads.

    Args:
        runtime: whose artifact the workers run.
        size: worker processes; the number of cores when None.
        capacity: contracts that a worker keeps loaded.
        deadline: seconds for one transaction, after which it gets "try again".
        spares: workers that wait to replace another.
        progress: is told in a sentence what takes time.

    Raises:
        SandboxUnavailable: no worker can be started here.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        size: int | None = None,
        capacity: int = CAPACITY,
        deadline: float = DEADLINE,
        spares: int = 1,
        progress: Progress | None = None,
    ) -> None:
        Machine(runtime, ticking=False, progress=progress)  # makes the native code, once
        cache = runtime.folder.parents[1]
        self._start = protocol.Start(runtime.id, str(cache), capacity, deadline)
        self.size = size or os.cpu_count() or 1
        self._ready = threading.Condition()
        self._closed = False
        self._absent = 0
        self._ended = threading.Event()
        self._starting = ThreadPoolExecutor(self.size + spares, "sandbox-start")
        self._working = ThreadPoolExecutor(self.size, "sandbox-pool")
        workers = list(self._starting.map(self._new_worker, range(self.size)))
        self._idle: deque[WorkerProcess] = deque(workers)
        self._waiting: deque[Future[WorkerProcess]] = deque()
        self._order_spares(spares)

    def _new_worker(self, _number: int = 0) -> WorkerProcess:
        return WorkerProcess(self._start)

    def _order_spares(self, count: int) -> None:
        for _ in range(count):
            self._waiting.append(self._starting.submit(self._new_worker))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """How well the workers are jailed on this machine."""
        worker = self._take("")
        try:
            return worker.layers
        finally:
            self._give(worker)

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers that are idle now."""
        with self._ready:
            return tuple(worker.pid for worker in self._idle)

    def judge(
        self, contract: Sandboxed, transactions: Sequence[str], *, want_memory_digest: bool = False
    ) -> list[Outcome]:
        """Judge transactions under one contract, spread over the workers.

        Returns:
            One outcome for each, in order.
        """
        jobs = [
            self._working.submit(self._run, contract, part, want_memory_digest)
            for part in _parts(transactions, self.size)
        ]
        return [outcome for job in jobs for outcome in job.result()]

    def _run(
        self,
        contract: Sandboxed,
        transactions: Sequence[str],
        want_memory_digest: bool,  # noqa: FBT001 -- passed on by `judge`
    ) -> list[Outcome]:
        """Judge a part on one worker, going on with another when it is lost.

        The next one sends each outcome at once, so that only the transaction on which a worker is
        lost, and not one judged shortly before it, goes without a verdict.
        """
        outcomes: list[Outcome] = []
        for attempt in range(_RESTARTS):
            if len(outcomes) == len(transactions):
                break
            try:
                worker = self._take(contract.key)
            except SandboxUnavailable as error:
                return _given_back(outcomes, transactions, str(error))
            answers = worker.judge(
                contract.key,
                contract.gas_limit,
                contract.source,
                transactions[len(outcomes) :],
                want_memory_digest=want_memory_digest,
                at_once=attempt > 0,
            )
            try:
                for some in answers:  # as they come: what came before a loss stays
                    outcomes.extend(some)
            except WorkerLost as lost:
                outcomes.append(Outcome(Unavailable(f"the worker was lost ({lost}); try again")))
                worker.kill()
                self._replace()
            else:
                self._give(worker)
        return _given_back(outcomes, transactions, "workers keep dying; try again")

    def _take(self, contract: str) -> WorkerProcess:
        """Take an idle worker, one that has the contract loaded when there is one."""
        while True:
            with self._ready:
                if not self._ready.wait_for(lambda: self._idle or self._closed, _WAIT):
                    raise SandboxUnavailable("no worker is free; try again")
                if self._closed:
                    raise SandboxUnavailable("the sandbox is closed")
                worker = next((w for w in self._idle if w.holds(contract)), self._idle[0])
                self._idle.remove(worker)
            if worker.alive():
                return worker
            worker.kill()
            self._replace()

    def _give(self, worker: WorkerProcess) -> None:
        with self._ready:
            if not self._closed:
                self._idle.append(worker)
                self._ready.notify()
                return
        worker.stop()

    def _replace(self) -> None:
        """Put a spare in the place of a dead worker, and order another spare."""
        with self._ready:
            if self._closed:
                return
            spare = self._waiting.popleft() if self._waiting else None
            self._order_spares(1)
            self._absent += 1
            self._starting.submit(self._bring, spare)

    def _bring(self, spare: Future[WorkerProcess] | None) -> None:
        """Give the pool a worker, the spare or a new one, however many starts that takes.

        A worker may be killed while it starts: were it left at that, the pool would shrink for
        good, and in the end judge nothing.
        """
        pause, most = _PAUSES
        while not self._ended.is_set():
            try:
                worker = spare.result() if spare else self._new_worker()
            except (SandboxUnavailable, OSError):
                spare = None
                self._ended.wait(pause)
                pause = min(2 * pause, most)
            else:
                with self._ready:
                    self._absent -= 1
                self._give(worker)
                return

    def alive(self) -> bool:
        """Return whether any worker is there, idle or at work."""
        with self._ready:
            return not self._closed and self._absent < self.size

    def close(self) -> None:
        """Stop every worker."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
            self._ended.set()
            idle, self._idle = list(self._idle), deque()
        self._working.shutdown(wait=True)
        self._starting.shutdown(wait=True)
        spares = [s.result() for s in self._waiting if s.exception() is None]
        for worker in [*idle, *spares]:
            worker.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def jail_report(runtime: Runtime) -> tuple[Layer, ...]:
    """Start one worker, and return which layers of its jail hold on this machine.

    Raises:
        SandboxUnavailable: no worker can be started here.
    """
    with Pool(runtime, size=1, spares=0) as pool:
        return pool.layers


def _parts(transactions: Sequence[str], workers: int) -> Iterator[Sequence[str]]:
    """Cut into consecutive parts: at most `_CHUNK` long, and enough for every worker."""
    size = max(1, min(_CHUNK, -(-len(transactions) // workers)))
    for start in range(0, len(transactions), size):
        yield transactions[start : start + size]


def _given_back(outcomes: list[Outcome], transactions: Sequence[str], reason: str) -> list[Outcome]:
    missing = len(transactions) - len(outcomes)
    return outcomes + [Outcome(Unavailable(reason))] * missing
