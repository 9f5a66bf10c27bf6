"""The sandbox inside one process: load a contract, judge transactions, each from fresh state.

    machine = Machine(runtime.obtain())
    instance = load(machine, source, gas_limit=50_000_000)
    outcome = instance.verify(transaction_json)

Calls run on threads with a deep native stack; they may come from any thread.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import msgspec

from contracts.errors import LoadRefused, SandboxUnavailable
from contracts.sandbox.limits import LIMITS
from contracts.sandbox.machine import DEEP_STACK, Body, Machine, Trapped
from contracts.sandbox.memory import Reset
from contracts.sandbox.rows import rows
from contracts.sandbox.verdicts import Outcome, decode_answer, showable
from ledger.verification import OutOfGas, Rejected, Unavailable

DEADLINE = 5.0  # seconds; the highest gas limit takes about 0.3 s
_P = ParamSpec("_P")
_T = TypeVar("_T")
_DEEP_NAME = "sandbox-deep"
_DEEP_THREADS = 2

_deep: ThreadPoolExecutor | None = None
_deep_lock = threading.Lock()


def on_deep_stack(function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
    """Run a function on a thread whose native stack is deep enough for WebAssembly."""
    if threading.current_thread().name.startswith(_DEEP_NAME):
        return function(*arguments, **named)
    return _deep_threads().submit(function, *arguments, **named).result()


def _deep_threads() -> ThreadPoolExecutor:
    global _deep  # noqa: PLW0603 -- one set of threads per process, made at the first use
    with _deep_lock:
        if _deep is None:
            executor = ThreadPoolExecutor(_DEEP_THREADS, thread_name_prefix=_DEEP_NAME)
            before = threading.stack_size(DEEP_STACK)
            try:  # threads are made on demand: demand all of them while the size is set
                meeting = threading.Barrier(_DEEP_THREADS)
                for done in [executor.submit(meeting.wait) for _ in range(_DEEP_THREADS)]:
                    done.result()
            finally:
                threading.stack_size(before)
            _deep = executor
        return _deep


class Instance:
    """One contract, loaded. Every call starts from the state right after loading.

    An instance that trapped or whose memory grew is replaced before the next call; the caller
    sees no difference.

    Args:
        machine: where it runs.
        source: the contract.
        gas_limit: units of wasm fuel for one verification.
        fresh: make a new instance for every call, instead of resetting one.
        deadline: seconds for one call.
        spare: an instance that holds no contract yet.
        used: is told the gas of each verdict; may raise to stop who asked.
    """

    def __init__(
        self,
        machine: Machine,
        source: str,
        gas_limit: int,
        *,
        fresh: bool = False,
        deadline: float = DEADLINE,
        spare: Body | None = None,
        used: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._machine = machine
        self._source = source
        self._gas_limit = gas_limit
        self._fresh = fresh or machine.reset is Reset.FRESH
        self._deadline = deadline
        self._used = used
        self._lock = threading.Lock()
        self.load_gas = 0
        self._body: Body | None = on_deep_stack(self._load, spare)

    def _load(self, spare: Body | None = None) -> Body:
        text = _source_bytes(self._source)
        body = spare or self._machine.instantiate()
        try:
            used = body.call("load", text, LIMITS.load_gas, self._deadline)
        except Trapped as trap:
            body.close()
            raise _load_failure(trap) from None
        if used.answer:
            body.close()
            verdict = decode_answer(used.answer, used.gas)
            if isinstance(verdict, Rejected):
                raise LoadRefused(f"line {verdict.line}: {verdict.message}", verdict)
        self.load_gas = used.gas
        if not self._fresh:
            body.snapshot()
        return body

    def verify(self, transaction: str, *, want_memory_digest: bool = False) -> Outcome:
        """Judge one transaction.

        Args:
            transaction: JSON in the shape of `contracts.author`.
            want_memory_digest: also digest linear memory as the call left it (about 40 ms).

        Returns:
            The verdict, or that this node could not judge in time.
        """
        with self._lock:
            outcome = on_deep_stack(self.judge, transaction, want_memory_digest)
        if not isinstance(outcome.verdict, Unavailable):
            self._used(outcome.verdict.gas)
        return outcome

    def judge(self, transaction: str, want_memory_digest: bool = False) -> Outcome:  # noqa: FBT001, FBT002 -- passed on by `verify`
        """Do what `verify` does, on the calling thread, which has to be deep."""
        text = transaction.encode(errors="replace")
        if len(text) > LIMITS.transaction:
            message = f"{len(text)} bytes of transaction, at most {LIMITS.transaction}"
            return Outcome(Rejected("E_TRANSACTION", message, 0, 0))
        try:
            values = rows(text)
        except msgspec.DecodeError as error:
            message = f"not a transaction: {showable(str(error))}"
            return Outcome(Rejected("E_TRANSACTION", message, 0, 0))
        try:
            body = self._body or self._load()
        except (LoadRefused, SandboxUnavailable) as error:  # it loaded before: not the contract
            return Outcome(Unavailable(f"the contract did not load again: {error}"))
        self._body = None
        try:
            used = body.call("verify-rows", values, self._gas_limit, self._deadline)
        except Trapped as trap:
            body.close()
            return Outcome(_trap_verdict(trap, self._gas_limit))
        digest = body.digest() if want_memory_digest and body.memories else None
        if not self._fresh and body.reset():
            self._body = body
        else:
            body.close()
        return Outcome(decode_answer(used.answer, used.gas), digest)

    def close(self) -> None:
        """Give the memory back."""
        with self._lock:
            if self._body is not None:
                self._body.close()
                self._body = None


def load(
    machine: Machine,
    source: str,
    gas_limit: int = LIMITS.gas_default,
    *,
    fresh: bool = False,
    deadline: float = DEADLINE,
    used: Callable[[int], None] = lambda _: None,
) -> Instance:
    """Load a contract's source.

    Raises:
        LoadRefused: the source does not compile, raises, has no `verify`, is too long, or
            uses up the gas for loading; its `verdict` is what every transaction gets.
        SandboxUnavailable: this machine could not load it in time or in memory: try again.
    """
    gas = min(gas_limit, LIMITS.gas_maximum)
    return Instance(machine, source, gas, fresh=fresh, deadline=deadline, used=used)


def _source_bytes(source: str) -> bytes:
    try:
        text = source.encode()
    except UnicodeEncodeError as error:
        verdict = Rejected("E_SOURCE", "the source is not valid text", 0, 0)
        raise LoadRefused(verdict.message, verdict) from error
    if len(text) > LIMITS.source:
        verdict = Rejected(
            "E_SOURCE", f"{len(text)} bytes of source, at most {LIMITS.source}", 0, 0
        )
        raise LoadRefused(verdict.message, verdict)
    return text


def _load_failure(trap: Trapped) -> Exception:
    verdict = _trap_verdict(trap, LIMITS.load_gas)
    if isinstance(verdict, Unavailable):
        return SandboxUnavailable(verdict.reason)
    if isinstance(verdict, OutOfGas):
        return LoadRefused(f"loading used up all {LIMITS.load_gas} units of gas", verdict)
    if isinstance(verdict, Rejected):
        return LoadRefused(verdict.message, verdict)
    raise AssertionError(verdict)


def _trap_verdict(trap: Trapped, gas_limit: int) -> Rejected | OutOfGas | Unavailable:
    match trap.cause:
        case "fuel":
            return OutOfGas(gas_limit)
        case "deadline":
            return Unavailable("the call took longer than this node allows; try again")
        case "stack":
            return Unavailable("native stack used up; try again on another node")
        case cause:
            return Rejected("E_TRAP", cause, 0, 0)
