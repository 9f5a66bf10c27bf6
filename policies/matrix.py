"""The golden matrix: every role, action, arm and field with its effect, for people to review."""

import csv
import html
import io
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from policies.cells import visible_cells
from policies.compilation import CompiledRules
from policies.rules import EVERY_FIELD

COLUMNS = ("action", "arm", "fields", "effect", "roles")


class Line(msgspec.Struct, frozen=True):
    """Fields that are shown in the same way to the same roles through the same arm."""

    action: str
    arm: str
    fields: tuple[str, ...]
    effect: str
    roles: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        """Return one text for each of `COLUMNS`."""
        return self.action, self.arm, "|".join(self.fields), self.effect, "|".join(self.roles)


def make_matrix(rules: CompiledRules) -> tuple[Line, ...]:
    """Return the matrix; what is in no line is denied."""
    roles: dict[tuple[str, str, str, str], list[str]] = {}
    for place, effect in visible_cells(rules).items():
        roles.setdefault((place.action, place.arm, place.field, effect), []).append(place.role)
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
    for (action, arm, field, effect), holders in roles.items():
        groups.setdefault((action, arm, effect, tuple(holders)), []).append(field)
    names = {
        resource.name: frozenset(resource.fields)
        for resource in rules.rule_set.vocabulary.resources.values()
    }
    return tuple(sorted(_lines(groups, names), key=Line.cells))


def _lines(
    groups: Mapping[tuple[str, str, str, tuple[str, ...]], Sequence[str]],
    names: Mapping[str, frozenset[str]],
) -> Iterator[Line]:
    for (action, arm, effect, holders), fields in groups.items():
        whole = frozenset(fields) == names[action.partition(":")[0]]
        shown = (EVERY_FIELD,) if whole else tuple(fields)
        yield Line(action, arm, shown, effect, holders)


SIGNS = {"allow": "+", "clear": "C", "pseudonym": "P", "hidden": "H"}
"""What stands in a cell of the table; nothing where it is denied."""


def matrix_table(rules: CompiledRules) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the names of the columns, one for each role, and the rows: action, arm, fields, signs.

    Fields that every role is shown alike stand in one row; what is in no row is denied.
    """
    roles = sorted(rules.rule_set.vocabulary.roles)
    signs: dict[tuple[str, str, str], dict[str, str]] = {}
    for place, effect in visible_cells(rules).items():
        signs.setdefault((place.action, place.arm, place.field), {})[place.role] = SIGNS[effect]
    fields: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (action, arm, field), held in signs.items():
        cells = tuple(held.get(role, "") for role in roles)
        fields.setdefault((action, arm, cells), []).append(field)
    rows = sorted(
        (action, arm, ", ".join(names), *cells) for (action, arm, cells), names in fields.items()
    )
    return ("action", "arm", "fields", *roles), tuple(rows)


def matrix_csv(rules: CompiledRules) -> str:
    """Return the matrix as CSV, as the golden file keeps it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(line.cells() for line in make_matrix(rules))
    return out.getvalue()


def matrix_html(rules: CompiledRules) -> str:
    """Return the matrix as an HTML page of its own; the rule set's digest is its caption."""
    head = "".join(f"<th>{html.escape(column)}</th>" for column in COLUMNS)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line.cells()) + "</tr>"
        for line in make_matrix(rules)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<title>Who may do what</title></head><body>\n"
        f"<table>\n<caption>{html.escape(rules.digest)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</body></html>\n"
    )
