"""`sekisho ledger …` for custodians: who their customers are, and the keys that sign for them."""

import csv
import io
from pathlib import Path

import click

from governance.cli import options
from governance.cli.output import confirm, console, progress
from governance.client import ledgering
from governance.errors import DatasetInvalid

KEY_HOLDERS = frozenset({"custodian", "direct_securities_firm"})
"""Roles of those who keep customers' account keys."""

COLUMNS = ("investor_id", "custody_holder_id", "custodian_id")
"""What a file of customers has to hold."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.folder
def customers(file: Path, folder: Path) -> None:
    """Take the investors in FILE into custody, with a new account key each (custodians).

    FILE is a CSV (Shift_JIS or UTF-8) with investor_id, custody_holder_id and custodian_id; lines
    of other custodians are left out.
    """
    connection = options.connect(folder)
    pairs = read_customers(file, connection.member_id)
    ledgering.take_customers(connection, pairs)
    with progress("account keys", len(pairs)) as advance:
        keys = ledgering.own_accounts(connection).make(investor for investor, _ in pairs)
        ledgering.register_account_keys(connection, keys, advance)
    console.print(f"registered {len(pairs):,} customers and their account keys")


def read_customers(file: Path, custodian: str) -> list[tuple[str, str]]:
    """Return the investors of a custodian in a CSV file, with their custody holders.

    Raises:
        DatasetInvalid: it cannot be read, lacks columns, or names no customer of the custodian.
    """
    data = file.read_bytes()
    try:
        text = data.decode("utf-8-sig" if is_utf8(data) else "cp932")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        own = [row for row in reader if row.get("custodian_id") == custodian]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetInvalid(f"{file} is no CSV in UTF-8 or Shift_JIS: {error}") from error
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise DatasetInvalid(f"{file} lacks the columns {', '.join(missing)}")
    if not own:
        raise DatasetInvalid(f"{file} has no investor whose custodian_id is {custodian}")
    return [(row["investor_id"] or "", row["custody_holder_id"] or "") for row in own]


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@click.command("rotate-key")
@click.argument("investor_id")
@options.folder
@options.yes
def rotate_key(investor_id: str, folder: Path, yes: bool) -> None:
    """Give an investor a new account key."""
    confirm(f"The account key of {investor_id} is replaced.", yes=yes)
    connection = options.connect(folder)
    key = ledgering.own_accounts(connection).rotate(investor_id)
    ledgering.register_account_keys(connection, [key])
    console.print(f"{investor_id} signs with a new key from now on")


@click.command()
@click.argument("investor_ids", nargs=-1, required=True)
@click.option("--to", "taker", required=True, help="Member id of the custodian that takes over.")
@options.folder
@options.yes
def release(investor_ids: tuple[str, ...], taker: str, folder: Path, yes: bool) -> None:
    """Let another custodian take over customers; until it does, they stay yours (custodians).

    From then on it sees what they do, and signs with keys of its own; you keep what you managed.
    """
    connection = options.connect(folder)
    roles = connection.get(f"/v1/members/{taker}")["roles"]
    if not KEY_HOLDERS & set(roles):
        held = ", ".join(roles)
        raise DatasetInvalid(f"{taker} is no custodian: it keeps no account keys as {held}")
    confirm(f"{taker} may take over {len(investor_ids)} customer(s).", yes=yes)
    ledgering.release_customers(connection, investor_ids, taker)
    console.print(f"released {len(investor_ids):,} customers to {taker}", markup=False)
