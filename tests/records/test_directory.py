"""What the records ask of the ledger's own tables."""

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.database import Base, reading, writing
from ledger.gateway import STAMP
from ledger.records.directory import LedgerDirectory
from ledger.tables import CustodyRow, RightRow, TransferControlRow, TransferRow
from tests.records.conftest import AT

BLANKS: dict[type[Any], Any] = {
    str: "",
    int: 0,
    bytes: b"",
    bool: False,
    object: AT,
    dt.date: dt.date(2025, 4, 3),
}


def write(engine: Engine, table: type[Base], **values: Any) -> None:
    """Write one row; columns that do not matter here are filled with blanks."""
    row = {
        column.name: None if column.nullable else BLANKS[column.type.python_type]
        for column in table.__table__.columns
    }
    with writing(engine) as session:
        statement = sa.insert(table.__table__).values(row | values)  # type: ignore[arg-type]
        session.execute(statement, execution_options=STAMP)


def write_transfer(engine: Engine, number: int, trade_id: str, **values: Any) -> None:
    ids = {"row_id": number, "transfer_txid": bytes([number]) * 32, "trade_id": trade_id}
    said = {
        "beneficial_right_id": "BR001",
        "from_investor_id": "INV1",
        "to_investor_id": "INV2",
        "quantity": 10,
        "transfer_type": "transfer",
        "transfer_creator_id": "custody-a",
        "from_custodian": "custody-a",
        "to_custodian": "custody-b",
        "registrar": "trust-a",
        "terms": b"{}",
    }
    write(engine, TransferRow, **(ids | said | values))


@pytest.fixture
def trades(engine: Engine) -> Engine:
    write_transfer(engine, 1, "TRD1")
    write_transfer(engine, 2, "TRD2")
    write_transfer(
        engine, 3, "TRD3", transfer_type="cancel", cancels_trade_id="TRD2", cancels_row=2
    )
    write_transfer(engine, 4, "TRD1", transfer_creator_id="custody-b", quantity=99)
    return engine


def test_only_parts_in_a_trade_see_it(trades: Engine):
    names = ["TRD1", "TRD2", "TRD3", "TRD9"]
    with reading(trades) as session:
        for member in ("custody-a", "custody-b", "trust-a"):
            found = LedgerDirectory().trades(session, member, names)
            assert set(found) == {"TRD1", "TRD2", "TRD3"}
        for stranger in ("custody-z", "trust-z", ""):
            assert LedgerDirectory().trades(session, stranger, names) == {}


def test_a_members_own_trade_comes_before_anothers_of_the_same_id(trades: Engine):
    with reading(trades) as session:
        mine = LedgerDirectory().trades(session, "custody-a", ["TRD1"])["TRD1"]
        theirs = LedgerDirectory().trades(session, "custody-b", ["TRD1"])["TRD1"]
    assert (mine.particulars.quantity, theirs.particulars.quantity) == (10, 99)
    assert mine.transfer_txid == "01" * 32


def test_a_cancelled_trade_says_so(trades: Engine):
    with reading(trades) as session:
        found = LedgerDirectory().trades(session, "custody-a", ["TRD1", "TRD2", "TRD3"])
    assert {name: trade.cancelled for name, trade in found.items()} == {
        "TRD1": False,
        "TRD2": True,
        "TRD3": False,
    }


def test_rights_and_investors(engine: Engine):
    write(engine, TransferControlRow, transfer_control_id="TC1")
    write(engine, RightRow, beneficial_right_id="BR001", transfer_control_id="TC1")
    write(engine, CustodyRow, investor_id="INV1", custodian="custody-a")
    write(engine, CustodyRow, investor_id="INV2", custodian="custody-a", until_index=9)
    with reading(engine) as session:
        assert LedgerDirectory().rights(session, ["BR001", "BR9"]) == {"BR001"}
        assert LedgerDirectory().investors(session, ["INV1", "INV2", "INV3"]) == {"INV1"}
