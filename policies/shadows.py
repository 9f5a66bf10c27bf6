"""Rules that can never decide anything: denied altogether, or said already by another."""

from collections.abc import Iterator, Mapping

from policies.errors import Fault
from policies.resources import Vocabulary
from policies.rules import EVERY_FIELD, Rule

Cell = tuple[str, str, str]
"""An action, an arm and a field (`*` where the action shows none)."""


def cells_of(rule: Rule) -> Iterator[Cell]:
    """Yield every cell that the rule speaks of."""
    for arm in rule.arms:
        for field in rule.fields or (EVERY_FIELD,):
            yield rule.action, arm, field


def find_shadowed(
    rules: tuple[Rule, ...],
    inherits: Mapping[str, frozenset[str]],
    vocabulary: Vocabulary,
    *,
    linked: bool = True,
) -> list[Fault]:
    """Return a fault for each rule that makes no difference to anyone who holds its role.

    A rule makes none when, for its own role, denies of that role or of what it inherits cover
    all that it grants, or when other rules of its own role grant at least as much of each cell
    (the earlier one stays). A group that no role inherits makes none either, if the links between
    roles and groups are sound (`linked`); otherwise every rule of a group might look dead.
    """
    held = frozenset(group for role in vocabulary.roles for group in inherits[role])
    if not linked:
        held |= vocabulary.groups
    denied: dict[tuple[str, Cell], int] = {}
    best: dict[tuple[str, Cell], Rule] = {}
    for rule in rules:
        for cell in cells_of(rule):
            if rule.denies:
                denied.setdefault((rule.role, cell), rule.line)
            else:
                current = best.get((rule.role, cell))
                if current is None or _clarity(rule) > _clarity(current):
                    best[rule.role, cell] = rule
    return [
        fault
        for rule in rules
        if (fault := _fault(rule, held, _denies_for(rule, inherits, denied), best))
    ]


def _denies_for(
    rule: Rule, inherits: Mapping[str, frozenset[str]], denied: Mapping[tuple[str, Cell], int]
) -> set[int]:
    """Return the lines of denies that together cover all of `rule`; empty if something is left."""
    lines: set[int] = set()
    if rule.denies or not denied:
        return lines
    for cell in cells_of(rule):
        found = [denied[role, cell] for role in inherits[rule.role] if (role, cell) in denied]
        if not found:
            return set()
        lines.add(min(found))
    return lines


def _fault(
    rule: Rule, held: frozenset[str], denying: set[int], best: Mapping[tuple[str, Cell], Rule]
) -> Fault | None:
    if rule.role not in held:
        message = f"can never match: no role is linked to the group {rule.role}"
        return Fault("rule", message, rule.line)
    if denying:
        message = f"can never match: line {_lines(denying)} denies all of it"
        return Fault("rule", message, rule.line)
    if not rule.denies:
        others = {best[rule.role, cell].line for cell in cells_of(rule)}
        if rule.line not in others:
            message = f"adds nothing to line {_lines(others)}; remove it"
            return Fault("rule", message, rule.line)
    return None


def _clarity(rule: Rule) -> int:
    return -1 if rule.effect is None else rule.effect.clarity


def _lines(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
