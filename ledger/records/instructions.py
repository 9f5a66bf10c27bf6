"""What a transfer instruction (移転指図) may say, and the steps of its life. Pure.

    received ──> matched ──> approved ──> executed
        │  │        │  │         │
        │  └────────┴──│─────────┴──────> rejected   (by the receiver)
        └──────────────┴────────────────> withdrawn  (by the sender)

The receiver is the operating partner that executes: the sender's sponsor, or the sender itself.
It signs with the account key and submits to the ledger; the ledger's own row proves execution.
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ledger.errors import InstructionConflict, RecordMalformed
from ledger.hashing import tagged_hash
from ledger.records.schemas import MemberId, Quantity, UpperId, convert_fields
from policies.errors import Fault

Id = Annotated[
    str,
    Meta(
        pattern=r"^([A-Z][A-Z0-9-]{1,63})?$(?!\n)",
        description="empty, or an id: a capital letter, then capital letters, digits or hyphens",
    ),
]
TransferType = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z_]{1,31}$(?!\n)",
        description="issue, transfer, cancel, redeem, or a type that the contract defines",
    ),
]
Moment = Annotated[dt.datetime, Meta(tz=True)]

ISSUE, TRANSFER, CANCEL, REDEEM = "issue", "transfer", "cancel", "redeem"
MAX_REASON = 256
"""Characters of the longest reason."""

MAX_BATCH = 500
"""Instructions of one step."""


class Status(StrEnum):
    """Where an instruction stands."""

    RECEIVED = "received"
    MATCHED = "matched"
    APPROVED = "approved"
    EXECUTED = "executed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


_STEPS: Mapping[Status, frozenset[Status]] = {
    Status.MATCHED: frozenset({Status.RECEIVED}),
    Status.APPROVED: frozenset({Status.MATCHED}),
    Status.EXECUTED: frozenset({Status.APPROVED}),
    Status.REJECTED: frozenset({Status.RECEIVED, Status.MATCHED, Status.APPROVED}),
    Status.WITHDRAWN: frozenset({Status.RECEIVED, Status.MATCHED}),
}
OPEN = frozenset({Status.RECEIVED, Status.MATCHED, Status.APPROVED})
"""States from which an instruction can still be executed."""

DEAD = frozenset({Status.REJECTED, Status.WITHDRAWN})
"""States of an instruction that never took effect and never will."""


class Instruction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instruction, in the fields of the dictionary's transfer (移転情報).

    Args:
        registered_at: the business time; the time of receipt if the sender does not say.
        registered_by: the member that executes; must be the receiver if the sender says it.
    """

    trade_id: UpperId
    beneficial_right_id: UpperId
    from_investor_id: Id = ""
    to_investor_id: Id = ""
    quantity: Quantity
    settlement_date: dt.date
    transfer_type: TransferType
    cancels_trade_id: Id = ""
    registered_at: Moment | None = None
    registered_by: MemberId | None = None


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An instruction as its sender and its receiver see it.

    Args:
        status: see `instructions`.
        reason: why it was rejected or withdrawn.
        transfer_txid: the ledger's transaction once executed, lower-case hex.
    """

    instruction_id: str
    sender_id: str
    receiver_id: str
    trade_id: str
    beneficial_right_id: str
    from_investor_id: str
    to_investor_id: str
    quantity: int
    settlement_date: dt.date
    transfer_type: str
    cancels_trade_id: str
    registered_at: dt.datetime
    registered_by: str
    status: str
    reason: str
    received_at: dt.datetime
    changed_at: dt.datetime
    transfer_txid: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an instruction's life."""

    status: str
    reason: str
    taken_at: dt.datetime
    taken_by: str


class Trade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trade (約定) that one side reports; an instruction is matched with it by trade id."""

    trade_id: UpperId
    beneficial_right_id: UpperId
    from_investor_id: UpperId
    to_investor_id: UpperId
    quantity: Quantity
    settlement_date: dt.date
    traded_at: Moment


class Particulars(msgspec.Struct, frozen=True, kw_only=True):
    """What of a transfer is compared: by instruction, trade and ledger row alike."""

    beneficial_right_id: str
    from_investor_id: str
    to_investor_id: str
    quantity: int
    transfer_type: str = TRANSFER
    settlement_date: dt.date | None = None
    cancels_trade_id: str = ""

    def reversed(self) -> tuple[str, str, str, int]:
        """Return what a cancel of this must say: right, sides the other way round, quantity."""
        return (
            self.beneficial_right_id,
            self.to_investor_id,
            self.from_investor_id,
            self.quantity,
        )


def read_instruction(values: Mapping[str, Any], *, text: bool = False) -> Instruction:
    """Return the instruction that `values` say.

    Args:
        values: by field name.
        text: they are texts of a CSV file; empty ones count as absent.

    Raises:
        RecordMalformed: with every fault.
    """
    if text:
        values = {name: value for name, value in values.items() if value != ""}
    said = convert_fields(Instruction, values, text=text)
    faults = said if isinstance(said, list) else side_faults(said)
    if isinstance(said, list) or faults:
        raise RecordMalformed(f"the instruction has {len(faults)} fault(s)", tuple(faults))
    return said


def read_trade(values: Mapping[str, Any]) -> Trade:
    """Return the trade that `values` say.

    Raises:
        RecordMalformed: with every fault.
    """
    trade = convert_fields(Trade, values)
    if not isinstance(trade, list):
        if trade.from_investor_id != trade.to_investor_id:
            return trade
        faults = [Fault("to_investor_id", "must differ from from_investor_id")]
    else:
        faults = trade
    raise RecordMalformed(f"the trade has {len(faults)} fault(s)", tuple(faults))


def side_faults(said: Instruction) -> list[Fault]:
    """Return what is wrong between the fields: sides and cancelled trade must suit the type."""
    faults = []
    source, target, kind = said.from_investor_id, said.to_investor_id, said.transfer_type
    needs_source = kind in (TRANSFER, CANCEL, REDEEM)
    needs_target = kind in (TRANSFER, CANCEL, ISSUE)
    if needs_source and not source:
        faults.append(Fault("from_investor_id", f"is missing; {kind} needs it"))
    if needs_target and not target:
        faults.append(Fault("to_investor_id", f"is missing; {kind} needs it"))
    if kind == ISSUE and source:
        faults.append(Fault("from_investor_id", "must be empty in an issue"))
    if kind == REDEEM and target:
        faults.append(Fault("to_investor_id", "must be empty in a redemption"))
    if not source and not target:
        faults.append(Fault("from_investor_id", "one side at least must be named"))
    if source and source == target:
        faults.append(Fault("to_investor_id", "must differ from from_investor_id"))
    if kind == CANCEL and not said.cancels_trade_id:
        faults.append(Fault("cancels_trade_id", "is missing; a cancel names the trade it undoes"))
    if kind != CANCEL and said.cancels_trade_id:
        faults.append(Fault("cancels_trade_id", "must be empty unless it is a cancel"))
    if said.cancels_trade_id == said.trade_id:
        faults.append(Fault("cancels_trade_id", "a trade cannot cancel itself"))
    return faults


def particulars(said: Instruction | Trade) -> Particulars:
    """Return what of it is compared."""
    cancels = said.cancels_trade_id if isinstance(said, Instruction) else ""
    return Particulars(
        beneficial_right_id=said.beneficial_right_id,
        from_investor_id=said.from_investor_id,
        to_investor_id=said.to_investor_id,
        quantity=said.quantity,
        transfer_type=said.transfer_type if isinstance(said, Instruction) else TRANSFER,
        settlement_date=said.settlement_date,
        cancels_trade_id=cancels,
    )


def _said(value: object) -> str:
    return "empty" if value == "" else str(value)


def differences(said: Particulars, evidence: Particulars, source: str) -> list[Fault]:
    """Return each field in which `said` differs from what `source` says."""
    return [
        Fault(
            name,
            f"is {_said(getattr(said, name))}; the {source} says {_said(getattr(evidence, name))}",
        )
        for name in Particulars.__struct_fields__
        if getattr(said, name) != getattr(evidence, name)
    ]


def cancel_faults(said: Particulars, original: Particulars | None) -> list[Fault]:
    """Return why `said` does not undo `original` (None if there is no such trade)."""
    if original is None:
        return [Fault("cancels_trade_id", "there is no such trade")]
    if original.transfer_type == CANCEL:
        return [Fault("cancels_trade_id", "names a cancel; a cancel is not undone")]
    undoes = (
        said.beneficial_right_id,
        said.from_investor_id,
        said.to_investor_id,
        said.quantity,
    )
    if undoes != original.reversed():
        message = "names a trade of another right, quantity or sides; a cancel reverses exactly one"
        return [Fault("cancels_trade_id", message)]
    return []


def step(status: Status, to: Status) -> Status:
    """Return `to` if an instruction can go there from `status`.

    Raises:
        InstructionConflict: it cannot.
    """
    if status not in _STEPS.get(to, frozenset()):
        raise InstructionConflict(f"the instruction is {status}; it cannot become {to}")
    return to


def instruction_id(receiver_id: str, trade_id: str) -> str:
    """Return the id of a receiver's instruction for a trade: 32 hex digits, always the same."""
    digest = tagged_hash("records/instruction", receiver_id.encode(), trade_id.encode())
    return digest[:16].hex()
