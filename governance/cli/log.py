"""`sekisho log …`: verify, prove, check, copy."""

import base64
from pathlib import Path

import click

from governance.audit import AuditReport, audit, entry_kind, open_reader, open_source
from governance.cli import options
from governance.cli.output import console, progress, show_fields, show_json, show_table
from governance.client.anchors import read_anchors
from ledger.errors import LogResourceMissing
from ledger.log.notes import parse_verifier_key
from ledger.log.proofs import InclusionProof, check_proof, read_proof, write_proof

anchors_option = click.option(
    "--anchors",
    type=click.Path(path_type=Path, exists=True),
    envvar="SEKISHO_HOME",
    default=Path(),
    show_default="the working directory",
    help="Pinned anchors: the file, or the member's folder that holds it.",
)


@click.group(cls=options.Group)
def log() -> None:
    """Check what the network did, without believing anyone."""


@log.command()
@click.argument("source")
@anchors_option
@click.option("--at", "at_index", type=click.IntRange(0), help="Show the network as of this entry.")
@options.as_json
def verify(source: str, anchors: Path, at_index: int | None, as_json: bool) -> None:
    """Derive everything anew from SOURCE: a URL, a directory or an export.

    Tree and signatures, who was a member when, every vote and its outcome. Names the first entry
    that is wrong, and exits with 4.
    """
    report = run_audit(source, anchors, at_index)
    if as_json:
        show_json(report)
        return
    console.print(f"[green]verified[/green] {report.size:,} entries of {report.origin}")
    show_fields({"root": report.root, "decisions recomputed": report.decisions})
    show_table("Entries", ("kind", "number"), report.kinds.items())
    members = report.state.members.values()
    show_table(
        "The network" if at_index is None else f"The network as of entry {at_index}",
        ("member", "roles", "status"),
        ((m.id, ", ".join(sorted(m.roles)), m.status.value) for m in members),
    )


@log.command()
@click.argument("entry", type=click.IntRange(0))
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True)
@options.folder
def prove(entry: int, output: Path, folder: Path) -> None:
    """Write a proof that ENTRY is in the log, to be checked offline (C2SP tlog-proof)."""
    connection = options.connect(folder)
    page = connection.get("/v1/log/entries", start=entry, limit=1)
    if not page["entries"]:
        raise LogResourceMissing(f"entry {entry} is not published yet")
    found = connection.get("/v1/log/inclusion", index=entry)
    proof = InclusionProof(
        found["index"],
        tuple(base64.b64decode(h) for h in found["hashes"]),
        found["checkpoint"].encode(),
        base64.b64decode(page["entries"][0]["data"]),
    )
    output.write_bytes(write_proof(proof))
    console.print(f"wrote {output}; check it with `sekisho log check {output}`")


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
    """Copy the log at SOURCE to DIRECTORY, verified; a plain web server can serve it."""
    reader = open_reader(open_source(source), read_anchors(anchors))
    with progress("copying", None) as advance:
        size, written = reader.copy(directory, lambda *_: advance(1))
    console.print(f"{size:,} entries verified, {written:,} files written to {directory}")


def run_audit(source: str, anchors: Path, at_index: int | None = None) -> AuditReport:
    """Return the audit's report, with a progress bar."""
    done = 0
    with progress("verifying", None) as advance:

        def move(verified: int, _total: int) -> None:
            nonlocal done
            advance(verified - done)
            done = verified

        return audit(open_source(source), read_anchors(anchors), at_index=at_index, progress=move)
