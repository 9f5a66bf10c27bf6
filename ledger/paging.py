"""The statement of a page: each predicate of each arm is one branch, by one index.

A branch asks for the rows that name the viewer as a range of one value, ordered by the naming
column and then by the key. Only the index made for the branch has that order, so that no planner,
whatever it believes about how many rows name whom, walks the key and past hidden rows. (As an
equality, PostgreSQL's generic plan does just that: 90 ms at 10⁵ hidden rows, after the tenth
execution on a connection.)

A branch leaves out rows that an earlier one has. That is safe though the earlier one may have been
cut at the page's length: what it was cut by comes before them in order.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
import sqlalchemy as sa

from ledger.visible import Column, Names, Predicate, View
from policies.compilation import Decision
from policies.rules import Effect

_Query = sa.Select[*tuple[Any, ...]]
_LIMIT: sa.BindParameter[int] = sa.bindparam("row_limit", type_=sa.Integer())
_VIEWER: Any = sa.bindparam("viewer", type_=sa.String())


class Shape(msgspec.Struct, frozen=True):
    """What a page's statement depends on besides view and decision.

    Args:
        where: fields that are filtered by.
        after: whether there is a cursor.
        lateral: whether the database has lateral joins.
        reverse: whether the list runs against the view's own order.
    """

    where: tuple[str, ...]
    after: bool
    lateral: bool = False
    reverse: bool = False


class Reading(msgspec.Struct, frozen=True):
    """How rows that the same arms admit are read.

    Args:
        effects: how each field of the resource is shown.
        clear: fields shown as they are, and where they stand in a row.
        pseudonyms: fields shown by another name, and where they stand.
    """

    effects: Mapping[str, Effect]
    clear: tuple[tuple[str, int], ...]
    pseudonyms: tuple[tuple[str, int], ...]


class Prepared:
    """A page's statement, and how its rows are read.

    Args:
        view: which rows.
        decision: which of them, and how their fields are shown.
        shape: filters and cursor.

    `viewer`, `row_limit`, `where_<field>` and `after_<i>` are the statement's parameters.
    """

    def __init__(self, view: View, decision: Decision, shape: Shape) -> None:
        self.view, self.decision, self.shape = view, decision, shape
        self.descending = view.descending is not shape.reverse
        self.branches = [
            (grant.arm, predicate)
            for grant in decision.grants
            for predicate in view.arms.get(grant.arm, ())
        ]
        self.tests = [predicate(_VIEWER) for _, predicate in self.branches]
        self.shown = [name for name in view.fields if self._arms_that_show(name)]
        self.query = self._united() if len(self.branches) > 1 else self._single()
        self._readings: dict[tuple[Any, ...], Reading] = {}

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each column stands in a row."""
        return {column.name: i for i, column in enumerate(self.query.selected_columns)}

    def reading(self, row: Sequence[Any]) -> Reading:
        """Return how `row` is read: of each field, as the clearest of the arms that admit it."""
        count = len(self.branches)
        admitted = tuple(row[:count]) if count > 1 else (True,) * count
        found = self._readings.get(admitted)
        if found is None:
            arms = {arm for (arm, _), holds in zip(self.branches, admitted, strict=True) if holds}
            found = self._readings[admitted] = self._read_by(arms)
        return found

    def _read_by(self, arms: set[str]) -> Reading:
        said = self.decision.shown(arms)
        effects = {name: said.get(name, Effect.HIDDEN) for name in self.view.fields}
        clear, pseudonyms = (
            tuple((n, self.places[f"field_{n}"]) for n in self.shown if effects[n] is effect)
            for effect in (Effect.CLEAR, Effect.PSEUDONYM)
        )
        return Reading(effects, clear, pseudonyms)

    def _arms_that_show(self, name: str) -> set[str]:
        return {
            grant.arm
            for grant in self.decision.grants
            if grant.fields.get(name, Effect.HIDDEN) is not Effect.HIDDEN
        }

    def _columns(self) -> list[Column]:
        """Return what is selected: which tests hold, fields, names, extras, scope."""
        several = len(self.branches) > 1
        admits = [test.label(f"admits_{i}") for i, test in enumerate(self.tests)]
        columns: list[Column] = [
            *(admits if several else ()),
            *(self._masked(name).label(f"field_{name}") for name in self.shown),
            *(column.label(f"name_{i}") for i, column in enumerate(self.view.names)),
            *(column.label(f"extra_{name}") for name, column in self.view.extra.items()),
        ]
        if self.view.scope is not None:
            columns.append(self.view.scope.label("scope"))
        return columns

    def _masked(self, name: str) -> Column:
        """Return a field's column, null in rows that no arm which shows it admits."""
        arms, column = self._arms_that_show(name), self.view.fields[name]
        tests = [
            test for (arm, _), test in zip(self.branches, self.tests, strict=True) if arm in arms
        ]
        if len(tests) == len(self.tests):
            return column
        return sa.case((sa.or_(*tests), column), else_=sa.null()) if tests else sa.null()

    def _single(self) -> _Query:
        if not self.branches:
            nothing = sa.select(*self._columns()).select_from(self.view.source)
            return nothing.where(sa.false()).limit(_LIMIT)
        return self._branch(*self.branches[0], self._columns())

    def _united(self) -> _Query:
        """Return the page's keys, cut from what the branches give, and their rows looked up."""
        labels = [f"key_{i}" for i in range(len(self.view.key))]
        keys = [c.label(label) for label, c in zip(labels, self.view.key, strict=True)]
        parts = []
        for i, (arm, predicate) in enumerate(self.branches):
            earlier = [test.label(f"admits_{j}") for j, test in enumerate(self.tests[:i])]
            rows = self._branch(arm, predicate, [*keys, *earlier]).subquery()
            part = sa.select(*(rows.c[label] for label in labels))
            seen = [rows.c[column.name] for column in earlier]
            parts.append(part.where(sa.not_(sa.or_(*seen))) if seen else part)
        united = sa.union_all(*parts).subquery()
        order = self._order([united.c[label] for label in labels])
        page = sa.select(united).order_by(*order).limit(_LIMIT).subquery()
        return self._looked_up(page, [page.c[label] for label in labels])

    def _looked_up(self, page: sa.Subquery, keys: Sequence[Column]) -> _Query:
        """Return the rows with these keys, one look-up each.

        PostgreSQL would weigh reading the whole table against it, were it not lateral.
        """
        columns, source = self._columns(), self.view.source
        same = sa.and_(*(c == key for c, key in zip(self.view.key, keys, strict=True)))
        if self.shape.lateral:
            row = sa.select(*columns).select_from(source).where(same).limit(1).lateral()
            query = sa.select(row).select_from(sa.join(page, row, sa.true()))
        else:
            query = sa.select(*columns).select_from(sa.join(page, source, same))
        return query.order_by(*self._order(keys))

    def _filters(self, arm: str) -> Iterator[sa.ColumnElement[bool]]:
        """Yield what rows are filtered by: null, which no row has, where a gate is shut."""
        for name in self.shape.where:
            column = self.view.fields[name]
            value: Any = sa.bindparam(f"where_{name}", type_=column.type)
            gate = self.view.gates.get((name, arm))
            yield column == (value if gate is None else sa.case((gate(_VIEWER, value), value)))

    def _branch(self, arm: str, predicate: Predicate, columns: Sequence[Column]) -> _Query:
        """Return the rows that `predicate` of `arm` admits, in order, at most a page of them."""
        view = self.view
        conditions = list(self._filters(arm))
        after: list[Any] = [
            sa.bindparam(f"after_{i}", type_=column.type)
            for i, column in enumerate(view.key)
            if self.shape.after
        ]
        key: list[Column] = list(view.key)
        if isinstance(predicate, Names) and _indexed(view, predicate.column):
            owner = predicate.column
            key.insert(0, owner)
            conditions.append(owner >= _VIEWER if self.descending else owner <= _VIEWER)
            after = [_VIEWER, *after]
            if not self.shape.after:
                conditions.append(owner <= _VIEWER if self.descending else owner >= _VIEWER)
        else:
            conditions.append(predicate(_VIEWER))
        if self.shape.after:
            left: Any = key[0] if len(key) == 1 else sa.tuple_(*key)
            right: Any = after[0] if len(key) == 1 else sa.tuple_(*after)
            conditions.append(left < right if self.descending else left > right)
        rows = sa.select(*columns).select_from(view.source).where(*conditions)
        return rows.order_by(*self._order(key)).limit(_LIMIT)

    def _order(self, key: Sequence[Column]) -> list[sa.UnaryExpression[Any]]:
        return [column.desc() if self.descending else column.asc() for column in key]


def _indexed(view: View, owner: Column) -> bool:
    """Return whether an index of the view's table is `owner` and then the key."""
    if not isinstance(view.source, sa.Table):
        return False
    wanted = [owner.name, *(column.name for column in view.key)]
    return any([c.name for c in index.columns] == wanted for index in view.source.indexes)
