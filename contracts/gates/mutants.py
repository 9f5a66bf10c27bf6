"""Mutants: copies of a contract with one small fault each, by rules that are always the same."""

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


class Mutant(NamedTuple):
    """A contract with one fault.

    Args:
        source: its text.
        line: the line of the original that was changed.
        change: what was changed.
    """

    source: str
    line: int
    change: str


class _Site(NamedTuple):
    """One possible change: which node, and what takes its place."""

    node: ast.AST
    replacement: ast.AST


def mutants(source: str) -> list[Mutant]:
    """Return every mutant of a contract's source, in the order of the source.

    Left alone are the arguments of `Rejected` (a code is the examples' to check, a message
    nobody's), annotations, docstrings and the module's imports.
    """
    tree = ast.parse(source)
    protected = _protected(tree)
    found = [
        _Site(node, replacement)
        for node in ast.walk(tree)
        if id(node) not in protected
        for replacement in _replacements(node)
    ]
    made = [_mutant(tree, site) for site in found]
    unique = {mutant.source: mutant for mutant in made}
    return sorted(unique.values(), key=lambda mutant: (mutant.line, mutant.change))


def _mutant(tree: ast.Module, site: _Site) -> Mutant:
    changed = _Replace(site).visit(_copy_without(tree, site))
    line = getattr(site.node, "lineno", 0)
    before = ast.unparse(site.node).split("\n", 1)[0]
    after = ast.unparse(site.replacement).split("\n", 1)[0]
    change = f"`{before}` became `{after}`"
    if isinstance(site.node, ast.stmt) and isinstance(site.replacement, ast.Pass):
        change = f"`{before}` is gone"
    return Mutant(ast.unparse(ast.fix_missing_locations(changed)), line, change)


def _copy_without(tree: ast.Module, site: _Site) -> ast.Module:
    """Return a deep copy of the tree that still holds the very node of the site."""
    return copy.deepcopy(tree, {id(site.node): site.node})


class _Replace(ast.NodeTransformer):
    def __init__(self, site: _Site) -> None:
        self._site = site

    def visit(self, node: ast.AST) -> ast.AST:
        """Put the replacement in place of the node."""
        if node is self._site.node:
            return ast.copy_location(self._site.replacement, node)
        visited: ast.AST = super().visit(node)
        return visited


def _protected(tree: ast.Module) -> set[int]:
    roots: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name == "Rejected":
                roots += [*node.args, *node.keywords]
        if isinstance(node, ast.arg) and node.annotation:
            roots.append(node.annotation)
        if isinstance(node, ast.AnnAssign):
            roots.append(node.annotation)
        if isinstance(node, ast.FunctionDef):
            roots += [node.returns] if node.returns else []
            roots += node.decorator_list
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            roots.append(node)
        if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom):
            roots.append(node)
        if isinstance(node, ast.Assign) and _is_alias(node.value):
            roots.append(node)
    return {id(inner) for root in roots for inner in ast.walk(root)}


def _is_alias(value: ast.expr) -> bool:
    """Return whether the value is a type alias, such as `dict[str, int]`."""
    return isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name)


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield ast.BoolOp(other, node.values)
            for left_out in range(len(node.values)):
                rest = [value for place, value in enumerate(node.values) if place != left_out]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.BinOp(op=operation) if type(operation) in _OPERATIONS:
            yield ast.BinOp(node.left, _OPERATIONS[type(operation)](), node.right)
        case ast.Constant():
            yield from _constants(node)
        case ast.If(test=test) | ast.IfExp(test=test):
            yield from _conditions(node, test)
        case ast.stmt():
            yield from _statements(node)
        case _:
            return


def _compared(node: ast.Compare) -> Iterator[ast.AST]:
    for place, operator in enumerate(node.ops):
        operators = list(node.ops)
        operators[place] = _COMPARISONS[type(operator)]()
        yield ast.Compare(node.left, operators, node.comparators)
    if isinstance(node.ops[0], ast.Lt | ast.Gt | ast.LtE | ast.GtE) and len(node.ops) == 1:
        yield ast.Compare(node.left, [ast.NotEq()], node.comparators)


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
        if value > 0:
            yield ast.Constant(value - 1)
    elif isinstance(value, str):
        yield ast.Constant(value + "~")


def _conditions(node: ast.If | ast.IfExp, test: ast.expr) -> Iterator[ast.AST]:
    for fixed in (True, False):
        if isinstance(test, ast.Constant):
            continue
        if isinstance(node, ast.If):
            yield ast.If(ast.Constant(fixed), node.body, node.orelse)
        else:
            yield ast.IfExp(ast.Constant(fixed), node.body, node.orelse)


def _statements(node: ast.stmt) -> Iterator[ast.AST]:
    match node:
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.For():
            yield ast.Pass()
        case _:
            return
