"""`sekisho serve`."""

import os
import shutil
from pathlib import Path

import click

from governance.cli.output import console
from governance.settings import Settings, load_settings

METRICS = "metrics"
"""Folder in `data_dir` where several API processes share their metrics."""


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
    share_metrics(settings)
    from governance.server import run_server  # noqa: PLC0415 - reads where metrics are shared

    run_server(settings, lambda line: console.print(line, markup=False))


def share_metrics(settings: Settings) -> None:
    """Let several processes share their metrics in a fresh folder; one keeps them to itself."""
    if settings.workers == 1:
        return
    folder = settings.data_dir / METRICS
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
