"""What a record may say: one struct for each table of the dictionary, checked field by field.

`read_record` turns untrusted values into a struct and reports every fault at once. The fields
`created_at`, `created_by`, `updated_at` and `updated_by` are the system's to write: a caller
who sends them is refused.
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta

from ledger.errors import RecordMalformed
from ledger.records.calendar import HolidayAdjustment, record_date
from policies.errors import Fault

MAX_QUANTITY = 2**63 - 1
"""Units of the largest quantity: a signed 64-bit integer, as in the transaction format."""

MemberId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9-]{1,62}$(?!\n)",
        description="a member id: lower-case letters, digits and hyphens, 2 to 63 of them",
    ),
]
UpperId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z][A-Z0-9-]{1,63}$(?!\n)",
        description="an id: a capital letter, then capital letters, digits or hyphens, 2 to 64",
    ),
]
RecordId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)",
        description="an id of up to 64 letters, digits, dots, hyphens and underscores",
    ),
]
OptionalId = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$(?!\n)",
        description="empty, or an id of up to 64 letters, digits, dots, hyphens and underscores",
    ),
]
Text = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)",
        max_length=256,
        description="up to 256 characters without control characters",
    ),
]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$(?!\n)",
        max_length=256,
        description="1 to 256 characters without control characters, not all blank",
    ),
]
LongText = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)",
        max_length=4000,
        description="up to 4,000 characters; line ends, but no other control characters",
    ),
]
Quantity = Annotated[
    int, Meta(ge=1, le=MAX_QUANTITY, description="a whole number from 1 to 9223372036854775807")
]
CorporateNumber = Annotated[
    str, Meta(pattern=r"^([0-9]{13})?$(?!\n)", description="empty, or 13 digits")
]
PostalCode = Annotated[
    str,
    Meta(
        pattern=r"^([0-9]{3}-?[0-9]{4})?$(?!\n)",
        description="empty, or 7 digits, with or without a hyphen after the third",
    ),
]
Phone = Annotated[
    str,
    Meta(
        pattern=r"^([0-9+][0-9()-]{3,19})?$(?!\n)",
        description="empty, or 4 to 20 digits, hyphens and brackets, starting with a digit or +",
    ),
]
Email = Annotated[
    str,
    Meta(
        pattern=r"^([^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+)?$(?!\n)",
        max_length=254,
        description="empty, or an address with one @",
    ),
]
BankCode = Annotated[str, Meta(pattern=r"^([0-9]{4})?$(?!\n)", description="empty, or 4 digits")]
BranchCode = Annotated[str, Meta(pattern=r"^([0-9]{3})?$(?!\n)", description="empty, or 3 digits")]
AccountType = Annotated[
    str,
    Meta(
        pattern=r"^[1249]?$(?!\n)",
        description="empty, or 1 (ordinary), 2 (current), 4 (savings) or 9 (other)",
    ),
]
AccountNumber = Annotated[
    str, Meta(pattern=r"^([0-9]{7})?$(?!\n)", description="empty, or 7 digits")
]
Kana = Annotated[
    str,
    Meta(
        pattern=r"^[ァ-ヺーヽヾ・｡-ﾟ0-9A-Z０-９Ａ-Ｚ .,()/「」（）．，／　-]*$(?!\n)",
        max_length=100,
        description="up to 100 katakana, capital letters, digits, blanks and .,()-/",
    ),
]
Isin = Annotated[
    str,
    Meta(
        pattern=r"^([A-Z]{2}[A-Z0-9]{9}[0-9])?$(?!\n)",
        description="empty, or 12 characters of an ISIN",
    ),
]
MonthDay = Annotated[
    str,
    Meta(
        pattern=r"^((0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?$(?!\n)",
        description="empty, or a month and a day such as 03-31",
    ),
]


Struct = TypeVar("Struct", bound=msgspec.Struct)


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every record has in common: nothing but being checked."""


class BeneficialRight(Record, frozen=True, kw_only=True):
    """3 beneficial right (受益権情報)."""

    beneficial_right_id: UpperId
    beneficial_right_name: Name
    transfer_control_id: OptionalId = ""
    beneficial_right_type: Name
    isin: Isin = ""
    trust_contract_id: OptionalId = ""
    initial_beneficiary_id: OptionalId = ""
    beneficiary_agent_id: OptionalId = ""
    established_quantity: Quantity
    established_on: dt.date
    beneficial_right_status: Literal["planned", "active", "redeemed"] = "active"
    redemption_date: dt.date | None = None
    record_date_1: MonthDay = ""
    record_date_2: MonthDay = ""
    holiday_adjustment: HolidayAdjustment = HolidayAdjustment.NONE
    register_note: LongText = ""
    free_comment_1: LongText = ""
    free_comment_2: LongText = ""


class TrustContract(Record, frozen=True, kw_only=True):
    """5 trust contract (信託契約情報)."""

    trust_contract_id: RecordId
    trust_contract_number: Text = ""
    trust_contract_name: Name
    fund_number: Text = ""
    settlor_id: OptionalId = ""
    trustee_id: OptionalId = ""
    asset_manager_id: OptionalId = ""


class Investor(Record, frozen=True, kw_only=True):
    """7 investor (投資家情報): a customer, or a firm's own account (自己口)."""

    investor_id: UpperId
    corporate_number: CorporateNumber = ""
    investor_name: Name
    registered_address: Text = ""
    custody_type: Literal["customer", "proprietary"]
    custody_holder_id: MemberId
    custody_holder_account_id: RecordId
    custodian_id: MemberId
    contact_name: Text = ""
    contact_postal_code: PostalCode = ""
    contact_address: Text = ""
    contact_phone: Phone = ""
    contact_email: Email = ""
    payee_bank_code: BankCode = ""
    payee_bank_name_kana: Kana = ""
    payee_branch_code: BranchCode = ""
    payee_branch_name_kana: Kana = ""
    payee_account_type: AccountType = ""
    payee_account_number: AccountNumber = ""
    payee_account_holder_kana: Kana = ""
    investor_status: Literal["applied", "active", "suspended", "closed"] = "active"
    aml_category: Literal["low", "middle", "high"]


class Settling(Record, frozen=True, kw_only=True):
    """An address and the bank account for settlement (登記住所, 決済口座)."""

    registered_address: Text = ""
    settlement_bank_code: BankCode = ""
    settlement_bank_name_kana: Kana = ""
    settlement_branch_code: BranchCode = ""
    settlement_branch_name_kana: Kana = ""
    settlement_account_type: AccountType = ""
    settlement_account_number: AccountNumber = ""
    settlement_account_holder_kana: Kana = ""


class Contactable(Settling, frozen=True, kw_only=True):
    """Settling, and whom to write to (連絡先)."""

    contact_name: Text = ""
    contact_postal_code: PostalCode = ""
    contact_address: Text = ""
    contact_phone: Phone = ""
    contact_email: Email = ""


class CustodyHolder(Contactable, frozen=True, kw_only=True):
    """8 custody holder (保護預り先情報)."""

    custody_holder_id: MemberId
    custody_holder_name: Name
    proprietary_account_id: OptionalId = ""
    custodian_id: MemberId


class Custodian(Contactable, frozen=True, kw_only=True):
    """9 custodian (カストディアン情報)."""

    custodian_id: MemberId
    custodian_name: Name


class BeneficiaryAgent(Contactable, frozen=True, kw_only=True):
    """10 beneficiary agent (受益者代理人情報)."""

    beneficiary_agent_id: RecordId
    beneficiary_agent_name: Name


class Settlor(Contactable, frozen=True, kw_only=True):
    """11 settlor (委託者情報)."""

    settlor_id: RecordId
    settlor_name: Name


class Trustee(Settling, frozen=True, kw_only=True):
    """12 trustee (受託者情報)."""

    trustee_id: RecordId
    trustee_name: Name


class AssetManager(Contactable, frozen=True, kw_only=True):
    """13 asset manager (AM情報)."""

    asset_manager_id: RecordId
    asset_manager_name: Name


class User(Record, frozen=True, kw_only=True):
    """14 user (ユーザ情報); its password and counters are `ledger.records.users`' to keep."""

    user_id: RecordId
    branch_code: Text = ""
    branch_name: Text = ""
    section: Text = ""
    account_type: Literal["operator", "approver", "administrator", "viewer"]
    user_name: Name
    employee_number: Text = ""
    user_status: Literal["active", "locked", "retired"] = "active"


class MarketSession(Record, frozen=True, kw_only=True):
    """16 market session (開閉局制御) as the company's own systems work by it."""

    session_status: Literal["open", "closed"]


SCHEMAS: dict[str, type[Record]] = {
    "beneficial_right": BeneficialRight,
    "trust_contract": TrustContract,
    "investor": Investor,
    "custody_holder": CustodyHolder,
    "custodian": Custodian,
    "beneficiary_agent": BeneficiaryAgent,
    "settlor": Settlor,
    "trustee": Trustee,
    "asset_manager": AssetManager,
    "user": User,
    "market_session": MarketSession,
}
"""The struct of each table."""


def read_record(table: str, values: Mapping[str, Any], *, text: bool = False) -> Record:
    """Return the record of `table` that `values` say.

    Args:
        table: a key of `SCHEMAS`.
        values: by field name; absent optional fields count as empty.
        text: the values are texts of a CSV file: numbers and dates are read from text, and an
            empty text counts as absent.

    Raises:
        RecordMalformed: with every fault: missing, unknown and wrong fields.
    """
    schema = SCHEMAS[table]
    if text:
        values = {name: value for name, value in values.items() if value != ""}
    record = convert_fields(schema, values, text=text)
    faults = record if isinstance(record, list) else cross_faults(record)
    if isinstance(record, list) or faults:
        raise RecordMalformed(f"the {table} record has {len(faults)} fault(s)", tuple(faults))
    return record


def convert_fields(
    schema: type[Struct], values: Mapping[str, Any], *, text: bool = False
) -> Struct | list[Fault]:
    """Return the struct that `values` say, or what is wrong with each field of it."""
    try:
        return msgspec.convert(values, schema, strict=not text)
    except msgspec.ValidationError:
        return _field_faults(schema, values, text=text)


def cross_faults(record: Record) -> list[Fault]:
    """Return what is wrong with a record whose fields are each right."""
    match record:
        case BeneficialRight():
            return _right_faults(record)
        case _:
            return []


def _field_faults(
    schema: type[msgspec.Struct], values: Mapping[str, Any], *, text: bool
) -> list[Fault]:
    fields = {field.name: field for field in msgspec.structs.fields(schema)}
    faults = [Fault(str(n), "there is no such field") for n in values if n not in fields]
    for name, field in fields.items():
        if name not in values:
            if field.required:
                faults.append(Fault(name, "is missing"))
            continue
        try:
            msgspec.convert(values[name], field.type, strict=not text)
        except msgspec.ValidationError as error:
            faults.append(Fault(name, _expected(field.type, error)))
    return faults


def _expected(field_type: Any, error: msgspec.ValidationError) -> str:
    """Return what was expected, without the value: it may be personal, or in the wrong column."""
    description = next(
        (m.description for m in getattr(field_type, "__metadata__", ()) if m.description), None
    )
    if description:
        return f"expected {description}"
    choices = get_args(field_type)
    if isinstance(field_type, type) and issubclass(field_type, StrEnum):
        choices = tuple(field_type)
    if choices and all(isinstance(choice, str) for choice in choices):
        return "expected one of " + ", ".join(map(str, choices))
    if dt.date in (field_type, *choices):
        return "expected a date such as 2025-03-31"
    if dt.datetime in (field_type, *choices):
        return "expected a time with its zone such as 2025-03-31T09:00:00+09:00"
    return str(error).partition(" - ")[0].partition("'")[0]


def _right_faults(right: BeneficialRight) -> list[Fault]:
    faults = []
    for name in ("record_date_1", "record_date_2"):
        try:
            text = getattr(right, name)
            if text:
                record_date(text, right.established_on.year, HolidayAdjustment.NONE)
        except RecordMalformed as error:
            faults.append(Fault(name, str(error)))
    if right.redemption_date is not None and right.redemption_date <= right.established_on:
        faults.append(Fault("redemption_date", "must be after established_on"))
    return faults
