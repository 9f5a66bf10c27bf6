"""`sekisho log …`: verify, prove, check, copy."""

from collections.abc import Callable
from pathlib import Path

import click

from governance.assembly.publishing import adopt_checkpoint, state_file
from governance.audit import AuditReport, audit, entry_kind, open_reader, open_source
from governance.cli import options
from governance.cli.following import anchors_option, follow
from governance.cli.output import confirm, console, counting, show_fields, show_json, show_table
from governance.client.anchors import ANCHORS_FILE, read_anchors
from governance.client.folder import MemberFolder
from governance.client.proving import (
    ContractEntry,
    Wanted,
    certificate_entry,
    check_complete,
    decision_entry,
    fetch_scope_proof,
    find,
    prove_entry,
    shown_transactions,
    transaction_entry,
)
from governance.settings import load_settings
from ledger.log.mirror import copy_log
from ledger.log.notes import parse_verifier_key
from ledger.log.proofs import check_proof, read_proof, write_proof

PROVABLE: dict[str, Callable[[str], Wanted]] = {
    "decision": decision_entry,
    "certificate": certificate_entry,
    "contract": ContractEntry,
    "transaction": transaction_entry,
}


@click.group(cls=options.Group)
def log() -> None:
    """Check what the network did, without believing anyone."""


@log.command()
@click.argument("source")
@anchors_option
@click.option("--at", "at_index", type=click.IntRange(0), help="Show the network as of this entry.")
@click.option(
    "--documents",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of deposited texts; then every rule set that was in force must be in it.",
)
@click.option(
    "--tear-offs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of transactions that you were shown, a JSON file each.",
)
@options.as_json
def verify(
    source: str,
    anchors: Path,
    at_index: int | None,
    documents: Path | None,
    tear_offs: Path | None,
    as_json: bool,
) -> None:
    """Derive everything anew from SOURCE: a URL, a directory or an export.

    Tree and signatures, certificates, who was a member when, every vote and its outcome, the
    evidence for contracts, your own transactions. Names the first entry that is wrong, and exits
    with 4.
    """
    report = run_audit(source, anchors, at_index, documents, tear_offs)
    if as_json:
        show_json(report)
        return
    console.print(f"[green]verified[/green] {report.size:,} entries of {report.origin}")
    show_fields(
        {
            "root": report.root,
            "decisions recomputed": report.decisions,
            "own transactions found": report.own_transactions,
        }
    )
    show_table("Rule sets that were in force", ("digest", "text"), report.rule_sets.items())
    if report.requirements:
        show_table("What gates required", ("digest", "text"), report.requirements.items())
    show_table("Entries", ("kind", "number"), report.kinds.items())
    members = report.state.members.values()
    show_table(
        "The network" if at_index is None else f"The network as of entry {at_index}",
        ("member", "roles", "status"),
        ((m.id, ", ".join(sorted(m.roles)), m.status.value) for m in members),
    )


@log.command()
@click.argument("entry", type=click.IntRange(0), required=False)
@click.option("--decision", metavar="DIGEST", help="The decision on the proposal of this digest.")
@click.option("--certificate", metavar="SERIAL", help="The certificate with this serial number.")
@click.option("--contract", metavar="NAME@VERSION", help="The decision that approved the version.")
@click.option("--transaction", metavar="TXID", help="The commitment to this transaction.")
@click.option("--source", help="A URL, a directory or an export; the server's log if omitted.")
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True)
@anchors_option
@options.folder
def prove(
    entry: int | None,
    output: Path,
    source: str | None,
    anchors: Path,
    folder: Path,
    **named: str | None,
) -> None:
    """Write a proof that something is in the log, to be checked offline (C2SP tlog-proof).

    Name it by its ENTRY number or by one of the options.
    """
    wanted = [PROVABLE[name](text) for name, text in named.items() if text is not None]
    if len(wanted) + (entry is not None) != 1:
        raise click.UsageError("name one thing to prove: an ENTRY, or one of the options")
    place = folder if (folder / ANCHORS_FILE).exists() else anchors
    server = source or MemberFolder(folder).member.server
    reader = open_reader(open_source(server), read_anchors(place))
    opened = reader.checkpoint()
    if entry is None:
        with counting("searching") as move:
            entry = find(reader, opened, wanted[0], move)
    output.write_bytes(write_proof(prove_entry(reader, opened, entry)))
    console.print(f"wrote {output} for entry {entry}; check it with `sekisho log check {output}`")


@log.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@anchors_option
def check(file: Path, anchors: Path) -> None:
    """Check a proof offline: the entry that it carries is in the log that you pinned."""
    pinned = read_anchors(anchors)
    proof = read_proof(file.read_bytes())
    witnesses = [parse_verifier_key(key) for key in pinned.witnesses]
    key = parse_verifier_key(pinned.log_key)
    opened = check_proof(proof, proof.extra, key, witnesses, pinned.quorum)
    size = opened.checkpoint.size
    console.print(f"[green]holds[/green]: entry {proof.index} of {size:,} in {key.name}")
    show_fields({"kind": entry_kind(proof.extra)})


@log.command()
@click.argument("source")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@anchors_option
def export(source: str, directory: Path, anchors: Path) -> None:
    """Copy the log at SOURCE to DIRECTORY, verified; a plain web server can serve it.

    A copy that is there is verified again and continued.
    """
    reader = open_reader(open_source(source), read_anchors(anchors))
    with counting("copying") as move:
        size, written = copy_log(reader, directory, move, anew=True)
    console.print(f"{size:,} entries verified, {written:,} files written to {directory}")


@log.command()
@click.argument("scope")
@click.option("--source", help="A URL, a directory or an export; the server's log if omitted.")
@options.folder
@options.as_json
def complete(scope: str, source: str | None, folder: Path, as_json: bool) -> None:
    """Prove that you were shown every transaction of SCOPE, as of the newest seal.

    SCOPE is `registrar:<your id>` or `custodian:<your id>`. Exits with 4 if one is missing.
    """
    connection = options.connect(folder)
    proof = fetch_scope_proof(connection, scope)
    server = source or connection.own_folder().member.server
    reader = open_reader(open_source(server), read_anchors(folder))
    opened = reader.checkpoint()
    with counting("comparing") as move:
        seal = check_complete(reader, opened, proof, shown_transactions(connection), move)
    found = {"scope": scope, "transactions": proof.count, "through": seal.through}
    if as_json:
        show_json(found)
    else:
        console.print(
            f"[green]complete[/green]: {proof.count:,} transactions of {scope}, all that the log"
            f" has up to entry {seal.through:,}"
        )


@log.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file of the server's settings (SEKISHO_CONFIG).",
)
@options.yes
def adopt(config: Path | None, yes: bool) -> None:
    """Make the database's newest checkpoint the one that this machine remembers.

    The way out when the file of the last signed checkpoint was lost, or another writer stopped
    for good. Stop the server first.
    """
    settings = load_settings(config=config)
    confirm(
        f"The newest checkpoint in {settings.database} becomes the remembered one in"
        f" {state_file(settings)}. If a larger one was ever shown to anybody, going on from here"
        " is a fork: witnesses and monitors will show it.",
        yes=yes,
    )
    adopted = adopt_checkpoint(settings)
    if adopted is None:
        console.print("the database has no checkpoint: there is nothing to adopt")
    else:
        console.print(f"adopted the checkpoint of {adopted.size:,} entries")


log.add_command(follow)


def run_audit(
    source: str,
    anchors: Path,
    at_index: int | None = None,
    documents: Path | None = None,
    tear_offs: Path | None = None,
) -> AuditReport:
    """Return the audit's report, with a progress bar."""
    with counting("verifying") as move:
        return audit(
            open_source(source),
            read_anchors(anchors),
            at_index=at_index,
            progress=move,
            documents=documents,
            tear_offs=tear_offs,
        )
