"""Instructions and trades as the members send, match, approve, execute, reject and withdraw them.

Steps are taken on several instructions at once, all or none: with faults, one for each that could
not take the step.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from ledger.errors import InstructionConflict, InstructionMissing, RecordMalformed
from ledger.records import instruction_store as rows
from ledger.records.directory import Directory
from ledger.records.instructions import (
    CANCEL,
    MAX_BATCH,
    MAX_REASON,
    TRANSFER,
    Shown,
    Status,
    Step,
    cancel_faults,
    differences,
    instruction_id,
    read_instruction,
    read_trade,
    step,
)
from ledger.records.keeping import Clerk
from ledger.records.screening import Nothing, Screen
from ledger.records.tables_work import InstructionRow, TradeRow
from policies.actions import Action
from policies.errors import Fault

MAX_PAGE = 500
"""Instructions in the largest page."""


def submit(
    session: Session, clerk: Clerk, directory: Directory, values: Mapping[str, Any]
) -> Shown:
    """Send an instruction to the actor's operating partner; sending it again changes nothing.

    Raises:
        Denied: no rule allows it.
        RecordMalformed: with every fault: of form, of sides, of ids, of the cancelled trade.
    """
    clerk.rules.decide(clerk.actor, Action.INSTRUCTION_SUBMIT)
    said = read_instruction(values)
    sender, receiver = clerk.owner, receiver_of(clerk)
    screen = Screen(session, directory, sender, receiver, Nothing())
    (faults,) = screen.screen([said])
    if faults:
        raise RecordMalformed(f"the instruction has {len(faults)} fault(s)", tuple(faults))
    if faults is not None:
        rows.insert(session, [said], sender=sender, receiver=receiver, at=clerk.at)
    return _shown(_visible(session, clerk, [instruction_id(receiver, said.trade_id)])[0])


def report_trade(session: Session, clerk: Clerk, values: Mapping[str, Any]) -> bool:
    """Report a trade (約定) to the actor's operating partner; return whether it is new.

    Raises:
        Denied: no rule allows it.
        RecordMalformed: with every fault.
        InstructionConflict: the actor reported this trade before, otherwise.
    """
    clerk.rules.decide(clerk.actor, Action.INSTRUCTION_SUBMIT)
    trade = read_trade(values)
    receiver = receiver_of(clerk)
    known = session.get(TradeRow, (receiver, trade.trade_id, clerk.owner))
    said = msgspec.structs.asdict(trade)
    if known is None:
        session.add(
            TradeRow(receiver_id=receiver, sender_id=clerk.owner, received_at=clerk.at, **said)
        )
        session.flush()
        return True
    changed = [name for name, value in said.items() if getattr(known, name) != value]
    if changed:
        faults = tuple(Fault(name, "differs from what was reported before") for name in changed)
        raise InstructionConflict(f"trade {trade.trade_id} was reported otherwise", faults)
    return False


def read(session: Session, clerk: Clerk, one: str) -> Shown:
    """Return an instruction that the actor sent or received.

    Raises:
        Denied: no rule allows it.
        InstructionMissing: there is none such.
    """
    clerk.rules.decide(clerk.actor, Action.INSTRUCTION_READ)
    return _shown(_visible(session, clerk, [one])[0])


def steps(session: Session, clerk: Clerk, one: str) -> list[Step]:
    """Return the life of an instruction that the actor sent or received, oldest first.

    Raises:
        Denied: no rule allows it.
        InstructionMissing: there is none such.
    """
    clerk.rules.decide(clerk.actor, Action.INSTRUCTION_READ)
    _visible(session, clerk, [one])
    return [
        Step(status=s.status, reason=s.reason, taken_at=s.taken_at, taken_by=s.taken_by)
        for s in rows.steps_of(session, one)
    ]


def list_instructions(
    session: Session, clerk: Clerk, status: Status | None = None, after: str = "", limit: int = 50
) -> list[Shown]:
    """Return up to `limit` instructions that the actor sent or received, in order of id."""
    clerk.rules.decide(clerk.actor, Action.INSTRUCTION_READ)
    limit = max(1, min(limit, MAX_PAGE))
    return [_shown(row) for row in rows.page(session, clerk.owner, status, after, limit)]


def match(session: Session, clerk: Clerk, directory: Directory, ids: Sequence[str]) -> list[Shown]:
    """Match instructions with what confirms them; all or none.

    A transfer that another member sent is matched with the trade (約定) that was reported under
    its id: every report must agree. A cancel is matched with the trade that it undoes. What a
    member instructs itself, and issues and redemptions, need no report.

    Raises:
        Denied: no rule allows it.
        InstructionMissing: one of them is not there to be matched by this actor.
        InstructionConflict: with what differs, or what is missing, by instruction.
    """
    clerk.rules.decide(clerk.actor, Action.INSTRUCTION_MATCH)
    found = _received(session, clerk, ids)
    reported = rows.trades(session, clerk.owner, {row.trade_id for row in found})
    screen = Screen(session, directory, clerk.owner, clerk.owner, Nothing())
    originals = screen.originals({row.cancels_trade_id for row in found} - {""})

    def judge(row: InstructionRow) -> list[Fault]:
        said = rows.row_particulars(row)
        if row.transfer_type == CANCEL:
            original, _ = originals.get(row.cancels_trade_id, (None, ""))
            return cancel_faults(said, original)
        if row.transfer_type != TRANSFER or row.sender_id == row.receiver_id:
            return []
        trades = reported.get(row.trade_id, [])
        if not trades:
            return [Fault("trade_id", "no trade was reported under this id")]
        return [f for t in trades for f in differences(said, rows.trade_particulars(t), "trade")]

    return _take(session, clerk, found, Status.MATCHED, judge)


def approve(
    session: Session, clerk: Clerk, directory: Directory, ids: Sequence[str]
) -> list[Shown]:
    """Approve matched instructions for execution; all or none.

    The customer whose tokens move must still be the receiver's, active and not erased.

    Raises:
        Denied: no rule allows it.
        InstructionMissing: one of them was not received by this actor.
        InstructionConflict: with the reasons, by instruction.
    """
    clerk.rules.decide(clerk.actor, Action.INSTRUCTION_APPROVE)
    found = _received(session, clerk, ids)
    moved = {r.from_investor_id for r in found if r.transfer_type in (TRANSFER, CANCEL)}
    screen = Screen(session, directory, clerk.owner, clerk.owner, Nothing())
    active = screen.customers(moved, active=True)

    def judge(row: InstructionRow) -> list[Fault]:
        if row.transfer_type in (TRANSFER, CANCEL) and row.from_investor_id not in active:
            return [Fault("from_investor_id", "is no active customer")]
        return []

    return _take(session, clerk, found, Status.APPROVED, judge)


def execute(
    session: Session, clerk: Clerk, directory: Directory, ids: Sequence[str]
) -> list[Shown]:
    """Mark approved instructions as executed by their transfers on the ledger; all or none.

    The receiver's own client signs with the account key and submits; here the ledger's row is
    looked up by trade id and must say the same as the instruction.

    Raises:
        Denied: no rule allows it.
        InstructionMissing: one of them was not received by this actor.
        InstructionConflict: the ledger has no such transfer, or another one.
    """
    clerk.rules.decide(clerk.actor, Action.INSTRUCTION_EXECUTE)
    found = _received(session, clerk, ids)
    ledger = directory.trades(session, clerk.owner, {row.trade_id for row in found})

    def judge(row: InstructionRow) -> list[Fault]:
        trade = ledger.get(row.trade_id)
        if trade is None:
            return [Fault("trade_id", "the ledger has no such transfer; submit it first")]
        return differences(rows.row_particulars(row), trade.particulars, "ledger")

    def note(row: InstructionRow) -> None:
        row.transfer_txid = ledger[row.trade_id].transfer_txid

    return _take(session, clerk, found, Status.EXECUTED, judge, note=note)


def reject(session: Session, clerk: Clerk, ids: Sequence[str], reason: str) -> list[Shown]:
    """Refuse received instructions, with a reason that the sender reads; all or none.

    Raises:
        Denied: no rule allows it.
        InstructionMissing: one of them was not received by this actor.
        InstructionConflict: one of them is executed or over, or no reason was given.
    """
    clerk.rules.decide(clerk.actor, Action.INSTRUCTION_REJECT)
    _check_reason(reason)
    found = _received(session, clerk, ids)
    return _take(session, clerk, found, Status.REJECTED, _no_faults, reason)


def withdraw(session: Session, clerk: Clerk, ids: Sequence[str], reason: str) -> list[Shown]:
    """Take back instructions that the actor sent and nobody has approved yet; all or none.

    Raises:
        Denied: no rule allows it.
        InstructionMissing: one of them was not sent by this actor.
        InstructionConflict: one of them is approved or over, or no reason was given.
    """
    clerk.rules.decide(clerk.actor, Action.INSTRUCTION_WITHDRAW)
    _check_reason(reason)
    found = _visible(session, clerk, ids)
    _require(ids, [row for row in found if row.sender_id == clerk.owner])
    return _take(session, clerk, found, Status.WITHDRAWN, _no_faults, reason)


def receiver_of(clerk: Clerk) -> str:
    """Return the operating partner that executes for the actor: its sponsor, or itself."""
    return clerk.actor.sponsor_id or clerk.owner


def _take(
    session: Session,
    clerk: Clerk,
    found: Sequence[InstructionRow],
    to: Status,
    judge: Callable[[InstructionRow], list[Fault]],
    reason: str = "",
    note: Callable[[InstructionRow], None] | None = None,
) -> list[Shown]:
    """Take one step with all of `found`, or raise every reason why not."""
    faults = []
    for row in found:
        try:
            step(Status(row.status), to)
        except InstructionConflict as error:
            faults.append(Fault(row.instruction_id, str(error)))
        else:
            faults += [Fault(f"{row.instruction_id}.{f.where}", f.message) for f in judge(row)]
    if faults:
        raise InstructionConflict(f"{len(faults)} reason(s) against {to}", tuple(faults))
    for row in found:
        row.status, row.reason, row.changed_at = to.value, reason, clerk.at
        if note:
            note(row)
    session.flush()
    ids = [row.instruction_id for row in found]
    rows.insert_steps(session, ids, to, reason, clerk.at, clerk.owner)
    return [_shown(row) for row in found]


def _visible(session: Session, clerk: Clerk, ids: Sequence[str]) -> list[InstructionRow]:
    """Return the instructions, all of them sent or received by the actor, in the order asked."""
    if not 0 < len(ids) <= MAX_BATCH:
        raise InstructionConflict(f"{len(ids)} instructions; expected 1 to {MAX_BATCH}")
    found = rows.by_ids(session, clerk.owner, ids)
    _require(ids, found.values())
    return [found[one] for one in dict.fromkeys(ids)]


def _received(session: Session, clerk: Clerk, ids: Sequence[str]) -> list[InstructionRow]:
    found = _visible(session, clerk, ids)
    _require(ids, [row for row in found if row.receiver_id == clerk.owner])
    return found


def _require(ids: Sequence[str], allowed: Iterable[InstructionRow]) -> None:
    admitted = {row.instruction_id for row in allowed}
    missing = [one for one in dict.fromkeys(ids) if one not in admitted]
    if missing:
        faults = tuple(
            Fault(one, "there is no such instruction for this member") for one in missing
        )
        raise InstructionMissing(f"{len(missing)} instruction(s) are not there", faults)


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > MAX_REASON or not reason.isprintable():
        raise InstructionConflict(f"a reason has 1 to {MAX_REASON} printable characters")


def _no_faults(_row: InstructionRow) -> list[Fault]:
    return []


def _shown(row: InstructionRow) -> Shown:
    return Shown(**{name: getattr(row, name) for name in Shown.__struct_fields__})
