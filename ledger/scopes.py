"""What each arm of a scope admits, row by row, as SQL: one index for each predicate.

`policies` knows arms by name; here each becomes a predicate over the rows of a resource. An arm
with several predicates becomes several branches of a UNION, never an OR: an OR walks past hidden
rows, which costs time and shows in the timing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from ledger.tables import (
    AccountKeyRow,
    ChangeRow,
    CustodyRow,
    HoldingRow,
    NullifierRow,
    RightRow,
    SessionRow,
    TransferControlRow,
    TransferRow,
    UnspentRow,
)
from ledger.visible import Column, Gate, Names, Predicate, View


def _is(*columns: Any) -> tuple[Predicate, ...]:
    return tuple(Names(column) for column in columns)


def _everything(_member: Any) -> sa.ColumnElement[bool]:
    return sa.true()


def _fields(table: Any, *names: str, **renamed: Any) -> Mapping[str, Column]:
    return MappingProxyType({**{name: getattr(table, name) for name in names}, **renamed})


def _elsewhere(*names: str) -> Mapping[str, Column]:
    """Return fields whose values the use case finds elsewhere: here is how they are shown."""
    return {name: sa.literal("", sa.String()) for name in names}


_T, _U, _R = TransferRow.__table__.c, UnspentRow.__table__.c, RightRow.__table__.c
_H, _C, _K = HoldingRow.__table__.c, CustodyRow.__table__.c, AccountKeyRow.__table__.c
_G, _N = ChangeRow.__table__.c, NullifierRow.__table__.c
_S, _L = SessionRow.__table__.c, TransferControlRow.__table__.c

_TRANSFER_FIELDS = _fields(
    _T,
    "transfer_txid",
    "trade_id",
    "token_txid",
    "transfer_creator_id",
    "beneficial_right_id",
    "from_investor_id",
    "to_investor_id",
    "quantity",
    "settlement_date",
    "transfer_type",
    "cancels_trade_id",
    "registered_at",
    "registered_by",
    "terms",
)
_TRANSFER_ARMS = {
    "own_register": _is(_T.registrar),
    "managed_customers.from": _is(_T.from_custodian),
    "managed_customers.to": _is(_T.to_custodian),
    "own_customers.from": _is(_T.from_holder),
    "own_customers.to": _is(_T.to_holder),
    "own_products": _is(_T.fundraiser, _T.asset_manager),
    "everything": (_everything,),
}

_TRANSACTION_PARTS = (
    "contract",
    "parameters",
    "registered_at",
    "inputs",
    "outputs",
    "commands",
    "nullifiers",
    "signatures",
    "log_index",
)

TRANSFERS = View(
    "transfer",
    TransferRow.__table__,
    _TRANSFER_FIELDS,
    _TRANSFER_ARMS,
    (_T.row_id,),
    (_T.transfer_txid, _T.command_index),
    descending=True,
    extra={"command_index": _T.command_index},
    scope=_T.transfer_txid,
)

TRANSACTIONS = View(
    "transaction",
    TransferRow.__table__,
    _fields(_T, txid=_T.transfer_txid, **_elsewhere(*_TRANSACTION_PARTS)),
    {
        "own_register": _TRANSFER_ARMS["own_register"],
        "managed_customers": _is(_T.from_custodian, _T.to_custodian),
        "own_customers": _is(_T.from_holder, _T.to_holder),
        "own_products": _TRANSFER_ARMS["own_products"],
        "everything": (_everything,),
    },
    (_T.row_id,),
    (_T.transfer_txid, _T.command_index),
    extra={
        "command_index": _T.command_index,
        **{
            name: getattr(_T, name)
            for name in (
                "beneficial_right_id",
                "registrar",
                "fundraiser",
                "asset_manager",
                "from_investor_id",
                "to_investor_id",
                "from_custodian",
                "to_custodian",
                "from_holder",
                "to_holder",
            )
        },
    },
)


def _once(column: Column) -> Gate:
    """Return the gate of those who manage an investor, or did, by a column of custody."""

    def ever(member: Any, investor: Any) -> sa.ColumnElement[bool]:
        rows = sa.select(sa.literal(1)).select_from(CustodyRow.__table__)
        return rows.where(column == member, _C.investor_id == investor).correlate(None).exists()

    return ever


def _holds(member: Any, investor: Any) -> sa.ColumnElement[bool]:
    """Return whether an investor holds any right that a member registers.

    One look-up for each of the member's rights. Written as a value, since a database may turn
    `EXISTS` into a join and begin it with what the investor holds of others' rights.
    """
    held = sa.select(_H.quantity).where(
        _H.beneficial_right_id == _R.beneficial_right_id, _H.investor_id == investor
    )
    value = held.correlate(RightRow.__table__).scalar_subquery()
    rows = sa.select(sa.literal(1)).select_from(RightRow.__table__)
    return rows.where(_R.registrar == member, value.is_not(None)).correlate(None).exists()


_CUSTOMER_GATES = {
    ("investor_id", "managed_customers"): _once(_C.custodian),
    ("investor_id", "own_customers"): _once(_C.holder),
}

TOKENS = View(
    "token",
    UnspentRow.__table__,
    _fields(
        _U,
        "token_txid",
        "quantity",
        "investor_id",
        "issuer_info",
        "token_id",
        terms=_U.component,
    ),
    {
        "own_register": _is(_U.registrar),
        "managed_customers": _is(_U.custodian),
        "own_customers": _is(_U.holder),
        "own_products": _is(_U.fundraiser, _U.asset_manager),
        "everything": (_everything,),
    },
    (_U.row_id,),
    (_U.token_txid, _U.output_index),
    extra={"output_index": _U.output_index, "component": _U.component, "nonce": _U.nonce},
    scope=_U.token_txid,
    gates={**_CUSTOMER_GATES, ("investor_id", "own_register"): _holds},
)

_RIGHT_ARMS = {
    "own_register": _is(_R.registrar),
    "own_products": _is(_R.fundraiser, _R.asset_manager),
    "everything": (_everything,),
}
_RIGHT_KEY = (_R.beneficial_right_id,)

RIGHTS = View(
    "beneficial_right",
    RightRow.__table__,
    _fields(
        _R,
        "beneficial_right_id",
        "beneficial_right_name",
        "beneficial_right_type",
        "established_quantity",
        "established_on",
        "record_date_1",
        "record_date_2",
        "redemption_date",
        registrar_id=_R.registrar,
        fundraiser_id=_R.fundraiser,
        asset_manager_id=_R.asset_manager,
    ),
    _RIGHT_ARMS,
    _RIGHT_KEY,
    _RIGHT_KEY,
)

REGISTERS = View(
    "register",
    RightRow.__table__,
    _fields(_R, "beneficial_right_id", **_elsewhere("as_of", "investor_id", "quantity")),
    _RIGHT_ARMS,
    _RIGHT_KEY,
    _RIGHT_KEY,
    extra={"registrar": _R.registrar, "outstanding": _R.outstanding_quantity},
)

CONTROLS = View(
    "transfer_control",
    sa.join(
        TransferControlRow.__table__,
        RightRow.__table__,
        _L.transfer_control_id == _R.transfer_control_id,
    ),
    _fields(
        _L,
        "transfer_control_id",
        "transfer_allowed",
        beneficial_right_id=_R.beneficial_right_id,
    ),
    {"own_register": _is(_L.registrar), "everything": (_everything,)},
    (_L.transfer_control_id, _R.beneficial_right_id),
    (_L.transfer_control_id, _R.beneficial_right_id),
)

SESSIONS = View(
    "market_session",
    SessionRow.__table__,
    _fields(_S, "session_status", changed_at=_S.set_at),
    {"everything": (_everything,)},
    (_S.log_index,),
    (_S.log_index,),
    descending=True,
)

CUSTODY = View(
    "custody",
    CustodyRow.__table__,
    _fields(
        _C,
        "investor_id",
        "valid_from",
        "valid_until",
        custody_holder_id=_C.holder,
        custodian_id=_C.custodian,
    ),
    {
        "managed_customers": _is(_C.custodian),
        "own_customers": _is(_C.holder),
        "everything": (_everything,),
    },
    (_C.investor_id, _C.from_index),
    (_C.investor_id, _C.from_index),
)


def _holds_of(registrar: Any) -> sa.ColumnElement[bool]:
    kept = sa.join(
        HoldingRow.__table__, RightRow.__table__, _R.beneficial_right_id == _H.beneficial_right_id
    )
    held = sa.select(_H.investor_id).select_from(kept).where(_R.registrar == registrar)
    return _K.investor_id.in_(held)


ACCOUNT_KEYS = View(
    "account_key",
    AccountKeyRow.__table__,
    _fields(_K, "investor_id", "public_key"),
    {
        "own_register": (_holds_of,),
        "managed_customers": _is(_K.custodian),
        "own_customers": _is(_K.holder),
        "everything": (_everything,),
    },
    (_K.investor_id, _K.from_index),
    (_K.investor_id, _K.from_index),
    extra={"valid_from": _K.valid_from, "valid_until": _K.valid_until},
)

_OF_THIS_HOLDING = sa.and_(
    _G.registrar == _R.registrar,
    _G.investor_id == _H.investor_id,
    _G.beneficial_right_id == _H.beneficial_right_id,
)
_LAST_CHANGED = (
    sa.select(_G.registered_at)
    .where(_OF_THIS_HOLDING)
    .order_by(_G.registrar.desc(), _G.investor_id.desc(), _G.log_index.desc())
    .limit(1)
    .correlate(HoldingRow.__table__, RightRow.__table__)
    .scalar_subquery()
)
"""When the holding itself last changed: when the right did would tell of others' transfers.

In the order of the registrar's index, so that no change of another's right is looked at.
"""

HOLDINGS = View(
    "holding",
    sa.join(
        HoldingRow.__table__, RightRow.__table__, _R.beneficial_right_id == _H.beneficial_right_id
    ).join(
        CustodyRow.__table__, sa.and_(_C.investor_id == _H.investor_id, _C.until_index.is_(None))
    ),
    _fields(_H, "beneficial_right_id", "investor_id", "quantity", as_of=_LAST_CHANGED),
    {
        "own_register": _is(_R.registrar),
        "managed_customers": _is(_C.custodian),
        "own_customers": _is(_C.holder),
        "own_products": _is(_R.fundraiser, _R.asset_manager),
        "everything": (_everything,),
    },
    (_H.investor_id, _H.beneficial_right_id),
    (_H.investor_id, _H.beneficial_right_id),
    gates={**_CUSTOMER_GATES, ("investor_id", "own_register"): _holds},
)

CHANGES = View(
    "holding",
    sa.join(
        ChangeRow.__table__, RightRow.__table__, _R.beneficial_right_id == _G.beneficial_right_id
    ).join(
        CustodyRow.__table__,
        sa.and_(
            _C.investor_id == _G.investor_id,
            _C.from_index < _G.log_index,
            sa.or_(_C.until_index.is_(None), _C.until_index > _G.log_index),
        ),
    ),
    _fields(_G, "beneficial_right_id", "investor_id", "quantity", as_of=_G.registered_at),
    {**HOLDINGS.arms, "own_register": _is(_G.registrar)},
    (_G.log_index, _G.beneficial_right_id, _G.change),
    (_G.log_index, _G.beneficial_right_id, _G.change),
    extra={"delta": _G.delta, "log_index": _G.log_index},
    gates=_CUSTOMER_GATES,
)

UNIQUENESS = View(
    "uniqueness",
    NullifierRow.__table__,
    _fields(_N, "txid", "nullifier", recorded_at=_N.attested_at),
    {"uniqueness_only": (_everything,), "everything": (_everything,)},
    (_N.nullifier,),
    (_N.nullifier,),
)

VIEWS = (
    TRANSFERS,
    TRANSACTIONS,
    TOKENS,
    RIGHTS,
    REGISTERS,
    CONTROLS,
    SESSIONS,
    CUSTODY,
    ACCOUNT_KEYS,
    HOLDINGS,
    CHANGES,
    UNIQUENESS,
)
"""Every view on rows that a scope admits."""
