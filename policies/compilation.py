"""Rules compiled once into a table: a decision is a dictionary look-up, whatever their number."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

import msgspec

from policies.actors import Actor
from policies.errors import Denied, Fault
from policies.resources import ANY, READ, Resource, single_arm
from policies.rules import EVERY_FIELD, Effect, Rule, RuleSet
from policies.shadows import Cell, cells_of

MAX_MERGED = 65_536
"""Merged answers that are kept: all pairs of a set of 9 roles and an action are fewer."""

NO_FIELDS: Mapping[str, Effect] = MappingProxyType({})
"""What actions that show no fields grant."""

_EVERYBODYS = frozenset(single_arm(ANY))
"""Arms that admit rows whoever's they are."""


class Grant(msgspec.Struct, frozen=True):
    """What one arm admits.

    Args:
        arm: the arm's name; rows that it does not admit do not exist for the actor.
        fields: how each field of the resource is shown in the rows that this arm admits, in the
            resource's order; empty for actions that show none.
    """

    arm: str
    fields: Mapping[str, Effect]


class Decision(msgspec.Struct, frozen=True):
    """Yes, and how far: an actor may do this, in these arms, for these reasons.

    Args:
        rule_set: digest of the rule set that decided.
        action: `resource:verb`.
        rules: the rules that decided, with their lines; denies that took something away included.
        grants: one for each arm, in the resource's order; never empty.
    """

    rule_set: str
    action: str
    rules: tuple[str, ...]
    grants: tuple[Grant, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that admit rows."""
        return tuple(grant.arm for grant in self.grants)

    def shown(self, admitted: Collection[str]) -> Mapping[str, Effect]:
        """Return how each field of a row is shown that these arms admit: the clearest of them.

        Empty when none of them is granted: the row does not exist for the actor.
        """
        shown: dict[str, Effect] = {}
        for grant in self.grants:
            if grant.arm in admitted:
                for field, effect in grant.fields.items():
                    if field not in shown or effect.clarity > shown[field].clarity:
                        shown[field] = effect
        return shown

    @property
    def clear_fields(self) -> frozenset[str]:
        """Fields that are clear in every arm: the only ones to filter and sort by."""
        shown = (
            {field for field, effect in grant.fields.items() if effect is Effect.CLEAR}
            for grant in self.grants
        )
        first = next(shown, set())
        return frozenset(first.intersection(*shown))


class Refusal(msgspec.Struct, frozen=True):
    """No, and why: nothing allows it, or these rules deny all that others allow; grants nothing."""

    rule_set: str
    action: str
    message: str
    rules: tuple[str, ...]
    grants: tuple[Grant, ...] = ()


class CompiledRules:
    """A rule set ready to decide; immutable to its users and safe to share between threads.

    Roles combine by these laws: a deny of any role held, in an arm, for a field, takes that cell
    away; of what is left each cell shows the clearest effect that any role held grants; an arm
    without any cell admits nothing. Without a rule the answer is no.
    """

    __slots__ = ("_merged", "_rules", "_table", "rule_set")

    def __init__(self, rule_set: RuleSet) -> None:
        self.rule_set = rule_set
        self._rules = _index(rule_set)
        self._table = _tabulate(rule_set, self._rules)
        self._merged: dict[tuple[frozenset[str], str], Decision | Refusal] = {}

    @property
    def digest(self) -> str:
        """Digest of the rule set."""
        return self.rule_set.digest

    def decide(self, actor: Actor, action: str) -> Decision:
        """Return what `actor` may do of `action`.

        Args:
            actor: the member with the roles that it holds now.
            action: an `Action` or its text.

        Raises:
            Denied: no rule allows it, or rules deny all of it; the message names them.
        """
        answer = self.answer(actor, action)
        if isinstance(answer, Decision):
            return answer
        raise Denied(answer.message, tuple(Fault(action, rule) for rule in answer.rules))

    def answer(self, actor: Actor, action: str) -> Decision | Refusal:
        """Return the decision or the refusal for an actor, as data."""
        answer = self.judge(actor.roles, action)
        return own_past(answer) if actor.suspended else answer

    def judge(self, roles: frozenset[str], action: str) -> Decision | Refusal:
        """Return the decision or the refusal for a set of roles, as data.

        One look-up for each role held. Where every role that has a say grants the very same, the
        rules of the one whose name sorts first decide; else roles are merged, once, and kept.
        """
        column = self._table.get(action)
        first = ""
        if column is not None:
            for role in roles:
                if role in column.answers:
                    if not first or (column.uniform and role < first):
                        first = role
                    elif not column.uniform:
                        return self._merge(roles, action)
            if first:
                return column.answers[first]
        held = ", ".join(sorted(roles)) or "no role"
        message = f"no rule lets {held} do {action}"
        return Refusal(self.rule_set.digest, str(action), message, ())

    def rules_for(self, roles: frozenset[str], action: str) -> tuple[Rule, ...]:
        """Return every rule that speaks of `action` to a holder of these roles, by line."""
        rules = {rule.line: rule for role in roles for rule in self._rules.get((role, action), ())}
        return tuple(rules[line] for line in sorted(rules))

    def _merge(self, roles: frozenset[str], action: str) -> Decision | Refusal:
        answer = self._merged.get((roles, action))
        if answer is None:
            answer = _decide(self.rule_set, str(action), self.rules_for(roles, action))
            if len(self._merged) < MAX_MERGED:
                self._merged[roles, str(action)] = answer
        return answer


def own_past(answer: Decision | Refusal) -> Decision | Refusal:
    """Return what is left of `answer` for a suspended member: to read its own past, nothing else.

    No rule set can give more. What is left are the arms that admit rows of its own, of its
    customers or of its products, and what has no rows to hide because every member may know it:
    who belongs to the network, what was proposed and decided.
    """
    if isinstance(answer, Refusal):
        return answer
    left = tuple(
        grant for grant in answer.grants if not grant.fields or grant.arm not in _EVERYBODYS
    )
    if answer.action.partition(":")[2] == READ and left:
        return Decision(answer.rule_set, answer.action, answer.rules, left)
    message = f"suspended: {answer.action} is more than to read one's own past"
    return Refusal(answer.rule_set, answer.action, message, answer.rules)


def compile_rules(rule_set: RuleSet) -> CompiledRules:
    """Return `rule_set` ready to decide."""
    return CompiledRules(rule_set)


def _index(rule_set: RuleSet) -> Mapping[tuple[str, str], tuple[Rule, ...]]:
    """Return the rules of each role that may be held, its groups' included, by action."""
    own: dict[str, list[Rule]] = {}
    for rule in rule_set.rules:
        own.setdefault(rule.role, []).append(rule)
    index: dict[tuple[str, str], list[Rule]] = {}
    for role in rule_set.vocabulary.roles:
        for source in rule_set.inherits[role]:
            for rule in own.get(source, ()):
                index.setdefault((role, rule.action), []).append(rule)
    return MappingProxyType({key: tuple(rules) for key, rules in index.items()})


def _tabulate(
    rule_set: RuleSet, rules: Mapping[tuple[str, str], tuple[Rule, ...]]
) -> Mapping[str, "_Column"]:
    """Return the answers for each action, role by role; equal grants are one object."""
    table: dict[str, dict[str, Decision | Refusal]] = {}
    shapes: dict[object, tuple[Grant, ...]] = {}
    for (role, action), own in rules.items():
        answer = _decide(rule_set, action, sorted(own, key=lambda rule: rule.line))
        shape = tuple((grant.arm, *grant.fields.items()) for grant in answer.grants)
        shared = shapes.setdefault(shape, answer.grants)
        table.setdefault(action, {})[role] = msgspec.structs.replace(answer, grants=shared)
    return {
        action: _Column(len({id(a.grants) for a in answers.values()}) == 1, answers)
        for action, answers in table.items()
    }


class _Column(msgspec.Struct, frozen=True):
    """The answers for one action: `uniform` if all of them grant the very same.

    Then no role denies what another grants: it would not grant it itself.
    """

    uniform: bool
    answers: Mapping[str, Decision | Refusal]


def _decide(rule_set: RuleSet, action: str, rules: Iterable[Rule]) -> Decision | Refusal:
    digest = rule_set.digest
    resource = rule_set.vocabulary.resources[action.partition(":")[0]]
    denied: dict[Cell, Rule] = {}
    granted: dict[Cell, Rule] = {}
    for rule in rules:
        for cell in cells_of(rule):
            if rule.denies:
                denied.setdefault(cell, rule)
            elif cell not in granted or _clearer(rule, granted[cell]):
                granted[cell] = rule
    decisive = {
        **{rule.line: rule for cell, rule in denied.items() if cell in granted},
        **{rule.line: rule for cell, rule in granted.items() if cell not in denied},
    }
    names = tuple(decisive[line].reference for line in sorted(decisive))
    grants = tuple(_grants(resource, action, granted, denied))
    if not grants:
        message = f"rules deny {action}" if granted else f"no rule allows {action}"
        return Refusal(digest, action, message, names)
    return Decision(digest, action, names, grants)


def _clearer(rule: Rule, than: Rule) -> bool:
    if rule.effect is None or than.effect is None:
        return False
    return rule.effect.clarity > than.effect.clarity


def _grants(
    resource: Resource, action: str, granted: Mapping[Cell, Rule], denied: Mapping[Cell, Rule]
) -> Iterable[Grant]:
    verb = action.partition(":")[2]
    names = resource.fields if resource.shows_fields(verb) else (EVERY_FIELD,)
    for arm in resource.all_arms(verb):
        left = {
            field: granted[action, arm, field].effect
            for field in names
            if (action, arm, field) in granted and (action, arm, field) not in denied
        }
        if left:
            fields = {name: left.get(name) or Effect.HIDDEN for name in resource.fields}
            shown = fields if resource.shows_fields(verb) else {}
            yield Grant(arm, MappingProxyType(shown) if shown else NO_FIELDS)
