"""Why an actor may or may not do something: the pure part of `sekisho policy explain`."""

import msgspec

from policies.actors import Actor
from policies.compilation import CompiledRules, Decision
from policies.resources import SCOPES
from policies.rules import EVERY_FIELD


class ArmExplained(msgspec.Struct, frozen=True):
    """One arm: which rows, and how their fields are shown."""

    arm: str
    rows: str
    clear: tuple[str, ...]
    pseudonym: tuple[str, ...]
    hidden: tuple[str, ...]


class RoleExplained(msgspec.Struct, frozen=True):
    """What one of the actor's roles, held alone, would give, and by which rules."""

    role: str
    allowed: bool
    rules: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True):
    """An answer with its reasons.

    Args:
        member: who asks.
        action: `resource:verb`.
        rule_set: digest of the rule set.
        allowed: whether it may be done at all.
        reason: one sentence.
        rules: the rules that decided, with their lines.
        arms: for what is allowed, the rows and the fields.
        roles: each role by itself.
        may: the roles that may do it, whoever asks.
    """

    member: str
    action: str
    rule_set: str
    allowed: bool
    reason: str
    rules: tuple[str, ...]
    arms: tuple[ArmExplained, ...]
    roles: tuple[RoleExplained, ...]
    may: tuple[str, ...]


def explain(rules: CompiledRules, actor: Actor, action: str) -> Explanation:
    """Return what `rules` say of `actor` and `action`, and why; never raises for a denial."""
    answer = rules.answer(actor, action)
    allowed = isinstance(answer, Decision)
    arms = _arms(answer) if isinstance(answer, Decision) else ()
    reason = _reason(answer, arms) if isinstance(answer, Decision) else answer.message
    roles = tuple(_role(rules, role, action) for role in sorted(actor.roles))
    every = sorted(rules.rule_set.vocabulary.roles)
    may = tuple(role for role in every if _role(rules, role, action).allowed)
    return Explanation(
        actor.member_id, str(action), rules.digest, allowed, reason, answer.rules, arms, roles, may
    )


def _role(rules: CompiledRules, role: str, action: str) -> RoleExplained:
    answer = rules.judge(frozenset({role}), action)
    return RoleExplained(role, isinstance(answer, Decision), answer.rules)


def _reason(decision: Decision, arms: tuple[ArmExplained, ...]) -> str:
    rows = "; ".join(f"{arm.arm} ({arm.rows})" for arm in arms)
    return f"{decision.action} is allowed for {rows}"


def _arms(decision: Decision) -> tuple[ArmExplained, ...]:
    return tuple(
        ArmExplained(
            grant.arm,
            rows_of(grant.arm),
            *(
                tuple(f for f, effect in grant.fields.items() if effect == wanted)
                for wanted in ("clear", "pseudonym", "hidden")
            ),
        )
        for grant in decision.grants
    )


def rows_of(arm: str) -> str:
    """Return in words which rows an arm admits."""
    scope, _, side = arm.partition(".")
    words = SCOPES.get("any" if scope == "everything" else scope, EVERY_FIELD)
    sides = {"from": "are the sending side", "to": "are the receiving side"}
    return f"{words}, where they {sides[side]}" if side in sides else words
