"""`sekisho incident …`: report what went wrong, acknowledge, escalate, close."""

import datetime as dt
from pathlib import Path
from typing import Any

import click

from governance.cli import options
from governance.cli.output import confirm, show_fields, show_json, show_table
from governance.incidents.register import IncidentStatus
from governance.incidents.statements import (
    ACKNOWLEDGEMENT,
    CLOSING,
    ESCALATION,
    REPORT,
    Acknowledgement,
    Closing,
    Escalation,
    Report,
)
from policies.responsibility import shipped_matrix

_SHOWN = ("id", "kind", "about", "status", "answerable", "acknowledge_by", "escalate_at")
_when = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"])


@click.group(cls=options.Group)
def incident() -> None:
    """What went wrong, who answers for it, by when."""


@incident.command("list")
@click.option("--status", type=click.Choice([s.value for s in IncidentStatus]), help="Only these.")
@options.folder
@options.as_json
def list_(status: str | None, folder: Path, as_json: bool) -> None:
    """List incidents, newest first."""
    found = list(options.connect(folder).pages("/v1/incidents", status=status))
    if as_json:
        show_json(found)
    else:
        show_table("Incidents", _SHOWN, (tuple(i[name] for name in _SHOWN) for i in found))


@incident.command()
@click.argument("digest")
@options.folder
@options.as_json
def show(digest: str, folder: Path, as_json: bool) -> None:
    """Show an incident with its signed time line."""
    found = options.connect(folder).get(f"/v1/incidents/{digest}")
    if as_json:
        show_json(found)
        return
    show_fields({name: value for name, value in found["incident"].items() if value is not None})
    show_table(
        "Time line",
        ("at", "what", "by", "log entry"),
        ((m["at"], m["kind"], m["author"], m["log_index"]) for m in found["timeline"]),
    )


@incident.command()
@click.argument("kind", type=click.Choice(shipped_matrix().incident_kinds))
@click.argument("about")
@click.option("--concerns", default="", help="The member whose it is, if not the network's.")
@click.option("--summary", required=True, help="What is seen; nothing personal.")
@click.option("--since", type=_when, help="Since when, with a zone; now if left out.")
@options.folder
@options.yes
@options.as_json
def report(
    kind: str,
    about: str,
    concerns: str,
    summary: str,
    since: dt.datetime | None,
    folder: Path,
    yes: bool,
    as_json: bool,
) -> None:
    """Report that something went wrong with ABOUT: a node, a right, a contract version."""
    confirm(f"Report {kind} of {about}: {summary}\nEvery member will read it.", yes=yes)
    body = Report(kind, about, concerns, summary, since or dt.datetime.now(dt.UTC))
    _say(folder, "/v1/incidents", REPORT, body, as_json=as_json)


@incident.command()
@click.argument("digest")
@click.option("--note", default="", help="What is being done.")
@options.folder
@options.as_json
def acknowledge(digest: str, note: str, folder: Path, as_json: bool) -> None:
    """Acknowledge an incident that you answer for."""
    path = f"/v1/incidents/{digest}/acknowledgement"
    _say(folder, path, ACKNOWLEDGEMENT, Acknowledgement(digest, note), as_json=as_json)


@incident.command()
@click.argument("digest")
@click.option("--reason", required=True, help="Why.")
@options.folder
@options.as_json
def escalate(digest: str, reason: str, folder: Path, as_json: bool) -> None:
    """Hand an incident to the role that takes over."""
    path = f"/v1/incidents/{digest}/escalation"
    _say(folder, path, ESCALATION, Escalation(digest, reason), as_json=as_json)


@incident.command()
@click.argument("digest")
@click.option("--cause", required=True, help="What caused it.")
@click.option("--remedy", required=True, help="What was done about it.")
@click.option("--ended", type=_when, help="When it ended, with a zone; now if left out.")
@options.folder
@options.as_json
def close(
    digest: str, cause: str, remedy: str, ended: dt.datetime | None, folder: Path, as_json: bool
) -> None:
    """Close an incident with its cause."""
    body = Closing(digest, cause, remedy, ended or dt.datetime.now(dt.UTC))
    _say(folder, f"/v1/incidents/{digest}/closing", CLOSING, body, as_json=as_json)


def _say(folder: Path, path: str, kind: str, body: Any, *, as_json: bool) -> None:
    found = options.connect(folder).say(path, kind, body)
    if as_json:
        show_json(found)
    else:
        show_fields({name: found[name] for name in _SHOWN})
