"""Executes approved instructions: composes, signs, submits, and says so; each of them once.

The server holds no account key, so that this is the custodian's (for issues the registrar's) own
work. Started again after an interruption it goes on: what is on the ledger under the instruction's
trade id is not sent again, only marked as executed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from governance.client import ledgering
from governance.client.connection import Connection, Refused
from governance.errors import GovernanceError
from ledger.composition import MAX_ITEMS, Composer, Instruction, Signed, Wallet
from ledger.errors import LedgerError
from ledger.records.instructions import MAX_BATCH, Shown, Status
from policies.errors import Fault


class Outcome(msgspec.Struct, frozen=True):
    """What became of an instruction: the TxID of its transfer, or why there is none."""

    instruction: Shown
    txid: str = ""
    refused: str = ""


def find_instructions(
    connection: Connection, status: Status, wanted: Sequence[str] = ()
) -> list[Shown]:
    """Return the instructions that this member received and that stand there, in business order.

    Args:
        connection: to the network.
        status: where they stand.
        wanted: ids; none means all.
    """
    pages = connection.pages("/v1/instructions", status=status.value, limit=MAX_BATCH)
    read = (msgspec.convert(item, Shown) for item in pages)
    mine = [i for i in read if i.receiver_id == connection.member_id]
    chosen = [i for i in mine if not wanted or i.instruction_id in wanted]
    return sorted(chosen, key=lambda i: (i.registered_at, i.received_at, i.trade_id))


def execute(
    connection: Connection,
    instructions: Iterable[Shown],
    contract: str,
    issuer_info: str = "",
    done: Callable[[int], None] = lambda _: None,
) -> Iterator[Outcome]:
    """Yield what became of each instruction, in order.

    Args:
        connection: of the member that received them.
        instructions: approved ones, in the order in which they are to be executed.
        contract: the contract of their rights.
        issuer_info: what issued tokens say of the issuer.
        done: told how many more were looked at.
    """
    waiting = list(instructions)
    accounts = ledgering.own_accounts(connection)
    composer = ledgering.make_composer(connection, contract, accounts.signer)
    for start in range(0, len(waiting), MAX_ITEMS):
        lot = waiting[start : start + MAX_ITEMS]
        outcomes = _execute_lot(connection, composer, lot, issuer_info)
        yield from _mark(connection, outcomes)
        done(len(lot))


def _execute_lot(
    connection: Connection, composer: Composer, lot: Sequence[Shown], issuer_info: str
) -> list[Outcome]:
    wallet = Wallet()
    for right, giver in sorted({(i.beneficial_right_id, i.from_investor_id) for i in lot}):
        if giver:
            ledgering.load_wallet(connection, wallet, right=right, investor=giver)
    outcomes: dict[str, Outcome] = {}
    signed: list[tuple[Shown, Signed]] = []
    for one in lot:
        txid = _on_ledger(connection, one)
        if txid:
            outcomes[one.instruction_id] = Outcome(one, txid)
            continue
        try:
            signed.append((one, composer.execute(wallet, _order(one, issuer_info))))
        except (LedgerError, GovernanceError) as error:
            outcomes[one.instruction_id] = Outcome(one, refused=str(error))
    if signed:
        items = [msgspec.Raw(s.data) for _, s in signed]
        answer = connection.post("/v1/ledger/transactions/batch", {"items": items})
        for (one, made), item in zip(signed, answer["items"], strict=True):
            refused = item.get("problem")
            outcomes[one.instruction_id] = (
                Outcome(one, refused=refused["detail"]) if refused else Outcome(one, made.txid)
            )
    return [outcomes[one.instruction_id] for one in lot]


def _on_ledger(connection: Connection, one: Shown) -> str:
    """Return the TxID of the transfer that this member made of the instruction, if it did."""
    page = connection.get("/v1/ledger/transfers", trade_id=one.trade_id)
    own = (t for t in page["items"] if t.get("transfer_creator_id") == connection.member_id)
    return next((str(t["transfer_txid"]) for t in own), "")


def _order(one: Shown, issuer_info: str) -> Instruction:
    return Instruction(
        trade_id=one.trade_id,
        beneficial_right_id=one.beneficial_right_id,
        from_investor_id=one.from_investor_id,
        to_investor_id=one.to_investor_id,
        quantity=one.quantity,
        settlement_date=one.settlement_date,
        transfer_type=one.transfer_type,
        cancels_trade_id=one.cancels_trade_id,
        registered_at=one.registered_at,
        issuer_info=issuer_info,
    )


def _mark(connection: Connection, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Mark what is on the ledger as executed: all at once, or each alone where one differs."""
    try:
        _mark_some(connection, [o for o in outcomes if o.txid])
    except Refused:
        return [_mark_one(connection, outcome) for outcome in outcomes]
    return list(outcomes)


def _mark_one(connection: Connection, outcome: Outcome) -> Outcome:
    try:
        _mark_some(connection, [outcome] if outcome.txid else [])
    except Refused as error:
        faults = msgspec.convert(error.problem.get("faults", ()), tuple[Fault, ...])
        why = "; ".join((str(error), *map(str, faults)))
        return Outcome(outcome.instruction, refused=why)
    return outcome


def _mark_some(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    if outcomes:
        ids = [outcome.instruction.instruction_id for outcome in outcomes]
        connection.post("/v1/instructions/execute", {"instruction_ids": ids})
