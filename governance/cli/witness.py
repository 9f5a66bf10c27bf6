"""`sekisho witness …`: any member cosigns the log's checkpoints."""

import asyncio
from pathlib import Path

import click
from granian.constants import Interfaces
from granian.server.embed import Server

from governance.assembly.witnessing import build_witness, cosignature_key, witness_signer
from governance.cli import options
from governance.cli.output import console
from governance.client.anchors import pin_witnesses, read_anchors
from ledger.log.notes import parse_verifier_key

folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("witness"),
    show_default=True,
    help="Where the witness keeps its key and what it cosigned.",
)
name_option = click.option(
    "--name", required=True, help="The witness's key name, such as witness.trust-a.example."
)


@click.group(cls=options.Group)
def witness() -> None:
    """Watch the log with others: no checkpoint counts that was not seen by all."""


@witness.command()
@folder_option
@name_option
def key(folder: Path, name: str) -> None:
    """Make the witness's key, and print the verifier key for the operator's settings."""
    console.print(str(cosignature_key(witness_signer(folder, name))), markup=False)


@witness.command()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option(
    "--quorum",
    type=click.IntRange(1),
    help="How many of them must have cosigned a checkpoint; all of them if omitted.",
)
@options.folder
def pin(keys: tuple[str, ...], quorum: int | None, folder: Path) -> None:
    """Believe no checkpoint that these witnesses did not cosign.

    Each KEY is a verifier key, as its witness gave it to you: not as the log's operator did.
    `sekisho log verify`, `check`, `prove` and `follow` ask for it from now on. Without a KEY
    cosignatures are no longer asked for.
    """
    pinned = pin_witnesses(folder, keys, quorum)
    if pinned.witnesses:
        console.print(
            f"checkpoints of {pinned.network} need {pinned.quorum} of {len(pinned.witnesses)}"
            " witnesses"
        )
    else:
        console.print(f"checkpoints of {pinned.network} need no witness")


@witness.command()
@folder_option
@name_option
@click.option(
    "--anchors",
    type=click.Path(path_type=Path, exists=True),
    envvar="SEKISHO_HOME",
    default=Path(),
    help="Pinned anchors of the network whose log is watched.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65_535), default=8481, show_default=True)
def serve(folder: Path, name: str, anchors: Path, host: str, port: int) -> None:
    """Answer C2SP add-checkpoint requests; each only if it extends the one before."""
    log_key = parse_verifier_key(read_anchors(anchors).log_key)
    app = build_witness(folder, name, [log_key])
    console.print(f"witness {name} watches {log_key.name} at http://{host}:{port}", markup=False)
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_enabled=False)
    asyncio.run(server.serve())
