"""The only reader of ledger rows: a decision goes in, rows that it admits come out, masked.

`ledger.paging` makes the statement. What a row shows follows from the arms that admit it; the
clearest wins. Lists can be filtered only by fields that are clear in every arm, and their order is
one that hidden rows cannot change.

A tripwire on the engine refuses every statement on a protected table that lacks the stamp, and
every row that would be kept as an object: a session gives its objects out again without asking.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakSet

import msgspec
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import QueryContext, Session
from sqlalchemy.pool import Pool

from ledger.database import Base
from ledger.errors import CursorInvalid, FieldNotComparable, GatewayBypassed
from ledger.paging import Prepared, Shape
from ledger.pseudonyms import CursorKey, Pseudonyms
from ledger.tables import PROTECTED
from ledger.visible import Column, View
from policies.compilation import Decision, Permission
from policies.rules import Effect

STAMP: dict[str, Any] = {"sekisho_ledger": True}
"""Execution options of the statements that may touch protected tables."""

MEMBER = "sekisho_member"
"""Execution option: for whom a stamped statement reads; without it, for the ledger itself."""

MAX_PAGE = 500
"""Rows in the longest page."""

MAX_STATEMENTS = 4_096
"""Statements kept compiled: views times decisions times filters in use are far fewer."""


class Seen(msgspec.Struct, frozen=True):
    """One row as a viewer sees it.

    Args:
        fields: the fields shown, a pseudonym where the rules say so; what is hidden is missing.
        extra: columns for the use case, not yet fit to be shown.
        effects: how each field of the resource is shown in this row.
    """

    fields: Mapping[str, Any]
    extra: Mapping[str, Any]
    effects: Mapping[str, Effect]


class Page(msgspec.Struct, frozen=True):
    """Rows in order, and the cursor of what follows, if anything does."""

    rows: tuple[Seen, ...]
    next: str | None


class Viewer(msgspec.Struct, frozen=True):
    """Who looks, and what the rules decided about it."""

    member_id: str
    decision: Decision


class Gateway:
    """Reads ledger rows for members.

    Args:
        pseudonyms: makes pseudonyms and cursors.
    """

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._statements: dict[tuple[int, Permission, Shape], Prepared] = {}

    def page(
        self,
        session: Session,
        view: View,
        viewer: Viewer,
        *,
        where: Mapping[str, Any] | None = None,
        cursor: str | None = None,
        limit: int = MAX_PAGE,
        reverse: bool = False,
    ) -> Page:
        """Return the rows of `view` that the decision admits, from `cursor` on.

        Args:
            session: where to read.
            view: which rows.
            viewer: who looks.
            where: fields and the values that they must have.
            cursor: as an earlier page gave it.
            limit: rows at most, up to `MAX_PAGE`.
            reverse: against the view's own order.

        Raises:
            FieldNotComparable: `where` names a field that is not clear in every arm.
            CursorInvalid: the cursor was not given out for this list.
        """
        limit = max(1, min(limit, MAX_PAGE))
        values = _check_filters(view, viewer.decision, where or {})
        listed = f"{view.resource} reversed" if reverse else view.resource
        after = self._after(session, view, viewer, listed, cursor)
        connection = session.connection()
        lateral = connection.dialect.name == "postgresql"
        shape = Shape(tuple(values), after is not None, lateral, reverse)
        prepared = self._prepared(view, viewer.decision, shape)
        parameters = {
            "viewer": viewer.member_id,
            "row_limit": limit + 1,
            **{f"where_{name}": value for name, value in values.items()},
            **{f"after_{i}": part for i, part in enumerate(after or ())},
        }
        options = {**STAMP, MEMBER: viewer.member_id}
        found = connection.execute(prepared.query, parameters, execution_options=options).all()
        rows = tuple(self._seen(prepared, viewer, row) for row in found[:limit])
        more = None
        if len(found) > limit:
            last, places = found[limit - 1], prepared.places
            key = [_plain(last[places[f"name_{i}"]]) for i in range(len(view.names))]
            more = self._pseudonyms.cursor(viewer.member_id, listed, key)
        return Page(rows, more)

    def pseudonym(self, viewer: Viewer, txid: bytes, value: str) -> str:
        """Return the name under which the viewer sees `value` in a transaction."""
        return self._pseudonyms.name(viewer.member_id, txid, value)

    def open_cursor(self, viewer: Viewer, resource: str, cursor: str) -> CursorKey:
        """Return what a cursor of `cursor` names."""
        return self._pseudonyms.open_cursor(viewer.member_id, resource, cursor)

    def cursor(self, viewer: Viewer, resource: str, key: CursorKey) -> str:
        """Return a cursor for a list that the use case orders itself."""
        return self._pseudonyms.cursor(viewer.member_id, resource, key)

    def _prepared(self, view: View, decision: Decision, shape: Shape) -> Prepared:
        """Return the page's statement, made once for each view, permission and shape."""
        key = (id(view), decision.permission, shape)
        kept = self._statements.get(key)
        if kept is None:
            if len(self._statements) >= MAX_STATEMENTS:
                self._statements.clear()
            kept = self._statements[key] = Prepared(view, decision, shape)
        return kept

    def _after(
        self, session: Session, view: View, viewer: Viewer, listed: str, cursor: str | None
    ) -> tuple[Any, ...] | None:
        """Return the key of the row that the cursor names."""
        if cursor is None:
            return None
        name = self._pseudonyms.open_cursor(viewer.member_id, listed, cursor)
        if len(name) != len(view.names):
            raise CursorInvalid("the cursor is of another list")
        key = [_sqlish(part, column) for part, column in zip(name, view.names, strict=True)]
        if view.names == view.key:
            return tuple(key)
        same = [column == part for column, part in zip(view.names, key, strict=True)]
        query = sa.select(*view.key).select_from(view.source).where(*same)
        options = {**STAMP, MEMBER: viewer.member_id}
        found = session.execute(query, execution_options=options).first()
        if found is None:
            raise CursorInvalid("the row that the cursor names is gone; begin again")
        return tuple(found)

    def _seen(self, prepared: Prepared, viewer: Viewer, row: Sequence[Any]) -> Seen:
        reading, places = prepared.reading(row), prepared.places
        fields: dict[str, Any] = {name: row[place] for name, place in reading.clear}
        if reading.pseudonyms:
            scope = row[places["scope"]] if "scope" in places else None
            for name, place in reading.pseudonyms:
                value = self._name(viewer, scope, row[place])
                if value is not None:
                    fields[name] = value
        extra = {name: row[places[f"extra_{name}"]] for name in prepared.view.extra}
        return Seen(fields, extra, reading.effects)

    def _name(self, viewer: Viewer, scope: bytes | None, value: Any) -> str | None:
        """Return a pseudonym; what is no name, or in no transaction, has none and is hidden."""
        if scope is None or not isinstance(value, str):
            return None
        return self._pseudonyms.name(viewer.member_id, scope, value)


def _check_filters(view: View, decision: Decision, where: Mapping[str, Any]) -> dict[str, Any]:
    for name in where:
        if name not in decision.clear_fields or name not in view.fields:
            raise FieldNotComparable(
                f"{view.resource} cannot be filtered by {name}: it is not clear in every row"
            )
    return dict(sorted(where.items()))


def _plain(value: Any) -> str | int:
    return value.hex() if isinstance(value, bytes) else value


def _sqlish(part: str | int, column: Column) -> Any:
    is_bytes = isinstance(column.type, sa.LargeBinary)
    return bytes.fromhex(part) if is_bytes and isinstance(part, str) else part


_GUARDED: WeakSet[Pool] = WeakSet()


@event.listens_for(Base, "load", propagate=True)
def _refuse_object(row: Base, context: QueryContext) -> None:
    if row.__tablename__ not in PROTECTED:
        return
    if context.session.get_bind().engine.pool in _GUARDED:
        context.session.expunge(row)
        raise GatewayBypassed(f"a row of {row.__tablename__} is never kept as an object")


def guard(engine: Engine) -> None:
    """Refuse, from now on, every statement of `engine` that names a protected table unstamped.

    The text that goes to the database is what is looked at: Core, ORM, `text()` and driver SQL,
    lazy loads and refreshes alike. Schema changes use an engine of their own.
    """
    _GUARDED.add(engine.pool)
    named = re.compile(r"\b(" + "|".join(map(re.escape, PROTECTED)) + r")\b", re.IGNORECASE)

    @event.listens_for(engine, "before_cursor_execute")
    def refuse(
        _connection: sa.Connection,
        _cursor: Any,
        statement: str,
        _parameters: Any,
        context: Any,
        _many: bool,  # noqa: FBT001 - SQLAlchemy's signature
    ) -> None:
        options = context.execution_options if context is not None else {}
        if not options.get("sekisho_ledger") and (match := named.search(statement)):
            raise GatewayBypassed(f"{match[1]} is read and written through the ledger alone")
