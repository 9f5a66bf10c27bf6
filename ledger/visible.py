"""What a view on rows is made of: fields, the predicates of arms, gates, an order."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import sqlalchemy as sa

Column = sa.ColumnElement[Any]
Predicate = Callable[[Any], sa.ColumnElement[bool]]
"""From the viewer's member id, or a parameter for it, to what the arm admits."""


Gate = Callable[[Any, Any], sa.ColumnElement[bool]]
"""From the viewer and the value of a filter to whether an arm can admit any row of that value."""


class Names(msgspec.Struct, frozen=True):
    """The predicate that a column names the viewer."""

    column: Column

    def __call__(self, member: Any) -> sa.ColumnElement[bool]:
        """Return that the column names `member`."""
        named: sa.ColumnElement[bool] = self.column == member
        return named


class View(msgspec.Struct, frozen=True):
    """The rows of a resource as members may see them.

    Args:
        resource: its name in `policies.resources`.
        source: what to select from.
        fields: the resource's fields; a field without a column is never shown.
        arms: the predicates of each arm; a row is admitted if one of an arm's holds.
        key: the columns that order the rows, unique together.
        names: the columns by which a cursor names a row: visible ones, which may be the key.
        descending: whether lists begin with the highest key.
        extra: columns that the use case needs besides, never shown as they are.
        scope: the TxID within which a pseudonym holds, if rows belong to a transaction.
        gates: for a field that is filtered by and an arm, what is asked before any row is looked
            at: else the time that an answer takes would tell how many rows of others there are.
    """

    resource: str
    source: sa.FromClause
    fields: Mapping[str, Column]
    arms: Mapping[str, tuple[Predicate, ...]]
    key: tuple[Column, ...]
    names: tuple[Column, ...]
    descending: bool = False
    extra: Mapping[str, Column] = MappingProxyType({})
    scope: Column | None = None
    gates: Mapping[tuple[str, str], Gate] = MappingProxyType({})
