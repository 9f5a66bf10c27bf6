"""Options that many commands share."""

from pathlib import Path

import click

from governance.client.connection import Connection
from governance.client.folder import MemberFolder

SENTENCE = 400
"""Characters of a command's first sentence in a list of commands: it is never cut off."""


class Group(click.Group):
    """A group whose list of commands shows each one's first sentence whole."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with what it does."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(SENTENCE)) for name, command in found if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


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
    """Return the connection of the member whose folder is at `path`, for as long as the command."""
    connection = Connection.of(MemberFolder(path))
    click.get_current_context().call_on_close(connection.close)
    return connection
