"""Options that many commands share."""

from pathlib import Path

import click

from governance.client.connection import Connection
from governance.client.folder import MemberFolder

folder = click.option(
    "--folder",
    envvar="SEKISHO_HOME",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default="the working directory",
    help="The member's folder of keys (SEKISHO_HOME).",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
yes = click.option("--yes", is_flag=True, help="Do it without asking.")


def connect(path: Path) -> Connection:
    """Return the connection of the member whose folder is at `path`."""
    return Connection.of(MemberFolder(path))
