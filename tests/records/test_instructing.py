"""The life of an instruction: who may take which step, and what stands against it."""

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from ledger.database import writing
from ledger.errors import InstructionConflict, InstructionMissing, RecordMalformed
from ledger.records import erasure, instructing, keeping
from ledger.records.directory import LedgerTrade
from ledger.records.erasure import ErasureReason
from ledger.records.instructions import (
    DEAD,
    OPEN,
    Particulars,
    Status,
    read_instruction,
    step,
)
from policies.errors import Denied
from tests.records.conftest import AT, Clerks
from tests.records.files import TRANSFER, cancel, investor, transfer
from tests.records.simulated import KnownLedger

LEGAL = {
    ("received", "matched"),
    ("matched", "approved"),
    ("approved", "executed"),
    ("received", "rejected"),
    ("matched", "rejected"),
    ("approved", "rejected"),
    ("received", "withdrawn"),
    ("matched", "withdrawn"),
}
OWN = {"from_investor_id": "INV000002"}
TXID = "ab" * 32


def trade(said: dict[str, Any], **changes: Any) -> dict[str, Any]:
    names = list(said)[:6]
    return {name: said[name] for name in names} | {"traded_at": "2025-04-01T00:00:00Z"} | changes


def on_ledger(said: dict[str, Any], **changes: Any) -> LedgerTrade:
    names = set(Particulars.__struct_fields__)
    fields = {name: value for name, value in said.items() if name in names}
    fields |= {"settlement_date": dt.date.fromisoformat(said["settlement_date"])}
    return LedgerTrade(Particulars(**(fields | changes)), TXID, cancelled=False)


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("to", Status)
def test_the_table_of_steps(before: Status, to: Status):
    if (before.value, to.value) in LEGAL:
        assert step(before, to) is to
    else:
        with pytest.raises(InstructionConflict):
            step(before, to)


def test_no_step_leads_out_of_an_end():
    assert set(Status) == OPEN | DEAD | {Status.EXECUTED}
    assert not {before for before, _ in LEGAL} & ({s.value for s in DEAD} | {"executed"})


def test_from_receipt_to_execution(customers: Engine, clerk: Clerks):
    said, ledger = transfer(1, **OWN), KnownLedger()
    firm, custodian = clerk("entrusted-a"), clerk("custody-a")
    with writing(customers) as session:
        shown = instructing.submit(session, firm, ledger, said)
        assert shown == instructing.submit(session, firm, ledger, said)
        assert (shown.sender_id, shown.receiver_id) == ("entrusted-a", "custody-a")
        assert instructing.report_trade(session, firm, trade(said))
        assert not instructing.report_trade(session, firm, trade(said))
        ids = [shown.instruction_id]
        instructing.match(session, custodian, ledger, ids)
        instructing.approve(session, custodian, ledger, ids)
        with pytest.raises(InstructionConflict):
            instructing.execute(session, custodian, ledger, ids)
        ledger.known_trades[said["trade_id"]] = on_ledger(said)
        (done,) = instructing.execute(session, custodian, ledger, ids)
        assert (done.status, done.transfer_txid) == ("executed", TXID)
        life = instructing.steps(session, firm, ids[0])
    assert [one.status for one in life] == ["received", "matched", "approved", "executed"]
    assert [one.taken_by for one in life] == ["entrusted-a"] + ["custody-a"] * 3


def test_a_trade_that_differs_stands_against_matching(customers: Engine, clerk: Clerks):
    said, ledger = transfer(1, **OWN), KnownLedger()
    firm, custodian = clerk("entrusted-a"), clerk("custody-a")
    with writing(customers) as session:
        one = instructing.submit(session, firm, ledger, said).instruction_id
        with pytest.raises(InstructionConflict, match="reason"):
            instructing.match(session, custodian, ledger, [one])
        different = trade(said, quantity=9, settlement_date="2025-04-04")
        instructing.report_trade(session, firm, different)
        with pytest.raises(InstructionConflict) as refusal:
            instructing.match(session, custodian, ledger, [one])
        with pytest.raises(InstructionConflict):
            instructing.report_trade(session, firm, trade(said))
    found = {fault.where.partition(".")[2] for fault in refusal.value.faults}
    assert found == {"quantity", "settlement_date"}


def test_the_ledger_must_say_what_the_instruction_says(customers: Engine, clerk: Clerks):
    said, ledger, mine = transfer(1), KnownLedger(), clerk("custody-a")
    ledger.known_trades[said["trade_id"]] = on_ledger(said, quantity=11)
    with writing(customers) as session:
        ids = [submit_own(session, clerk, ledger, said)]
        instructing.match(session, mine, ledger, ids)
        instructing.approve(session, mine, ledger, ids)
        with pytest.raises(InstructionConflict) as refusal:
            instructing.execute(session, mine, ledger, ids)
    (fault,) = refusal.value.faults
    assert fault.where.endswith(".quantity")


def submit_own(session: Any, clerk: Clerks, ledger: KnownLedger, said: dict[str, Any]) -> str:
    """Put a custodian's own instruction in, as its import does."""
    from ledger.records import instruction_store
    from ledger.records.instructions import instruction_id

    one = read_instruction(said | {"settlement_date": said["settlement_date"]}, text=False)
    instruction_store.insert(session, [one], sender="custody-a", receiver="custody-a", at=AT)
    return instruction_id("custody-a", one.trade_id)


def test_all_take_a_step_or_none(customers: Engine, clerk: Clerks):
    ledger, mine = KnownLedger(), clerk("custody-a")
    with writing(customers) as session:
        first, second = (submit_own(session, clerk, ledger, transfer(n)) for n in (1, 2))
        instructing.match(session, mine, ledger, [first])
        with pytest.raises(InstructionConflict):
            instructing.match(session, mine, ledger, [second, first])
        assert instructing.read(session, mine, second).status == "received"
        with pytest.raises(InstructionMissing):
            instructing.match(session, mine, ledger, [second, "00" * 16])
        with pytest.raises(InstructionConflict):
            instructing.match(session, mine, ledger, [])


def test_strangers_and_senders_cannot_take_the_receivers_steps(customers: Engine, clerk: Clerks):
    ledger = KnownLedger()
    with writing(customers) as session:
        firm = clerk("entrusted-a")
        one = instructing.submit(session, firm, ledger, transfer(1, **OWN)).instruction_id
        with pytest.raises(Denied):
            instructing.approve(session, firm, ledger, [one])
        for stranger in ("custody-b", "direct-a"):
            with pytest.raises(InstructionMissing):
                instructing.read(session, clerk(stranger), one)
            with pytest.raises(InstructionMissing):
                instructing.reject(session, clerk(stranger), [one], "no")
        with pytest.raises(InstructionMissing):
            instructing.withdraw(session, clerk("entrusted-b"), [one], "no")


def test_rejecting_and_withdrawing_need_a_reason(customers: Engine, clerk: Clerks):
    ledger, firm, custodian = KnownLedger(), clerk("entrusted-a"), clerk("custody-a")
    with writing(customers) as session:
        first, second = (
            instructing.submit(session, firm, ledger, transfer(n, **OWN)).instruction_id
            for n in (1, 2)
        )
        for reason in ("", "  ", "x" * 257, "a\nb"):
            with pytest.raises(InstructionConflict):
                instructing.reject(session, custodian, [first], reason)
        instructing.reject(session, custodian, [first], "残高不足")
        assert instructing.read(session, firm, first).reason == "残高不足"
        instructing.withdraw(session, firm, [second], "mistake")
        assert instructing.read(session, custodian, second).status == "withdrawn"


def test_a_customer_must_be_active_to_move_tokens(customers: Engine, clerk: Clerks):
    ledger, mine = KnownLedger(), clerk("custody-a")
    with writing(customers) as session:
        ids = [submit_own(session, clerk, ledger, transfer(1))]
        instructing.match(session, mine, ledger, ids)
        suspended = investor(1, investor_status="suspended")
        keeping.change(session, mine, "investor", "INV000001", suspended)
        with pytest.raises(InstructionConflict):
            instructing.approve(session, mine, ledger, ids)
        reason = ErasureReason.LEGAL_ORDER
        erasure.erase(session, mine, "investor", "INV000001", reason)
        with pytest.raises(InstructionConflict):
            instructing.approve(session, mine, ledger, ids)


def test_a_cancel_is_matched_with_what_it_undoes(customers: Engine, clerk: Clerks):
    ledger, mine = KnownLedger(), clerk("custody-a")
    original = transfer(1, from_investor_id="INV000002", to_investor_id="INV000001")
    undo = cancel(2, 1, from_investor_id="INV000001", to_investor_id="INV000002")
    with writing(customers) as session:
        one = submit_own(session, clerk, ledger, undo)
        with pytest.raises(InstructionConflict):
            instructing.match(session, mine, ledger, [one])
        ledger.known_trades["TRD00000001"] = on_ledger(original)
        instructing.match(session, mine, ledger, [one])


def test_a_cancel_that_stands_on_the_ledger_can_still_be_instructed(
    customers: Engine, clerk: Clerks
):
    """It is the cancel that made the trade cancelled; another one is too late."""
    ledger, mine, firm = KnownLedger(), clerk("custody-a"), clerk("entrusted-a")
    original = transfer(1, from_investor_id="INV000001", to_investor_id="INV000002")
    sides = {"from_investor_id": "INV000002", "to_investor_id": "INV000001"}
    done, late = cancel(2, 1, **sides), cancel(3, 1, **sides)
    replace = msgspec.structs.replace
    ledger.known_trades["TRD00000001"] = replace(on_ledger(original), cancelled=True)
    ledger.known_trades["TRD00000002"] = replace(on_ledger(done), own=True)
    with writing(customers) as session:
        with pytest.raises(RecordMalformed) as refused:
            instructing.submit(session, firm, ledger, late)
        assert [fault.where for fault in refused.value.faults] == ["cancels_trade_id"]
        one = instructing.submit(session, firm, ledger, done).instruction_id
        instructing.match(session, mine, ledger, [one])
        instructing.approve(session, mine, ledger, [one])
        (shown,) = instructing.execute(session, mine, ledger, [one])
    assert (shown.status, shown.transfer_txid) == ("executed", TXID)


SIDES = st.sampled_from(["", "INV000001", "INV000009"])


@given(
    kind=st.sampled_from(["issue", "transfer", "cancel", "redeem", "coupon"]),
    source=SIDES,
    target=SIDES,
    cancels=st.sampled_from(["", "TRD00000001", "TRD00000002"]),
)
def test_sides_suit_the_type(kind: str, source: str, target: str, cancels: str):
    values = TRANSFER | {
        "transfer_type": kind,
        "from_investor_id": source,
        "to_investor_id": target,
        "cancels_trade_id": cancels,
    }
    right_sides = {
        "issue": not source and bool(target),
        "redeem": bool(source) and not target,
        "coupon": (bool(source) or bool(target)) and source != target,
    }.get(kind, bool(source) and bool(target) and source != target)
    right_cancel = cancels == "TRD00000002" if kind == "cancel" else not cancels
    if right_sides and right_cancel:
        assert read_instruction(values).transfer_type == kind
    else:
        with pytest.raises(RecordMalformed) as refusal:
            read_instruction(values)
        assert refusal.value.faults
