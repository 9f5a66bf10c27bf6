"""Statements about every rule set, as data: what must never be possible, and what always must."""

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Literal

import msgspec

from policies.errors import Fault, StatementsMalformed
from policies.resources import VOCABULARY, Vocabulary

EVERY_FIELD = "*"
SHIPPED = "statements.toml"


class Never(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nobody but those in `only` reaches `level` of these fields.

    Args:
        id: a short name.
        text: the statement as people read it.
        actions: `resource:verb`.
        fields: fields of `read` actions; `*` for any.
        level: what must not be reached; `row` is the knowledge that a row exists.
        only: who may: `<role or group>: <scope or arm>`.
        of: the roles whose own rules are asked about; empty for every combination of roles.
    """

    id: str
    text: str
    actions: tuple[str, ...]
    fields: tuple[str, ...]
    level: Literal["row", "pseudonym", "clear"]
    only: tuple[str, ...]
    of: tuple[str, ...] = ()

    @property
    def exceptions(self) -> tuple[tuple[str, str], ...]:
        """The pairs of role or group and scope or arm in `only`."""
        pairs = (entry.partition(":") for entry in self.only)
        return tuple((role.strip(), scope.strip()) for role, _, scope in pairs)


class Always(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each role of `of` may do each of `actions`, in some arm."""

    id: str
    text: str
    of: tuple[str, ...]
    actions: tuple[str, ...]


class Statements(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is claimed of every rule set."""

    never: tuple[Never, ...] = ()
    always: tuple[Always, ...] = ()


def shipped_statements() -> Statements:
    """Return the statements that the product ships with."""
    return parse_statements(files("policies").joinpath(SHIPPED).read_text(encoding="utf-8"))


def parse_statements(text: str, vocabulary: Vocabulary = VOCABULARY) -> Statements:
    """Return the statements in a TOML text.

    Raises:
        StatementsMalformed: not TOML of this form, or it names a role, action, field or scope that
            does not exist; every fault at once.
    """
    try:
        statements = msgspec.convert(tomllib.loads(text), Statements)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise StatementsMalformed(str(error), (Fault("statements", str(error)),)) from error
    faults = tuple(_faults(statements, vocabulary))
    if faults:
        raise StatementsMalformed(f"{len(faults)} faults, the first: {faults[0]}", faults)
    return statements


def _faults(statements: Statements, vocabulary: Vocabulary) -> Iterator[Fault]:
    seen: set[str] = set()
    every: tuple[Never | Always, ...] = (*statements.never, *statements.always)
    for statement in every:
        if statement.id in seen:
            yield Fault(statement.id, "two statements have this id")
        seen.add(statement.id)
        if not statement.actions:
            yield Fault(statement.id, "names no action, so it says nothing")
        for role in statement.of:
            if role not in vocabulary.roles:
                yield Fault(statement.id, f"the role {role!r} is unknown")
        for action in statement.actions:
            yield from _action_faults(statement, action, vocabulary)


def _action_faults(
    statement: Never | Always, action: str, vocabulary: Vocabulary
) -> Iterator[Fault]:
    name, _, verb = action.partition(":")
    resource = vocabulary.resources.get(name)
    if resource is None or verb not in resource.verbs:
        yield Fault(statement.id, f"the action {action!r} is unknown")
        return
    if isinstance(statement, Always):
        return
    for field in statement.fields:
        if field != EVERY_FIELD and field not in resource.fields:
            yield Fault(statement.id, f"{name} has no field {field!r}")
    if not statement.fields:
        yield Fault(statement.id, "names no field, so it says nothing; write *")
    every_scope = {
        scope for r in vocabulary.resources.values() for v in r.verbs
        for scope in (*r.scopes_for(v), *r.all_arms(v))
    }  # fmt: skip
    for role, scope in statement.exceptions:
        if role not in vocabulary.roles | vocabulary.groups:
            yield Fault(statement.id, f"the role {role!r} is unknown")
        if scope not in every_scope:
            yield Fault(statement.id, f"the scope {scope!r} is unknown")
