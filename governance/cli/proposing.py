"""What every command that proposes something does: ask, sign, send, say how it stands."""

from pathlib import Path

import click

from governance.cli import options
from governance.cli.output import confirm, console
from governance.client import governing
from governance.decisions import actions as a

reason_option = click.option("--reason", required=True, help="Why: who votes reads it.")


def propose_actions(folder: Path, *actions: a.Action, reason: str, yes: bool) -> None:
    """Propose `actions` to the network, after asking unless `yes`."""
    kinds = ", ".join(a.kind(action) for action in actions)
    confirm(f"Propose to the network: {kinds} — {reason}", yes=yes)
    with options.connect(folder) as connection:
        answer = governing.propose(connection, actions, reason)
    console.print(f"{answer['id']} is [bold]{answer['status']}[/bold]")
