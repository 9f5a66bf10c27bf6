"""Why an actor may or may not do something: the pure part of `sekisho policy explain`."""

from collections.abc import Collection, Iterable

import msgspec

from policies.actors import Actor
from policies.compilation import CompiledRules, Decision
from policies.resources import SCOPES
from policies.rules import EVERY_FIELD, Effect


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


class RowExplained(msgspec.Struct, frozen=True):
    """How a row is shown: the arms that admit it, the fields, and the rules behind both."""

    arms: tuple[str, ...]
    clear: tuple[str, ...]
    pseudonym: tuple[str, ...]
    hidden: tuple[str, ...]
    rules: tuple[str, ...]


class ThingExplained(msgspec.Struct, frozen=True):
    """What becomes of one thing that is named by its id.

    What is hidden and what is not there have the same explanation.

    Args:
        id: as it was asked for.
        reason: one sentence: through which arms it is shown, or why it is not.
        rows: each way in which rows of this id are shown; empty when none is.
    """

    id: str
    reason: str
    rows: tuple[RowExplained, ...]


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
        thing: what becomes of the thing that was asked about, if one was.
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
    thing: ThingExplained | None = None


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


def explain_thing(
    rules: CompiledRules, actor: Actor, action: str, name: str, ways: Iterable[Collection[str]]
) -> ThingExplained:
    """Return what becomes of the thing `name`.

    Args:
        rules: the rule set.
        actor: who would see it.
        action: `resource:read`.
        name: its id.
        ways: for each row of this id, the arms that admit it for the actor, of whatever rules.
    """
    answer = rules.answer(actor, action)
    if not isinstance(answer, Decision):
        return ThingExplained(name, f"not shown: {answer.message}", ())
    admitted = {frozenset(way).intersection(answer.arms) for way in ways}
    rows = tuple(
        _row(rules, actor, answer, [arm for arm in answer.arms if arm in way])
        for way in sorted(admitted, key=sorted)
        if way
    )
    resource = action.partition(":")[0]
    if rows:
        through = ", ".join(dict.fromkeys(arm for row in rows for arm in row.arms))
        return ThingExplained(name, f"{resource} {name} is shown through {through}", rows)
    none = "; ".join(f"{arm} ({rows_of(arm)})" for arm in answer.arms)
    reason = f"not shown: there is no {resource} {name}, or none of these admits it: {none}"
    return ThingExplained(name, reason, ())


def _row(rules: CompiledRules, actor: Actor, decision: Decision, arms: list[str]) -> RowExplained:
    shown = decision.shown(arms)
    behind = (
        rule.reference
        for rule in rules.rules_for(actor.roles, decision.action)
        if set(rule.arms).intersection(arms)
    )
    clear, pseudonym, hidden = (
        tuple(field for field, effect in shown.items() if effect is wanted)
        for wanted in (Effect.CLEAR, Effect.PSEUDONYM, Effect.HIDDEN)
    )
    return RowExplained(tuple(arms), clear, pseudonym, hidden, tuple(behind))


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
