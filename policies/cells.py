"""What a rule set comes to, cell by cell: role x action x arm x field -> effect.

The common ground of the matrix, of the differences between two rule sets and of the proofs.
"""

from collections.abc import Iterator, Mapping

import msgspec

from policies.compilation import CompiledRules, Decision
from policies.rules import ALLOW, EVERY_FIELD


class Place(msgspec.Struct, frozen=True, order=True):
    """One cell of the matrix: a role held alone, an action, an arm, and a field.

    `field` is `*` where the action shows no fields.
    """

    role: str
    action: str
    arm: str
    field: str


def visible_cells(rules: CompiledRules) -> Mapping[Place, str]:
    """Return every cell that is admitted: `clear`, `pseudonym`, `hidden`, or `allow`."""
    return dict(_cells(rules))


def _cells(rules: CompiledRules) -> Iterator[tuple[Place, str]]:
    vocabulary = rules.rule_set.vocabulary
    for role in sorted(vocabulary.roles):
        for resource in vocabulary.resources.values():
            for verb in sorted(resource.verbs):
                action = f"{resource.name}:{verb}"
                answer = rules.judge(frozenset({role}), action)
                if isinstance(answer, Decision):
                    yield from _decided(role, answer)


def _decided(role: str, decision: Decision) -> Iterator[tuple[Place, str]]:
    for grant in decision.grants:
        if not grant.fields:
            yield Place(role, decision.action, grant.arm, EVERY_FIELD), ALLOW
        for field, effect in grant.fields.items():
            yield Place(role, decision.action, grant.arm, field), str(effect)
