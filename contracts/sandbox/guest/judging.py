"""Loads one contract, and judges one transaction at a time.

It runs in CPython compiled to WebAssembly, without any import. What it forbids to a contract
(modules, `open`, `eval`) is a courtesy that makes mistakes show early; the walls are the
sandbox's. Nothing here keeps a contract from replacing any of it, and nothing relies on that.
"""

import builtins
import gc
import json
import sys
import types
from typing import Any

import wit_world
from preparation import LIBRARY, fill_holes

from contracts.author import (
    Contract,
    Facts,
    Rejected,
    RightFacts,
    Signers,
    Token,
    Transaction,
    Transfer,
)

ALLOWED = (*LIBRARY, "contracts.author")
WITHHELD = (
    "breakpoint",
    "compile",
    "copyright",
    "credits",
    "eval",
    "exec",
    "exit",
    "globals",
    "help",
    "input",
    "license",
    "locals",
    "memoryview",
    "open",
    "quit",
    "vars",
)
# Imported in a contract's name by what is written in C: strptime, strftime, annotations.
IN_ITS_NAME = ("_strptime", "annotationlib", "time")
HEADROOM = 8 << 20  # bytes in one piece, so that an ordinary call does not make memory grow
MESSAGE_LIMIT = 1_000  # characters
CODE_LIMIT = 80  # characters; a valid code has at most 64
# The parser would look for this file to show a line of it; as the name cannot be encoded it
# does not, and takes the line from the source that it has.
SOURCE_NAME = "contract.py\ud800"


class _Silence:
    """Takes what a contract prints, and keeps none of it."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        return None


_import = builtins.__import__


def _import_for_contract(
    name: str, scope: Any = None, local: Any = None, wanted: Any = (), level: int = 0
) -> Any:
    asking = scope.get("__name__") if scope is not None else None
    if asking == "contract" and (level or name not in ALLOWED + IN_ITS_NAME):
        raise ImportError(f"module {name!r} is not available to contracts")
    return _import(name, scope, local, wanted, level)


_builtins = {name: value for name, value in vars(builtins).items() if name not in WITHHELD}
_builtins["__import__"] = _import_for_contract
_contract: dict[str, Any] = {}  # holds the function `verify` of the contract that is loaded


def _line(error: BaseException) -> int:
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == SOURCE_NAME:
            line = trace.tb_lineno or 0
        trace = trace.tb_next
    return line


def _answer(error: BaseException) -> str:
    line = _line(error)
    if isinstance(error, Rejected):
        code, message = error.code, error.message
    else:
        shown = error.msg if isinstance(error, SyntaxError) else str(error)
        code, message = "E_EXCEPTION", f"{type(error).__name__}: {shown}"
    answer = f"{code[:CODE_LIMIT]}\0{line}\0{message[:MESSAGE_LIMIT]}"
    return answer.encode(errors="replace").decode()


def _refusal(error: BaseException) -> str:
    try:
        return _answer(error)
    except BaseException:  # noqa: BLE001 -- the error's own text is the contract's to break
        return "E_EXCEPTION\0" + "0\0an exception that cannot be shown"


def _load(source: str) -> str:
    _contract.clear()
    module = types.ModuleType("contract")
    module.__dict__["__builtins__"] = _builtins
    sys.modules["contract"] = module
    try:
        code = compile(source, SOURCE_NAME, "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 -- this is what the sandbox is for
        _contract["verify"] = verify = module.__dict__.get("verify")
        if not callable(verify):
            return "E_NO_VERIFY\0" + "0\0the contract has no function verify(tx)"
    except BaseException as error:  # noqa: BLE001 -- whatever a contract raises is an answer
        return _refusal(error)
    return ""


_scan = json.JSONDecoder().scan_once
_held: list[Any] = []


def _tokens(fields: list[Any]) -> tuple[Token, ...]:
    each = iter(fields)
    rows = zip(each, each, each, each, each)  # noqa: B905 -- an argument by name costs more
    return tuple([Token(a, b, c, d, e) for a, b, c, d, e in rows])


def _transfers(fields: list[Any]) -> tuple[Transfer, ...]:
    if not fields:
        return ()
    e = iter(fields)
    rows = zip(e, e, e, e, e, e, e, e, e, e, e, e)  # noqa: B905 -- likewise
    return tuple(
        [
            Transfer(a, b, c, d, f, g, h, i, j, k, m, n)
            for a, b, c, d, f, g, h, i, j, k, m, n in rows
        ]
    )


def _transaction(values: list[Any]) -> Transaction:
    """Return the transaction in the values that `contracts.sandbox.rows` writes."""
    (
        name,
        version,
        registered_at,
        inputs,
        outputs,
        commands,
        investors,
        members,
        session,
        rights,
        trades,
        cancelled,
    ) = values
    each = iter(rights)
    rows = zip(each, each, each, each, each, each)  # noqa: B905 -- likewise
    facts = Facts(
        session,
        {right: RightFacts(a, b, c, d, e) for right, a, b, c, d, e in rows},
        dict(zip(trades, _transfers(cancelled), strict=True)) if trades else {},
    )
    return Transaction(
        Contract(name, version),
        registered_at,
        _tokens(inputs),
        _tokens(outputs),
        _transfers(commands),
        Signers(frozenset(investors), frozenset(members)),
        facts,
    )


def _judge(rows: str) -> str:
    try:
        values, _ = _scan(rows, 0)
        tx = _transaction(values)
        _held.append((values, tx))  # freeing it all at the end is wasted: memory is put back
        _contract["verify"](tx)
    except BaseException as error:  # noqa: BLE001 -- whatever a contract raises is an answer
        return _refusal(error)
    return ""


class WitWorld(wit_world.WitWorld):
    """The two functions that the world exports."""

    def load(self, source: str) -> str:
        """Compile and run the source; empty when it offers `verify`."""
        return _load(source)

    def verify_rows(self, rows: str) -> str:
        """Judge; empty when the contract accepts."""
        return _judge(rows)


def _warm() -> None:
    """Run the common path while the artifact is built, so that its bytecode is specialised."""
    token = ["A", "I", 1, "", {}]
    command = ["A", "A", "A", "A", "A", 1, "A", "A", "A", "A", "A", {}]
    right = ["A", "r", True, 1, 1, "2030-01-01"]
    at = "2025-01-01T00:00:00Z"
    parts = ["n", "1", at, token * 3, token * 3, command, ["I"], ["m"], "open", right]
    rows = json.dumps([*parts, ["A"], command], separators=(",", ":"))
    source = (
        "from contracts.author import Rejected\n"
        "def verify(tx):\n"
        "    if tx.inputs[0].quantity != 2: raise Rejected('E_A', 'a')\n"
    )
    for _ in range(60):
        _load(source)
        _judge(rows)
        _held.clear()
    _contract.clear()
    sys.modules.pop("contract", None)


sys.stdout = sys.stderr = _Silence()
sys.path = []
sys.path_hooks = []
sys.path_importer_cache.clear()
sys.meta_path = [sys.meta_path[0], sys.meta_path[1]]  # built in and frozen: there are no files
sys.unraisablehook = sys.excepthook = lambda *_: None
_warm()
gc.collect()
gc.freeze()
fill_holes()
bytes(HEADROOM)
