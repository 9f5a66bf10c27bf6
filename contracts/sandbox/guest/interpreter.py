"""The program inside the sandbox: loads one contract, judges one transaction at a time.

It runs in CPython compiled to WebAssembly, without any import. What it forbids to a contract
(modules, `open`, `eval`) is a courtesy that makes mistakes show early; the walls are the
sandbox's. Nothing here keeps a contract from replacing any of it, and nothing relies on that.
"""

import builtins
import gc
import importlib
import json
import sys
import types
import warnings
from typing import Any

import wit_world

from contracts.author import Rejected, Transaction, Transfer

ALLOWED = (
    "__future__",
    "abc",
    "base64",
    "binascii",
    "bisect",
    "collections",
    "collections.abc",
    "contextlib",
    "contracts.author",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "json",
    "math",
    "numbers",
    "operator",
    "re",
    "string",
    "types",
    "typing",
)
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
# What the modules above import when they are first used, and the codecs of str.encode.
SUPPORTING = (
    "_strptime",
    "annotationlib",
    "calendar",
    "encodings.ascii",
    "encodings.hex_codec",
    "encodings.latin_1",
    "encodings.raw_unicode_escape",
    "encodings.unicode_escape",
    "encodings.utf_16",
    "encodings.utf_32",
    "encodings.utf_8_sig",
    "inspect",
    "random",
    "traceback",
    "unicodedata",
    "weakref",
)
# Imported in a contract's name by what is written in C: strptime, strftime, annotations.
IN_ITS_NAME = ("_strptime", "annotationlib", "time")
FILLING_SIZES = (32768, 16384, 8192, 4096, 2048, *range(1024, 2, -8))  # bytes, descending
FILLED = 40  # blocks side by side, after which there is no hole of their size left
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


def _judge(transaction: str) -> str:
    try:
        tx = Transaction.from_json(transaction)
    except (ValueError, RecursionError) as error:
        return "E_TRANSACTION\0" + f"0\0{str(error)[:MESSAGE_LIMIT]}"
    try:
        _contract["verify"](tx)
    except BaseException as error:  # noqa: BLE001 -- whatever a contract raises is an answer
        return _refusal(error)
    return ""


class WitWorld(wit_world.WitWorld):
    """The two functions that the world exports."""

    def load(self, source: str) -> str:
        """Compile and run the source; empty when it offers `verify`."""
        return _load(source)

    def verify(self, transaction: str) -> str:
        """Judge; empty when the contract accepts."""
        return _judge(transaction)


def _fill_holes() -> None:
    """Fill the holes between objects, so that what a call makes lies close together.

    It then writes few pages, and few have to be put back after it. Blocks of each size are taken,
    large ones first, until some lie side by side: they come from unused memory, not from holes.
    """
    for size in FILLING_SIZES:
        last = side_by_side = 0
        while side_by_side < FILLED:
            block = bytes(size)
            near = 0 < id(block) - last < size + 64
            side_by_side = side_by_side + 1 if near else 0
            last = id(block)
            _filling.append(block)


_filling: list[bytes] = []


def _warm() -> None:
    """Run the common path while the artifact is built, so that its bytecode is specialised."""
    token = {"token_id": "A", "investor_id": "I", "quantity": 1, "issuer_info": "", "terms": {}}
    command = dict.fromkeys(Transfer.__slots__, "A") | {"quantity": 1, "terms": {}}
    right = {
        "registrar": "r",
        "transfer_allowed": True,
        "established_quantity": 1,
        "issued_quantity": 0,
        "redemption_date": "2030-01-01",
    }
    text = json.dumps(
        {
            "contract": {"name": "n", "version": "1"},
            "registered_at": "2025-01-01T00:00:00Z",
            "inputs": [token] * 3,
            "outputs": [token] * 3,
            "commands": [command],
            "signers": {"investors": ["I"], "members": ["m"]},
            "facts": {"session": "open", "rights": {"A": right}, "cancelled": {"A": command}},
        }
    )
    source = (
        "from contracts.author import Rejected\n"
        "def verify(tx):\n"
        "    if tx.inputs[0].quantity != 2: raise Rejected('E_A', 'a')\n"
    )
    for _ in range(60):
        _load(source)
        _judge(text)
    _contract.clear()
    sys.modules.pop("contract", None)


sys.stdout = sys.stderr = _Silence()
warnings.simplefilter("ignore")
for (
    allowed
) in ALLOWED:  # all is loaded while the artifact is built: importing them costs nothing later
    importlib.import_module(allowed)
for supporting in SUPPORTING:
    importlib.import_module(supporting)
sys.path = []
sys.path_hooks = []
sys.path_importer_cache.clear()
sys.meta_path = [sys.meta_path[0], sys.meta_path[1]]  # built in and frozen: there are no files
sys.unraisablehook = sys.excepthook = lambda *_: None
_warm()
gc.collect()
gc.freeze()
gc.disable()
_fill_holes()
bytes(HEADROOM)
