"""`/v1/records/<table>`: the same few routes for every table, each with its own action."""

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.records import erasure, handlers, keeping
from ledger.records.cursors import cursor_of, id_after, page_size
from ledger.records.dictionary import record_tables
from ledger.records.erasure import Erasure, ErasureReason
from ledger.records.keeping import Change, Clerk
from ledger.records.schemas import SCHEMAS
from ledger.records.sealing import Kept, has_personal
from ledger.records.tables import SEARCHABLE


class RecordPage(msgspec.Struct, frozen=True):
    """Records in order of id; `next` is the cursor of what follows, if anything may."""

    records: list[Kept]
    next: str | None


class History(msgspec.Struct, frozen=True):
    """A record's changes, oldest first."""

    changes: list[Change]


def routes_of(table: str) -> Iterator[HTTPRouteHandler]:
    """Yield the routes of one table of records."""
    yield _list(table)
    yield _create(table)
    yield _read(table)
    yield _change(table)
    yield _history(table)
    if SEARCHABLE.get(table):
        yield _search(table)
    if has_personal(table):
        yield _erase(table)
        yield _erasure(table)


def _list(table: str) -> HTTPRouteHandler:
    @handlers.read(
        f"/v1/records/{table}",
        opt={"authz": keeping.read_action(table)},
        summary=f"List own {_ja(table)}",
        tags=["records"],
    )
    def list_records(
        database: NamedDependency[Engine],
        clerk: NamedDependency[Clerk],
        cursor: FromQuery[str | None] = None,
        limit: FromQuery[int] = 50,
    ) -> RecordPage:
        """Return a page of the company's own records."""
        with reading(database) as session:
            found = keeping.list_records(session, clerk, table, id_after(cursor), page_size(limit))
        return RecordPage(
            found, cursor_of(found[-1].row_id if len(found) >= page_size(limit) else None)
        )

    return list_records


def _search(table: str) -> HTTPRouteHandler:
    (field,) = SEARCHABLE[table]

    @handlers.act(
        f"/v1/records/{table}/search",
        opt={"authz": keeping.read_action(table)},
        summary=f"Find own {_ja(table)} by {field}",
        tags=["records"],
    )
    def search_records(
        database: NamedDependency[Engine],
        clerk: NamedDependency[Clerk],
        data: JSONBody[dict[str, str]],
    ) -> RecordPage:
        """Return the records with this personal id; in the body, as addresses are logged."""
        with reading(database) as session:
            value = data.get(field, "")
            return RecordPage(keeping.find(session, clerk, table, field, value), None)

    return search_records


def _create(table: str) -> HTTPRouteHandler:
    @handlers.create(
        f"/v1/records/{table}",
        opt={"authz": keeping.write_action(table)},
        summary=f"Create {_ja(table)}",
        tags=["records"],
    )
    def create_record(
        database: NamedDependency[Engine],
        clerk: NamedDependency[Clerk],
        data: JSONBody[dict[str, Any]],
    ) -> Kept:
        """Create a record; creating the same again changes nothing."""
        with writing(database) as session:
            return keeping.create(session, clerk, table, data)

    return create_record


def _read(table: str) -> HTTPRouteHandler:
    @handlers.read(
        f"/v1/records/{table}/{{row_id:str}}",
        opt={"authz": keeping.read_action(table)},
        summary=f"Read {_ja(table)}",
        tags=["records"],
    )
    def read_record(
        database: NamedDependency[Engine], clerk: NamedDependency[Clerk], row_id: FromPath[str]
    ) -> Kept:
        """Return one record, decrypted."""
        with reading(database) as session:
            return keeping.read(session, clerk, table, row_id)

    return read_record


def _change(table: str) -> HTTPRouteHandler:
    @handlers.change(
        f"/v1/records/{table}/{{row_id:str}}",
        opt={"authz": keeping.write_action(table)},
        summary=f"Change {_ja(table)}",
        tags=["records"],
    )
    def change_record(
        database: NamedDependency[Engine],
        clerk: NamedDependency[Clerk],
        row_id: FromPath[str],
        data: JSONBody[dict[str, Any]],
    ) -> Kept:
        """Replace a record's contents; the former ones go into its history."""
        with writing(database) as session:
            return keeping.change(session, clerk, table, row_id, data)

    return change_record


def _history(table: str) -> HTTPRouteHandler:
    @handlers.read(
        f"/v1/records/{table}/{{row_id:str}}/history",
        opt={"authz": keeping.read_action(table)},
        summary=f"Read the history of {_ja(table)}",
        tags=["records"],
    )
    def read_history(
        database: NamedDependency[Engine], clerk: NamedDependency[Clerk], row_id: FromPath[str]
    ) -> History:
        """Return what was changed, when, by whom."""
        with reading(database) as session:
            return History(keeping.history(session, clerk, table, row_id))

    return read_history


def _erase(table: str) -> HTTPRouteHandler:
    @handlers.erase(
        f"/v1/records/{table}/{{row_id:str}}/personal-data",
        opt={"authz": erasure.erase_action(table)},
        summary=f"Erase the personal data of {_ja(table)}",
        tags=["records"],
    )
    def erase_personal_data(
        database: NamedDependency[Engine],
        clerk: NamedDependency[Clerk],
        row_id: FromPath[str],
        reason: FromQuery[ErasureReason],
    ) -> Erasure:
        """Destroy the record's key and empty its personal fields, for ever; return the proof."""
        with writing(database) as session:
            return erasure.erase(session, clerk, table, row_id, reason)

    return erase_personal_data


def _erasure(table: str) -> HTTPRouteHandler:
    @handlers.read(
        f"/v1/records/{table}/{{row_id:str}}/erasure",
        opt={"authz": erasure.erase_action(table)},
        summary=f"Prove the erasure of {_ja(table)}",
        tags=["records"],
    )
    def read_erasure(
        database: NamedDependency[Engine], clerk: NamedDependency[Clerk], row_id: FromPath[str]
    ) -> Erasure:
        """Return the proof that the record's personal data were erased."""
        with reading(database) as session:
            return erasure.erasure_of(session, clerk, table, row_id)

    return read_erasure


def _ja(table: str) -> str:
    return f"{table} ({record_tables()[table].table_ja})"


ROUTES = tuple(route for table in SCHEMAS for route in routes_of(table))
