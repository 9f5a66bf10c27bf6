"""`sekisho records …`: one company's own data, off the ledger."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any, BinaryIO

import click

from governance.cli import options
from governance.cli.output import (
    UNVERIFIED,
    confirm,
    console,
    progress,
    show_fields,
    show_json,
    show_table,
)
from governance.client.connection import Connection
from ledger.records.erasure import ErasureReason
from ledger.records.imports import MAX_BODY, UNFINISHED
from ledger.records.intake import Target
from ledger.records.tables import SEARCHABLE


@click.group(cls=options.Group)
def records() -> None:
    """Keep, import and erase your own records."""


@records.command("import")
@click.argument("target", type=click.Choice([target.value for target in Target]))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--operation", type=click.Choice(["create", "change"]), default="create")
@click.option("--encoding", type=click.Choice(["auto", "utf-8", "shift_jis"]), default="auto")
@options.folder
@options.as_json
@click.pass_context
def import_file(
    context: click.Context,
    target: str,
    file: Path,
    operation: str,
    encoding: str,
    folder: Path,
    as_json: bool,
) -> None:
    """Import TARGET rows from FILE (CSV, Shift_JIS or UTF-8).

    Nothing is written unless every line is good. Started again after an interruption, it goes on
    where it stopped; a file that was imported before changes nothing.
    """
    connection = options.connect(folder)
    state = send_file(connection, target, file, operation, encoding)
    state = work_off(connection, state)
    report = connection.get(f"/v1/imports/{state['import_id']}/report")
    if as_json:
        show_json(report)
    else:
        show_fields({k: v for k, v in state.items() if v not in (None, "")})
        for fault in report["problems"]:
            line = "" if fault["line"] is None else f"line {fault['line']}: "
            console.print(f"  {line}{fault['where']}: {fault['message']}", markup=False)
    if report["problems"]:
        context.exit(UNVERIFIED)


@records.command()
@click.argument("table")
@click.argument("file", type=click.File("rb"))
@options.folder
def create(table: str, file: BinaryIO, folder: Path) -> None:
    """Create a record of TABLE from the JSON in FILE; the same again changes nothing."""
    connection = options.connect(folder)
    show_fields(connection.post_bytes(f"/v1/records/{table}", file.read(), "application/json"))


@records.command("list")
@click.argument("table")
@options.folder
@options.as_json
def list_records(table: str, folder: Path, as_json: bool) -> None:
    """List the records of one TABLE of the data dictionary."""
    found = list(options.connect(folder).pages(f"/v1/records/{table}"))
    if as_json:
        show_json(found)
        return
    for record in found:
        show_fields({k: v for k, v in record.get("values", record).items() if v not in (None, "")})
        console.print()


@records.command()
@click.argument("table")
@click.argument("row_id")
@options.folder
@options.as_json
def show(table: str, row_id: str, folder: Path, as_json: bool) -> None:
    """Show one record."""
    found = options.connect(folder).get(f"/v1/records/{table}/{row_id}")
    if as_json:
        show_json(found)
    else:
        show_fields(found.get("values", found))


@records.command()
@click.argument("table")
@click.argument("row_id")
@click.argument("file", type=click.File("rb"))
@options.folder
def change(table: str, row_id: str, file: BinaryIO, folder: Path) -> None:
    """Replace the contents of a record by the JSON in FILE; the former ones stay in its history."""
    path = f"/v1/records/{table}/{row_id}"
    show_fields(options.connect(folder).put_bytes(path, file.read(), "application/json"))


@records.command()
@click.argument("table")
@click.argument("row_id")
@options.folder
@options.as_json
def history(table: str, row_id: str, folder: Path, as_json: bool) -> None:
    """Show what of a record was changed, when, by whom."""
    found = options.connect(folder).get(f"/v1/records/{table}/{row_id}/history")["changes"]
    if as_json:
        show_json(found)
        return
    for step in found:
        show_fields({k: v for k, v in step.items() if v not in (None, "")})
        console.print()


@records.command()
@click.argument("table")
@click.argument("value")
@options.folder
@options.as_json
def find(table: str, value: str, folder: Path, as_json: bool) -> None:
    """Find records of TABLE by their searchable personal id (corporate or employee number)."""
    field = SEARCHABLE.get(table)
    if field is None:
        raise click.UsageError(f"{table} has no searchable id; {', '.join(SEARCHABLE)} have")
    path = f"/v1/records/{table}/search"
    found = options.connect(folder).post(path, {field[0]: value})["records"]
    if as_json:
        show_json(found)
        return
    for record in found:
        show_fields({k: v for k, v in record["values"].items() if v not in (None, "")})
        console.print()


@records.command()
@click.argument("table")
@click.argument("row_id")
@options.folder
def erasure(table: str, row_id: str, folder: Path) -> None:
    """Print the proof that a person's data were erased, as JSON."""
    show_json(options.connect(folder).get(f"/v1/records/{table}/{row_id}/erasure"))


@records.command()
@click.argument("table")
@click.argument("row_id")
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in ErasureReason]),
    default=ErasureReason.REQUEST_OF_PERSON.value,
    show_default=True,
)
@options.folder
@options.yes
def erase(table: str, row_id: str, reason: str, folder: Path, yes: bool) -> None:
    """Erase a person's data for good: its key is destroyed; ledger proofs stay valid."""
    confirm(f"The personal data of {table} {row_id} is erased for good.", yes=yes)
    connection = options.connect(folder)
    show_fields(connection.delete(f"/v1/records/{table}/{row_id}/personal-data", reason=reason))


@records.command()
@options.folder
@options.as_json
def registrations(folder: Path, as_json: bool) -> None:
    """List the investors that you registered with your sponsor, and where they stand."""
    found = list(options.connect(folder).pages("/v1/registrations"))
    if as_json:
        show_json(found)
        return
    names = list(found[0]) if found else []
    show_table("Registrations", names, ([i.get(name) for name in names] for i in found))


@records.command()
@click.argument("investor_ids", nargs=-1, required=True)
@options.folder
@options.yes
def accept(investor_ids: tuple[str, ...], folder: Path, yes: bool) -> None:
    """Accept investors that the firms you sponsor have registered (operating partners)."""
    confirm(f"{len(investor_ids)} investor(s) become your customers.", yes=yes)
    body = {"investor_ids": list(investor_ids)}
    show_fields(options.connect(folder).post("/v1/registrations/accept", body))


@records.command()
@options.folder
def imports(folder: Path) -> None:
    """List imports and how they stand."""
    found = list(options.connect(folder).pages("/v1/imports"))
    names = ("import_id", "import_target", "status", "result", "registered_at")
    show_table("Imports", names, ([i.get(name) for name in names] for i in found))


@records.command("report")
@click.argument("import_id")
@options.folder
def import_report(import_id: str, folder: Path) -> None:
    """Print the report of an import, with the line of each problem, as JSON."""
    show_json(options.connect(folder).get(f"/v1/imports/{import_id}/report"))


@records.command("cancel-import")
@click.argument("import_id")
@options.folder
def cancel_import(import_id: str, folder: Path) -> None:
    """Give up an import of which nothing is written yet."""
    found = options.connect(folder).post(f"/v1/imports/{import_id}/cancel", {})
    show_fields({k: v for k, v in found.items() if v not in (None, "")})


def send_file(
    connection: Connection, target: str, file: Path, operation: str, encoding: str
) -> dict[str, Any]:
    """Begin or go on with the import of a file: send what the server lacks; return its state."""
    size = file.stat().st_size
    with file.open("rb") as handle:
        digest = "sha256:" + hashlib.file_digest(handle, "sha256").hexdigest()
    state: dict[str, Any] = connection.post(
        "/v1/imports",
        {
            "import_target": target,
            "file_size": size,
            "file_digest": digest,
            "file_timestamp": dt.datetime.fromtimestamp(file.stat().st_mtime, dt.UTC),
            "operation": operation,
            "encoding": encoding,
        },
    )
    with file.open("rb") as handle, progress("sending", size) as advance:
        start = int(state["received"])
        handle.seek(start)
        advance(start)
        while chunk := handle.read(MAX_BODY):
            path = f"/v1/imports/{state['import_id']}/content"
            state = connection.put_bytes(path, chunk, "application/octet-stream", offset=start)
            start += len(chunk)
            advance(len(chunk))
    return state


def work_off(connection: Connection, state: dict[str, Any]) -> dict[str, Any]:
    """Let the server check and write what it was sent, to the end; return the import's state."""
    with progress("importing", None) as advance:
        while state["status"] in UNFINISHED:
            state = connection.post(f"/v1/imports/{state['import_id']}/work", {})
            advance(1)
    return state
