"""Prepared statements about many rows by name: what a batch touches, found in few statements."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from ledger.gateway import STAMP

MAX_NAMES = 10_000
"""Names looked up in one statement, far below the parameters that both databases take."""

_Name = TypeVar("_Name", str, bytes, int)
_Row = sa.Row[*tuple[Any, ...]]


def chunks(names: Iterable[_Name]) -> list[list[_Name]]:
    """Return `names` without repetition, sorted, in lists that one statement takes."""
    ordered = sorted(set(names))
    return [ordered[i : i + MAX_NAMES] for i in range(0, len(ordered), MAX_NAMES)]


class Lookup(msgspec.Struct, frozen=True):
    """A prepared statement about the rows whose `column` is among the parameter `names`.

    PostgreSQL takes the names as one array, SQLite as many parameters.
    """

    array: Any
    parameters: Any

    def on(self, connection: sa.Connection) -> Any:
        """Return the statement for the database of `connection`."""
        return self.array if connection.dialect.name == "postgresql" else self.parameters


def lookup(column: sa.ColumnElement[Any], make: Callable[[sa.ColumnElement[bool]], Any]) -> Lookup:
    """Return what `make` makes of the condition that `column` is among the names."""
    names = sa.bindparam("names", type_=postgresql.ARRAY(column.type))
    expanding: sa.BindParameter[Any] = sa.bindparam("names", expanding=True)
    return Lookup(make(column == sa.any_(names)), make(column.in_(expanding)))


def find_rows(session: Session, query: Lookup, names: Iterable[Any]) -> list[_Row]:
    """Return the rows of a prepared query for `names`; preparing it anew each time would cost."""
    connection = session.connection()
    found: list[_Row] = []
    for part in chunks(names):
        rows = connection.execute(query.on(connection), {"names": part}, execution_options=STAMP)
        found += rows.all()
    return found
