"""Files of transfer instructions: what is taken, and what is refused with its line."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.database import reading
from ledger.records.intake import Target
from ledger.records.tables_work import InstructionRow
from tests.records.conftest import Clerks
from tests.records.files import cancel, count, csv_text, import_file, places, transfer
from tests.records.simulated import KnownLedger


def test_instructions_are_imported(customers: Engine, clerk: Clerks):
    back = {"from_investor_id": "INV000002", "to_investor_id": "INV000001"}
    rows = [
        transfer(1, to_investor_id="INV000002"),
        transfer(2),
        cancel(3, 1, **back),
        transfer(4, from_investor_id="", to_investor_id="INV000001", transfer_type="issue"),
        transfer(5, from_investor_id="INV000001", to_investor_id="", transfer_type="redeem"),
    ]
    data = csv_text(rows, "\r\n").encode("cp932")
    for batch in (1, 2, 1000):
        state, faults = import_file(
            customers,
            clerk("custody-a"),
            data,
            KnownLedger(),
            batch=batch,
            target=Target.INSTRUCTION,
        )
        assert (state.status, faults) == ("done", ())
    assert state.rows_written == 5
    assert count(customers, InstructionRow) == 5


BACK = {"from_investor_id": "INV000002", "to_investor_id": "INV000001"}
FIRST = {"to_investor_id": "INV000002"}
BAD_TRANSFERS: list[tuple[str, list[dict[str, Any]], list[tuple[int, str]]]] = [
    ("a bad date", [transfer(1, settlement_date="2025-02-30")], [(2, "settlement_date")]),
    ("a date with slashes", [transfer(1, settlement_date="2025/04/03")], [(2, "settlement_date")]),
    (
        "a time without zone",
        [transfer(1, registered_at="2025-04-01T09:00:00")],
        [(2, "registered_at")],
    ),
    ("a negative quantity", [transfer(1, quantity=-1)], [(2, "quantity")]),
    ("no quantity", [transfer(1, quantity="")], [(2, "quantity")]),
    ("zero", [transfer(1, quantity=0)], [(2, "quantity")]),
    ("a huge quantity", [transfer(1, quantity=2**63)], [(2, "quantity")]),
    ("a number as long as a line", [transfer(1, quantity="9" * 5000)], [(2, "quantity")]),
    ("a fraction", [transfer(1, quantity="1.5")], [(2, "quantity")]),
    ("a thousands separator", [transfer(1, quantity="1,000")], [(2, "quantity")]),
    ("full-width digits", [transfer(1, quantity="１０")], [(2, "quantity")]),
    ("an unknown right", [transfer(1, beneficial_right_id="BR999")], [(2, "beneficial_right_id")]),
    ("an unknown sender", [transfer(1, from_investor_id="INV999999")], [(2, "from_investor_id")]),
    ("an unknown receiver", [transfer(1, to_investor_id="INV999999")], [(2, "to_investor_id")]),
    (
        "another's customer",
        [transfer(1, from_investor_id="INV000009", to_investor_id="INV000001")],
        [(2, "from_investor_id")],
    ),
    ("the same on both sides", [transfer(1, to_investor_id="INV000001")], [(2, "to_investor_id")]),
    ("another executor", [transfer(1, registered_by="custody-b")], [(2, "registered_by")]),
    ("a duplicate trade id", [transfer(1), transfer(2), transfer(1)], [(4, "trade_id")]),
    ("a cancel of nothing", [cancel(2, 1, **BACK)], [(2, "cancels_trade_id")]),
    (
        "a cancel that names no trade",
        [cancel(2, 1, **BACK, cancels_trade_id="")],
        [(2, "cancels_trade_id")],
    ),
    (
        "a cancel of another quantity",
        [transfer(1, **FIRST), cancel(2, 1, **BACK, quantity=9)],
        [(3, "cancels_trade_id")],
    ),
    (
        "a cancel before its trade",
        [cancel(2, 1, **BACK), transfer(1, **FIRST)],
        [(2, "cancels_trade_id")],
    ),
    (
        "a cancel of a cancelled trade",
        [transfer(1, **FIRST), cancel(2, 1, **BACK), transfer(3), cancel(4, 1, **BACK)],
        [(5, "cancels_trade_id")],
    ),
    (
        "a cancel of a cancel",
        [
            transfer(1, **FIRST),
            cancel(2, 1, **BACK),
            cancel(3, 2, from_investor_id="INV000001", to_investor_id="INV000002"),
        ],
        [(4, "cancels_trade_id")],
    ),
    (
        "a transfer that names a cancelled trade",
        [transfer(1, cancels_trade_id="TRD00000009")],
        [(2, "cancels_trade_id")],
    ),
    ("an issue with a sender", [transfer(1, transfer_type="issue")], [(2, "from_investor_id")]),
    (
        "a redemption with a receiver",
        [transfer(1, transfer_type="redeem")],
        [(2, "to_investor_id")],
    ),
]


@pytest.mark.parametrize("batch", [1, 1000])
def test_bad_instructions_are_refused_with_line_numbers(
    customers: Engine, clerk: Clerks, batch: int, subtests: pytest.Subtests
):
    for name, rows, expected in BAD_TRANSFERS:
        with subtests.test(name):
            state, faults = import_file(
                customers,
                clerk("custody-a"),
                csv_text(rows).encode(),
                KnownLedger(),
                batch=batch,
                target=Target.INSTRUCTION,
            )
            assert state.status == "refused"
            assert places(faults) == expected
            assert count(customers, InstructionRow) == 0


def test_a_trade_that_is_here_otherwise_is_a_problem(customers: Engine, clerk: Clerks):
    options = {"target": Target.INSTRUCTION}
    mine = clerk("custody-a")
    import_file(customers, mine, csv_text([transfer(1)]).encode(), KnownLedger(), **options)
    changed = csv_text([transfer(1, quantity=11)]).encode()
    state, faults = import_file(customers, mine, changed, KnownLedger(), **options)
    assert (state.status, places(faults)) == ("refused", [(2, "trade_id")])


def test_an_entrusted_firm_instructs_only_for_its_own_customers(customers: Engine, clerk: Clerks):
    firm = clerk("entrusted-a")
    other = csv_text([transfer(1)]).encode()
    state, faults = import_file(customers, firm, other, KnownLedger(), target=Target.INSTRUCTION)
    assert (state.status, places(faults)) == ("refused", [(2, "from_investor_id")])
    own = csv_text([transfer(1, from_investor_id="INV000002")]).encode()
    state, _ = import_file(customers, firm, own, KnownLedger(), target=Target.INSTRUCTION)
    assert state.status == "done"
    with reading(customers) as session:
        (row,) = session.scalars(sa.select(InstructionRow))
    assert (row.sender_id, row.receiver_id) == ("entrusted-a", "custody-a")
