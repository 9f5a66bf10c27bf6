"""`sekisho demo`."""

import datetime as dt
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import click

from governance.cli import options
from governance.cli.output import UNVERIFIED, console, problems, progress, show_json, show_table
from governance.demo.dataset import Dataset
from governance.demo.play import Result, default_dates, differences, play
from governance.settings import PREFIX, Settings, load_settings

HONOURED = (
    "database_url",
    "replica_url",
    "workers",
    "verification_workers",
    "rate_limit",
)
"""Settings that the demo takes from the environment; it reads no file of settings."""

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "network"


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=SAMPLE,
    show_default="the sample network",
    help="Folder with members.csv, beneficial_rights.csv, investors.csv and transfers.csv.",
)
@click.option(
    "--as-of",
    "dates",
    type=click.DateTime(["%Y-%m-%d"]),
    multiple=True,
    help="Register date; may be repeated.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Play in this folder, and leave everything there to look at.",
)
@options.as_json
@click.pass_context
def demo(
    context: click.Context,
    data: Path,
    dates: tuple[dt.datetime, ...],
    keep: Path | None,
    as_json: bool,
) -> None:
    """Play a whole business network over HTTP, with real keys and signatures.

    Members apply and are admitted by vote; a contract is submitted, passes its gates and is
    approved; every transfer is signed and committed; each member asks for what it may see; three
    things are refused; and the log is verified offline.

    SEKISHO_DATABASE_URL (of an empty database), SEKISHO_WORKERS and SEKISHO_VERIFICATION_WORKERS
    make it run as in production.
    """
    dataset = Dataset(data)
    wanted = [date.date() for date in dates] or default_dates(dataset)
    with ExitStack() as stack:
        if keep is None:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sekisho-demo-")))
        else:
            keep.mkdir(parents=True, exist_ok=True)
            home = keep
        tell = (lambda _: None) if as_json else (lambda line: problems.print(line, markup=False))
        result = play(dataset, home, wanted, progress, tell, server_settings(os.environ))
    wrong = differences(dataset, result)
    if as_json:
        show_json(result)
    else:
        show_result(dataset, result)
    for line in wrong:
        problems.print(f"[red]differs[/red] {line}")
    if wrong:
        context.exit(UNVERIFIED)


def server_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings of the demo's server that its user may choose."""
    names = {PREFIX + name.upper() for name in HONOURED}
    chosen = {k: v for k, v in environment.items() if k in names}
    return load_settings(chosen, config=Path(os.devnull))


def show_result(data: Dataset, result: Result) -> None:
    """Print what the demo showed, for a person."""
    show_table(
        "Members of the network, and the transfers that each may see",
        ("member", "role", "status", "certificate", "transfers"),
        (
            (m, v["role"], v["status"], v["serial"][:12] + "…", result.visible_transfers.get(m, 0))
            for m, v in result.members.items()
        ),
    )
    totals: dict[tuple[str, str], list[int]] = {}
    for row in result.register:
        key = (str(row["as_of"]), str(row["beneficial_right_id"]))
        totals.setdefault(key, []).append(int(row["quantity"]))
    names = {right.beneficial_right_id: right.beneficial_right_name for right in data.rights}
    show_table(
        "Registers, as their registrars read them",
        ("as of", "right", "name", "holders", "total"),
        (
            (date, right, names[right], len(held), sum(held))
            for (date, right), held in totals.items()
        ),
    )
    show_table(
        "Refused, as it must be",
        ("tried", "by", "status", "problem", "why"),
        (
            (r["tried"], r["by"], r["status"], r["type"].rpartition(":")[2], r["detail"])
            for r in result.refusals
        ),
    )
    show_table("Seconds", ("stage", "seconds"), result.seconds.items())
    log = result.log
    console.print(
        f"[green]verified offline[/green]: {log['size']:,} log entries,"
        f" {log['decisions']} decisions recomputed, root {log['root'][:16]}…"
    )
