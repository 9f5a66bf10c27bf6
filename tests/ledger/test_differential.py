"""The gateway against an evaluator that looks at row after row and shares no code with it.

The evaluator reads the rule text itself, knows whom each row names from the world that it is of
(`worlds`), and never saw SQL. Mutants of the compiled form must be caught by the same comparison.
"""

import itertools
import logging
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from sqlalchemy.engine import Engine

import ledger.gateway
import ledger.paging
import ledger.scopes
import policies.compilation
from ledger.database import Base, connect, reading
from ledger.errors import CursorInvalid, FieldNotComparable
from ledger.gateway import STAMP, Gateway, Viewer
from ledger.paging import Shape
from ledger.pseudonyms import Pseudonyms
from ledger.scopes import TRANSFERS
from policies.actors import Actor
from policies.engine import parse_rule_set
from policies.errors import Denied, RulesMalformed
from policies.resources import VOCABULARY, Resource
from tests.ledger.worlds import DEALS, MEMBERS, VIEWS, Fact, World

QUICK, DEEP = 600, 6_000
CASES_FOR_RULES = 10
CASES_FOR_WORLD = 100
ROLES = ("registrar", "custodian", "intermediary", "fundraiser")
LEVELS = ("hidden", "pseudonym", "clear")
PSEUDONYMS = Pseudonyms(b"s" * 32)
FILTERS = {
    "beneficial_right_id": "BR1",
    "token_id": "BR1",
    "quantity": 3,
    "from_investor_id": "INV2",
    "investor_id": "INV2",
    "transfer_control_id": "CTL0-m-a",
    "session_status": "open",
}


class Case(msgspec.Struct, frozen=True):
    """One question: under which rules, who, which rows, in which order, in pages of how many."""

    view: str
    text: str
    roles: frozenset[str]
    member: str
    where: dict[str, Any]
    limits: tuple[int, ...]
    reverse: bool

    @property
    def resource(self) -> Resource:
        return VOCABULARY.resources[VIEWS[self.view].resource]


def random_rules(rnd: random.Random, resource: Resource, looked_at: tuple[str, ...]) -> str:
    """Return a rule text without faults."""
    scopes = [*resource.scopes, *resource.all_arms("read")]
    lines = []
    for _ in range(rnd.randrange(1, 9)):
        denies = rnd.random() < 0.25
        scope = "*" if denies and rnd.random() < 0.2 else rnd.choice(scopes)
        fields = "|".join(rnd.sample(looked_at, rnd.randrange(1, len(looked_at) + 1)))
        fields = "*" if rnd.random() < 0.3 else fields
        level = "deny" if denies else rnd.choice(LEVELS)
        role = rnd.choice(ROLES)
        lines.append(f"p, role:{role}, {resource.name}, read, {scope}, {fields}, {level}")
    while True:
        try:
            return parse_rule_set("\n".join(lines)).text
        except RulesMalformed as error:
            bad = {fault.line for fault in error.faults}
            lines = [line for number, line in enumerate(lines, start=1) if number not in bad]


def cases(rnd: random.Random, count: int, looked_at: dict[str, tuple[str, ...]]) -> Iterator[Case]:
    """Yield `count` cases, some to a rule set."""
    for start in range(0, count, CASES_FOR_RULES):
        view = rnd.choice((*VIEWS, "transfer", "transfer"))
        text = random_rules(rnd, VOCABULARY.resources[VIEWS[view].resource], looked_at[view])
        for _ in range(min(CASES_FOR_RULES, count - start)):
            roles = frozenset(rnd.sample(ROLES, rnd.randrange(1, len(ROLES) + 1)))
            names = [n for n in FILTERS if n in looked_at[view] and rnd.random() < 0.15]
            yield Case(
                view,
                text,
                roles,
                rnd.choice(MEMBERS),
                {name: FILTERS[name] for name in names},
                tuple(rnd.choice((1, 2, 3, 7, 50)) for _ in range(3)),
                rnd.random() < 0.4,
            )


def cells(case: Case, looked_at: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Read arm -> field -> level straight from the text; a cell denied or unsaid is missing."""
    rules = [[cell.strip() for cell in line.split(",")] for line in case.text.splitlines()]
    mine = [r for r in rules if len(r) == 7 and r[1].removeprefix("role:") in case.roles]
    answer: dict[str, dict[str, str]] = {}
    for scope, arms in case.resource.scopes.items():
        for arm in arms:
            here = [r for r in mine if r[4] in {"*", arm, scope}]
            for field in looked_at:
                about = [r[6] for r in here if r[5] == "*" or field in r[5].split("|")]
                if about and "deny" not in about:
                    answer.setdefault(arm, {})[field] = max(about, key=LEVELS.index)
            whole = [r[6] for r in here if r[5] == "*"]
            if set(case.resource.fields) - set(looked_at) and whole and "deny" not in whole:
                answer.setdefault(arm, {})  # admitted by fields that this test does not look at
    return answer


def expected(world: World, case: Case, looked_at: tuple[str, ...]) -> Any:
    """Return the rows, in order, as the rules say; or why there is no answer."""
    shown = cells(case, looked_at)
    if not shown:
        return "denied"
    if any(arm.get(name) != "clear" for name in case.where for arm in shown.values()):
        return "not comparable"
    rows = []
    for fact in world.facts(case.view):
        arms = [arm for arm in shown if case.member in fact.named.get(arm, ())]
        if arms and all(fact.values[name] == value for name, value in case.where.items()):
            rows.append(seen(fact, case.member, [shown[arm] for arm in arms]))
    return rows[::-1] if case.reverse else rows


def seen(fact: Fact, member: str, arms: list[dict[str, str]]) -> dict[str, Any]:
    row = {}
    for field, value in fact.values.items():
        level = max((arm.get(field, "hidden") for arm in arms), key=LEVELS.index)
        if level == "clear":
            row[field] = value
        elif level == "pseudonym" and isinstance(value, str) and fact.txid is not None:
            row[field] = PSEUDONYMS.name(member, fact.txid, value)
    return row


def answered(engine: Engine, gateway: Gateway, rules: Any, case: Case, most: int) -> Any:
    """Walk all pages through the gateway, each of another length."""
    actor = Actor(case.member, case.roles)
    try:
        viewer = Viewer(case.member, rules.decide(actor, f"{case.resource.name}:read"))
    except Denied:
        return "denied"
    rows: list[dict[str, Any]] = []
    cursor = None
    pages = 0
    with reading(engine) as session:
        while True:
            limit = case.limits[pages % len(case.limits)]
            try:
                page = gateway.page(
                    session,
                    VIEWS[case.view],
                    viewer,
                    where=case.where,
                    cursor=cursor,
                    limit=limit,
                    reverse=case.reverse,
                )
            except FieldNotComparable:
                return "not comparable"
            rows += [dict(row.fields) for row in page.rows]
            cursor, pages = page.next, pages + 1
            if cursor is None or len(rows) > most:
                return rows


def without(rows: Any, looked_at: tuple[str, ...]) -> Any:
    if isinstance(rows, str):
        return rows
    return [{k: v for k, v in row.items() if k in looked_at} for row in rows]


LOOKED_AT = {name: tuple(World(random.Random(0)).facts(name)[0].values) for name in VIEWS}


def differences(engine: Engine, seed: int, count: int, *, stop: bool = False) -> tuple[int, int]:
    """Return how many cases differ (at least 1, with `stop`), and how many gave rows."""
    rnd = random.Random(seed)
    world = World(rnd)
    world.write(engine)
    gateway = ledger.gateway.Gateway(PSEUDONYMS)
    differ = gave = 0
    text, rules = "", None
    for number, case in enumerate(cases(rnd, count, LOOKED_AT)):
        if number % CASES_FOR_WORLD == CASES_FOR_WORLD - 1:
            world = World(rnd)
            world.write(engine)
        if case.text != text or rules is None:
            text, rules = case.text, policies.compilation.compile_rules(parse_rule_set(case.text))
        looked_at = LOOKED_AT[case.view]
        wanted = expected(world, case, looked_at)
        got = without(answered(engine, gateway, rules, case, 2 * DEALS), looked_at)
        if wanted != got and not stop:
            print(case, wanted, got, sep="\n")
        differ += wanted != got
        if differ and stop:
            break
        gave += isinstance(wanted, list) and bool(wanted)
    return differ, gave


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def rewritable(database_url: str) -> Iterator[Engine]:
    """An engine whose ledger may be written anew for each world."""
    engine = connect(database_url)
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
    yield engine
    engine.dispose()


def test_the_gateway_agrees_with_the_row_by_row_evaluator(rewritable: Engine):
    differ, gave = differences(rewritable, 1, QUICK)
    assert differ == 0
    assert gave > QUICK / 4


@pytest.mark.slow
def test_the_gateway_agrees_in_thousands_of_cases(rewritable: Engine):
    assert differences(rewritable, 2, DEEP)[0] == 0


MUTANTS = {
    "union to union all": (
        ledger.paging, "part.where(sa.not_(sa.or_(*seen))) if seen else part", "part",
    ),
    "drop deny": (policies.compilation, "and (action, arm, field) not in denied", ""),
    "drop an arm": (
        ledger.paging, "for grant in decision.grants\n", "for grant in decision.grants[1:]\n",
    ),
    "mask to clear": (
        ledger.paging, "name: said.get(name, Effect.HIDDEN)", "name: Effect.CLEAR",
    ),
    "cursor names the last row again": (ledger.paging, "left < right", "left <= right"),
    "no upper end of the range": (
        ledger.paging, "owner <= _VIEWER if self.descending", "sa.true() if self.descending",
    ),
    "every arm admits": (ledger.paging, " if holds}", "}"),
    "every list in one order": (ledger.paging, "is not shape.reverse", "is not False"),
    "hidden is filtered by": (
        ledger.gateway, "name not in decision.clear_fields or", "",
    ),
}  # fmt: skip


def mutated(module: ModuleType, old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module with a piece of its source replaced."""
    assert module.__file__ is not None
    source = Path(module.__file__).read_text()
    assert old in source, old
    name = f"{module.__name__}_mutant"
    mutant = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, mutant)
    exec(compile(source.replace(old, new), name, "exec"), mutant.__dict__)
    return mutant


VIEW_MUTANTS = {
    "a customer once is a customer now": (
        "holding", "HOLDINGS", "_C.until_index.is_(None))\n", "sa.true())\n",
    ),
    "who manages now managed then": (
        "change", "CHANGES", "_C.from_index < _G.log_index", "sa.true()",
    ),
    "who managed then manages for ever": (
        "change", "CHANGES", "_C.until_index > _G.log_index", "sa.true()",
    ),
    "one's products are one's register": (
        "beneficial_right", "RIGHTS", '"own_register": _is(_R.registrar),\n    "own_products"',
        '"own_register": _is(_R.registrar, _R.fundraiser),\n    "own_products"',
    ),
    "who holds what, of any registrar": (
        "account_key", "ACCOUNT_KEYS", ".where(_R.registrar == registrar)", "",
    ),
    "only one side's transactions": (
        "transaction", "TRANSACTIONS", "_is(_T.from_custodian, _T.to_custodian)",
        "_is(_T.from_custodian)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mutant", VIEW_MUTANTS)
def test_mutants_of_views_die(mutant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    view, name, old, new = VIEW_MUTANTS[mutant]
    changed = getattr(mutated(ledger.scopes, old, new, monkeypatch), name)
    monkeypatch.setitem(VIEWS, view, changed)
    engine = connect(f"sqlite:///{tmp_path / 'mutant.sqlite'}")
    Base.metadata.create_all(engine)
    assert differences(engine, 1, 4 * QUICK, stop=True)[0] > 0
    engine.dispose()


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_die(mutant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    module, old, new = MUTANTS[mutant]
    changed = mutated(module, old, new, monkeypatch)
    used = {ledger.paging: "Prepared", ledger.gateway: "Gateway"}.get(module, "compile_rules")
    user = ledger.gateway if module is ledger.paging else module
    monkeypatch.setattr(user, used, getattr(changed, used))
    engine = connect(f"sqlite:///{tmp_path / 'mutant.sqlite'}")
    Base.metadata.create_all(engine)
    assert differences(engine, 1, QUICK, stop=True)[0] > 0
    engine.dispose()


def test_what_a_row_hides_does_not_leave_the_database(rewritable: Engine):
    """The masks in SQL and in Python are two; this one looks at what SQL gives alone."""
    world, member = next(both_ways())
    world.write(rewritable)
    text = (
        "p, role:registrar, transfer, read, own_register, trade_id|quantity, clear\n"
        "p, role:registrar, transfer, read, managed_customers.to, trade_id, clear\n"
    )
    rules = policies.compilation.compile_rules(parse_rule_set(text))
    decision = rules.decide(Actor(member, frozenset({"registrar"})), "transfer:read")
    lateral = rewritable.dialect.name == "postgresql"
    prepared = ledger.paging.Prepared(TRANSFERS, decision, Shape((), after=False, lateral=lateral))
    parameters = {"viewer": member, "row_limit": DEALS}
    with reading(rewritable) as session:
        rows = session.execute(prepared.query, parameters, execution_options=STAMP).all()
    assert prepared.branches[0][0] == "own_register"
    assert {row.admits_0 for row in rows} == {True, False}
    assert all((row.field_quantity is None) is not bool(row.admits_0) for row in rows)


def both_ways() -> Iterator[tuple[World, str]]:
    """Yield a world and a member that is shown rows as registrar, and others as custodian only."""
    for seed in itertools.count():
        world = World(random.Random(seed))
        for member in MEMBERS:
            keeps = {
                member in fact.named["own_register"]
                for fact in world.facts("transfer")
                if member in fact.named["own_register"] | fact.named["managed_customers.to"]
            }
            if keeps == {True, False}:
                yield world, member


def test_a_cursor_is_of_one_list_and_one_order(rewritable: Engine):
    World(random.Random(5)).write(rewritable)
    text = "p, role:registrar, holding, read, own_register, *, clear\n"
    rules = policies.compilation.compile_rules(parse_rule_set(text))
    gateway = Gateway(PSEUDONYMS)
    with reading(rewritable) as session:
        for member in MEMBERS:
            viewer = Viewer(
                member, rules.decide(Actor(member, frozenset({"registrar"})), "holding:read")
            )
            page = gateway.page(session, VIEWS["holding"], viewer, limit=1)
            if page.next is None:
                continue
            for view, reverse in (("holding", True), ("change", False)):
                with pytest.raises(CursorInvalid):
                    gateway.page(session, VIEWS[view], viewer, cursor=page.next, reverse=reverse)
            return
    pytest.fail("nobody has a second page")
