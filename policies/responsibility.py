"""Who is responsible for what (question VII of the report): one accountable role per operation.

The matrix is data (`responsibility.csv`). Three things hang on it: the rules may let a role do only
what it is accountable or responsible for, and show it only what it is informed of; incidents find
their accountable member and deadlines in it; the documentation prints it.
"""

import csv
import datetime as dt
from collections.abc import Iterator, Mapping
from enum import StrEnum
from importlib.resources import files

import msgspec

from policies.actions import Action
from policies.compilation import CompiledRules, Decision
from policies.errors import Fault, MatrixMalformed
from policies.resources import READ, VOCABULARY, Vocabulary

SHIPPED = "responsibility.csv"
MAX_DEADLINE = 30 * 24 * 60
"""Minutes of the longest deadline."""


class Subject(StrEnum):
    """What an operation is about: it picks the one accountable member where several hold a role.

    `network`: the network itself, so the platform administrator; `right`: the registrar of the
    right; `customer`: whoever holds the customer's keys, or sent its instruction; `record`: the
    company whose record it is; `contract`: the author's organisation; `node`: the organisation of
    the node; `member`: the member itself.
    """

    CONTRACT = "contract"
    CUSTOMER = "customer"
    MEMBER = "member"
    NETWORK = "network"
    NODE = "node"
    RECORD = "record"
    RIGHT = "right"


class Operation(msgspec.Struct, frozen=True):
    """One line of the matrix.

    Args:
        name: a short name.
        title: what is done.
        title_ja: the same in the report's language.
        accountable: the one role, or group of roles, that answers for it.
        subject: what it is about, which picks the member.
        responsible: roles or groups that also do it.
        consulted: roles or groups that are asked.
        informed: roles or groups that are told: those that may read what it is about.
        actions: what the rules call it.
        incidents: the kinds of incident that happen to it.
        acknowledge: how long the accountable member has to acknowledge an incident.
        escalate: after how long without a close it goes to `escalate_to`.
        escalate_to: the role that then takes over.
    """

    name: str
    title: str
    title_ja: str
    accountable: str
    subject: Subject
    responsible: tuple[str, ...]
    consulted: tuple[str, ...]
    informed: tuple[str, ...]
    actions: tuple[str, ...]
    incidents: tuple[str, ...]
    acknowledge: dt.timedelta
    escalate: dt.timedelta
    escalate_to: str


class Deadlines(msgspec.Struct, frozen=True):
    """Until when an incident is to be acknowledged, and when it escalates; UTC."""

    acknowledge_by: dt.datetime
    escalate_at: dt.datetime


class ResponsibilityMatrix(msgspec.Struct, frozen=True):
    """Every operation by name; each action and each kind of incident belongs to exactly one."""

    operations: Mapping[str, Operation]

    def of_action(self, action: str) -> Operation | None:
        """Return the operation that an action belongs to."""
        return next((o for o in self.operations.values() if action in o.actions), None)

    def of_incident(self, kind: str) -> Operation | None:
        """Return the operation that a kind of incident happens to."""
        return next((o for o in self.operations.values() if kind in o.incidents), None)

    @property
    def incident_kinds(self) -> tuple[str, ...]:
        """Every kind of incident that someone answers for."""
        return tuple(sorted(kind for o in self.operations.values() for kind in o.incidents))


class Disagreement(msgspec.Struct, frozen=True):
    """Where the rules and the matrix say different things of one role and one action.

    Args:
        operation: the operation, or empty where the action belongs to none.
        action: `resource:verb`.
        role: the role.
        message: what each of the two says.
    """

    operation: str
    action: str
    role: str
    message: str


def deadlines(operation: Operation, at: dt.datetime) -> Deadlines:
    """Return the deadlines of an incident that was opened `at`."""
    return Deadlines(at + operation.acknowledge, at + operation.escalate)


def shipped_matrix() -> ResponsibilityMatrix:
    """Return the matrix that the product ships with."""
    return parse_matrix(files("policies").joinpath(SHIPPED).read_text(encoding="utf-8"))


def parse_matrix(text: str, vocabulary: Vocabulary = VOCABULARY) -> ResponsibilityMatrix:
    """Return the matrix in a CSV text with the columns of `Operation`.

    Raises:
        MatrixMalformed: every fault with its line: an unknown role, action or subject, not exactly
            one accountable, an action or incident in two operations, a deadline out of range.
    """
    lines = text.splitlines()
    reader = csv.DictReader(lines)
    wanted = [*_TEXTS, *_LISTS, "subject", *_MINUTES]
    missing = sorted(set(wanted) - set(reader.fieldnames or ()))
    if missing:
        fault = Fault("columns", f"missing: {', '.join(missing)}", 1)
        raise MatrixMalformed(str(fault), (fault,))
    faults: list[Fault] = []
    seen: dict[str, str] = {}
    names: set[str] = set()
    operations: dict[str, Operation] = {}
    for row in reader:
        found = list(_row_faults(row, vocabulary, seen, names))
        faults += [Fault(where, message, reader.line_num) for where, message in found]
        if not found:
            operations[row["operation"]] = _operation(row)
    if faults:
        raise MatrixMalformed(f"{len(faults)} faults, the first: {faults[0]}", tuple(faults))
    return ResponsibilityMatrix(operations)


_TEXTS = ("operation", "title", "title_ja", "accountable", "escalate_to")
_LISTS = ("responsible", "consulted", "informed", "actions", "incidents")
_MINUTES = ("acknowledge_minutes", "escalate_minutes")


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part for part in cell.split("|") if part)


def _operation(row: Mapping[str, str]) -> Operation:
    responsible, consulted, informed, actions, incidents = (_split(row[c]) for c in _LISTS)
    acknowledge, escalate = (dt.timedelta(minutes=int(row[c])) for c in _MINUTES)
    return Operation(
        name=row["operation"],
        title=row["title"],
        title_ja=row["title_ja"],
        accountable=row["accountable"],
        subject=Subject(row["subject"]),
        responsible=responsible,
        consulted=consulted,
        informed=informed,
        actions=actions,
        incidents=incidents,
        acknowledge=acknowledge,
        escalate=escalate,
        escalate_to=row["escalate_to"],
    )


def _row_faults(
    row: Mapping[str, str | None],
    vocabulary: Vocabulary,
    seen: dict[str, str],
    names: set[str],
) -> Iterator[tuple[str, str]]:
    if None in row.values() or None in row:
        yield "row", "has too few or too many cells"
        return
    cells = {column: cell or "" for column, cell in row.items()}
    name = cells["operation"]
    if not name or name in names:
        yield "operation", f"{name!r} is empty or there already"
    names.add(name)
    if cells["subject"] not in set(Subject):
        yield "subject", f"{cells['subject']!r}; expected one of {', '.join(Subject)}"
    yield from _role_faults(cells, vocabulary.roles | vocabulary.groups)
    yield from _entry_faults(name, cells, seen)
    yield from _deadline_faults(cells)


def _role_faults(cells: Mapping[str, str], known: frozenset[str]) -> Iterator[tuple[str, str]]:
    for column in ("accountable", "escalate_to"):
        if cells[column] not in known:
            yield column, f"{cells[column]!r}; expected exactly one role or group"
    for column in ("responsible", "consulted", "informed"):
        for role in _split(cells[column]):
            if role not in known:
                yield column, f"the role {role!r} is unknown"


def _entry_faults(
    name: str, cells: Mapping[str, str], seen: dict[str, str]
) -> Iterator[tuple[str, str]]:
    for entry in (*_split(cells["actions"]), *_split(cells["incidents"])):
        if entry in seen:
            yield "actions", f"{entry} belongs to {seen[entry]} already"
        seen.setdefault(entry, name)
    for action in _split(cells["actions"]):
        if action not in set(Action):
            yield "actions", f"the action {action!r} is unknown"


def _deadline_faults(cells: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    texts = [cells[column] for column in _MINUTES]
    if not all(text.isdecimal() and 0 < int(text) <= MAX_DEADLINE for text in texts):
        yield "deadlines", f"{texts}; expected minutes from 1 to {MAX_DEADLINE}"
    elif int(texts[0]) >= int(texts[1]):
        yield "deadlines", f"{texts}; an incident is acknowledged before it escalates"


def compare_responsibility(
    matrix: ResponsibilityMatrix, rules: CompiledRules
) -> tuple[Disagreement, ...]:
    """Return every place where the rules and the matrix disagree.

    An action that reads is for exactly those who are informed; any other is for exactly those who
    are accountable or responsible. Every action belongs to an operation.
    """
    return tuple(
        disagreement
        for resource in rules.rule_set.vocabulary.resources.values()
        for verb in sorted(resource.verbs)
        for disagreement in _disagreements(matrix, rules, f"{resource.name}:{verb}")
    )


def _disagreements(
    matrix: ResponsibilityMatrix, rules: CompiledRules, action: str
) -> Iterator[Disagreement]:
    operation = matrix.of_action(action)
    if operation is None:
        yield Disagreement("", action, "", "the action belongs to no operation of the matrix")
        return
    reads = action.partition(":")[2] == READ
    doers = (operation.accountable, *operation.responsible)
    named = operation.informed if reads else doers
    part = "informed" if reads else "accountable or responsible"
    for role in sorted(rules.rule_set.vocabulary.roles):
        allowed = isinstance(rules.judge(frozenset({role}), action), Decision)
        expected = not rules.rule_set.inherits[role].isdisjoint(named)
        if allowed and not expected:
            message = f"the rules allow it; the matrix does not have it {part}"
            yield Disagreement(operation.name, action, role, message)
        if expected and not allowed:
            message = f"the matrix has it {part}; no rule allows it"
            yield Disagreement(operation.name, action, role, message)


def matrix_markdown(matrix: ResponsibilityMatrix) -> str:
    """Return the matrix as a table for the documentation."""
    head = ("Operation", "Accountable", "of the", "Responsible", "Consulted", "Informed",
            "Acknowledge", "Escalates", "to")  # fmt: skip
    rows = [
        (
            f"{o.title} ({o.title_ja})", o.accountable, str(o.subject), ", ".join(o.responsible),
            ", ".join(o.consulted), ", ".join(o.informed), _minutes(o.acknowledge),
            _minutes(o.escalate), o.escalate_to,
        )
        for o in matrix.operations.values()
    ]  # fmt: skip
    lines = (head, tuple("---" for _ in head), *rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _minutes(span: dt.timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
