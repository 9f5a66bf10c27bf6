"""The data dictionary's tables of the ledger: every field by its name, with its type, shown."""

import datetime as dt
import typing
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from msgspec import UnsetType

from ledger.components import Token, Transfer
from ledger.database import Base, UtcDateTime
from ledger.declarations import AccountKey, MarketSession, TransferControl
from ledger.records.dictionary import Protection, Table, data_dictionary
from ledger.tables import AccountKeyRow, SessionRow, TransferControlRow, TransferRow, UnspentRow
from ledger.views import AccountKeyView, ControlView, SessionView, TokenView, TransferView
from policies.resources import VOCABULARY

LEDGER = {name: table for name, table in data_dictionary().items() if table.store == "ledger"}

KEPT: dict[str, tuple[type[Base], type[msgspec.Struct], type[msgspec.Struct]]] = {
    "token": (UnspentRow, TokenView, Token),
    "transfer": (TransferRow, TransferView, Transfer),
    "transfer_control": (TransferControlRow, ControlView, TransferControl),
    "account_key": (AccountKeyRow, AccountKeyView, AccountKey),
    "market_session": (SessionRow, SessionView, MarketSession),
}
"""Where each is kept, how it is shown, and what is signed of it."""

NAMED_BY_HASH = {"token": {"token_txid"}, "transfer": {"transfer_txid", "token_txid"}}
"""What no one signs: the TxID that follows from what is signed."""

NOT_TEXT: dict[str, tuple[type, type[sa.types.TypeEngine[Any]]]] = {
    "quantity": (int, sa.BigInteger),
    "settlement_date": (dt.date, sa.Date),
    "registered_at": (dt.datetime, UtcDateTime),
    "transfer_allowed": (bool, sa.Boolean),
    "public_key": (bytes, sa.LargeBinary),
}


def table_of(name: str) -> Table:
    return data_dictionary()[name]


def test_every_table_of_the_ledger_is_kept():
    assert set(LEDGER) == set(KEPT) - {"market_session"}


@pytest.mark.parametrize("name", KEPT)
def test_every_field_is_kept_shown_and_signed(name: str):
    row, view, signed = KEPT[name]
    fields = {field.field for field in table_of(name).fields}
    assert fields <= set(row.__table__.columns.keys())
    assert fields <= set(view.__struct_fields__)
    assert fields - NAMED_BY_HASH.get(name, set()) <= set(signed.__struct_fields__)


@pytest.mark.parametrize("name", KEPT)
def test_every_field_has_its_type(name: str):
    row, view, _ = KEPT[name]
    shown = typing.get_type_hints(view)
    for field in table_of(name).fields:
        python, stored = NOT_TEXT.get(field.field, (str, sa.String))
        hint = shown[field.field]
        kinds = {kind for kind in typing.get_args(hint) or (hint,) if kind is not UnsetType}
        assert kinds == {python}, field
        column = row.__table__.columns[field.field]
        hashed = field.field in NAMED_BY_HASH.get(name, set())
        assert isinstance(column.type, sa.LargeBinary if hashed else stored), field
        assert not column.nullable, field


@pytest.mark.parametrize("name", LEDGER)
def test_nothing_personal_is_on_the_ledger(name: str):
    """Nor is a field of any record table that is, under any ledger table's columns."""
    assert {field.personal_data for field in table_of(name).fields} == {Protection.PLAIN}
    records = (table for table in data_dictionary().values() if table.store == "records")
    personal = {
        field.field
        for table in records
        for field in table.fields
        if field.personal_data is not Protection.PLAIN
    }
    assert len(personal) > 20
    assert not personal & set(KEPT[name][0].__table__.columns.keys())


@pytest.mark.parametrize("name", KEPT)
def test_rules_can_name_every_field(name: str):
    named = set(VOCABULARY.resources[name].fields)
    assert {field.field for field in table_of(name).fields} <= named
