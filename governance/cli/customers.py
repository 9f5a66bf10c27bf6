"""`sekisho ledger …` for custodians: who their customers are, and the keys that sign for them."""

import csv
from pathlib import Path

import click

from governance.cli import options
from governance.cli.output import confirm, console, progress
from governance.client import ledgering
from governance.errors import DatasetInvalid

KEY_HOLDERS = frozenset({"custodian", "direct_securities_firm"})
"""Roles of those who keep customers' account keys."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.folder
def customers(file: Path, folder: Path) -> None:
    """Take the investors in FILE into custody, with a new account key each (custodians).

    FILE is a CSV with investor_id, custody_holder_id and custodian_id; lines of other custodians
    are left out.
    """
    connection = options.connect(folder)
    own = connection.member_id
    with file.open(encoding="utf-8-sig", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row.get("custodian_id") == own]
    if not rows:
        raise DatasetInvalid(f"{file} has no investor whose custodian_id is {own}")
    pairs = [(row["investor_id"], row["custody_holder_id"]) for row in rows]
    ledgering.take_customers(connection, pairs)
    with progress("account keys", len(pairs)) as advance:
        keys = ledgering.own_accounts(connection).make(investor for investor, _ in pairs)
        ledgering.register_account_keys(connection, keys, advance)
    console.print(f"registered {len(pairs):,} customers and their account keys")


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
