"""Proofs that no rule lets anybody see what the statements forbid, with z3.

A row is any row: its registrar, fundraiser, asset manager, the custodian and the custody holder of
either side, the owner of a record, the sender and receiver of an instruction are members that the
solver chooses, equal to the viewer or not. An arm is a predicate over these. The statement fails
when the solver finds a row that an arm of some role admits and that no exception made for that very
role covers; the row is the counterexample.

Roles are taken one by one, after their own denies. What a member with several roles sees is the
union of what each shows, less what any of them denies: what holds for each holds for all together.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import z3

from policies.cells import Place, visible_cells
from policies.compilation import CompiledRules
from policies.resources import Resource
from policies.rules import ALLOW, Effect
from policies.statements import EVERY_FIELD, Always, Never, Statements

RELATIONS: Mapping[str, tuple[str, ...]] = {
    "everything": (),
    "governance_log": (),
    "managed_customers": ("custodian",),
    "managed_customers.from": ("custodian of the sender",),
    "managed_customers.to": ("custodian of the receiver",),
    "own_customers": ("custody holder",),
    "own_customers.from": ("custody holder of the sender",),
    "own_customers.to": ("custody holder of the receiver",),
    "own_instructions": ("sender", "receiver"),
    "own_products": ("fundraiser", "asset manager"),
    "own_records": ("owner of the record",),
    "own_register": ("registrar",),
    "uniqueness_only": (),
}
"""For each arm, the relations of which the viewer must have one to the row; none: any viewer."""

PARTIES = tuple(sorted({party for parties in RELATIONS.values() for party in parties}))
_LEVEL = {"row": 0, "pseudonym": 1, "clear": 2}
_CLARITY = {ALLOW: 2, **{str(effect): effect.clarity for effect in Effect}}


class Counterexample(msgspec.Struct, frozen=True):
    """A row and a viewer for which a statement fails.

    Args:
        statement: its id.
        text: the statement.
        role: the role through which the viewer reaches the row.
        action: what it may do.
        arm: the arm that admits the row.
        field: what it sees; `*` for actions that show no fields.
        effect: how it sees it; `absent` where something that must be allowed is not.
        rules: the rules that let it.
        viewer: the viewer's member id, made up.
        row: who stands in which relation to the row, made up.
    """

    statement: str
    text: str
    role: str
    action: str
    arm: str
    field: str
    effect: str
    rules: tuple[str, ...]
    viewer: str
    row: Mapping[str, str]


class Proof(msgspec.Struct, frozen=True):
    """What was tried for one statement: proved when there is no counterexample."""

    statement: str
    text: str
    counterexamples: tuple[Counterexample, ...]

    @property
    def proved(self) -> bool:
        """Whether it holds."""
        return not self.counterexamples


def prove_statements(rules: CompiledRules, statements: Statements) -> tuple[Proof, ...]:
    """Return a proof, or the counterexamples, for each statement; one for each failing action."""
    cells = visible_cells(rules)
    world = World()
    never = tuple(
        Proof(s.id, s.text, tuple(_refute(rules, cells, world, s))) for s in statements.never
    )
    always = tuple(Proof(s.id, s.text, tuple(_missing(cells, s))) for s in statements.always)
    return never + always


class World:
    """One solver's terms: members, the viewer, and the parties of a row."""

    def __init__(self) -> None:
        self.context = z3.Context()  # a context of its own: z3's shared one is not thread-safe
        names = ["viewer", *(f"other-{n}" for n in range(1, len(PARTIES) + 1))]
        sort, self.members = z3.EnumSort("Member", names, ctx=self.context)
        self.viewer = self.members[0]
        self.parties = {party: z3.Const(party, sort) for party in PARTIES}
        self._answers: dict[tuple[str, frozenset[str]], Mapping[str, str] | None] = {}

    def admits(self, arm: str) -> Any:
        """Return that the arm admits the row to the viewer."""
        if not RELATIONS[arm]:
            return z3.BoolVal(True, ctx=self.context)
        return z3.Or([self.parties[party] == self.viewer for party in RELATIONS[arm]])

    def escape(self, arm: str, exceptions: frozenset[str]) -> Mapping[str, str] | None:
        """Return the parties of a row that `arm` admits and none of `exceptions` does.

        None: there is no such row. Each question is solved once.
        """
        question = (arm, exceptions)
        if question not in self._answers:
            self._answers[question] = self._solve(arm, exceptions)
        return self._answers[question]

    def _solve(self, arm: str, exceptions: frozenset[str]) -> Mapping[str, str] | None:
        solver = z3.Solver(ctx=self.context)
        solver.add(self.admits(arm), *(z3.Not(self.admits(name)) for name in sorted(exceptions)))
        if solver.check() != z3.sat:
            return None
        model = solver.model()
        return {
            party: str(model.eval(term, model_completion=True))
            for party, term in self.parties.items()
        }


def _refute(
    rules: CompiledRules, cells: Mapping[Place, str], world: World, statement: Never
) -> Iterator[Counterexample]:
    resources = rules.rule_set.vocabulary.resources
    reached: set[str] = set()
    for place in _forbidden(cells, statement):
        if place.action in reached:
            continue
        resource = resources[place.action.partition(":")[0]]
        row = world.escape(place.arm, _excepted(rules, statement, resource, place))
        if row is not None:
            reached.add(place.action)
            yield _counterexample(rules, statement, place, cells[place], row)


def _forbidden(cells: Mapping[Place, str], statement: Never) -> Iterator[Place]:
    """Yield the cells that the statement speaks of and that reach its level."""
    for place, effect in cells.items():
        spoken = place.action in statement.actions and (
            not statement.of or place.role in statement.of
        )
        named = EVERY_FIELD in (*statement.fields, place.field) or place.field in statement.fields
        if spoken and named and _CLARITY[effect] >= _LEVEL[statement.level]:
            yield place


def _excepted(
    rules: CompiledRules, statement: Never, resource: Resource, place: Place
) -> frozenset[str]:
    """Return the arms through which the statement lets the role of `place` reach the row."""
    verb = place.action.partition(":")[2]
    held = rules.rule_set.inherits[place.role]
    return frozenset(
        arm
        for role, scope in statement.exceptions
        if role in held
        for arm in resource.arms(verb, scope)
    )


def _counterexample(
    rules: CompiledRules, statement: Never, place: Place, effect: str, row: Mapping[str, str]
) -> Counterexample:
    answer = rules.judge(frozenset({place.role}), place.action)
    return Counterexample(
        statement.id, statement.text, place.role, place.action, place.arm, place.field, effect,
        answer.rules, "viewer", row,
    )  # fmt: skip


def _missing(cells: Mapping[Place, str], statement: Always) -> Iterator[Counterexample]:
    allowed = {(place.role, place.action) for place in cells}
    for role in statement.of:
        for action in statement.actions:
            if (role, action) not in allowed:
                yield Counterexample(
                    statement.id, statement.text, role, action, "", EVERY_FIELD, "absent", (),
                    "viewer", {},
                )  # fmt: skip
