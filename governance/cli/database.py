"""`sekisho database …`: upgrade, grant, backup, restore, purge. Run where the server runs."""

import datetime as dt
from pathlib import Path

import click

from governance.cli import options
from governance.cli.output import console, show_fields, show_json
from governance.operations.backups import Manifest, back_up, left_out, restore
from governance.operations.grants import PREFIX, WRITER, grant
from governance.settings import Settings, load_settings
from governance.upgrading import current_revision, newest_revision, upgrade_database
from ledger.database import connect
from ledger.records.erasure import purge

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file of settings (SEKISHO_CONFIG).",
)


@click.group(cls=options.Group)
def database() -> None:
    """Look after the database of this machine's server."""


@database.command()
@config_option
@options.as_json
def upgrade(config: Path | None, as_json: bool) -> None:
    """Bring the schema to this version's; never back.

    `sekisho serve` does it too, where its login may: with least-privilege roles, the owner runs
    this first.
    """
    engine = connect(load_settings(config=config).database)
    try:
        before = current_revision(engine)
        upgrade_database(engine)
    finally:
        engine.dispose()
    if as_json:
        show_json({"before": before, "now": newest_revision()})
    elif before == newest_revision():
        console.print(f"already at revision {before}")
    else:
        console.print(f"from {before or 'nothing'} to revision {newest_revision()}")


@database.command(name="grant")
@config_option
@click.option("--print", "show", is_flag=True, help="Print the statements that were run.")
@options.yes
def grant_roles(config: Path | None, show: bool, yes: bool) -> None:
    """Create the roles of owner, writer and reader on PostgreSQL, each with the least it needs.

    Run it as the owner of the tables, again after each upgrade; nothing else is lost by that.
    """
    engine = connect(load_settings(config=config).database)
    if not yes:
        click.confirm(f"set roles and row security in {engine.url.render_as_string()}?", abort=True)
    try:
        statements = grant(engine)
    finally:
        engine.dispose()
    if show:
        for statement in statements:
            click.echo(statement + ";")
    console.print(
        f"granted; let servers log in as a member of {WRITER}, and reports as {PREFIX}<member id>"
    )


@database.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@config_option
@options.as_json
def backup(folder: Path, config: Path | None, as_json: bool) -> None:
    """Copy database and sealed keys into FOLDER while the server runs."""
    settings = load_settings(config=config)
    manifest = back_up(settings, folder, dt.datetime.now(dt.UTC))
    _show(manifest, as_json)
    if not as_json:
        for line in left_out(settings):
            console.print(f"not in it, keep it elsewhere: {line}", markup=False)


@database.command(name="restore")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@config_option
@options.as_json
@options.yes
def restore_backup(folder: Path, config: Path | None, as_json: bool, yes: bool) -> None:
    """Bring the backup in FOLDER back into an empty database.

    If this machine signed a newer checkpoint than the backup holds, the server will refuse to
    start: a log that goes back is a fork. See docs/operations/backup.md for the ways out.
    """
    settings = load_settings(config=config)
    if not yes:
        click.confirm(f"restore {folder} into {_name(settings)}?", abort=True)
    _show(restore(settings, folder), as_json)


@database.command(name="purge")
@config_option
@options.yes
def purge_erased(config: Path | None, yes: bool) -> None:
    """Rewrite what holds personal data, so that files keep no trace of what was erased.

    Run it after erasures, at a quiet hour: it locks what it rewrites. On SQLite stop the server
    first. What stays in write-ahead segments, archives and backups: see docs/records/erasure.md.
    """
    settings = load_settings(config=config)
    if not yes:
        click.confirm(f"rewrite the tables with personal data in {_name(settings)}?", abort=True)
    engine = connect(settings.database)
    try:
        purge(engine)
    finally:
        engine.dispose()
    console.print("purged: the database's own files hold nothing of erased persons")


def _name(settings: Settings) -> str:
    engine = connect(settings.database)
    try:
        return engine.url.render_as_string()
    finally:
        engine.dispose()


def _show(manifest: Manifest, as_json: bool) -> None:
    if as_json:
        show_json(manifest)
        return
    show_fields(
        {
            "network": manifest.network,
            "made": manifest.made_at.isoformat(timespec="seconds"),
            "schema": manifest.revision,
            "log entries": manifest.log_size,
            "log root": manifest.log_root,
            "files": len(manifest.files),
        }
    )
