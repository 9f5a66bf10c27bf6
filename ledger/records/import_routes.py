"""`/v1/imports` over HTTP: announce a file, send its bytes, work through it, read the report.

A client sends pieces of at most 8 MiB, each at the offset that the state names, and calls `work`
until the import is finished: whatever is killed in between, it asks for the state and goes on.
"""

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, RawBody
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.records import handlers, imports
from ledger.records.cursors import cursor_of, id_after, page_size
from ledger.records.import_work import work
from ledger.records.imports import ImportRequest, ImportState
from ledger.records.keeping import Clerk
from ledger.records.services import RecordServices
from policies.actions import Action
from policies.errors import Fault

_TAGS = ["imports"]


class ImportPage(msgspec.Struct, frozen=True):
    """Imports in order of id."""

    imports: list[ImportState]
    next: str | None


class ImportReport(msgspec.Struct, frozen=True):
    """How an import stands, and its problems in order of line; all are counted in the state."""

    state: ImportState
    problems: tuple[Fault, ...]


@handlers.create(
    "/v1/imports", opt={"authz": Action.IMPORT_RUN}, summary="Begin an import", tags=_TAGS
)
def begin_import(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    data: JSONBody[ImportRequest],
) -> ImportState:
    """Begin an import; of a file that was imported before, return that import."""
    with writing(database) as session:
        return imports.begin(session, clerk, data)


@handlers.read(
    "/v1/imports", opt={"authz": Action.IMPORT_READ}, summary="List own imports", tags=_TAGS
)
def list_imports(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> ImportPage:
    """Return a page of the company's imports."""
    with reading(database) as session:
        found = imports.list_imports(session, clerk, id_after(cursor), page_size(limit))
    return ImportPage(
        found, cursor_of(found[-1].import_id if len(found) >= page_size(limit) else None)
    )


@handlers.read(
    "/v1/imports/{import_id:str}",
    opt={"authz": Action.IMPORT_READ},
    summary="Read an import's state",
    tags=_TAGS,
)
def read_import(
    database: NamedDependency[Engine], clerk: NamedDependency[Clerk], import_id: FromPath[str]
) -> ImportState:
    """Return how an import stands, and how far it is."""
    with reading(database) as session:
        return imports.state(session, clerk, import_id)


@handlers.change(
    "/v1/imports/{import_id:str}/content",
    opt={"authz": Action.IMPORT_RUN, "body": "application/octet-stream"},
    summary="Send bytes of an import",
    tags=_TAGS,
)
def send_content(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    import_id: FromPath[str],
    offset: FromQuery[int],
    body: RawBody,
) -> ImportState:
    """Take the bytes from `offset` on, at most 8 MiB; what is here already is passed over."""
    with writing(database) as session:
        return imports.receive(session, clerk, import_id, offset, body)


@handlers.act(
    "/v1/imports/{import_id:str}/work",
    opt={"authz": Action.IMPORT_RUN},
    summary="Work on an import",
    tags=_TAGS,
)
def work_on_import(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    records: NamedDependency[RecordServices],
    import_id: FromPath[str],
) -> ImportState:
    """Do the next batch of checking or writing; call again until the import is finished."""
    with writing(database) as session:
        return work(session, clerk, records.directory, import_id)


@handlers.act(
    "/v1/imports/{import_id:str}/cancel",
    opt={"authz": Action.IMPORT_RUN},
    summary="Cancel an import",
    tags=_TAGS,
)
def cancel_import(
    database: NamedDependency[Engine], clerk: NamedDependency[Clerk], import_id: FromPath[str]
) -> ImportState:
    """Give up an import of which nothing was written yet."""
    with writing(database) as session:
        return imports.cancel(session, clerk, import_id)


@handlers.read(
    "/v1/imports/{import_id:str}/report",
    opt={"authz": Action.IMPORT_READ},
    summary="Read an import's report",
    tags=_TAGS,
)
def read_report(
    database: NamedDependency[Engine], clerk: NamedDependency[Clerk], import_id: FromPath[str]
) -> ImportReport:
    """Return the problems that were found, the first 1,000 of them, by line."""
    with reading(database) as session:
        state = imports.state(session, clerk, import_id)
        return ImportReport(state, imports.report(session, clerk, import_id))


ROUTES = (
    begin_import,
    list_imports,
    read_import,
    send_content,
    work_on_import,
    cancel_import,
    read_report,
)
