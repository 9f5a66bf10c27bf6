"""The `records` tables of the data dictionary, one company's own: every row has one owner.

Personal fields (`info={PERSONAL: True}`) hold ciphertext only, see `encryption`. A row's id is
unique for its owner; two companies may keep a record of the same investor, and neither sees the
other's.
"""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column

from ledger.database import Base
from ledger.records import tables_keys, tables_work

PERSONAL = "personal"
"""Key in a column's `info`: it holds ciphertext under the row's own key."""

SECRET = "secret"  # noqa: S105 - the name of a mark, not a secret
"""Key in a column's `info`: it holds a password hash, which no answer shows."""

SEARCHABLE = {"investor": ("corporate_number",), "user": ("employee_number",)}
"""Personal ids that can be searched for, by a blind index: table -> fields."""


def sealed() -> MappedColumn[Any]:
    """Return a column for the ciphertext of a personal field."""
    return mapped_column(sa.LargeBinary, nullable=True, info={PERSONAL: True})


def secret() -> MappedColumn[Any]:
    """Return a column for a password hash."""
    return mapped_column(sa.String, nullable=True, info={SECRET: True})


class RecordRow(Base):
    """A row that belongs to one member and says who wrote it last."""

    __abstract__ = True

    owner_member_id: Mapped[str] = mapped_column(sa.String(63), primary_key=True, sort_order=-1)
    created_at: Mapped[dt.datetime]
    created_by: Mapped[str] = mapped_column(sa.String(63))
    updated_at: Mapped[dt.datetime]
    updated_by: Mapped[str] = mapped_column(sa.String(63))
    erased_at: Mapped[dt.datetime | None]


class Contact:
    """Whom to write to (連絡先), personal."""

    contact_name: Mapped[bytes | None] = sealed()
    contact_postal_code: Mapped[bytes | None] = sealed()
    contact_address: Mapped[bytes | None] = sealed()
    contact_phone: Mapped[bytes | None] = sealed()
    contact_email: Mapped[bytes | None] = sealed()


class Settlement:
    """The bank account for settlement (決済口座), personal."""

    registered_address: Mapped[bytes | None] = sealed()
    settlement_bank_code: Mapped[bytes | None] = sealed()
    settlement_bank_name_kana: Mapped[bytes | None] = sealed()
    settlement_branch_code: Mapped[bytes | None] = sealed()
    settlement_branch_name_kana: Mapped[bytes | None] = sealed()
    settlement_account_type: Mapped[bytes | None] = sealed()
    settlement_account_number: Mapped[bytes | None] = sealed()
    settlement_account_holder_kana: Mapped[bytes | None] = sealed()


class BeneficialRightRow(RecordRow):
    """3 beneficial right (受益権情報)."""

    __tablename__ = "records_beneficial_right"

    beneficial_right_id: Mapped[str] = mapped_column(primary_key=True)
    beneficial_right_name: Mapped[str]
    transfer_control_id: Mapped[str]
    beneficial_right_type: Mapped[str]
    isin: Mapped[str]
    trust_contract_id: Mapped[str]
    initial_beneficiary_id: Mapped[str]
    beneficiary_agent_id: Mapped[str]
    established_quantity: Mapped[int]
    established_on: Mapped[dt.date]
    beneficial_right_status: Mapped[str]
    redemption_date: Mapped[dt.date | None]
    record_date_1: Mapped[str]
    record_date_2: Mapped[str]
    holiday_adjustment: Mapped[str]
    register_note: Mapped[str]
    free_comment_1: Mapped[str]
    free_comment_2: Mapped[str]


class TrustContractRow(RecordRow):
    """5 trust contract (信託契約情報)."""

    __tablename__ = "records_trust_contract"

    trust_contract_id: Mapped[str] = mapped_column(primary_key=True)
    trust_contract_number: Mapped[str]
    trust_contract_name: Mapped[str]
    fund_number: Mapped[str]
    settlor_id: Mapped[str]
    trustee_id: Mapped[str]
    asset_manager_id: Mapped[str]


class InvestorRow(Contact, RecordRow):
    """7 investor (投資家情報)."""

    __tablename__ = "records_investor"
    __table_args__ = (
        sa.Index("ix_records_investor_index", "owner_member_id", "corporate_number_index"),
    )

    investor_id: Mapped[str] = mapped_column(primary_key=True)
    corporate_number: Mapped[bytes | None] = sealed()
    corporate_number_index: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    investor_name: Mapped[bytes | None] = sealed()
    registered_address: Mapped[bytes | None] = sealed()
    custody_type: Mapped[str]
    custody_holder_id: Mapped[str]
    custody_holder_account_id: Mapped[str]
    custodian_id: Mapped[str]
    payee_bank_code: Mapped[bytes | None] = sealed()
    payee_bank_name_kana: Mapped[bytes | None] = sealed()
    payee_branch_code: Mapped[bytes | None] = sealed()
    payee_branch_name_kana: Mapped[bytes | None] = sealed()
    payee_account_type: Mapped[bytes | None] = sealed()
    payee_account_number: Mapped[bytes | None] = sealed()
    payee_account_holder_kana: Mapped[bytes | None] = sealed()
    investor_status: Mapped[str]
    aml_category: Mapped[str]


class CustodyHolderRow(Contact, Settlement, RecordRow):
    """8 custody holder (保護預り先情報)."""

    __tablename__ = "records_custody_holder"

    custody_holder_id: Mapped[str] = mapped_column(primary_key=True)
    custody_holder_name: Mapped[str]
    proprietary_account_id: Mapped[str]
    custodian_id: Mapped[str]


class CustodianRow(Contact, Settlement, RecordRow):
    """9 custodian (カストディアン情報)."""

    __tablename__ = "records_custodian"

    custodian_id: Mapped[str] = mapped_column(primary_key=True)
    custodian_name: Mapped[str]


class BeneficiaryAgentRow(Contact, Settlement, RecordRow):
    """10 beneficiary agent (受益者代理人情報)."""

    __tablename__ = "records_beneficiary_agent"

    beneficiary_agent_id: Mapped[str] = mapped_column(primary_key=True)
    beneficiary_agent_name: Mapped[str]


class SettlorRow(Contact, Settlement, RecordRow):
    """11 settlor (委託者情報)."""

    __tablename__ = "records_settlor"

    settlor_id: Mapped[str] = mapped_column(primary_key=True)
    settlor_name: Mapped[str]


class TrusteeRow(Settlement, RecordRow):
    """12 trustee (受託者情報)."""

    __tablename__ = "records_trustee"

    trustee_id: Mapped[str] = mapped_column(primary_key=True)
    trustee_name: Mapped[str]


class AssetManagerRow(Contact, Settlement, RecordRow):
    """13 asset manager (AM情報)."""

    __tablename__ = "records_asset_manager"

    asset_manager_id: Mapped[str] = mapped_column(primary_key=True)
    asset_manager_name: Mapped[str]


class UserRow(RecordRow):
    """14 user (ユーザ情報): one of the company's own staff."""

    __tablename__ = "records_user"
    __table_args__ = (
        sa.Index("ix_records_user_index", "owner_member_id", "employee_number_index"),
    )

    user_id: Mapped[str] = mapped_column(primary_key=True)
    branch_code: Mapped[str]
    branch_name: Mapped[str]
    section: Mapped[str]
    account_type: Mapped[str]
    user_name: Mapped[bytes | None] = sealed()
    employee_number: Mapped[bytes | None] = sealed()
    employee_number_index: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    password_hash: Mapped[str | None] = secret()
    previous_password_hash: Mapped[str | None] = secret()
    second_previous_password_hash: Mapped[str | None] = secret()
    failed_logins: Mapped[int] = mapped_column(default=0)
    last_login_at: Mapped[dt.datetime | None]
    user_status: Mapped[str]
    password_changed_at: Mapped[dt.datetime | None]


class ImportFileRow(Base):
    """15 import control (取込ファイル制御), with what resuming needs."""

    __tablename__ = "records_import_file"
    __table_args__ = (
        sa.UniqueConstraint("owner_member_id", "import_target", "operation", "file_digest"),
    )

    import_id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    owner_member_id: Mapped[str] = mapped_column(sa.String(63))
    import_target: Mapped[str]
    file_size: Mapped[int]
    file_timestamp: Mapped[dt.datetime]
    operation: Mapped[str]
    status: Mapped[str]
    result: Mapped[str]
    registered_at: Mapped[dt.datetime]
    registered_by: Mapped[str]
    receiver_id: Mapped[str] = mapped_column(sa.String(63))
    file_digest: Mapped[str]
    encoding: Mapped[str]
    header: Mapped[str]
    utf8_tail: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    wrapped_key: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    received: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(default=0)
    line: Mapped[int] = mapped_column(default=0)
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_written: Mapped[int] = mapped_column(default=0)
    problems: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[dt.datetime]


class MarketSessionRow(RecordRow):
    """16 market session (開閉局制御): the status that the company works by in its own systems.

    The ledger's own session is a fact on the ledger; this row never opens or closes it.
    """

    __tablename__ = "records_market_session"

    session_status: Mapped[str]


OTHER_TABLES = (tables_keys, tables_work)
"""Modules with the tables beside the dictionary's: whoever imports this one knows them all."""

ROWS: dict[str, type[RecordRow]] = {
    "beneficial_right": BeneficialRightRow,
    "trust_contract": TrustContractRow,
    "investor": InvestorRow,
    "custody_holder": CustodyHolderRow,
    "custodian": CustodianRow,
    "beneficiary_agent": BeneficiaryAgentRow,
    "settlor": SettlorRow,
    "trustee": TrusteeRow,
    "asset_manager": AssetManagerRow,
    "user": UserRow,
    "market_session": MarketSessionRow,
}
"""The row class of each table that a company keeps by create, change, read and erase."""

ID_FIELDS = {table: f"{table}_id" for table in ROWS if table != "market_session"} | {
    "market_session": "owner_member_id"
}
"""The field that names a row for its owner; a company has one row of `market_session`."""
