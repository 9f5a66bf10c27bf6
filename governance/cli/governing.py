"""`sekisho governance …`: who decides what, what is to come, and whether it all holds."""

import base64
from pathlib import Path

import click
import msgspec

from governance.assembly import lockout, rollover
from governance.cli import options
from governance.cli.following import anchors_option
from governance.cli.log import run_audit
from governance.cli.output import confirm, console, show_fields, show_json, show_table
from governance.decisions.explanation import who_decides_what
from governance.decisions.voting_rules import VotingRules
from governance.settings import load_settings

root_option = click.option(
    "--root",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The root's key, as it was exported when the network was founded.",
)
passphrase_option = click.option(
    "--passphrase-file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Holds the passphrase that opens it.",
)
config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file of the server's settings (SEKISHO_CONFIG).",
)


@click.group(cls=options.Group)
def governance() -> None:
    """Who decides what, what is to come, and whether the record holds."""


@governance.command()
@options.folder
@options.as_json
def rules(folder: Path, as_json: bool) -> None:
    """Print the voting rules in force: who decides what."""
    found = options.connect(folder).get("/v1/governance/voting-rules")
    if as_json:
        show_json(found)
    else:
        click.echo(who_decides_what(msgspec.convert(found, VotingRules)))


@governance.command()
@click.option("--version", type=click.IntRange(1), help="An earlier version.")
@options.folder
@options.as_json
def parameters(version: int | None, folder: Path, as_json: bool) -> None:
    """Print the network parameters in force, as the service signed them."""
    envelope = options.connect(folder).get("/v1/parameters", version=version)
    if as_json:
        show_json(envelope)
    else:
        show_fields(msgspec.json.decode(base64.b64decode(envelope["payload"]))["body"])


@governance.command()
@click.option("--days", type=click.IntRange(1, 400), default=60, show_default=True)
@options.folder
@options.as_json
def forecast(days: int, folder: Path, as_json: bool) -> None:
    """Tell when expiring certificates would cost a quorum, and whom to remind."""
    found = options.connect(folder).get("/v1/governance/forecast", days=days)
    if as_json:
        show_json(found)
    elif not found:
        console.print(f"no quorum is lost to expiring certificates within {days} days")
    else:
        show_table(
            "Undecidable from then on, unless renewed",
            ("from", "remind", "actions"),
            ((s["at"], ", ".join(s["remind"]), ", ".join(s["actions"])) for s in found),
        )


@governance.command()
@click.argument("text", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.folder
def deposit(text: Path, folder: Path) -> None:
    """Deposit TEXT, such as a rule set; a proposal names it by the digest that is printed."""
    answer = options.connect(folder).post_bytes(
        "/v1/governance/documents", text.read_bytes(), "text/plain"
    )
    click.echo(answer["digest"])


@governance.command()
@click.argument("log")
@anchors_option
@options.as_json
def replay(log: str, anchors: Path, as_json: bool) -> None:
    """Recompute every decision from the statements in LOG: a URL, a directory or an export.

    Names the first entry that differs, and exits with 4.
    """
    report = run_audit(log, anchors)
    if as_json:
        show_json({"decisions": report.decisions, "size": report.size, "root": report.root})
        return
    console.print(
        f"[green]agrees[/green]: {report.decisions:,} decisions recomputed from"
        f" {report.size:,} entries"
    )


@governance.command("certify-authority")
@root_option
@passphrase_option
@config_option
@options.as_json
def certify_authority(
    root: Path, passphrase_file: Path, config: Path | None, as_json: bool
) -> None:
    """Certify the next issuing authority with the offline root, on the server's machine.

    It issues nothing yet: propose it with `sekisho proposal rotate-ca`. Take the root away again.
    """
    made = rollover.certify_authority(load_settings(config=config), root, passphrase_file)
    if as_json:
        show_json(made)
        return
    console.print(f"certified {made.name}, good until {made.not_after:%Y-%m-%d}", markup=False)
    console.print(f"propose it: sekisho proposal rotate-ca {made.certificate}", markup=False)


@governance.command("revoke-authority")
@click.argument("name")
@root_option
@passphrase_option
@config_option
@options.yes
def revoke_authority(
    name: str, root: Path, passphrase_file: Path, config: Path | None, yes: bool
) -> None:
    """Revoke the issuing authority NAME with the offline root, on the server's machine.

    For a key that is no longer trusted; put its successor in force first. Take the root away again.
    """
    confirm(f"Nobody trusts {name} from then on; members renew what it issued.", yes=yes)
    rollover.revoke_authority(load_settings(config=config), root, passphrase_file, name)
    console.print(f"revoked {name}; members renew: sekisho member expiring", markup=False)


@governance.command("recover-administrator")
@click.argument("key_id")
@click.option("--reason", default="the administrator's key is lost or has expired")
@config_option
def recover_administrator(key_id: str, reason: str, config: Path | None) -> None:
    """Certify the platform administrator's new key KEY_ID, on the server's machine.

    For one that cannot log in any more: ask with `sekisho member recover`, which prints the key's
    id. The hosted node's key proposes and approves; others vote as on any recovery.
    """
    status = lockout.recover_administrator(load_settings(config=config), key_id, reason)
    console.print(f"the recovery is {status}; see sekisho member status", markup=False)


@governance.command("service-levels")
@click.argument("month")
@options.folder
@options.as_json
def service_levels(month: str, folder: Path, as_json: bool) -> None:
    """Summarise MONTH, such as 2026-01, operation by operation."""
    found = options.connect(folder).get("/v1/service-levels", month=month)
    if as_json:
        show_json(found)
        return
    names = ("incidents", "acknowledged_late", "escalated", "unclosed", "disturbed_minutes")
    show_table(
        f"Service levels of {month}",
        ("operation", "accountable", *(name.replace("_", " ") for name in names)),
        ((x["operation"], x["accountable"], *(x[name] for name in names)) for x in found),
    )
