"""The gateway against an evaluator that looks at row after row and shares no code with it.

The evaluator reads the rule text itself, knows the arms as plain Python over who managed whom at
the time, and never saw SQL. Mutants of the compiled form must be caught by the same comparison.
"""

import datetime as dt
import logging
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

import ledger.gateway
import ledger.paging
import policies.compilation
from ledger.database import Base, connect, reading, writing
from ledger.errors import FieldNotComparable
from ledger.gateway import STAMP, Gateway, Viewer
from ledger.paging import Shape
from ledger.pseudonyms import Pseudonyms
from ledger.scopes import TRANSFERS
from ledger.tables import TransferRow
from policies.actors import Actor
from policies.engine import parse_rule_set
from policies.errors import Denied, RulesMalformed

QUICK, DEEP = 500, 5_000
CASES_FOR_RULES = 10
ROWS = 40
MEMBERS = ("m-a", "m-b", "m-c", "m-d")
INVESTORS = ("INV1", "INV2", "INV3")
RIGHTS = {"BR1": ("m-a", "m-c", "m-d"), "BR2": ("m-b", "m-a", "m-c")}
ROLES = ("registrar", "custodian", "intermediary", "fundraiser")
FIELDS = ("trade_id", "from_investor_id", "to_investor_id", "quantity", "beneficial_right_id")
SCOPES = ("own_register", "managed_customers", "own_customers")
SIDED = ("managed_customers", "own_customers")
LEVELS = ("hidden", "pseudonym", "clear")
FILTERS = {"beneficial_right_id": "BR1", "quantity": 3, "from_investor_id": "INV2"}
AT = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)
PSEUDONYMS = Pseudonyms(b"s" * 32)


class Deal(msgspec.Struct, frozen=True):
    """A transfer as the world knows it."""

    row_id: int
    right: str
    giver: str
    taker: str
    quantity: int


class World:
    """Transfers, and who managed whom when each of them happened."""

    def __init__(self, rnd: random.Random) -> None:
        self.history: dict[str, list[tuple[int, str, str]]] = {
            name: [(0, rnd.choice(MEMBERS), rnd.choice(MEMBERS))] for name in INVESTORS
        }
        self.deals = []
        for row_id in range(1, ROWS + 1):
            if rnd.random() < 0.2:
                moved = (row_id, rnd.choice(MEMBERS), rnd.choice(MEMBERS))
                self.history[rnd.choice(INVESTORS)].append(moved)
            giver, taker = rnd.choice(("", *INVESTORS)), rnd.choice(INVESTORS)
            deal = Deal(row_id, rnd.choice(tuple(RIGHTS)), giver, taker, rnd.randrange(1, 5))
            self.deals.append(deal)

    def manager(self, investor: str, row_id: int) -> tuple[str, str]:
        """Return custodian and holder of an investor when a row came about."""
        past = [who[1:] for who in self.history.get(investor, ()) if who[0] <= row_id]
        return past[-1] if past else ("", "")

    def write(self, engine: Engine) -> None:
        with writing(engine) as session:
            session.execute(sa.delete(TransferRow), execution_options=STAMP)
            rows = [self._row(deal) for deal in self.deals]
            session.execute(sa.insert(TransferRow), rows, execution_options=STAMP)

    def _row(self, deal: Deal) -> dict[str, Any]:
        givers, takers = (self.manager(i, deal.row_id) for i in (deal.giver, deal.taker))
        registrar, fundraiser, manager = RIGHTS[deal.right]
        return {
            "row_id": deal.row_id, "transfer_txid": txid(deal), "command_index": 0,
            "trade_id": f"TRD{deal.row_id}", "token_txid": txid(deal),
            "transfer_creator_id": "m-a", "beneficial_right_id": deal.right,
            "from_investor_id": deal.giver, "to_investor_id": deal.taker,
            "quantity": deal.quantity, "settlement_date": AT.date(), "transfer_type": "transfer",
            "cancels_trade_id": "", "registered_at": AT, "registered_by": "m-a", "terms": b"{}",
            "cancels_row": None, "registrar": registrar, "from_custodian": givers[0],
            "to_custodian": takers[0], "from_holder": givers[1], "to_holder": takers[1],
            "fundraiser": fundraiser, "asset_manager": manager,
        }  # fmt: skip


def txid(deal: Deal) -> bytes:
    return deal.row_id.to_bytes(32, "big")


class Case(msgspec.Struct, frozen=True):
    """One question: under which rules, who, which rows, in pages of how many."""

    text: str
    roles: frozenset[str]
    member: str
    where: dict[str, Any]
    limit: int


def random_rules(rnd: random.Random) -> str:
    """Return a rule text without faults."""
    lines = []
    for _ in range(rnd.randrange(1, 9)):
        denies = rnd.random() < 0.25
        scope = rnd.choice((*SCOPES, *(f"{s}.{side}" for s in SIDED for side in ("from", "to"))))
        fields = "|".join(rnd.sample(FIELDS, rnd.randrange(1, len(FIELDS) + 1)))
        level = "deny" if denies else rnd.choice(LEVELS)
        scope = "*" if denies and rnd.random() < 0.2 else scope
        fields = "*" if rnd.random() < 0.3 else fields
        lines.append(f"p, role:{rnd.choice(ROLES)}, transfer, read, {scope}, {fields}, {level}")
    while True:
        try:
            return parse_rule_set("\n".join(lines)).text
        except RulesMalformed as error:
            bad = {fault.line for fault in error.faults}
            lines = [line for number, line in enumerate(lines, start=1) if number not in bad]


def cases(rnd: random.Random, count: int) -> Iterator[Case]:
    """Yield `count` cases, some to a rule set."""
    for start in range(0, count, CASES_FOR_RULES):
        text = random_rules(rnd)
        for _ in range(min(CASES_FOR_RULES, count - start)):
            roles = frozenset(rnd.sample(ROLES, rnd.randrange(1, len(ROLES) + 1)))
            names = [name for name in FILTERS if rnd.random() < 0.15]
            where = {name: FILTERS[name] for name in names}
            yield Case(text, roles, rnd.choice(MEMBERS), where, rnd.choice((1, 2, 3, 7, 50)))


ARMS: dict[str, Callable[[World, Deal, str], bool]] = {
    "own_register": lambda _w, d, m: RIGHTS[d.right][0] == m,
    "managed_customers.from": lambda w, d, m: w.manager(d.giver, d.row_id)[0] == m,
    "managed_customers.to": lambda w, d, m: w.manager(d.taker, d.row_id)[0] == m,
    "own_customers.from": lambda w, d, m: w.manager(d.giver, d.row_id)[1] == m,
    "own_customers.to": lambda w, d, m: w.manager(d.taker, d.row_id)[1] == m,
}


def cells(case: Case) -> dict[str, dict[str, str]]:
    """Read arm -> field -> level straight from the text; a cell denied or unsaid is missing."""
    rules = [[cell.strip() for cell in line.split(",")] for line in case.text.splitlines()]
    mine = [r for r in rules if len(r) == 7 and r[1].removeprefix("role:") in case.roles]
    answer: dict[str, dict[str, str]] = {}
    for arm in ARMS:
        for field in FIELDS:
            about = [
                r[6] for r in mine
                if r[4] in {"*", arm, arm.partition(".")[0]} and field in said(r[5])
            ]  # fmt: skip
            if about and "deny" not in about:
                answer.setdefault(arm, {})[field] = max(about, key=LEVELS.index)
        others = [r[6] for r in mine if r[4] in {"*", arm, arm.partition(".")[0]} and r[5] == "*"]
        if others and "deny" not in others:
            answer.setdefault(arm, {})  # admitted by fields that this test does not look at
    return answer


def said(fields: str) -> tuple[str, ...]:
    return FIELDS if fields == "*" else tuple(fields.split("|"))


def expected(world: World, case: Case) -> Any:
    """Return the rows, newest first, as the rules say; or why there is no answer."""
    shown = cells(case)
    if not shown:
        return "denied"
    if any(arm.get(name) != "clear" for name in case.where for arm in shown.values()):
        return "not comparable"
    rows = []
    for deal in reversed(world.deals):
        values = {
            "trade_id": f"TRD{deal.row_id}",
            "from_investor_id": deal.giver,
            "to_investor_id": deal.taker,
            "quantity": deal.quantity,
            "beneficial_right_id": deal.right,
        }
        arms = [arm for arm in shown if ARMS[arm](world, deal, case.member)]
        if not arms or any(values[name] != value for name, value in case.where.items()):
            continue
        row = {}
        for field, value in values.items():
            level = max((shown[arm].get(field, "hidden") for arm in arms), key=LEVELS.index)
            if level == "clear":
                row[field] = value
            elif level == "pseudonym" and isinstance(value, str):
                row[field] = PSEUDONYMS.name(case.member, txid(deal), value)
        rows.append(row)
    return rows


def answered(engine: Engine, gateway: Gateway, rules: Any, case: Case) -> Any:
    """Walk all pages through the gateway."""
    actor = Actor(case.member, case.roles)
    try:
        viewer = Viewer(case.member, rules.decide(actor, "transfer:read"))
    except Denied:
        return "denied"
    rows: list[dict[str, Any]] = []
    cursor = None
    with reading(engine) as session:
        while True:
            try:
                page = gateway.page(
                    session, TRANSFERS, viewer, where=case.where, cursor=cursor, limit=case.limit
                )
            except FieldNotComparable:
                return "not comparable"
            rows += [{k: v for k, v in row.fields.items() if k in FIELDS} for row in page.rows]
            cursor = page.next
            if cursor is None or len(rows) > ROWS:
                return rows


def differences(engine: Engine, seed: int, count: int, *, stop: bool = False) -> tuple[int, int]:
    """Return how many cases differ (at least 1, with `stop`), and how many gave rows."""
    rnd = random.Random(seed)
    world = World(rnd)
    world.write(engine)
    gateway = ledger.gateway.Gateway(PSEUDONYMS)
    differ = gave = 0
    text, rules = "", None
    for number, case in enumerate(cases(rnd, count)):
        if number % 100 == 99:
            world = World(rnd)
            world.write(engine)
        if case.text != text or rules is None:
            text, rules = case.text, policies.compilation.compile_rules(parse_rule_set(case.text))
        wanted = expected(world, case)
        differ += wanted != answered(engine, gateway, rules, case)
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
        ledger.paging, "name: shown.get(name, Effect.HIDDEN)", "name: Effect.CLEAR",
    ),
    "cursor names the last row again": (ledger.paging, "left < right", "left <= right"),
    "no upper end of the range": (
        ledger.paging, "owner <= _VIEWER if view.descending", "sa.true() if view.descending",
    ),
    "every arm admits": (ledger.paging, " if holds}", "}"),
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
    World(random.Random(3)).write(rewritable)
    text = (
        "p, role:registrar, transfer, read, own_register, trade_id|quantity, clear\n"
        "p, role:registrar, transfer, read, managed_customers.to, trade_id, clear\n"
    )
    rules = policies.compilation.compile_rules(parse_rule_set(text))
    decision = rules.decide(Actor("m-a", frozenset({"registrar"})), "transfer:read")
    lateral = rewritable.dialect.name == "postgresql"
    prepared = ledger.paging.Prepared(TRANSFERS, decision, Shape((), after=False, lateral=lateral))
    parameters = {"viewer": "m-a", "row_limit": ROWS}
    with reading(rewritable) as session:
        rows = session.execute(prepared.query, parameters, execution_options=STAMP).all()
    assert prepared.branches[0][0] == "own_register"
    assert {row.admits_0 for row in rows} == {True, False}
    assert all((row.field_quantity is None) is not bool(row.admits_0) for row in rows)
