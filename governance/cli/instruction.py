"""`sekisho instruction …`: transfer instructions between companies, from receipt to execution."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import click

from governance.cli import options
from governance.cli.output import (
    REFUSED,
    confirm,
    console,
    progress,
    show_fields,
    show_json,
    show_table,
)
from governance.client.connection import Connection
from governance.client.executing import execute as execute_instructions
from governance.client.executing import find_instructions
from governance.errors import DatasetInvalid
from ledger.records.instructions import MAX_BATCH, Status

COLUMNS = {
    "instruction_id": "instruction",
    "status": "status",
    "trade_id": "trade",
    "transfer_type": "type",
    "beneficial_right_id": "right",
    "from_investor_id": "from",
    "to_investor_id": "to",
    "quantity": "quantity",
    "settlement_date": "settles",
    "sender_id": "sender",
}
"""Fields of an instruction and the columns that show them."""

IDS = click.argument("instruction_ids", nargs=-1)
ALL = click.option("--all", "every", is_flag=True, help="All that can take the step.")
REASON = click.option("--reason", required=True, help="What the other side reads.")


@click.group(cls=options.Group)
def instruction() -> None:
    """Send transfer instructions; match, approve and execute what you received."""


@instruction.command()
@click.argument("file", type=click.File("rb"))
@options.folder
def send(file: BinaryIO, folder: Path) -> None:
    """Send the instruction in FILE (JSON) to your operating partner; again changes nothing.

    A file of many is imported: `sekisho records import transfer FILE`.
    """
    connection = options.connect(folder)
    show_fields(connection.post_bytes("/v1/instructions", file.read(), "application/json"))


@instruction.command("report-trade")
@click.argument("file", type=click.File("rb"))
@options.folder
def report_trade(file: BinaryIO, folder: Path) -> None:
    """Report the trade in FILE (JSON): an instruction is matched with it by its trade id."""
    connection = options.connect(folder)
    show_fields(connection.post_bytes("/v1/trades", file.read(), "application/json"))


@instruction.command("list")
@click.option("--status", type=click.Choice([status.value for status in Status]))
@options.folder
@options.as_json
def list_instructions(status: str | None, folder: Path, as_json: bool) -> None:
    """List the instructions that you sent or received."""
    connection = options.connect(folder)
    found = list(connection.pages("/v1/instructions", status=status, limit=MAX_BATCH))
    if as_json:
        show_json(found)
        return
    rows = ([item[name] for name in COLUMNS] for item in found)
    show_table("Instructions", list(COLUMNS.values()), rows)


@instruction.command()
@click.argument("instruction_id")
@options.folder
@options.as_json
def show(instruction_id: str, folder: Path, as_json: bool) -> None:
    """Show an instruction and the steps that it took."""
    connection = options.connect(folder)
    found = connection.get(f"/v1/instructions/{instruction_id}")
    steps = connection.get(f"/v1/instructions/{instruction_id}/steps")["steps"]
    if as_json:
        show_json({**found, "steps": steps})
        return
    show_fields({k: v for k, v in found.items() if v not in (None, "")})
    show_table("Steps", list(steps[0]), ([str(v or "") for v in step.values()] for step in steps))


@instruction.command()
@IDS
@ALL
@options.folder
def match(instruction_ids: tuple[str, ...], every: bool, folder: Path) -> None:
    """Match received instructions with the trades that were reported (operating partners)."""
    connection = options.connect(folder)
    _step(connection, "match", _chosen(connection, Status.RECEIVED, instruction_ids, every=every))


@instruction.command()
@IDS
@ALL
@options.folder
@options.yes
def approve(instruction_ids: tuple[str, ...], every: bool, folder: Path, yes: bool) -> None:
    """Approve matched instructions for execution (operating partners)."""
    connection = options.connect(folder)
    chosen = _chosen(connection, Status.MATCHED, instruction_ids, every=every)
    confirm(f"{len(chosen)} instruction(s) may be executed.", yes=yes)
    _step(connection, "approve", chosen)


@instruction.command()
@IDS
@ALL
@click.option("--contract", default="beneficial_right", show_default=True)
@click.option("--issuer-info", default="", help="What issued tokens say of the issuer.")
@options.folder
@options.as_json
@click.pass_context
def execute(
    context: click.Context,
    instruction_ids: tuple[str, ...],
    every: bool,
    contract: str,
    issuer_info: str,
    folder: Path,
    as_json: bool,
) -> None:
    """Sign approved instructions with the account keys in your folder, submit, mark as executed.

    Started again, it goes on where it stopped. What is refused stays approved.
    """
    connection = options.connect(folder)
    ids = _chosen(connection, Status.APPROVED, instruction_ids, every=every)
    found = find_instructions(connection, Status.APPROVED, ids)
    absent = sorted(set(ids) - {one.instruction_id for one in found})
    if absent:
        raise DatasetInvalid(f"not approved, or not yours to execute: {', '.join(absent)}")
    with progress("executing", len(found)) as advance:
        outcomes = list(execute_instructions(connection, found, contract, issuer_info, advance))
    refused = [outcome for outcome in outcomes if outcome.refused]
    if as_json:
        show_json(outcomes)
    else:
        for outcome in refused:
            text = f"  {outcome.instruction.trade_id}: {outcome.refused}"
            console.print(text, markup=False)
        console.print(f"executed {len(outcomes) - len(refused):,}, refused {len(refused):,}")
    if refused:
        context.exit(REFUSED)


@instruction.command()
@IDS
@REASON
@options.folder
@options.yes
def reject(instruction_ids: tuple[str, ...], reason: str, folder: Path, yes: bool) -> None:
    """Refuse received instructions, with a reason that the sender reads (operating partners)."""
    confirm(f"{len(instruction_ids)} instruction(s) come to nothing.", yes=yes)
    _step(options.connect(folder), "reject", list(instruction_ids), reason=reason)


@instruction.command()
@IDS
@REASON
@options.folder
@options.yes
def withdraw(instruction_ids: tuple[str, ...], reason: str, folder: Path, yes: bool) -> None:
    """Take back instructions that you sent and nobody approved yet."""
    confirm(f"{len(instruction_ids)} instruction(s) come to nothing.", yes=yes)
    _step(options.connect(folder), "withdraw", list(instruction_ids), reason=reason)


def _chosen(
    connection: Connection, status: Status, ids: tuple[str, ...], *, every: bool
) -> list[str]:
    """Return the ids that were given, or those of all that stand where the step begins."""
    if bool(ids) == every:
        raise click.UsageError("give INSTRUCTION_IDS, or --all")
    if ids:
        return list(ids)
    return [one.instruction_id for one in find_instructions(connection, status)]


def _step(connection: Connection, verb: str, ids: list[str], **more: str) -> None:
    """Take a step with all instructions, as many at a time as the server takes."""
    taken: list[Any] = []
    count: Callable[[int], None]
    with progress(verb, len(ids)) as count:
        for start in range(0, len(ids), MAX_BATCH):
            body = {"instruction_ids": ids[start : start + MAX_BATCH], **more}
            taken += connection.post(f"/v1/instructions/{verb}", body)["instructions"]
            count(len(body["instruction_ids"]))
    by_status: dict[str, int] = {}
    for one in taken:
        by_status[one["status"]] = by_status.get(one["status"], 0) + 1
    said = ", ".join(f"{status} {number:,}" for status, number in sorted(by_status.items()))
    console.print(said or "nothing to do")
