"""Gate `lint`: what a rule can name and a contract must not have.

The sandbox holds without it; these rules are about meaning. A contract that divides, loops
without an end or keeps state may be safe to run and is still not fit to decide who owns what.
"""

import ast
import re
from collections.abc import Iterator

from contracts.gates.subjects import GateResult, Subject
from contracts.packages import CODE_PATTERN, SOURCE
from policies.errors import Fault

NAME = "lint"

ALLOWED_IMPORTS = frozenset(
    {
        "__future__",
        "collections",
        "collections.abc",
        "contracts.author",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "itertools",
        "operator",
        "re",
        "string",
        "typing",
    }
)
"""What a contract may import: a part of what the sandbox offers."""

FORBIDDEN_CALLS = {
    "breakpoint": "does nothing here",
    "compile": "makes code at run time",
    "delattr": "changes objects by name",
    "eval": "makes code at run time",
    "exec": "makes code at run time",
    "float": "makes a float; count in integers or Decimal",
    "getattr": "hides what is read",
    "globals": "reaches module state",
    "hash": "is not a meaning that two versions of Python share",
    "id": "is an address",
    "input": "does nothing here",
    "locals": "reaches a frame",
    "open": "does nothing here",
    "print": "does nothing here",
    "setattr": "changes objects by name",
    "vars": "reaches an object's state",
    "__import__": "hides an import",
}
TOO_WIDE = frozenset({"Exception", "BaseException", "Rejected"})
ENDLESS = frozenset({"count", "cycle", "repeat"})
MUTABLE_CALLS = frozenset(
    {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict"}
)
MUTABLE_NODES = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
CACHES = frozenset({"cache", "lru_cache", "cached_property", "singledispatch"})


def run(subject: Subject) -> GateResult:
    """Read the source; nothing of it runs."""
    faults = sorted(lint(subject.package.source), key=lambda fault: fault.line or 0)
    return GateResult(
        NAME, not faults, f"{len(faults)} finding(s)", tuple(faults), {"findings": len(faults)}
    )


def lint(source: str) -> list[Fault]:
    """Return every finding in a contract's source."""
    tree = ast.parse(source)
    found: list[Fault] = []
    for node in ast.walk(tree):
        found += [Fault(SOURCE, text, getattr(node, "lineno", None)) for text in _of_node(node)]
    for statement in tree.body:
        found += [Fault(SOURCE, text, statement.lineno) for text in _of_module(statement)]
    if not any(isinstance(node, ast.FunctionDef) and node.name == "verify" for node in tree.body):
        found.append(Fault(SOURCE, "there is no function `verify(tx)` at module level"))
    return found


def _of_node(node: ast.AST) -> Iterator[str]:
    yield from _of_import(node)
    yield from _of_value(node)
    yield from _of_statement(node)
    yield from _of_name(node)
    if isinstance(node, ast.Call):
        yield from _of_call(node)
    if isinstance(node, ast.FunctionDef):
        yield from _of_function(node)


def _of_import(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (_import(a.name) for a in node.names if a.name not in ALLOWED_IMPORTS)
    elif isinstance(node, ast.ImportFrom):
        if node.level or node.module not in ALLOWED_IMPORTS:
            yield _import("." * node.level + (node.module or ""))
        if any(alias.name in CACHES for alias in node.names):
            yield "a cache keeps state between transactions; compute it anew"


def _of_value(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=float() | complex()):
            yield f"{node.value!r} is a float; count in integers or Decimal"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            yield "`/` on integers makes a float; use `//` or Decimal, and say how it rounds"
        case ast.BinOp(op=ast.Pow() | ast.LShift(), right=right):
            if not isinstance(right, ast.Constant):
                yield "the size of the result follows the transaction; use a constant exponent"
        case _:
            return


def _of_statement(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.While():
            yield "`while` has no bound that a reader can see; use `for` over what is there"
        case ast.Global() | ast.Nonlocal():
            yield "state outside of a call is lost between transactions; pass it as an argument"
        case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
            yield "there is nothing to wait for in a contract"
        case ast.Assert():
            yield "`assert` gives no code; raise Rejected with one"
        case ast.ExceptHandler(type=None):
            yield "a bare `except` hides refusals; name what is caught"
        case ast.ExceptHandler(type=ast.Name(id=name)) if name in TOO_WIDE:
            yield f"`except {name}` hides refusals; name what is caught"
        case _:
            return


def _of_name(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        if node.attr.startswith("__") and node.attr != "__init__":
            yield f"`{node.attr}` reaches into Python; contracts have no need of it"
    elif isinstance(node, ast.Name) and node.id in FORBIDDEN_CALLS:
        yield f"`{node.id}` {FORBIDDEN_CALLS[node.id]}"


def _import(name: str) -> str:
    return f"`{name}` may not be imported; allowed are {', '.join(sorted(ALLOWED_IMPORTS))}"


def _of_call(call: ast.Call) -> Iterator[str]:
    name = _name(call.func)
    if name in ENDLESS:
        yield f"`{name}` can go on for ever; use `range` or `zip(strict=True)`"
    if name == "Rejected":
        first = call.args[0] if call.args else None
        if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
            yield "the code of a refusal is a literal, so that it can be listed"
        elif not re.fullmatch(CODE_PATTERN, first.value):
            yield f"{first.value!r} is not a code; expected E_ and upper-case words"


def _of_function(function: ast.FunctionDef) -> Iterator[str]:
    yield from _of_sets(function)
    defaults = [*function.args.defaults, *(d for d in function.args.kw_defaults if d)]
    if any(_mutable(default) for default in defaults):
        yield "a mutable default is shared between calls; use None or a tuple"
    calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    if any(isinstance(called, ast.Name) and called.id == function.name for called in calls):
        yield f"`{function.name}` calls itself; use a loop over what is there"
    if any(
        _name(d.func if isinstance(d, ast.Call) else d) in CACHES for d in function.decorator_list
    ):
        yield "a cache keeps state between transactions; compute it anew"


def _of_sets(function: ast.FunctionDef) -> Iterator[str]:
    """Find loops over sets, as far as a reader sees that they are sets."""
    names = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and _set(node.value)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.For | ast.comprehension) and (
            _set(node.iter) or (isinstance(node.iter, ast.Name) and node.iter.id in names)
        ):
            yield f"line {node.iter.lineno}: the order of a set means nothing; use `sorted`"


def _set(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in {"set", "frozenset"}
    return isinstance(value, ast.Set | ast.SetComp)


def _of_module(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            if _mutable(value):
                yield "module state that can change; use a tuple, frozenset or enum"
        case ast.Expr(value=ast.Constant(value=str())):
            return
        case ast.ClassDef(body=body):
            for inner in body:
                yield from _of_module(inner)
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AnnAssign() | ast.Pass():
            return
        case _:
            yield "only imports, constants, classes and functions stand at module level"


def _mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return _name(value.func) in MUTABLE_CALLS
    return isinstance(value, MUTABLE_NODES)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
