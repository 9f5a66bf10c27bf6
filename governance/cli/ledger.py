"""`sekisho ledger …`: rights, customers, transactions and answers."""

import datetime as dt
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import msgspec

from governance.cli import options
from governance.cli.customers import customers, release, rotate_key
from governance.cli.listing import (
    adjustment_option,
    as_csv_option,
    list_rows,
    record_dates,
    show_rows,
)
from governance.cli.output import confirm, console, show_fields, show_json, show_table
from governance.client import ledgering
from governance.client.connection import Connection
from governance.client.countersigning import Draft, add_signatures, finish, start
from governance.errors import DatasetInvalid
from ledger.composition import Instruction, Wallet
from ledger.declarations import BeneficialRight

TRANSFER = {
    "trade_id": "trade",
    "transfer_type": "type",
    "beneficial_right_id": "right",
    "from_investor_id": "from",
    "to_investor_id": "to",
    "quantity": "quantity",
    "registered_at": "registered",
}
"""Fields of a transfer and the columns that show them."""

HOLDING = {"as_of": "as of", "beneficial_right_id": "right", "quantity": "quantity"}
CHANGE = {**HOLDING, "delta": "change"}

CONTRACT = click.option("--contract", default="beneficial_right", show_default=True)


@click.group(cls=options.Group)
def ledger() -> None:
    """Register rights and customers, move tokens, ask the ledger."""


for _command in (customers, list_rows, record_dates, release, rotate_key):
    ledger.add_command(_command)


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.folder
def right(file: Path, folder: Path) -> None:
    """Register the beneficial right described in FILE (JSON), or change it."""
    try:
        body = msgspec.json.decode(file.read_bytes(), type=BeneficialRight)
    except msgspec.MsgspecError as error:
        raise DatasetInvalid(f"{file}: {error}") from error
    show_fields(ledgering.register_right(options.connect(folder), body))


@ledger.command()
@click.argument("status", type=click.Choice(["open", "closed"]))
@options.folder
@options.yes
def session(status: str, folder: Path, yes: bool) -> None:
    """Open or close the market session."""
    confirm(f"The market session becomes {status} for the whole network.", yes=yes)
    show_fields(ledgering.set_session(options.connect(folder), status))


@ledger.command()
@click.argument("control_id")
@click.argument("allowed", type=click.Choice(["allow", "block"]))
@options.folder
@options.yes
def control(control_id: str, allowed: str, folder: Path, yes: bool) -> None:
    """Allow or block the transfers under a transfer control."""
    confirm(f"Transfers under {control_id}: {allowed}.", yes=yes)
    connection = options.connect(folder)
    show_fields(ledgering.set_transfer_control(connection, control_id, allowed=allowed == "allow"))


def _transfer_options(command: Any) -> Any:
    for option in (
        click.option("--right", "right_id", required=True, help="Id of the beneficial right."),
        click.option("--quantity", type=click.IntRange(1), required=True, help="Units."),
        click.option("--trade", default="", help="Trade id; a new one by default."),
        click.option("--settlement", type=click.DateTime(["%Y-%m-%d"]), help="Default: today."),
        click.option(
            "--draft", type=click.Path(path_type=Path), help="Write this file, send nothing."
        ),
        CONTRACT,
        options.folder,
    ):
        command = option(command)
    return command


@ledger.command()
@_transfer_options
@click.option("--to", "taker", required=True, help="Investor that gets the tokens.")
@click.option("--issuer-info", default="", help="What the tokens say; default: the fundraiser.")
def issue(taker: str, issuer_info: str, **given: Any) -> None:
    """Issue tokens (registrars)."""
    if not issuer_info:
        issuer_info = ledgering.fundraiser_of(options.connect(given["folder"]), given["right_id"])
    _move("issue", "", taker, issuer_info=issuer_info, **given)


@ledger.command()
@_transfer_options
@click.option("--from", "giver", required=True, help="Your customer that gives.")
@click.option("--to", "taker", required=True, help="Investor that receives.")
def transfer(giver: str, taker: str, **given: Any) -> None:
    """Move tokens from a customer to another investor (custodians)."""
    _move("transfer", giver, taker, **given)


@ledger.command()
@_transfer_options
@click.option("--from", "giver", required=True, help="Who received in the cancelled trade.")
@click.option("--to", "taker", required=True, help="Who gave.")
@click.option("--cancels", required=True, help="Trade id to cancel.")
def cancel(giver: str, taker: str, cancels: str, **given: Any) -> None:
    """Cancel a trade: reverse it exactly, once (custodians)."""
    _move("cancel", giver, taker, cancels=cancels, **given)


@ledger.command()
@_transfer_options
@click.option("--from", "giver", required=True, help="Investor whose tokens end.")
def redeem(giver: str, **given: Any) -> None:
    """Redeem tokens (registrars).

    The investor's custodian has to sign: write a draft with --draft, let it `sign`, `submit`.
    """
    _move("redeem", giver, "", **given)


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.folder
@options.yes
def sign(file: Path, folder: Path, yes: bool) -> None:
    """Sign a draft with the account keys in your folder (custodians)."""
    draft = _read_draft(file)
    for line in draft.lines():
        console.print(line, markup=False)
    confirm("Sign this transaction for your customers.", yes=yes)
    connection = options.connect(folder)
    signed = add_signatures(draft, ledgering.own_accounts(connection))
    file.write_bytes(msgspec.json.encode(signed))
    console.print(f"signed; {file} goes back to {draft.creator}", markup=False)


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.folder
@click.option("--print", "show", is_flag=True, help="Print what would be sent, for curl.")
def submit(file: Path, folder: Path, show: bool) -> None:
    """Send a draft that everybody has signed."""
    data = finish(_read_draft(file))
    if show:
        click.echo(data.decode())
    else:
        _send(options.connect(folder), data)


@ledger.command()
@options.folder
@click.option("--right", "right_id")
@click.option("--trade", "trade_id")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@options.as_json
def transfers(
    folder: Path, right_id: str | None, trade_id: str | None, limit: int, as_json: bool
) -> None:
    """List the transfers that you may see, newest first."""
    connection = options.connect(folder)
    page = connection.get(
        "/v1/ledger/transfers", beneficial_right_id=right_id, trade_id=trade_id, limit=limit
    )
    if as_json:
        show_json(page)
        return
    rows = ([item.get(name) for name in TRANSFER] for item in page["items"])
    show_table("Transfers", list(TRANSFER.values()), rows)
    console.print(f"under rule set {page['rule_set']}", markup=False)


@ledger.command()
@click.argument("right_id")
@options.folder
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="End of this day, in Japan.")
@click.option("--at-index", type=click.IntRange(0), help="As of this log index.")
@click.option("--record-date", help="As of a record date of the right: YYYY-MM-DD, or next.")
@adjustment_option
@as_csv_option
@click.option("--attested", is_flag=True, help="Print what the registrar signs of it, as JSON.")
@options.as_json
def register(
    right_id: str,
    *,
    folder: Path,
    as_of: dt.datetime | None,
    at_index: int | None,
    record_date: str | None,
    adjustment: str,
    as_csv: bool,
    attested: bool,
    as_json: bool,
) -> None:
    """Show a register, now or as of a day, a record date or a log index."""
    if sum(value is not None for value in (as_of, at_index, record_date)) > 1:
        raise click.UsageError("give one of --as-of, --at-index and --record-date")
    connection = options.connect(folder)
    day = as_of.date().isoformat() if as_of else None
    if record_date:
        day = ledgering.find_record_date(connection, right_id, record_date, adjustment)
    path = f"/v1/ledger/registers/{right_id}"
    if as_csv:
        wanted = {"as_of": day, "at_index": at_index}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        click.echo(connection.get_bytes(f"{path}/csv?{query}"), nl=False)
        return
    if attested:
        show_json(connection.get(f"{path}/attestation", as_of=day, at_index=at_index))
        return
    items = list(connection.pages(path, as_of=day, at_index=at_index, limit=500))
    if as_json:
        show_json(items)
        return
    title = f"Register of {right_id}" + (f" as of {day}" if day else "")
    show_table(title, ("investor", "quantity"), ((i["investor_id"], i["quantity"]) for i in items))


@ledger.command()
@options.folder
@options.as_json
def rights(folder: Path, as_json: bool) -> None:
    """List the beneficial rights that you may see."""
    items = list(options.connect(folder).pages("/v1/ledger/rights", limit=500))
    if as_json:
        show_json(items)
        return
    names = {
        "beneficial_right_id": "right",
        "beneficial_right_name": "name",
        "registrar_id": "registrar",
        "established_quantity": "established",
        "redemption_date": "redeemed on",
    }
    show_table("Rights", list(names.values()), ([i.get(n) for n in names] for i in items))


@ledger.command()
@click.argument("txid")
@options.folder
def transaction(txid: str, folder: Path) -> None:
    """Print what you may see of a transaction: a tear-off with its proofs, as JSON."""
    show_json(options.connect(folder).get(f"/v1/ledger/transactions/{txid}"))


@ledger.command()
@click.argument("investor_id")
@options.folder
@as_csv_option
@options.as_json
def statement(investor_id: str, folder: Path, *, as_csv: bool, as_json: bool) -> None:
    """Show an investor's holdings and their changes; as CSV, the changes."""
    found = ledgering.read_statement_of(options.connect(folder), investor_id)
    if as_json:
        show_json(found)
        return
    if as_csv:
        show_rows("changes", found["changes"], as_csv=True)
        return
    for title, part, columns in (("Holdings", "holdings", HOLDING), ("Changes", "changes", CHANGE)):
        rows = ([row.get(name) for name in columns] for row in found[part])
        show_table(f"{title} of {investor_id}", list(columns.values()), rows)


@ledger.command()
@options.folder
@click.option("--right", "right_id")
@click.option("--investor", "investor_id")
@options.as_json
def tokens(folder: Path, right_id: str | None, investor_id: str | None, as_json: bool) -> None:
    """List tokens that may be spent."""
    connection = options.connect(folder)
    items = list(
        connection.pages("/v1/ledger/tokens", token_id=right_id, investor_id=investor_id, limit=500)
    )
    if as_json:
        show_json(items)
        return
    names = ("token_id", "investor_id", "quantity", "token_txid")
    show_table("Tokens", names, ([i.get(n) for n in names] for i in items))


def _read_draft(file: Path) -> Draft:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Draft)
    except msgspec.MsgspecError as error:
        raise DatasetInvalid(f"{file} is no draft of a transaction: {error}") from error


def _move(
    kind: str,
    giver: str,
    taker: str,
    *,
    right_id: str,
    quantity: int,
    trade: str,
    settlement: dt.datetime | None,
    draft: Path | None,
    contract: str,
    folder: Path,
    cancels: str = "",
    issuer_info: str = "",
) -> None:
    connection = options.connect(folder)
    now = dt.datetime.now(dt.UTC)
    instruction = Instruction(
        trade_id=trade or "T" + secrets.token_hex(12).upper(),
        beneficial_right_id=right_id,
        from_investor_id=giver,
        to_investor_id=taker,
        quantity=quantity,
        settlement_date=settlement.date() if settlement else now.date(),
        transfer_type=kind,
        cancels_trade_id=cancels,
        registered_at=now,
        issuer_info=issuer_info,
    )
    wallet = Wallet()
    if giver:
        ledgering.load_wallet(connection, wallet, right=right_id, investor=giver)
    accounts = ledgering.own_accounts(connection)
    composer = ledgering.make_composer(connection, contract, accounts.signer)
    if draft is not None:
        started = start(composer, wallet, instruction, accounts)
        draft.write_bytes(msgspec.json.encode(started))
        missing = ", ".join(started.missing)
        then = f"to be signed by the custodian of {missing}" if missing else "complete: submit it"
        console.print(f"wrote {draft}: {then}", markup=False)
        return
    signed = composer.execute(wallet, instruction)
    console.print(f"trade {instruction.trade_id}", markup=False)
    _send(connection, signed.data)


def _send(connection: Connection, data: bytes) -> None:
    receipt = connection.post_bytes("/v1/ledger/transactions", data, "application/json")
    show_fields({k: receipt[k] for k in ("txid", "log_index", "committed_at")})
