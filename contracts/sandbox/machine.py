"""wasmtime, set up so that a verdict is a pure function of runtime, contract and transaction.

There are no imports, fuel counts every instruction (bulk operations by their bytes), NaNs are
made canonical, memory and stack have fixed limits. The epoch is the one thing here that
follows a clock: it interrupts a call that overruns, which is never a verdict.
"""

import ctypes
import enum
import threading
import time
from typing import TYPE_CHECKING

import msgspec
import wasmtime
from wasmtime import _ffi as ffi
from wasmtime import component

from contracts.errors import RuntimeInvalid, SandboxUnavailable
from contracts.sandbox.limits import LIMITS
from contracts.sandbox.memory import LinearMemory, Reset, best_reset
from contracts.sandbox.runtime import Progress, Runtime, native_code

if TYPE_CHECKING:
    _SizePointer = ctypes._Pointer[ctypes.c_size_t]  # noqa: SLF001 -- ctypes names no public type
    _ErrorPointer = ctypes._Pointer[ffi.wasmtime_error_t]  # noqa: SLF001

TICK = 0.01  # seconds between two steps of the epoch
DEEP_STACK = 512 << 20  # bytes of native stack of a thread that calls WebAssembly
_NEVER = 1 << 40  # ticks
_ASYNC_STACK_MARGIN = 1 << 20  # bytes; wasmtime wants the async stack larger than the wasm stack
_INSTANTIATION_GAS = 1_000_000_000  # nothing of a contract runs while an instance is made
_ANSWER_LIMIT = 8 << 10  # bytes; an honest answer has a code, a line and 1,000 characters
FUNCTIONS = ("load", "verify-rows")
"""What an artifact exports; `contracts.sandbox.rows` writes what the second takes."""

_DATA_OFFSET = ffi.wasmtime_component_val_t.of.offset + ctypes.sizeof(ctypes.c_size_t)
# bytes: in a value that is a string the size stands first, then the pointer
_CAUSES = (
    ("all fuel consumed by WebAssembly", "fuel"),
    ("wasm trap: interrupt", "deadline"),
    ("call stack exhausted", "stack"),
    ("out of bounds memory access", "memory access out of bounds"),
    ("unreachable", "the interpreter gave up"),
)


class Generator(enum.StrEnum):
    """How native code is made from the artifact; the verdict must not depend on it."""

    OPTIMISED = "cranelift-speed"
    PLAIN = "cranelift-none"


class Trapped(Exception):
    """A call did not come to its end; the instance is of no more use.

    Args:
        cause: `fuel`, `deadline`, `stack`, or a phrase.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Usage(msgspec.Struct, frozen=True):
    """What a call used: wasm fuel."""

    answer: str
    gas: int


class Machine:
    """One runtime, ready to make instances.

    Args:
        runtime: whose artifact to run.
        generator: how native code is made.
        reset: how instances go back to their snapshot; the best that works when None.
        progress: is told in a sentence what takes time.
        ticking: move the epoch on in a thread, so that deadlines hold; a process that calls
            `tick_for_ever` itself says no.
    """

    def __init__(
        self,
        runtime: Runtime,
        generator: Generator = Generator.OPTIMISED,
        *,
        reset: Reset | None = None,
        progress: Progress | None = None,
        ticking: bool = True,
    ) -> None:
        self.runtime = runtime
        self.reset = best_reset() if reset is None else reset
        self._memories: dict[int, LinearMemory] = {}  # by base address
        self._making = threading.Lock()
        self._made: list[LinearMemory] = []
        self.engine = wasmtime.Engine(self._configuration(generator))

        def compile_artifact(artifact: bytes) -> bytes:
            if progress:
                progress("compiling the contract sandbox, once on this machine (about 10 s)")
            return bytes(component.Component(self.engine, artifact).serialize())

        native = native_code(runtime, generator, compile_artifact)
        try:
            self._component = component.Component.deserialize_file(self.engine, str(native))
        except wasmtime.WasmtimeError as error:
            raise RuntimeInvalid(f"{native} is of no use here, remove it: {error}") from error
        self._linker = component.Linker(self.engine)
        self._ticker = _Ticker(self.engine) if ticking else None

    def close(self) -> None:
        """Stop the clock of deadlines."""
        if self._ticker is not None:
            self._ticker.stop()

    def _configuration(self, generator: Generator) -> wasmtime.Config:
        configuration = wasmtime.Config()
        configuration.strategy = "cranelift"
        configuration.cranelift_opt_level = "speed" if generator is Generator.OPTIMISED else "none"
        configuration.cranelift_nan_canonicalization = True
        configuration.consume_fuel = True
        configuration.epoch_interruption = True
        configuration.wasm_threads = False
        configuration.wasm_relaxed_simd = False
        ffi.wasmtime_config_async_stack_size_set(
            configuration.ptr(), LIMITS.stack + _ASYNC_STACK_MARGIN
        )
        configuration.max_wasm_stack = LIMITS.stack
        configuration.memory_init_cow = False  # it does not go with memory of ours
        if self.reset is not Reset.FRESH:
            self._create_memories(configuration)
        return configuration

    def _create_memories(self, configuration: wasmtime.Config) -> None:
        """Hand wasmtime memory of ours. The callbacks live as long as this machine."""

        def get(base: int, size: "_SizePointer", limit: "_SizePointer") -> int:
            memory = self._memories[base]
            size[0] = memory.size
            limit[0] = memory.limit
            return memory.base

        def grow(base: int, size: int) -> int:
            return 0 if self._memories[base].grow(size) else _no_memory()

        self._get = ffi.wasmtime_memory_get_callback_t(get)
        self._grow = ffi.wasmtime_memory_grow_callback_t(grow)
        nothing = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

        def new(_env, _type, minimum, _maximum, reserved, guard, made):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 -- the C signature
            limit = min(LIMITS.memory, reserved)
            if minimum > limit:
                return _no_memory()
            try:
                memory = LinearMemory(minimum, reserved + guard, limit, self.reset)
            except OSError:
                return _no_memory()
            self._memories[memory.base] = memory
            self._made.append(memory)
            made[0].env = memory.base
            made[0].get_memory = self._get
            made[0].grow_memory = self._grow
            made[0].finalizer = nothing()
            return 0

        self._new = ffi.wasmtime_new_memory_callback_t(new)
        creator = ffi.wasmtime_memory_creator_t()
        creator.new_memory = self._new  # type: ignore[assignment] # the stub names no function type
        creator.finalizer = nothing()  # type: ignore[assignment] # likewise
        ffi.wasmtime_config_host_memory_creator_set(configuration.ptr(), ctypes.byref(creator))

    def instantiate(self) -> "Body":
        """Make an instance that holds no contract yet.

        Raises:
            SandboxUnavailable: this machine has no memory for it.
        """
        with self._making:
            self._made = []
            store = wasmtime.Store(self.engine)
            store.set_limits(memory_size=LIMITS.memory)
            store.set_fuel(_INSTANTIATION_GAS)
            store.set_epoch_deadline(_NEVER)
            try:
                instance = self._linker.instantiate(store, self._component)
            except wasmtime.WasmtimeError as error:
                store.close()
                self.forget(self._made)
                raise SandboxUnavailable(f"no instance could be made: {error}") from error
            return Body(self, store, instance, self._made)

    def forget(self, memories: list[LinearMemory]) -> None:
        """Give memories back whose store is closed."""
        for memory in memories:
            del self._memories[memory.base]
            memory.close()


class Body:
    """One instance of the interpreter, and its memory. Not safe for two threads at once."""

    def __init__(
        self,
        machine: Machine,
        store: wasmtime.Store,
        instance: component.Instance,
        memories: list[LinearMemory],
    ) -> None:
        self.memories = memories
        self._machine = machine
        self._store = store
        self._context = store._context()  # noqa: SLF001 -- saves a look-up on the hot path
        self._functions = {name: _function(instance, store, name) for name in FUNCTIONS}
        self._argument = ffi.wasmtime_component_val_t()
        self._argument.kind = ffi.WASMTIME_COMPONENT_STRING
        self._text = ctypes.c_char_p.from_buffer(self._argument, _DATA_OFFSET)
        self._result = ffi.wasmtime_component_val_t()
        self._open = True

    def call(self, name: str, text: bytes, gas: int, deadline: float) -> Usage:
        """Call one of `FUNCTIONS` with a text in UTF-8.

        Args:
            name: the function.
            text: its argument.
            gas: units of fuel that it may use.
            deadline: seconds that it may take.

        Raises:
            Trapped: it did not come to its end.
        """
        store, argument, result = self._store, self._argument, self._result
        store.set_fuel(gas)
        store.set_epoch_deadline(int(deadline / TICK) + 1)
        argument.of.string.size = len(text)
        self._text.value = text  # a pointer to its bytes, which outlive the call
        error = ffi.wasmtime_component_func_call(
            ctypes.byref(self._functions[name]),
            self._context,
            ctypes.byref(argument),
            1,
            ctypes.byref(result),
            1,
        )
        if error:  # type: ignore[truthy-bool] # a null pointer is false
            raise Trapped(_cause(error))
        held = result.of.string
        size = min(held.size, _ANSWER_LIMIT)
        answer = ctypes.string_at(held.data, size).decode(errors="replace") if size else ""
        ffi.wasm_byte_vec_delete(ctypes.byref(held))
        return Usage(answer, gas - store.get_fuel())

    def snapshot(self) -> None:
        """Make the present state the one that `reset` returns to."""
        for memory in self.memories:
            memory.snapshot()

    def reset(self) -> bool:
        """Go back to the snapshot; false when the instance has to be given up."""
        return all([memory.reset() for memory in self.memories])  # noqa: C419 -- every one, also after a false

    def digest(self) -> str:
        """Return the digest over linear memory (`sha256:<hex>`); needs memory of ours."""
        return "+".join(memory.digest() for memory in self.memories)

    def close(self) -> None:
        """Give everything back."""
        if self._open:
            self._open = False
            self._store.close()
            self._machine.forget(self.memories)

    def __del__(self) -> None:
        self.close()


def _function(
    instance: component.Instance, store: wasmtime.Store, name: str
) -> ffi.wasmtime_component_func_t:
    function = instance.get_func(store, name)
    if function is None:
        raise RuntimeInvalid(f"the artifact exports no function {name!r}")
    return function._func  # noqa: SLF001 -- calling the wrapper looks the type up every time


def _no_memory() -> int:
    """Return the address of an error that wasmtime takes over: what its callbacks answer."""
    error = ffi.wasmtime_error_new(b"no memory")
    return ctypes.cast(error, ctypes.c_void_p).value or 0


def _cause(error: "_ErrorPointer") -> str:
    message = str(wasmtime.WasmtimeError._from_ptr(error))  # noqa: SLF001 -- the only way from a pointer
    return next((cause for text, cause in _CAUSES if text in message), "the interpreter broke")


class _Ticker:
    """Moves the epoch of one engine on, in a thread of its own, until it is stopped."""

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-epoch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(TICK):
            self._engine.increment_epoch()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()


def tick_for_ever(engine: wasmtime.Engine) -> None:
    """Move the epoch on until the process ends."""
    while True:
        time.sleep(TICK)
        engine.increment_epoch()
