"""Rows of a rule text, read strictly: every fault of every line, none of them guessed away."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from policies.actors import ROLE_PREFIX
from policies.errors import Fault
from policies.resources import Resource, Vocabulary
from policies.rules import (
    DENY,
    EVERY_FIELD,
    EVERY_SCOPE,
    FIELD_EFFECTS,
    PLAIN_EFFECTS,
    Effect,
    Rule,
)

RULE_CELLS = 7
LINK_CELLS = 3
MAX_LINE = 4096
"""Characters of the longest line."""

MAX_FAULTS = 1000
"""Faults after which reading stops; more than a person reads."""


class Reading(msgspec.Struct, frozen=True):
    """What a text says as far as it could be read, and every fault of it.

    `linked` says whether the links between roles and groups could all be read.
    """

    rules: tuple[Rule, ...]
    links: tuple[tuple[str, str], ...]
    inherits: Mapping[str, frozenset[str]]
    linked: bool
    faults: tuple[Fault, ...]


def read_rows(text: str, vocabulary: Vocabulary) -> Reading:
    """Return the rules and role links of `text`; it has no say in whether faults are fatal."""
    faults: list[Fault] = []
    link_faults: list[Fault] = []
    rules: list[Rule] = []
    links: dict[tuple[str, str], int] = {}
    seen: dict[tuple[str, ...], int] = {}
    for line, cells in _rows(text, faults):
        if len(faults) + len(link_faults) >= MAX_FAULTS:
            faults.append(Fault("rules", f"{MAX_FAULTS} faults; the rest is not read", line))
            break
        first = seen.setdefault(_identity(cells), line)
        if first != line:
            faults.append(Fault("row", f"says the same as line {first}; remove one", line))
        elif cells[0] == "p":
            rule = _read_rule(line, cells, vocabulary, faults)
            rules += [rule] if rule else []
        else:
            link = _read_link(line, cells, vocabulary, link_faults)
            if link:
                links[link] = line
    inherits = _close(links, vocabulary, link_faults)
    every = (*faults, *link_faults)
    return Reading(tuple(rules), tuple(links), inherits, not link_faults, every)


def _identity(cells: list[str]) -> tuple[str, ...]:
    """Return what makes a row a duplicate: the order of its fields does not matter."""
    return tuple("|".join(sorted(cell.split("|"))) for cell in cells)


def _rows(text: str, faults: list[Fault]) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row that has the right number; a fault for each that has not."""
    widths = {"p": RULE_CELLS, "g": LINK_CELLS}
    for line, raw in enumerate(text.split("\n"), start=1):
        row = raw.strip(" \t")
        if not row or row.startswith("#"):
            continue
        if len(row) > MAX_LINE:
            faults.append(Fault("row", f"{len(row)} characters; at most {MAX_LINE}", line))
        elif not row.isprintable():
            faults.append(
                Fault("row", "a control character (or CRLF line ends); write plain text", line)
            )
        else:
            cells = [cell.strip() for cell in row.split(",")]
            expected = widths.get(cells[0])
            if expected is None:
                faults.append(Fault("row", f"starts with {cells[0]!r}; expected p or g", line))
            elif len(cells) != expected:
                message = f"{len(cells)} cells; a {cells[0]} row has {expected}"
                faults.append(Fault("row", message, line))
            else:
                yield line, cells


def _read_role(
    line: int, cell: str, known: frozenset[str], faults: list[Fault], where: str = "role"
) -> str | None:
    if not cell.startswith(ROLE_PREFIX):
        faults.append(Fault(where, f"{cell!r}; expected {ROLE_PREFIX}<name>", line))
        return None
    name = cell.removeprefix(ROLE_PREFIX)
    if name in known:
        return name
    faults.append(Fault(where, f"{name!r} is unknown; expected one of {_listed(known)}", line))
    return None


def _read_link(
    line: int, cells: list[str], vocabulary: Vocabulary, faults: list[Fault]
) -> tuple[str, str] | None:
    known = vocabulary.roles | vocabulary.groups
    role = _read_role(line, cells[1], known, faults)
    group = _read_role(line, cells[2], known, faults, "group")
    return (role, group) if role is not None and group is not None else None


def _read_rule(
    line: int, cells: list[str], vocabulary: Vocabulary, faults: list[Fault]
) -> Rule | None:
    before = len(faults)
    _, subject, resource_name, verb, scope, named, effect = cells
    role = _read_role(line, subject, vocabulary.roles | vocabulary.groups, faults)
    resource = vocabulary.resources.get(resource_name)
    if resource is None:
        known = _listed(vocabulary.resources)
        message = f"{resource_name!r} is unknown; expected one of {known}"
        faults.append(Fault("resource", message, line))
        return None
    if verb not in resource.verbs:
        message = f"{resource.name} has no {verb!r}; expected one of {_listed(resource.verbs)}"
        faults.append(Fault("action", message, line))
        return None

    def fault(where: str, message: str) -> None:
        faults.append(Fault(where, message, line))

    arms = _read_scope(resource, verb, scope, fault, denies=effect == DENY)
    fields = _read_fields(resource, verb, named, fault)
    shown = _read_effect(resource, verb, effect, fault)
    if role is None or len(faults) > before:
        return None
    text = ", ".join(cells)
    denies = effect == DENY
    return Rule(line, text, role, resource.name, verb, scope, arms, fields, shown, denies)


def _read_scope(
    resource: Resource, verb: str, scope: str, fault: Callable[[str, str], None], *, denies: bool
) -> tuple[str, ...]:
    if scope == EVERY_SCOPE:
        if not denies:
            fault("scope", "'*' is for rules that deny; name the scope that is allowed")
        return resource.all_arms(verb)
    arms = resource.arms(verb, scope)
    if not arms:
        known = _listed({*resource.scopes_for(verb), *resource.all_arms(verb)})
        fault("scope", f"{resource.name}:{verb} has no {scope!r}; expected one of {known}")
    return arms


def _read_fields(
    resource: Resource, verb: str, named: str, fault: Callable[[str, str], None]
) -> tuple[str, ...]:
    if not resource.shows_fields(verb):
        if named != EVERY_FIELD:
            fault("fields", f"{resource.name}:{verb} shows no fields; write *")
        return ()
    if named == EVERY_FIELD:
        return resource.fields
    fields = tuple(named.split("|"))
    for field in dict.fromkeys(fields):
        if field not in resource.fields:
            known = _listed(resource.fields)
            fault("fields", f"{resource.name} has no {field!r}; expected * or some of {known}")
    if len(set(fields)) < len(fields):
        fault("fields", f"{named!r} names a field twice")
    return fields


def _read_effect(
    resource: Resource, verb: str, effect: str, fault: Callable[[str, str], None]
) -> Effect | None:
    shows = resource.shows_fields(verb)
    expected = FIELD_EFFECTS if shows else PLAIN_EFFECTS
    if effect not in expected:
        message = f"{effect!r} on {resource.name}:{verb}; expected one of {_listed(expected)}"
        fault("effect", message)
        return None
    return Effect(effect) if shows and effect != DENY else None


def _close(
    links: Mapping[tuple[str, str], int], vocabulary: Vocabulary, faults: list[Fault]
) -> Mapping[str, frozenset[str]]:
    """Return every role with all that it inherits, however far; report cycles."""
    parents: dict[str, list[str]] = {}
    for role, group in links:
        parents.setdefault(role, []).append(group)
    closed: dict[str, frozenset[str]] = {}
    for name in sorted(vocabulary.roles | vocabulary.groups):
        reached = {name: None}
        queue = [name]
        for here in queue:
            for group in parents.get(here, ()):
                if group == name:
                    message = f"{name} comes back to itself through {here}; remove the link"
                    faults.append(Fault("role cycle", message, links[here, group]))
                elif group not in reached:
                    reached[group] = None
                    queue.append(group)
        closed[name] = frozenset(reached)
    return MappingProxyType(closed)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
