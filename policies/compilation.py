"""Rules compiled once into a table: a decision is a dictionary look-up, whatever their number."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

import msgspec

from policies.actors import Actor
from policies.errors import Denied, Fault
from policies.resources import ANY, READ, Resource, single_arm
from policies.rules import EVERY_FIELD, Effect, Rule, RuleSet
from policies.shadows import Cell, cells_of

MAX_MERGED = 512
"""Merged permissions that are kept for one action: all sets of the 9 roles are as many."""

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


class Permission(msgspec.Struct, frozen=True, eq=False):
    """What some sets of roles may do of one action; one object for all that grant the very same.

    Args:
        source: the rules that grant it.
        action: `resource:verb`.
        grants: one for each arm, in the resource's order; empty when rules deny everything.
    """

    source: "CompiledRules"
    action: str
    grants: tuple[Grant, ...]


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Yes, and how far: an actor may do this, in these arms, for these reasons.

    Made anew for each question, of two words: what is granted is shared by all who are granted
    it, and the reasons are read from the rules when somebody asks for them. So a decision touches
    as little memory among 100,000 rules as among 100.

    Args:
        permission: what is granted.
        held: the roles held that have a say, as `CompiledRules` numbers them.
    """

    permission: Permission
    held: int

    @property
    def rule_set(self) -> str:
        """Digest of the rule set that decided."""
        return self.permission.source.digest

    @property
    def action(self) -> str:
        """`resource:verb`."""
        return self.permission.action

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that decided, with their lines; denies that took something away included."""
        return self.permission.source.reasons(self.held, self.permission.action)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """One for each arm, in the resource's order; never empty."""
        return self.permission.grants

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

    __slots__ = ("_bits", "_past", "_rules", "_table", "rule_set")

    def __init__(self, rule_set: RuleSet) -> None:
        self.rule_set = rule_set
        self._rules = _index(rule_set)
        self._bits = {role: 1 << i for i, role in enumerate(sorted(rule_set.vocabulary.roles))}
        self._table = _tabulate(self, self._rules, self._bits)
        self._past: dict[Permission, Permission] = {}

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
        return self._own_past(answer) if actor.suspended else answer

    def judge(self, roles: frozenset[str], action: str) -> Decision | Refusal:
        """Return the decision or the refusal for a set of roles, as data.

        One look-up for each role held and one for the action. Roles that grant different things
        are merged, once, and kept.
        """
        mask, bits = 0, self._bits
        for role in roles:
            mask |= bits.get(role, 0)
        column = self._table.get(action)
        if column is None or not (held := mask & column.roles):
            names = ", ".join(sorted(roles)) or "no role"
            message = f"no rule lets {names} do {action}"
            return Refusal(self.rule_set.digest, str(action), message, ())
        permission = column.common or column.merged.get(held) or self._merge(column, held, action)
        if permission.grants:
            return Decision(permission, held)
        return self._refuse(held, permission.action)

    def rules_for(self, roles: frozenset[str], action: str) -> tuple[Rule, ...]:
        """Return every rule that speaks of `action` to a holder of these roles, by line."""
        rules = {rule.line: rule for role in roles for rule in self._rules.get((role, action), ())}
        return tuple(rules[line] for line in sorted(rules))

    def reasons(self, held: int, action: str) -> tuple[str, ...]:
        """Return the rules that decide of `action` for the roles `held`, with their lines."""
        return _decide(self.rule_set, action, self._rules_of(held, action)).rules

    def _rules_of(self, held: int, action: str) -> tuple[Rule, ...]:
        return self.rules_for(frozenset(r for r, bit in self._bits.items() if bit & held), action)

    def _merge(self, column: "_Column", held: int, action: str) -> Permission:
        action = str(action)
        verdict = _decide(self.rule_set, action, self._rules_of(held, action))
        permission = Permission(self, action, verdict.grants)
        if len(column.merged) < MAX_MERGED:
            # Of threads that merge the same at the same time one keeps its own; all are equal.
            return column.merged.setdefault(held, permission)
        return permission

    def _refuse(self, held: int, action: str) -> Refusal:
        verdict = _decide(self.rule_set, action, self._rules_of(held, action))
        words = f"rules deny {action}" if verdict.denied else f"no rule allows {action}"
        return Refusal(self.digest, action, words, verdict.rules)

    def _own_past(self, answer: Decision | Refusal) -> Decision | Refusal:
        """Return what is left of `answer` for a suspended member: to read its own past only.

        No rule set can give more. What is left are the arms that admit rows of its own, of its
        customers or of its products, and what has no rows to hide because every member may know
        it: who belongs to the network, what was proposed and decided.
        """
        if isinstance(answer, Refusal):
            return answer
        whole = answer.permission
        past = self._past.get(whole)
        if past is None:
            is_read = whole.action.partition(":")[2] == READ
            left = tuple(g for g in whole.grants if not g.fields or g.arm not in _EVERYBODYS)
            past = Permission(self, whole.action, left if is_read else ())
            past = self._past.setdefault(whole, past)
        if past.grants:
            return Decision(past, answer.held)
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


class _Column(msgspec.Struct, frozen=True):
    """What there is to say of one action.

    Args:
        roles: the roles that have a say, as bits.
        common: what each of them grants, if all grant the very same. Then so does every set of
            them: no role denies what another grants, for it would not grant it itself.
        merged: else what a set of them grants, as far as it was worked out.
    """

    roles: int
    common: Permission | None
    merged: dict[int, Permission]


class _Verdict(msgspec.Struct, frozen=True):
    """What rules come to: what they grant, which of them made it so, whether some only denied."""

    grants: tuple[Grant, ...]
    rules: tuple[str, ...]
    denied: bool


def _tabulate(
    source: CompiledRules,
    rules: Mapping[tuple[str, str], tuple[Rule, ...]],
    bits: Mapping[str, int],
) -> Mapping[str, _Column]:
    """Return what each action's roles grant; equal grants are one object."""
    shapes: dict[object, tuple[Grant, ...]] = {}
    permissions: dict[tuple[str, int], Permission] = {}
    table: dict[str, dict[int, Permission]] = {}
    for (role, action), own in rules.items():
        ordered = sorted(own, key=lambda rule: rule.line)
        grants = _decide(source.rule_set, action, ordered).grants
        shape = tuple((grant.arm, *grant.fields.items()) for grant in grants)
        shared = shapes.setdefault(shape, grants)
        key = (action, id(shared))
        permission = permissions.setdefault(key, Permission(source, action, shared))
        table.setdefault(action, {})[bits[role]] = permission
    return {action: _column(by_role) for action, by_role in table.items()}


def _column(by_role: dict[int, Permission]) -> _Column:
    first, *others = set(by_role.values())
    return _Column(sum(by_role), None if others else first, by_role if others else {})


def _decide(rule_set: RuleSet, action: str, rules: Iterable[Rule]) -> _Verdict:
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
    return _Verdict(grants, names, bool(granted) and not grants)


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
