"""The compiled table against Casbin, and against an evaluator that shares no code with either."""

import itertools
import logging
import random
from collections.abc import Callable, Iterator

import pytest

from policies.compilation import Decision, compile_rules
from policies.engine import enforcer_of, parse_rule_set, shipped_text
from policies.errors import RulesMalformed
from policies.resources import Resource, Vocabulary
from policies.rules import RuleSet

CASES = 5_000
LEVELS = ("hidden", "pseudonym", "clear")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


SMALL = Vocabulary(
    frozenset({"r1", "r2", "r3"}),
    frozenset({"g1", "g2"}),
    {
        "row": Resource(
            "row", frozenset({"read", "act"}), ("f1", "f2", "f3"),
            {"one": ("one",), "two": ("two.a", "two.b")},
        ),
        "thing": Resource("thing", frozenset({"read", "do"}), (), {"any": ("everything",)}),
    },
)  # fmt: skip


def random_text(rnd: random.Random) -> str:
    lines = []
    for role, group in itertools.product(("r1", "r2", "r3"), ("g1", "g2")):
        if rnd.random() < 0.3:
            lines.append(f"g, role:{role}, role:{group}")
    if rnd.random() < 0.3:
        lines.append("g, role:g1, role:g2")
    for _ in range(rnd.randrange(1, 9)):
        role = rnd.choice(("r1", "r2", "r3", "g1", "g2"))
        resource, verb = rnd.choice((("row", "read"), ("row", "act"), ("thing", "do")))
        denies = rnd.random() < 0.25
        scopes = {
            ("row", "read"): ("one", "two", "two.a", "two.b"),
            ("row", "act"): ("one", "two", "two.b", "any", "everything"),
            ("thing", "do"): ("any",),
        }[resource, verb]
        scope = rnd.choice((*scopes, "*") if denies else scopes)
        fields, effect = "*", "deny" if denies else "allow"
        if verb == "read":
            chosen = rnd.sample(("f1", "f2", "f3"), rnd.randrange(1, 4))
            fields = "*" if len(chosen) == 3 and rnd.random() < 0.5 else "|".join(chosen)
            effect = "deny" if denies else rnd.choice(LEVELS)
        lines.append(f"p, role:{role}, {resource}, {verb}, {scope}, {fields}, {effect}")
    rnd.shuffle(lines)
    return "\n".join(lines)


def sound(rnd: random.Random) -> RuleSet:
    """Return a random rule set; lines that are faulty (shadowed, doubled) are dropped."""
    text = random_text(rnd)
    while True:
        try:
            return parse_rule_set(text, SMALL)
        except RulesMalformed as error:
            bad = {fault.line for fault in error.faults}
            lines = enumerate(text.split("\n"), start=1)
            text = "\n".join(line for number, line in lines if number not in bad)


ARMS = {"one": {"one"}, "two": {"two.a", "two.b"}, "any": {"everything"},
        "two.a": {"two.a"}, "two.b": {"two.b"}, "everything": {"everything"}}  # fmt: skip
EVERY_ARM = {"one", "two.a", "two.b", "everything"}


def independent(text: str, roles: frozenset[str], action: str) -> dict[str, dict[str, str]]:
    """Work out arm -> field -> effect straight from the text, cell by cell."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.split("\n") if line]
    held = set(roles)
    for _ in rows:
        held |= {r[2][5:] for r in rows if r[0] == "g" and r[1][5:] in held}
    mine = [r for r in rows if r[0] == "p" and r[1][5:] in held and f"{r[2]}:{r[3]}" == action]
    fields = ["f1", "f2", "f3"] if action == "row:read" else ["*"]
    answer: dict[str, dict[str, str]] = {}
    for arm, field in itertools.product(sorted(EVERY_ARM), fields):
        about = [
            r for r in mine
            if arm in ARMS.get(r[4], EVERY_ARM) and (r[5] == "*" or field in r[5].split("|"))
        ]  # fmt: skip
        if any(r[6] == "deny" for r in about) or not about:
            continue
        ranks = [LEVELS.index(r[6]) if r[6] in LEVELS else 2 for r in about]
        answer.setdefault(arm, {})[field] = LEVELS[max(ranks)]
    return answer


def compiled(rules: RuleSet, roles: frozenset[str], action: str) -> dict[str, dict[str, str]]:
    answer = compile_rules(rules).judge(roles, action)
    if not isinstance(answer, Decision):
        return {}
    return {grant.arm: {f: str(e) for f, e in grant.fields.items()} for grant in answer.grants}


def padded(answer: dict[str, dict[str, str]], action: str) -> dict[str, dict[str, str]]:
    names = ("f1", "f2", "f3") if action == "row:read" else ()
    return {arm: {f: cells.get(f, "hidden") for f in names} for arm, cells in answer.items()}


def test_the_compiled_table_agrees_with_an_independent_evaluator() -> None:
    rnd = random.Random(7)
    cases = 0
    allowed = 0
    while cases < CASES:
        rules = sound(rnd)
        for size, action in itertools.product(range(4), ("row:read", "row:act", "thing:do")):
            for combination in itertools.combinations(("r1", "r2", "r3"), size):
                roles = frozenset(combination)
                expected = independent(rules.text, roles, action)
                assert compiled(rules, roles, action) == padded(expected, action), rules.text
                cases += 1
                allowed += bool(expected)
    assert CASES / 10 < allowed < CASES * 9 / 10


Answer = dict[str, dict[str, str]]


def without_denies(rules: RuleSet) -> RuleSet:
    kept = [line for line in rules.text.split("\n") if not line.endswith("deny")]
    return parse_rule_set("\n".join(kept), SMALL)


MUTANTS: dict[str, Callable[[RuleSet, frozenset[str], str], Answer]] = {
    "drop deny": lambda rules, roles, action: compiled(without_denies(rules), roles, action),
    "drop an arm": lambda rules, roles, action: dict(
        sorted(compiled(rules, roles, action).items())[1:]
    ),
    "mask to clear": lambda rules, roles, action: {
        arm: {field: effect.replace("pseudonym", "clear") for field, effect in cells.items()}
        for arm, cells in compiled(rules, roles, action).items()
    },
    "first role only": lambda rules, roles, action: compiled(
        rules, frozenset(sorted(roles)[:1]), action
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_evaluator_is_caught(mutant: str) -> None:
    rnd = random.Random(13)
    roles = frozenset({"r1", "r2"})
    for _ in range(200):
        rules = sound(rnd)
        expected = padded(independent(rules.text, roles, "row:read"), "row:read")
        if MUTANTS[mutant](rules, roles, "row:read") != expected:
            return
    pytest.fail(f"{mutant} gives the right answers")


def from_casbin(rules: RuleSet, role: str, action: str) -> dict[str, dict[str, str]]:
    """Ask the enforcer cell by cell, from the clearest effect down."""
    enforcer = enforcer_of(rules)
    resource = rules.vocabulary.resources[action.partition(":")[0]]
    verb = action.partition(":")[2]
    fields = resource.fields if resource.shows_fields(verb) else ("*",)
    shows = reversed(LEVELS) if resource.shows_fields(verb) else ("*",)
    answer: dict[str, dict[str, str]] = {}
    for show, arm, field in itertools.product(list(shows), resource.all_arms(verb), fields):
        request = (f"role:{role}", resource.name, verb, arm, field, show)
        if field not in answer.get(arm, {}) and enforcer.enforce(*request):
            answer.setdefault(arm, {})[field] = show
    return {
        arm: {f: cells.get(f, "hidden") for f in fields if f != "*"}
        for arm, cells in answer.items()
    }


def test_the_compiled_table_agrees_with_casbin() -> None:
    rnd = random.Random(11)
    for _ in range(60):
        rules = sound(rnd)
        for role, action in itertools.product(
            ("r1", "r2", "r3"), ("row:read", "row:act", "thing:do")
        ):
            assert compiled(rules, frozenset({role}), action) == from_casbin(rules, role, action)


def test_the_shipped_rules_compile_to_what_casbin_says_of_transfers() -> None:
    rules = parse_rule_set(shipped_text())
    for role in sorted(rules.vocabulary.roles):
        action = "transfer:read"
        assert compiled(rules, frozenset({role}), action) == from_casbin(rules, role, action)


@pytest.mark.slow
def test_the_shipped_rules_compile_to_what_casbin_says() -> None:
    rules = parse_rule_set(shipped_text())
    actions = sorted({rule.action for rule in rules.rules})
    for role, action in itertools.product(sorted(rules.vocabulary.roles), actions):
        assert compiled(rules, frozenset({role}), action) == from_casbin(rules, role, action)
