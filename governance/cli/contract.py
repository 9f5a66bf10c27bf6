"""`sekisho contract …`: write, check, submit and watch contract packages."""

from pathlib import Path
from typing import Any

import click
import msgspec

from contracts import authoring
from contracts.evidence import statement_in
from contracts.gates.comparison import Difference
from contracts.sandbox.runtime import Runtime
from governance.cli import options
from governance.cli.contract_life import LATER, follow_gates
from governance.cli.gates import gate_progress
from governance.cli.output import UNVERIFIED, console, escape, show_json, show_table
from governance.client import contracts as client

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
package = click.argument("directory", type=_FOLDER)
on_runtime = click.option(
    "--runtime",
    help="Id of a fetched runtime of the network's. Default: this product's own.",
)


def _installed(runtime: str | None) -> Runtime | None:
    return None if runtime is None else authoring.installed_runtime(runtime)


@click.group(cls=options.Group)
def contract() -> None:
    """Take a contract from nothing to a submitted, approved version."""


@contract.command()
@click.argument("name")
@click.option("--directory", type=click.Path(path_type=Path), help="Default: a folder NAME.")
@click.option("--owner", default="my-company", help="Your member id.")
def new(name: str, directory: Path | None, owner: str) -> None:
    """Write a working package NAME, with examples and properties, to start from."""
    made = authoring.new(name, directory or Path(name), owner)
    console.print(f"wrote {len(made)} files; now: sekisho contract check {directory or name}")


@contract.command()
@package
@click.option(
    "--predecessor",
    type=_FOLDER,
    help="Package folder of the version in force, for replay and behaviour.",
)
@on_runtime
@options.as_json
@click.pass_context
def check(
    context: click.Context,
    directory: Path,
    predecessor: Path | None,
    runtime: str | None,
    as_json: bool,
) -> None:
    """Run exactly the gates that the registry runs."""
    used = _installed(runtime)
    with gate_progress(quiet=as_json) as tell:
        report = authoring.check(directory, tell, predecessor=predecessor, runtime=used)
    _show(context, report, as_json=as_json)


@contract.command()
@package
@on_runtime
@options.as_json
@click.pass_context
def test(context: click.Context, directory: Path, runtime: str | None, as_json: bool) -> None:
    """Run the quick part: form, lint, examples and properties."""
    used = _installed(runtime)
    with gate_progress(quiet=as_json) as tell:
        report = authoring.run_tests(directory, tell, runtime=used)
    _show(context, report, as_json=as_json)


@contract.command()
@click.argument("old", type=_FOLDER)
@click.argument("changed", type=_FOLDER)
@on_runtime
@options.as_json
def diff(old: Path, changed: Path, runtime: str | None, as_json: bool) -> None:
    """Tell what changes from package OLD to package CHANGED: behaviour, manifest, source."""
    used = _installed(runtime)
    with gate_progress(quiet=as_json) as tell:
        report = authoring.diff(old, changed, tell, runtime=used)
    if as_json:
        show_json(report)
    else:
        console.print(report.text(), markup=False)


@contract.command()
@package
@options.folder
@click.option("--runtime", help="Default: that of the version in force, or the only one.")
@click.option("--wait/--no-wait", default=True, help="Wait for the gates.")
@click.option("--print", "show", is_flag=True, help="Print what would be sent, for curl.")
@click.pass_context
def submit(
    context: click.Context,
    directory: Path,
    folder: Path,
    runtime: str | None,
    wait: bool,
    show: bool,
) -> None:
    """Sign a package and submit it to the registry."""
    named = authoring.read_package(directory).manifest.name
    connection = options.connect(folder)
    runtime = runtime or client.choose_runtime(connection, named)
    if show:
        click.echo(client.pack(connection, directory, runtime).decode())
        return
    draft = client.submit(connection, directory, runtime)
    name, version = draft["name"], draft["version"]
    console.print(f"{name} {version} is {draft['state']}: {draft['digest']}", markup=False)
    if not wait:
        return
    if not follow_gates(connection, name, version):
        context.exit(UNVERIFIED)
    console.print(f"now: sekisho proposal contract {name} {version} --reason …", markup=False)


@contract.command("list")
@options.folder
@options.as_json
def list_contracts(folder: Path, as_json: bool) -> None:
    """List contract versions."""
    found = list(options.connect(folder).pages("/v1/contracts"))
    if as_json:
        show_json(found)
        return
    show_table(
        "Contract versions",
        ("contract", "version", "state", "in force", "author", "digest"),
        (
            (v["name"], v["version"], v["state"], v["in_force"], v["author"], v["digest"][:19])
            for v in found
        ),
    )


@contract.command()
@click.argument("name")
@click.argument("version")
@options.folder
@options.as_json
def status(name: str, version: str, folder: Path, as_json: bool) -> None:
    """Show where a version is in its life, and the evidence about it."""
    connection = options.connect(folder)
    base = f"/v1/contracts/{name}/{version}"
    found = {
        "version": connection.get(base),
        "gates": connection.get(f"{base}/gates"),
        "evidence": connection.get(f"{base}/evidence"),
        "attestations": connection.get(f"{base}/attestations"),
        "life": connection.get(f"{base}/life"),
    }
    if as_json:
        show_json(found)
        return
    view = found["version"]
    console.print(f"[bold]{name} {version}[/bold] is {view['state']}; {view['digest']}")
    show_table(
        "Evidence",
        ("gate", "passed", "summary"),
        ((e["gate"], e["passed"], e.get("summary", "")) for e in found["evidence"]),
    )
    _show_findings(found["evidence"])
    show_table(
        "Run by members too",
        ("member", "gate", "found", "at"),
        (
            (a["member"], a["gate"], "the same" if a["same"] else "OTHERWISE", a["at"])
            for a in found["attestations"]
        ),
    )
    show_table(
        "Life",
        ("at", "step", "state", "reason"),
        ((e["at"], e["step"], e["state"], e["reason"]) for e in found["life"]),
    )


@contract.command()
@click.argument("name")
@click.argument("version")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.folder
def download(name: str, version: str, file: Path, folder: Path) -> None:
    """Save a version's archive, byte for byte as it was submitted."""
    file.write_bytes(options.connect(folder).get_bytes(f"/v1/contracts/{name}/{version}/archive"))
    console.print(f"wrote {file}")


def _show_findings(evidence: list[dict[str, Any]]) -> None:
    """Show what is wrong, and what would change, as the newest attestations say."""
    for each in {e["gate"]: e for e in evidence}.values():
        made = statement_in(msgspec.json.encode(each["envelope"])).predicate
        if not made.passed:
            console.print(f"[bold]{made.gate}[/bold] found {made.fault_count} fault(s):")
            for fault in made.faults:
                console.print(f"  {escape(str(fault))}")
        changes = msgspec.convert(made.details.get("differences", []), type=list[Difference])
        if changes:
            console.print(f"[bold]What would change[/bold], found by {made.gate}:")
        for change in changes:
            for line in change.lines():
                console.print(f"  {escape(line)}")


for command in LATER:
    contract.add_command(command)


def _show(context: click.Context, report: authoring.Report, *, as_json: bool) -> None:
    if as_json:
        show_json(report)
    else:
        console.print(report.text(), markup=False)
    if not report.passed:
        context.exit(UNVERIFIED)
