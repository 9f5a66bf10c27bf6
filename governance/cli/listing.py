"""`sekisho ledger list` and `record-dates`: whatever a member may see, as a table, CSV or JSON."""

import csv
import datetime as dt
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from governance.cli import options
from governance.cli.output import show_json, show_table
from ledger.records.calendar import HolidayAdjustment

LISTS = (
    "account-keys",
    "custody",
    "holdings",
    "rights",
    "tokens",
    "transfer-controls",
    "transfers",
    "uniqueness",
)
"""What is listed at `/v1/ledger/…`."""

PAGE = 500
"""Rows of a page: the most that the server gives at once."""

as_csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
adjustment_option = click.option(
    "--adjustment",
    type=click.Choice([adjustment.value for adjustment in HolidayAdjustment]),
    default=HolidayAdjustment.NONE.value,
    show_default=True,
    help="Where a record date moves that is not a business day.",
)


@click.command("list")
@click.argument("what", type=click.Choice(LISTS))
@options.folder
@as_csv_option
@options.as_json
def list_rows(what: str, folder: Path, *, as_csv: bool, as_json: bool) -> None:
    """List all of WHAT that you may see; a field that is hidden from you is empty."""
    show_rows(
        what,
        list(options.connect(folder).pages(f"/v1/ledger/{what}", limit=PAGE)),
        as_csv=as_csv,
        as_json=as_json,
    )


@click.command("record-dates")
@click.argument("right_id")
@click.option("--year", type=int, help="Default: this one.")
@adjustment_option
@options.folder
@as_csv_option
@options.as_json
def record_dates(
    right_id: str, year: int | None, adjustment: str, folder: Path, *, as_csv: bool, as_json: bool
) -> None:
    """List a right's record dates of a year, and the business days to which they move."""
    path = f"/v1/ledger/registers/{right_id}/record-dates"
    wanted = dt.datetime.now(dt.UTC).year if year is None else year
    found = options.connect(folder).get(path, year=wanted, adjustment=adjustment)["items"]
    show_rows(f"record dates of {right_id}", found, as_csv=as_csv, as_json=as_json)


def show_rows(
    title: str, rows: Sequence[dict[str, Any]], *, as_csv: bool, as_json: bool = False
) -> None:
    """Print rows in the form that was asked for, in the fields that any of them has."""
    if as_json:
        show_json(rows)
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[row.get(name) for name in names] for row in rows]
    if not as_csv:
        show_table(title.capitalize(), names, cells)
        return
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([names, *([_text(value) for value in row] for row in cells)] if names else [])
    click.echo(out.getvalue(), nl=False)


def _text(value: object) -> str:
    """Return a cell of CSV: text as it is, nothing for nothing, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
