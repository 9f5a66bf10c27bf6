"""What a change of rules REVEALS and HIDES: shown before the vote, attached to it by digest."""

import hashlib
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from policies.cells import Place, visible_cells
from policies.compilation import CompiledRules
from policies.rules import ALLOW, EVERY_FIELD, Effect

DENIED = "denied"
"""Not admitted, nor through any other role that the member holds."""

ABSENT = "absent"
"""Not admitted by this role."""

_CLARITY = {DENIED: -1, ABSENT: 0, **{str(e): e.clarity + 1 for e in Effect}, ALLOW: 3}


class Direction(StrEnum):
    """Whether more can be seen or done, or less."""

    HIDES = "HIDES"
    REVEALS = "REVEALS"


class Change(msgspec.Struct, frozen=True):
    """Fields of one role, action and arm that change in the same way.

    Args:
        direction: more or less.
        role: the role, held alone.
        action: `resource:verb`.
        arm: the arm that admits the rows.
        fields: the fields; `*` where the action shows none.
        before: `clear`, `pseudonym`, `hidden`, `allow`, or `absent`.
        after: the same, in the other rule set.
    """

    direction: Direction
    role: str
    action: str
    arm: str
    fields: tuple[str, ...]
    before: str
    after: str

    def __str__(self) -> str:
        """Return the line that people read before they vote."""
        fields = ", ".join(self.fields)
        return (
            f"{self.direction:7} {self.role} {self.action} [{self.arm}] {fields}: "
            f"{self.before} -> {self.after}"
        )


class Difference(msgspec.Struct, frozen=True):
    """Everything that changes between two rule sets, and nothing that only reads differently.

    Args:
        before: digest of the rule set in force.
        after: digest of the rule set proposed.
        changes: in order of role, action and arm; empty when they mean the same.
    """

    before: str
    after: str
    changes: tuple[Change, ...]

    @property
    def reveals(self) -> tuple[Change, ...]:
        """What can be seen or done that could not."""
        return tuple(c for c in self.changes if c.direction is Direction.REVEALS)

    @property
    def hides(self) -> tuple[Change, ...]:
        """What can no longer be seen or done."""
        return tuple(c for c in self.changes if c.direction is Direction.HIDES)

    @property
    def digest(self) -> str:
        """`sha256:` of the canonical JSON, by which a proposal attaches it."""
        return "sha256:" + hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def compare_rules(before: CompiledRules, after: CompiledRules) -> Difference:
    """Return what `after` reveals and hides.

    Roles are compared one by one. A member with several roles sees the union, less what is
    denied to any of them, so that nothing is revealed to a combination which is not revealed to
    one of its roles, unless a deny is taken away: that is a change of the role that had it.
    """
    changes = tuple(_changes(before, after))
    return Difference(before.digest, after.digest, changes)


def _changes(before: CompiledRules, after: CompiledRules) -> Iterator[Change]:
    old, new = _with_denies(before), _with_denies(after)
    groups: dict[tuple[str, str, str, str, str], list[str]] = {}
    for place in sorted({*old, *new}):
        was, becomes = old.get(place, ABSENT), new.get(place, ABSENT)
        if was != becomes:
            key = (place.role, place.action, place.arm, was, becomes)
            groups.setdefault(key, []).append(place.field)
    for (role, action, arm, was, becomes), fields in groups.items():
        more = _CLARITY[becomes] > _CLARITY[was]
        direction = Direction.REVEALS if more else Direction.HIDES
        yield Change(direction, role, action, arm, tuple(fields), was, becomes)


def _with_denies(rules: CompiledRules) -> dict[Place, str]:
    """Return the visible cells, and those that a role's rules deny: it denies others too."""
    cells = dict(visible_cells(rules))
    rule_set = rules.rule_set
    for role in rule_set.vocabulary.roles:
        for rule in rule_set.rules:
            if rule.denies and rule.role in rule_set.inherits[role]:
                for arm in rule.arms:
                    for field in rule.fields or (EVERY_FIELD,):
                        cells[Place(role, rule.action, arm, field)] = DENIED
    return cells
