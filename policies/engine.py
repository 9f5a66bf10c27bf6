"""Casbin reads the rules; nothing else in the product imports it.

`parse_rule_set` turns a text into an immutable, content-addressed `RuleSet`, or reports every
fault of it at once. Rows are

    p, role:<role>, <resource>, <verb>, <scope or arm>, <fields: * or a|b|c>, <effect>
    g, role:<role>, role:<group>

with `#` for comments. Casbin's own reader skips rows that it does not know and stumbles over
brackets, so the rows reach it through an adapter that is strict and knows the lines. Answers are
not asked of the enforcer (milliseconds, and allowed when the rule set is empty and the matcher is
an equality) but of the compiled table; the enforcer is what the tests compare that table with.
"""

import hashlib
import logging
from collections.abc import Mapping
from importlib.resources import files

import casbin
from casbin.model import Model
from casbin.persist import Adapter

from policies.actors import ROLE_PREFIX
from policies.errors import Fault, RulesMalformed
from policies.reading import Reading, read_rows
from policies.resources import VOCABULARY, Resource, Vocabulary
from policies.rules import ALLOW, DENY, EVERY_FIELD, EVERY_SCOPE, Effect, Rule, RuleSet
from policies.shadows import find_shadowed

MAX_TEXT = 64 << 20
"""Bytes of the longest text that is read: 100,000 rules take some 10 MB."""

logging.getLogger("casbin").setLevel(logging.CRITICAL)
# Casbin writes whole policies, and who was denied what, into the log of whoever loads it.

SHIPPED = "rules.csv"
ACT = "act"
"""Any verb but `read`: the widest choice of scopes, as which verb may name which is checked."""


class RowAdapter(Adapter):  # type: ignore[misc]  # casbin has no type marker
    """Hands checked rows to Casbin in one go: adding rule by rule is quadratic."""

    def __init__(
        self, rules: tuple[tuple[str, ...], ...], links: tuple[tuple[str, str], ...]
    ) -> None:
        self.rules = rules
        self.links = links

    def load_policy(self, model: Model) -> None:
        """Fill the model's `p` and `g` assertions."""
        model.model["p"]["p"].policy.extend(list(row) for row in self.rules)
        model.model["g"]["g"].policy.extend(list(link) for link in self.links)


def shipped_text() -> str:
    """Return the text of the rules that the product ships with."""
    return files("policies").joinpath(SHIPPED).read_text(encoding="utf-8")


def parse_rule_set(text: str, vocabulary: Vocabulary = VOCABULARY) -> RuleSet:
    """Return the rule set that `text` says.

    Args:
        text: rows as the module says; at most `MAX_TEXT` bytes of UTF-8.
        vocabulary: the roles, resources, fields and scopes that it may name.

    Raises:
        RulesMalformed: with every fault and its line: an unknown role, resource, verb, field,
            scope or effect, a duplicate, a rule that can never decide anything, a role cycle.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        fault = Fault("rules", f"not Unicode text: {error.reason} at character {error.start}")
        raise RulesMalformed(str(fault), (fault,)) from error
    if len(data) > MAX_TEXT:
        raise RulesMalformed(f"the rule set has {len(data)} bytes; at most {MAX_TEXT}")
    reading = read_rows(text, vocabulary)
    shadowed = find_shadowed(reading.rules, reading.inherits, vocabulary, linked=reading.linked)
    faults = [*reading.faults, *shadowed]
    if faults:
        faults.sort(key=lambda fault: fault.line or 0)
        raise RulesMalformed(_summary(faults), tuple(faults))
    rows = _through_casbin(reading, vocabulary)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return RuleSet(digest, text, reading.rules, rows, reading.inherits, vocabulary)


def enforcer_of(
    rule_set: RuleSet, kind: type[casbin.Enforcer] = casbin.Enforcer
) -> casbin.Enforcer:
    """Return a Casbin enforcer over the rule set: the slow answer that the fast one must equal.

    Requests are `(sub, obj, act, arm, field, show)`; see `model.conf`. The subject is a role with
    its prefix; `field` is `*` where the action shows no fields.
    """
    links = tuple(
        (ROLE_PREFIX + role, ROLE_PREFIX + group)
        for role, groups in sorted(rule_set.inherits.items())
        for group in sorted(groups)
        if group != role
    )
    return _enforcer(rule_set.rows, links, rule_set.vocabulary, kind)


def _enforcer(
    rows: tuple[tuple[str, ...], ...],
    links: tuple[tuple[str, str], ...],
    vocabulary: Vocabulary,
    kind: type[casbin.Enforcer] = casbin.Enforcer,
) -> casbin.Enforcer:
    model = Model()
    model.load_model_from_text(files("policies").joinpath("model.conf").read_text(encoding="utf-8"))
    enforcer = kind(model, RowAdapter(rows, links))
    resources = vocabulary.resources

    def covers(resource: str, scope: str, arm: str) -> bool:
        return scope in (arm, EVERY_SCOPE) or arm in _arms_of(resources, resource, scope)

    enforcer.add_function("covers", covers)
    enforcer.add_function("names", _names)
    enforcer.add_function("reveals", _reveals)
    return enforcer


def _arms_of(resources: Mapping[str, Resource], resource: str, scope: str) -> tuple[str, ...]:
    known = resources.get(resource)
    return () if known is None else known.scopes_for(ACT).get(scope, ())


def _names(fields: str, field: str) -> bool:
    return bool(fields) and (fields == EVERY_FIELD or field in fields.split("|"))


def _reveals(show: str, wanted: str) -> bool:
    """Whether a rule that shows `show` reaches what is `wanted`; `*` (a deny) reaches all."""
    if not show or not wanted:
        return False
    return show in (EVERY_FIELD, wanted) or _clarity(show) >= _clarity(wanted)


def _clarity(show: str) -> int:
    return Effect(show).clarity


def _row(rule: Rule) -> tuple[str, ...]:
    shown = EVERY_FIELD if rule.effect is None else str(rule.effect)
    named = rule.text.split(", ")[5]
    verdict = DENY if rule.denies else ALLOW
    return (ROLE_PREFIX + rule.role, rule.resource, rule.verb, rule.scope, named, shown, verdict)


def _through_casbin(reading: Reading, vocabulary: Vocabulary) -> tuple[tuple[str, ...], ...]:
    """Load the rows into Casbin and return what it holds, which must be all of them."""
    rows = tuple(_row(rule) for rule in reading.rules)
    links = tuple((ROLE_PREFIX + a, ROLE_PREFIX + b) for a, b in reading.links)
    held = tuple(tuple(row) for row in _enforcer(rows, links, vocabulary).get_policy())
    if sorted(held) != sorted(rows):
        lost = Fault("rules", "Casbin does not hold every row that was read; nothing is adopted")
        raise RulesMalformed(str(lost), (lost,))
    return rows


def _summary(faults: list[Fault]) -> str:
    more = f", the first at line {faults[0].line}" if faults[0].line else ""
    return f"the rule set has {len(faults)} fault{'s' * (len(faults) > 1)}{more}: {faults[0]}"
