"""One policy decision at 100 to 100,000 rules and 1,000 members, against Casbin and Cedar."""

import json
import logging
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import casbin
import cedarpy
from casbin.model import FastModel, Model

from policies.actors import Actor
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set
from policies.errors import Denied
from policies.resources import Resource, Vocabulary

SIZES = (100, 1_000, 10_000, 100_000)
MEMBERS = 1_000
ROLES = 100
RESOURCES = 40
VERBS = 25
ROUNDS = 5
MAX_MICROSECONDS = 2.0
MAX_GROWTH = 1.5
MIN_RATIO = 100
BATCH = {"sekisho": 5_000, "FastEnforcer": 20, "cedarpy": 20, "Enforcer": 2}

MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)
"""

Request = tuple[str, str, str]
Ask = Callable[..., bool]
Contestant = tuple[Callable[[Request], tuple[Any, ...]], Ask]
"""How to put a request into an engine's own terms (not timed), and how to ask it (timed)."""


class Rows(casbin.persist.Adapter):  # type: ignore[misc]  # casbin has no type marker
    """Loads rows in one go."""

    def __init__(self, rules: Sequence[Request], links: Mapping[str, frozenset[str]]) -> None:
        self.rules = rules
        self.links = links

    def load_policy(self, model: Model) -> None:
        for role, resource, verb in self.rules:
            model.model["p"]["p"].policy.append([f"role:{role}", resource, verb])
        for member, roles in self.links.items():
            for role in roles:
                model.model["g"]["g"].policy.append([f"member:{member}", f"role:{role}"])


def rules_of(size: int) -> list[Request]:
    """Return `size` rules, no two alike."""
    return [
        (f"r{n % ROLES}", f"o{n // ROLES % RESOURCES}", f"v{n // ROLES // RESOURCES}")
        for n in range(size)
    ]


def ours(rules: Sequence[Request], members: Mapping[str, frozenset[str]]) -> Contestant:
    verbs = frozenset(f"v{n}" for n in range(VERBS))
    resources = {
        f"o{n}": Resource(f"o{n}", verbs, (), {"any": ("everything",)}) for n in range(RESOURCES)
    }
    names = frozenset(f"r{n}" for n in range(ROLES))
    text = "\n".join(f"p, role:{r}, {o}, {v}, any, *, allow" for r, o, v in rules)
    compiled: CompiledRules = compile_rules(
        parse_rule_set(text, Vocabulary(names, frozenset(), resources))
    )
    actors = {member: Actor(member, roles) for member, roles in members.items()}
    actions = {(o, v): f"{o}:{v}" for o in resources for v in verbs}

    def ask(actor: Actor, action: str) -> bool:
        try:
            compiled.decide(actor, action)
        except Denied:
            return False
        return True

    return lambda request: (actors[request[0]], actions[request[1:]]), ask


def casbin_plain(rules: Sequence[Request], members: Mapping[str, frozenset[str]]) -> Contestant:
    model = Model()
    model.load_model_from_text(MODEL)
    enforcer = casbin.Enforcer(model, Rows(rules, members))
    return lambda request: (f"member:{request[0]}", *request[1:]), enforcer.enforce


def casbin_fast(rules: Sequence[Request], members: Mapping[str, frozenset[str]]) -> Contestant:
    model = FastModel([1, 2])
    model.load_model_from_text(MODEL)
    enforcer = casbin.FastEnforcer(model, Rows(rules, members), cache_key_order=[1, 2])
    return lambda request: (f"member:{request[0]}", *request[1:]), enforcer.enforce


def cedar(rules: Sequence[Request], members: Mapping[str, frozenset[str]]) -> Contestant:
    text = "\n".join(
        f'permit(principal in Role::"{r}", action == Action::"{v}", resource == Thing::"{o}");'
        for r, o, v in rules
    )
    entities = [
        {"uid": {"type": "Role", "id": f"r{n}"}, "attrs": {}, "parents": []} for n in range(ROLES)
    ] + [
        {
            "uid": {"type": "Member", "id": member},
            "attrs": {},
            "parents": [{"type": "Role", "id": role} for role in sorted(roles)],
        }
        for member, roles in members.items()
    ]
    policies = cedarpy.PolicySet.from_str(text)
    graph = cedarpy.Entities.from_json_str(json.dumps(entities))

    def prepare(request: Request) -> tuple[Any, ...]:
        member, resource, verb = request
        question = {
            "principal": f'Member::"{member}"',
            "action": f'Action::"{verb}"',
            "resource": f'Thing::"{resource}"',
            "context": {},
        }
        return (question,)

    return prepare, lambda question: bool(cedarpy.is_authorized(question, policies, graph).allowed)


CONTESTANTS = {
    "sekisho": ours,
    "FastEnforcer": casbin_fast,
    "cedarpy": cedar,
    "Enforcer": casbin_plain,
}


def requests(
    rnd: random.Random, rules: Sequence[Request], members: Mapping[str, frozenset[str]]
) -> Iterator[Request]:
    """Yield requests without end: for half of them, a member that holds the rule's role."""
    names = list(members)
    holders: dict[str, list[str]] = {}
    for member, roles in members.items():
        for role in roles:
            holders.setdefault(role, []).append(member)
    while True:
        role, resource, verb = rnd.choice(rules)
        yield rnd.choice(holders[role] if rnd.random() < 0.5 else names), resource, verb


def at_size(size: int) -> dict[str, Any]:
    """Measure every contestant at one number of rules, in CPU time; check that they agree."""
    rnd = random.Random(size)
    rules = rules_of(size)
    members = {
        f"m{n}": frozenset({f"r{n % ROLES}", f"r{rnd.randrange(ROLES)}"}) for n in range(MEMBERS)
    }
    askers = {name: make(rules, members) for name, make in CONTESTANTS.items()}
    source = requests(rnd, rules, members)
    for request in (next(source) for _ in range(3)):
        answers = {name: ask(*prepare(request)) for name, (prepare, ask) in askers.items()}
        if len(set(answers.values())) != 1:
            raise AssertionError(f"{request}: {answers}")
    times: dict[str, list[float]] = {name: [] for name in askers}
    for _ in range(ROUNDS):
        for name, (prepare, ask) in askers.items():
            # A first batch, not timed, puts each engine's own data back into the caches.
            for timed in (False, True):
                batch = [prepare(next(source)) for _ in range(BATCH[name])]
                started = time.process_time()
                for request in batch:
                    ask(*request)
                if timed:
                    times[name].append((time.process_time() - started) / len(batch) * 1e6)
    medians = {f"{name} µs": statistics.median(values) for name, values in times.items()}
    own = medians["sekisho µs"]
    ratios = {f"× {name}": medians[f"{name} µs"] / own for name in askers if name != "sekisho"}
    return {"rules": size, **medians, **ratios}


def run(sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Return medians in microseconds and how many times faster than each other engine."""
    logging.getLogger("casbin").setLevel(logging.CRITICAL)
    rows = [at_size(size) for size in sizes]
    slowest = max(row["sekisho µs"] for row in rows)
    growth = rows[-1]["sekisho µs"] / rows[0]["sekisho µs"]
    ratio = min(row["× FastEnforcer"] for row in rows)
    targets = [
        {"target": f"under {MAX_MICROSECONDS} µs", "measured": slowest,
         "met": slowest < MAX_MICROSECONDS},
        {"target": f"flat: largest within {MAX_GROWTH} × smallest", "measured": growth,
         "met": growth <= MAX_GROWTH},
        {"target": f"at least {MIN_RATIO} × FastEnforcer", "measured": ratio,
         "met": ratio >= MIN_RATIO},
    ]  # fmt: skip
    return {"members": MEMBERS, "rounds": ROUNDS, "rows": rows, "targets": targets}
