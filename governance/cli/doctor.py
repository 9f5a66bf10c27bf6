"""`sekisho doctor`."""

import datetime as dt
from pathlib import Path

import click

from governance.cli import options
from governance.cli.output import UNVERIFIED, show_json, show_table
from governance.client.folder import MemberFolder
from governance.doctor import examine_folder, examine_server
from governance.settings import load_settings


@click.command()
@click.option("--server", is_flag=True, help="Examine this machine's server, by its settings.")
@options.folder
@options.as_json
@click.pass_context
def doctor(context: click.Context, server: bool, folder: Path, as_json: bool) -> None:
    """Check clock, keys, certificates, expiries and storage, and say what to do."""
    found = list(
        examine_server(load_settings())
        if server
        else examine_folder(MemberFolder(folder), dt.datetime.now(dt.UTC))
    )
    if as_json:
        show_json(found)
    else:
        rows = ((f.check, "ok" if f.good else "FAULT", f.seen, f.advice) for f in found)
        show_table("Doctor", ("check", "", "seen", "do"), rows)
    if not all(f.good or not f.grave for f in found):
        context.exit(UNVERIFIED)
