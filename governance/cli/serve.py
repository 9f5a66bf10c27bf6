"""`sekisho serve`."""

from pathlib import Path

import click

from governance.cli.output import console
from governance.server import run_server
from governance.settings import load_settings


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file of settings (SEKISHO_CONFIG).",
)
def serve(config: Path | None) -> None:
    """Serve a network; on the first start, found it in the data folder.

    Settings come from a TOML file and from SEKISHO_… variables: see docs/reference/settings.md.
    """
    settings = load_settings(config=config)
    run_server(settings, lambda line: console.print(line, markup=False))
