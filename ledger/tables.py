"""Where the ledger lives. History is append-only; what holds *now* stands in tables of its own.

Rows that members ask for carry who they concern (registrar, custodians, holders, fundraiser,
asset manager) as it was when they were written, so that each arm of a scope is one index.
"""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base

_ID = sa.String(64)
_HASH = sa.LargeBinary(32)


class TransactionRow(Base):
    """A committed transaction, whole: from it the answers' tear-offs are made."""

    __tablename__ = "ledger_transaction"
    __table_args__ = (
        sa.Index(None, "contract", "contract_version", "position"),
        {"info": {APPEND_ONLY: True}},
    )
    position: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False
    )
    txid: Mapped[bytes] = mapped_column(_HASH, unique=True)
    log_index: Mapped[int] = mapped_column(unique=True)
    creator: Mapped[str] = mapped_column(_ID)
    contract: Mapped[str] = mapped_column(sa.String(256))
    contract_version: Mapped[str] = mapped_column(sa.String(256))
    committed_at: Mapped[dt.datetime]
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    signatures: Mapped[bytes] = mapped_column(sa.LargeBinary)
    attestations: Mapped[bytes] = mapped_column(sa.LargeBinary)
    facts: Mapped[bytes] = mapped_column(sa.LargeBinary)
    gas: Mapped[int]


class UnspentRow(Base):
    """A token that may be spent, in the fields of the dictionary; gone when it is spent."""

    __tablename__ = "ledger_unspent"
    row_id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False
    )
    token_txid: Mapped[bytes] = mapped_column(_HASH)
    output_index: Mapped[int] = mapped_column(sa.Integer)
    token_id: Mapped[str] = mapped_column(_ID)
    investor_id: Mapped[str] = mapped_column(_ID)
    quantity: Mapped[int]
    issuer_info: Mapped[str] = mapped_column(sa.String(256))
    component: Mapped[bytes] = mapped_column(sa.LargeBinary)
    nonce: Mapped[bytes] = mapped_column(_HASH)
    registrar: Mapped[str] = mapped_column(_ID)
    custodian: Mapped[str] = mapped_column(_ID)
    holder: Mapped[str] = mapped_column(_ID)
    fundraiser: Mapped[str] = mapped_column(_ID)
    asset_manager: Mapped[str] = mapped_column(_ID)
    __table_args__ = (
        sa.UniqueConstraint("token_txid", "output_index"),
        sa.Index(None, "registrar", "row_id"),
        sa.Index(None, "custodian", "row_id"),
        sa.Index(None, "holder", "row_id"),
        sa.Index(None, "fundraiser", "row_id"),
        sa.Index(None, "asset_manager", "row_id"),
        sa.Index(None, "investor_id", "row_id"),
    )


class TransferRow(Base):
    """A transfer (移転情報) in the fields of the dictionary, with whom it concerned."""

    __tablename__ = "ledger_transfer"
    row_id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False
    )
    transfer_txid: Mapped[bytes] = mapped_column(_HASH)
    command_index: Mapped[int] = mapped_column(sa.Integer)
    trade_id: Mapped[str] = mapped_column(_ID)
    token_txid: Mapped[bytes] = mapped_column(_HASH)
    transfer_creator_id: Mapped[str] = mapped_column(_ID)
    beneficial_right_id: Mapped[str] = mapped_column(_ID)
    from_investor_id: Mapped[str] = mapped_column(_ID)
    to_investor_id: Mapped[str] = mapped_column(_ID)
    quantity: Mapped[int]
    settlement_date: Mapped[dt.date]
    transfer_type: Mapped[str] = mapped_column(_ID)
    cancels_trade_id: Mapped[str] = mapped_column(_ID)
    registered_at: Mapped[dt.datetime]
    registered_by: Mapped[str] = mapped_column(_ID)
    terms: Mapped[bytes] = mapped_column(sa.LargeBinary)
    cancels_row: Mapped[int | None] = mapped_column(sa.BigInteger, unique=True)
    registrar: Mapped[str] = mapped_column(_ID)
    from_custodian: Mapped[str] = mapped_column(_ID)
    to_custodian: Mapped[str] = mapped_column(_ID)
    from_holder: Mapped[str] = mapped_column(_ID)
    to_holder: Mapped[str] = mapped_column(_ID)
    fundraiser: Mapped[str] = mapped_column(_ID)
    asset_manager: Mapped[str] = mapped_column(_ID)
    __table_args__ = (
        sa.UniqueConstraint("transfer_txid", "command_index"),
        sa.UniqueConstraint("transfer_creator_id", "trade_id"),
        sa.Index(None, "trade_id"),
        sa.Index(None, "registrar", "row_id"),
        sa.Index(None, "from_custodian", "row_id"),
        sa.Index(None, "to_custodian", "row_id"),
        sa.Index(None, "from_holder", "row_id"),
        sa.Index(None, "to_holder", "row_id"),
        sa.Index(None, "fundraiser", "row_id"),
        sa.Index(None, "asset_manager", "row_id"),
        sa.Index(None, "from_investor_id", "row_id"),
        sa.Index(None, "to_investor_id", "row_id"),
        {"info": {APPEND_ONLY: True}},
    )


class HoldingRow(Base):
    """What an investor holds of a right now."""

    __tablename__ = "ledger_holding"
    beneficial_right_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    investor_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    quantity: Mapped[int]
    __table_args__ = (sa.Index(None, "investor_id"),)


class ChangeRow(Base):
    """One change of one holding: what it was changed to, at which log index, effective when.

    `effective_at` is never before that of the right's change before, which another's transfer
    may have made; `registered_at` comes from the holding's own transfers alone, and is what its
    viewers see. `registrar` is the right's, so that what an investor does with other registrars'
    rights is not even looked at.
    """

    __tablename__ = "ledger_change"
    beneficial_right_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    change: Mapped[int] = mapped_column(primary_key=True)
    investor_id: Mapped[str] = mapped_column(_ID)
    delta: Mapped[int]
    quantity: Mapped[int]
    effective_at: Mapped[dt.datetime]
    registered_at: Mapped[dt.datetime]
    log_index: Mapped[int]
    registrar: Mapped[str] = mapped_column(_ID)
    __table_args__ = (
        sa.Index(None, "beneficial_right_id", "effective_at", "change"),
        sa.Index(None, "beneficial_right_id", "log_index", "change"),
        sa.Index(None, "investor_id", "log_index"),
        sa.Index(None, "registrar", "investor_id", "log_index"),
        {"info": {APPEND_ONLY: True}},
    )


class SnapshotRow(Base):
    """One holding of a right as it was right after a numbered change.

    A snapshot is taken when the changes since the last one are as many as its holders, so that a
    register as of any change costs what its answer costs, and all snapshots together cost no more
    than twice the changes.
    """

    __tablename__ = "ledger_snapshot"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is
    beneficial_right_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    change: Mapped[int] = mapped_column(primary_key=True)
    investor_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    quantity: Mapped[int]


class RightRow(Base):
    """A beneficial right as the ledger needs it: whose register, which contract, how much."""

    __tablename__ = "ledger_right"
    beneficial_right_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    beneficial_right_name: Mapped[str] = mapped_column(sa.String(256))
    beneficial_right_type: Mapped[str] = mapped_column(sa.String(64))
    registrar: Mapped[str] = mapped_column(_ID)
    fundraiser: Mapped[str] = mapped_column(_ID)
    asset_manager: Mapped[str] = mapped_column(_ID)
    contract: Mapped[str] = mapped_column(sa.String(256))
    transfer_control_id: Mapped[str] = mapped_column(_ID, index=True)
    issuer_info: Mapped[str] = mapped_column(sa.String(256))
    established_quantity: Mapped[int]
    established_on: Mapped[dt.date | None]
    record_date_1: Mapped[str] = mapped_column(sa.String(5))
    record_date_2: Mapped[str] = mapped_column(sa.String(5))
    redemption_date: Mapped[dt.date | None]
    issued_quantity: Mapped[int]
    outstanding_quantity: Mapped[int]
    changes: Mapped[int]
    snapshot_change: Mapped[int]
    snapshot_holders: Mapped[int]
    effective_at: Mapped[dt.datetime | None]
    log_index: Mapped[int]
    __table_args__ = (
        sa.Index(None, "registrar", "beneficial_right_id"),
        sa.Index(None, "fundraiser", "beneficial_right_id"),
        sa.Index(None, "asset_manager", "beneficial_right_id"),
    )


class TransferControlRow(Base):
    """Whether the rights under a control (移転実行可否制御) may be transferred now."""

    __tablename__ = "ledger_transfer_control"
    transfer_control_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    registrar: Mapped[str] = mapped_column(_ID, index=True)
    transfer_allowed: Mapped[bool]
    log_index: Mapped[int]


class SessionRow(Base):
    """Every opening and closing of the market session (開閉局); the last one holds."""

    __tablename__ = "ledger_market_session"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    session_status: Mapped[str] = mapped_column(sa.String(8))
    set_by: Mapped[str] = mapped_column(_ID)
    set_at: Mapped[dt.datetime]


class CustodyRow(Base):
    """Who manages an investor (カストディアン, 保護預り先), from when until when."""

    __tablename__ = "ledger_custody"
    investor_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    from_index: Mapped[int] = mapped_column(primary_key=True)
    custodian: Mapped[str] = mapped_column(_ID)
    holder: Mapped[str] = mapped_column(_ID)
    valid_from: Mapped[dt.datetime]
    valid_until: Mapped[dt.datetime | None]
    until_index: Mapped[int | None]
    released_to: Mapped[str] = mapped_column(_ID)
    __table_args__ = (
        sa.Index(
            "uq_ledger_custody_current",
            "investor_id",
            unique=True,
            sqlite_where=sa.text("until_index IS NULL"),
            postgresql_where=sa.text("until_index IS NULL"),
        ),
        sa.Index(None, "custodian", "investor_id", "from_index"),
        sa.Index(None, "holder", "investor_id", "from_index"),
    )


class AccountKeyRow(Base):
    """An account key (鍵情報) of an investor, from when until when."""

    __tablename__ = "ledger_account_key"
    investor_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    from_index: Mapped[int] = mapped_column(primary_key=True)
    public_key: Mapped[bytes] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str] = mapped_column(_ID)
    custodian: Mapped[str] = mapped_column(_ID)
    holder: Mapped[str] = mapped_column(_ID)
    valid_from: Mapped[dt.datetime]
    valid_until: Mapped[dt.datetime | None]
    until_index: Mapped[int | None]
    __table_args__ = (
        sa.Index(
            "uq_ledger_account_key_current",
            "investor_id",
            unique=True,
            sqlite_where=sa.text("until_index IS NULL"),
            postgresql_where=sa.text("until_index IS NULL"),
        ),
        sa.Index(None, "custodian", "investor_id", "from_index"),
        sa.Index(None, "holder", "investor_id", "from_index"),
    )


class StatementRow(Base):
    """The envelope of a statement of which the log holds only a commitment."""

    __tablename__ = "ledger_statement"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(_ID)
    author: Mapped[str] = mapped_column(_ID)
    envelope: Mapped[bytes] = mapped_column(sa.LargeBinary)


class NullifierRow(Base):
    """All that the notary keeps: a hash, the transaction that consumed it, and when it said so."""

    __tablename__ = "notary_nullifier"
    __table_args__ = (
        sa.Index(None, "txid"),
        {"info": {APPEND_ONLY: True}},
    )
    nullifier: Mapped[bytes] = mapped_column(_HASH, primary_key=True)
    txid: Mapped[bytes] = mapped_column(_HASH)
    attested_at: Mapped[dt.datetime]


PROTECTED = tuple(
    table.name
    for table in Base.metadata.sorted_tables
    if table.name.startswith(("ledger_", "notary_"))
)
"""The tables that only the gateway and the ledger's own store may touch."""
