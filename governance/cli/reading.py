"""`sekisho policy who-saw`: who was shown a thing, who could see it, and by which rules."""

import datetime as dt
from pathlib import Path

import click
import msgspec

from governance.anchors import Anchors
from governance.audit import open_reader, open_source
from governance.cli import options
from governance.cli.following import anchors_option
from governance.cli.output import console, show_json, show_table
from governance.client.anchors import read_anchors
from governance.policy.reading import Sighting, check_commitment, find_sightings
from governance.policy.sight import Sight, derive_sight
from ledger.log.sources import Source
from ledger.reads import NAMED_BY
from ledger.receipts import Kept

receipts_option = click.option(
    "--receipts",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of receipts: read if it is there, else written. With it, no server is asked.",
)


relations_option = click.option(
    "--relations",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of whom the thing names: read if it is there, else asked for and written.",
)


@click.command("who-saw")
@click.argument("resource", type=click.Choice(sorted(NAMED_BY)))
@click.argument("name", metavar="ID")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="A day in Japan.")
@receipts_option
@click.option("--log", "source", help="The log to compare with: a URL, a directory, an export.")
@relations_option
@click.option(
    "--documents",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of deposited texts, for rule sets that the product does not ship.",
)
@anchors_option
@options.folder
@options.as_json
def who_saw(
    resource: str,
    name: str,
    *,
    day: dt.datetime | None,
    receipts: Path | None,
    source: str | None,
    relations: Path | None,
    documents: Path | None,
    anchors: Path,
    folder: Path,
    as_json: bool,
) -> None:
    """Say which members were shown RESOURCE ID, when, and by which rules; and who could see it.

    For the auditor and the platform administrator. Every receipt is compared with the log that
    `--log` names; one that the log does not hold is an error, and exits with 4. From that log
    follow the rules and roles of the day, and with `--relations` who could see the thing by them.
    With both files nobody is asked.
    """
    on = None if day is None else day.date()
    kept = _receipts(receipts, folder)
    found = find_sightings(kept, resource, name, on)
    could: Sight | None = None
    if source is not None:
        pinned = read_anchors(anchors)
        opened = open_source(source)
        _compare(kept, opened, pinned)
        envelope = _relations(relations, folder, resource, name)
        could = derive_sight(opened, pinned, (resource, name), on, documents, envelope)
    if as_json:
        show_json({"saw": found, "could": could})
        return
    _show(found, resource, name, compared=source is not None)
    if could is not None:
        _show_could(could, resource, name)


def _relations(path: Path | None, folder: Path, resource: str, name: str) -> bytes | None:
    if path is None:
        return None
    if path.exists():
        return path.read_bytes()
    with options.connect(folder) as connection:
        said = connection.get("/v1/policy/relations", resource=resource, id=name)
    envelope: bytes = said["envelope"].encode()
    path.write_bytes(envelope)
    return envelope


def _receipts(path: Path | None, folder: Path) -> list[Kept]:
    if path is not None and path.exists():
        return msgspec.json.decode(path.read_bytes(), type=list[Kept])
    with options.connect(folder) as connection:
        items = connection.pages("/v1/policy/read-receipts")
        kept = msgspec.convert(list(items), list[Kept])
    if path is not None:
        path.write_bytes(msgspec.json.encode(kept))
    return kept


def _compare(kept: list[Kept], source: Source, anchors: Anchors) -> None:
    """Check every receipt against the verified log."""
    wanted = {receipt.log_index: receipt for receipt in kept}
    reader = open_reader(source, anchors)
    opened = reader.checkpoint()
    for index, entry in reader.entries(opened.checkpoint, min(wanted, default=0)):
        if index in wanted:
            check_commitment(wanted.pop(index), entry)
    for index in sorted(wanted):
        if index < opened.checkpoint.size:
            check_commitment(wanted[index], b"")
        console.print(f"entry {index} is not in the checkpoint of {opened.checkpoint.size:,} yet")


def _show(found: list[Sighting], resource: str, name: str, *, compared: bool) -> None:
    note = "compared with the log" if compared else "not compared with a log: give --log"
    show_table(
        f"{resource} {name} was shown to ({note})",
        ("member", "action", "until", "rules", "log index"),
        (
            (s.member_id, s.action, s.until.isoformat(), "\n".join(s.rules), s.log_index)
            for s in found
        ),
    )


def _show_could(could: Sight, resource: str, name: str) -> None:
    named = "by whom it names" if could.named else "whosever it is: narrow it with --relations"
    show_table(
        f"{resource} {name} could be seen by ({named})",
        ("member", "through", "clear", "pseudonym", "from entry", "rule set"),
        (
            (
                c.member_id,
                ", ".join(c.arms),
                ", ".join(c.clear),
                ", ".join(c.pseudonym),
                c.from_index,
                c.rule_set,
            )
            for c in could.could
        ),
    )
    for digest in could.missing:
        console.print(f"the text of {digest} was in force and is not given: use --documents")
