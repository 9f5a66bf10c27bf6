"""`sekisho statement …`: sign and read statements by hand, for use with curl and the like."""

from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from governance.cli import options
from governance.cli.output import show_fields, show_json, show_table
from governance.client.saying import SAID, sign_json
from ledger.statements import read_envelope


@click.group(cls=options.Group)
def statement() -> None:
    """Sign what you say by hand, to send it with curl; read what others signed."""


@statement.command()
def kinds() -> None:
    """List the kinds of statements, and where each is posted."""
    rows = ((kind, said.path, _first_line(said.body)) for kind, said in SAID.items())
    show_table("Statements", ("kind", "POST to", "says"), rows)


@statement.command()
@click.argument("kind", metavar="KIND", type=click.Choice(list(SAID)))
@click.argument("file", type=click.File("rb"))
@options.folder
def sign(kind: str, file: BinaryIO, folder: Path) -> None:
    """Print the signed envelope (DSSE) of a statement whose body is the JSON in FILE.

    FILE may be - for the standard input. The envelope is valid for ten minutes and counts once.
    `sekisho statement kinds` lists the kinds.
    """
    click.echo(sign_json(options.connect(folder), kind, file.read()).decode())


@statement.command()
@click.argument("file", type=click.File("rb"))
@options.as_json
def show(file: BinaryIO, as_json: bool) -> None:
    """Print what the envelope in FILE says; its signatures are not checked."""
    envelope = read_envelope(file.read())
    said = msgspec.json.decode(envelope.payload_bytes())
    keys = [signature.keyid for signature in envelope.signatures]
    found = {"kind": envelope.kind, "signed by keys": keys, **said}
    if as_json:
        show_json(found)
    else:
        show_fields(found)


def _first_line(body: type[msgspec.Struct]) -> str:
    return (body.__doc__ or "").partition("\n")[0]
