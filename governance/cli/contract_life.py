"""`sekisho contract …` once a version is submitted: run gates again, freeze, retire, runtimes."""

from pathlib import Path
from typing import Any

import click

from contracts.reattesting import Comparison
from governance.cli import options
from governance.cli.gates import gate_progress
from governance.cli.output import UNVERIFIED, console, show_json, show_table
from governance.cli.proposing import propose_actions, reason_option
from governance.client import attesting, ledgering
from governance.client import contracts as client
from governance.client.anchors import read_anchors
from governance.client.connection import Connection
from governance.decisions import actions as a

_name = click.argument("name")
_version = click.argument("version")


def follow_gates(connection: Connection, name: str, version: str) -> bool:
    """Show how far the registry's gates are until they end; return whether all passed."""
    with gate_progress(quiet=False) as tell:

        def look(job: dict[str, Any]) -> None:
            if job["gate"]:
                tell(job["gate"], job["done"], job["total"])

        outcome = client.wait_for_gates(connection, name, version, look)
    console.print(f"gates {outcome['status']}: {outcome['message']}", markup=False)
    return bool(outcome["status"] == "passed")


@click.command()
@_name
@_version
@options.folder
@reason_option
@click.option("--wait/--no-wait", default=True, help="Wait for the gates.")
@click.pass_context
def recheck(
    context: click.Context, name: str, version: str, folder: Path, reason: str, wait: bool
) -> None:
    """Let the registry run all gates again, for the author or the platform administrator.

    The version is a draft again until they have passed; a vote that is open on it becomes void.
    """
    connection = options.connect(folder)
    client.recheck(connection, name, version, reason)
    console.print(f"{name} {version} is a draft; its gates run again", markup=False)
    if wait and not follow_gates(connection, name, version):
        context.exit(UNVERIFIED)


@click.command()
@_name
@_version
@options.folder
@click.option("--say/--no-say", default=False, help="Tell the network what you found.")
@options.as_json
@click.pass_context
def reattest(
    context: click.Context, name: str, version: str, folder: Path, say: bool, as_json: bool
) -> None:
    """Run the gates on this machine and compare with what the registry attests.

    The registry's signature is checked with the key that your pinned anchors lead to. Exits with 4
    if anything differs.
    """
    connection = options.connect(folder)
    key = attesting.service_key(connection.own_folder().member.server, read_anchors(folder))
    with gate_progress(quiet=as_json) as tell:
        found = attesting.run_gates(connection, name, version, key, tell)
    if as_json:
        show_json(found)
    else:
        _show_comparisons(name, version, found)
    if say:
        attesting.attest(connection, name, version, found)
        if not as_json:
            console.print("told the network")
    if any(each.same is False for each in found):
        context.exit(UNVERIFIED)


@click.command()
@_name
@_version
@options.folder
@options.yes
@reason_option
def freeze(name: str, version: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose to stop a version at once; the platform administrator's vote is enough.

    It goes on by itself after the freeze unless the network confirms it.
    """
    action = a.FreezeContract(name=name, version=version, reason=reason)
    propose_actions(folder, action, reason=reason, yes=yes)


@click.command("confirm-freeze")
@_name
@_version
@options.folder
@options.yes
@reason_option
def confirm_freeze(name: str, version: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose that a frozen version stays frozen until it is unfrozen."""
    action = a.ConfirmFreeze(name=name, version=version)
    propose_actions(folder, action, reason=reason, yes=yes)


@click.command()
@_name
@_version
@options.folder
@options.yes
@reason_option
def unfreeze(name: str, version: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose that a frozen version goes on as what it was."""
    action = a.UnfreezeContract(name=name, version=version)
    propose_actions(folder, action, reason=reason, yes=yes)


@click.command()
@_name
@_version
@options.folder
@options.yes
@reason_option
def deprecate(name: str, version: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose that a version takes no new rights."""
    action = a.DeprecateContract(name=name, version=version)
    propose_actions(folder, action, reason=reason, yes=yes)


@click.command()
@_name
@_version
@options.folder
@options.yes
@reason_option
def retire(name: str, version: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose to end a version's life; refused while tokens live and no version follows."""
    action = a.RetireContract(name=name, version=version)
    propose_actions(folder, action, reason=reason, yes=yes)


@click.command("runtimes")
@options.folder
@options.as_json
def list_runtimes(folder: Path, as_json: bool) -> None:
    """List the runtimes that the network has registered."""
    found = options.connect(folder).get("/v1/runtimes")
    if as_json:
        show_json(found)
        return
    rows = ((r["id"], r["artifact_digest"], r["size"]) for r in found)
    show_table("Runtimes", ("runtime", "artifact", "bytes"), rows)


@click.command("fetch-runtime")
@click.argument("runtime", required=False)
@options.folder
def fetch_runtime(runtime: str | None, folder: Path) -> None:
    """Fetch RUNTIME, or every registered one, into this machine's cache.

    A runtime's id is computed from the bytes: what is not that runtime is refused.
    """
    connection = options.connect(folder)
    wanted = (runtime,) if runtime else ledgering.read_parameters(connection).runtimes
    for identity in wanted:
        found = attesting.fetch_runtime(connection, identity)
        console.print(f"{found.id}\n{found.artifact}", markup=False)


@click.command("upload-runtime")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.folder
@options.yes
@reason_option
def upload_runtime(file: Path, folder: Path, yes: bool, reason: str) -> None:
    """Upload the runtime in FILE and propose to register it, as the platform administrator."""
    connection = options.connect(folder)
    answer = connection.post_bytes("/v1/runtimes", file.read_bytes(), "application/wasm")
    console.print(f"uploaded {answer['id']}", markup=False)
    action = a.RegisterRuntime(runtime=answer["id"])
    propose_actions(folder, action, reason=reason, yes=yes)


LATER: tuple[click.Command, ...] = (
    recheck,
    reattest,
    freeze,
    confirm_freeze,
    unfreeze,
    deprecate,
    retire,
    list_runtimes,
    fetch_runtime,
    upload_runtime,
)


def _show_comparisons(name: str, version: str, found: list[Comparison]) -> None:
    show_table(
        f"{name} {version}: what the registry attests, and what was found here",
        ("gate", "same", "what differs", "attested", "found"),
        (
            (c.gate, _same(c), c.remark or ", ".join(c.differs), c.attested[:19], c.found[:19])
            for c in found
        ),
    )


def _same(comparison: Comparison) -> str:
    if comparison.same is None:
        return "not run here"
    return "yes" if comparison.same else "NO"
