"""The process in which an author's properties run: jailed, with one socket to the gate.

Started as `python -I -m contracts.gates.property_process DESCRIPTOR`. Everything that Hypothesis
loads late is loaded by a failing trial run before the jail closes. `properties.py` is a
stranger's program: it can spoil its own result and nothing else.
"""

import atexit  # noqa: F401 - the system call filter wants it once files are gone
import builtins
import io
import linecache
import os
import socket
import struct
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import hypothesis
import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import HypothesisException

from contracts import trials
from contracts.manifest import Effect
from contracts.sandbox import jail

PREFIX = "property_"
FILE = "properties.py"
MAX_MESSAGE = 4 << 20
"""Bytes of the largest message in either direction."""

MEMORY = 1 << 30
"""Bytes of memory that properties may use."""

MAX_SAID = 1_000
"""Characters of what a failing property says."""


class Start(msgspec.Struct, frozen=True, tag="start"):
    """What to run: the source of `properties.py`, and what its strategies draw from."""

    source: str
    examples: tuple[dict[str, Any], ...]
    effects: dict[str, Effect]
    seed: int
    count: int


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Child to gate: judge this transaction (JSON text)."""

    transaction: str


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """Gate to child: the code of the verdict; None for accepted."""

    code: str | None


class PropertyResult(msgspec.Struct, frozen=True):
    """How one property fared.

    Args:
        name: the function's name.
        passed: whether it held.
        said: what went wrong.
        line: where in `properties.py`.
        transaction: the last transaction that was judged before it failed.
    """

    name: str
    passed: bool
    said: str = ""
    line: int | None = None
    transaction: str | None = None


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Child to gate: everything has run."""

    results: tuple[PropertyResult, ...]


Message = Start | Ask | Answer | Done
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def send(connection: socket.socket, message: Message) -> None:
    """Send one message, its length before it."""
    data = msgspec.json.encode(message)
    connection.sendall(struct.pack(">I", len(data)) + data)


def receive(connection: socket.socket) -> Message:
    """Return the next message.

    Raises:
        OSError: the connection ended, or what came is no message.
    """
    (length,) = struct.unpack(">I", _exactly(connection, 4))
    if length > MAX_MESSAGE:
        raise ConnectionError(f"a message of {length} bytes")
    try:
        return _decoder.decode(_exactly(connection, length))
    except msgspec.MsgspecError as error:
        raise ConnectionError(f"not a message: {error}") from error


def _exactly(connection: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            raise ConnectionError("the connection ended")
        parts += part
    return bytes(parts)


class _Asking:
    """Asks the gate for verdicts, and remembers the last question."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.last: str | None = None

    def __call__(self, transaction: trials.Json) -> str | None:
        text = msgspec.json.encode(transaction).decode()
        self.last = text
        send(self._connection, Ask(text))
        answer = receive(self._connection)
        if not isinstance(answer, Answer):
            raise ConnectionError("expected an answer")
        return answer.code


def _settings(count: int) -> settings:
    return settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )


_REHEARSAL = """
from hypothesis import given, strategies

@given(strategies.tuples(strategies.integers(0, 9), strategies.lists(strategies.integers())))
def property_that_fails(drawn):
    assert drawn[0] < 3 and len(drawn[1]) < 2, drawn

@given(strategies.integers())
def property_that_holds(drawn):
    assert drawn is not None
"""


def _rehearse() -> None:
    """Fail once, so that everything that Hypothesis loads late is there."""
    example = {"contract": {}, "facts": {"rights": {}}, "inputs": [], "outputs": [], "commands": []}
    results = _run(Start(_REHEARSAL, (example,), {}, 1, 20), lambda: None)
    if [result.passed for result in results] != [False, True]:
        raise RuntimeError(f"the rehearsal went wrong: {results}")


def _no_files(*_arguments: object, **_named: object) -> Any:
    raise FileNotFoundError("there are no files where properties run")


def _forget_files() -> None:
    """Answer politely where the jail would end the process: nothing is there to be found.

    This is no wall, the jail is; it lets Hypothesis look for sources that it cannot have.
    """
    os.getcwd = lambda: "/"
    for name in ("stat", "lstat", "open", "listdir", "scandir", "readlink", "access"):
        setattr(os, name, _no_files)
    builtins.open = io.open = _no_files
    sys.meta_path.clear()
    warnings.simplefilter("ignore")


def _outcome(
    name: str, function: Callable[[], None], last: Callable[[], str | None]
) -> PropertyResult:
    try:
        function()
    except ConnectionError:
        raise
    except (Exception, HypothesisException) as error:  # noqa: BLE001 - a property may raise anything
        trace, line = error.__traceback__, None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == FILE:
                line = trace.tb_lineno
            trace = trace.tb_next
        said = f"{type(error).__name__}: {error}"[:MAX_SAID]
        return PropertyResult(name, False, said, line, last())
    return PropertyResult(name, True)


def _run(
    start: Start, last: Callable[[], str | None], asking: trials.Judge | None = None
) -> tuple[PropertyResult, ...]:
    module = types.ModuleType("properties")
    linecache.cache[FILE] = (len(start.source), None, start.source.splitlines(True), FILE)
    sys.modules["properties"] = module
    with trials.using(asking or (lambda _: None), start.examples, start.effects):
        try:
            code = compile(start.source, FILE, "exec", dont_inherit=True)
            exec(code, module.__dict__)  # noqa: S102 - this is what the jail is for
        except Exception as error:  # noqa: BLE001 - whatever it raises is the author's
            return (PropertyResult(FILE, False, f"does not load: {error!r}"[:MAX_SAID]),)
        results = []
        for name, function in sorted(vars(module).items()):
            if name.startswith(PREFIX) and callable(function):
                seeded = _settings(start.count)(hypothesis.seed(start.seed)(function))
                results.append(_outcome(name, seeded, last))
    if not results:
        return (PropertyResult(FILE, False, f"has no function that begins with {PREFIX}"),)
    return tuple(results)


def main() -> None:
    """Serve one gate."""
    descriptor = int(sys.argv[1])
    connection = socket.socket(fileno=descriptor)
    hypothesis.reporting.reporter.value = lambda _text: None
    _rehearse()
    jail.enter_alone({descriptor}, MEMORY)
    _forget_files()
    _rehearse()
    jail.enter_threads()
    start = receive(connection)
    if isinstance(start, Start):
        asking = _Asking(connection)
        send(connection, Done(_run(start, lambda: asking.last, asking)))


if __name__ == "__main__":
    main()
