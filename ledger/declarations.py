"""What members declare about rights, custody, keys, controls and the session: bodies by kind."""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ledger.components import Id, MemberId, Quantity, Text, Word

MAX_ITEMS = 1_000
"""Investors in one statement: within the largest envelope, and one transaction's work."""

MAX_KEY = 1_024
"""Bytes of the largest public key: RSA-4096 has 550."""

RIGHT_KIND = "beneficial-right"
KEYS_KIND = "account-keys"
CUSTODY_KIND = "custody"
RELEASE_KIND = "custody-release"
CONTROL_KIND = "transfer-control"
SESSION_KIND = "market-session"

MonthDay = Annotated[str, Meta(pattern="^((0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?$")]
"""A day of every year, `MM-DD`, or the empty string."""


class BeneficialRight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A beneficial right (受益権) that its author, the registrar, puts on the ledger or amends.

    Args:
        beneficial_right_id: its id, for ever this registrar's.
        beneficial_right_name: its name.
        beneficial_right_type: such as `real_estate`.
        fundraiser_id: the member that issues it; fixed.
        asset_manager_id: the member that manages what is behind it; fixed.
        contract: the name of the contract that judges its transactions.
        established_quantity: how much may be issued, in units of the right.
        issuer_info: what its tokens say of the issuer.
        transfer_control_id: the control under which it is transferred; fixed.
        established_on: when it was set up.
        record_date_1: first record date (権利確定日) of a year, `MM-DD`.
        record_date_2: the second.
        redemption_date: when it is redeemed.
    """

    beneficial_right_id: Id
    beneficial_right_name: Text
    beneficial_right_type: Word
    fundraiser_id: MemberId
    asset_manager_id: MemberId
    contract: Text
    established_quantity: Quantity
    issuer_info: Text
    transfer_control_id: Id
    established_on: dt.date | None = None
    record_date_1: MonthDay = ""
    record_date_2: MonthDay = ""
    redemption_date: dt.date | None = None


class AccountKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An investor's account key: base64 of its DER SubjectPublicKeyInfo."""

    investor_id: Id
    public_key: Annotated[bytes, Meta(max_length=MAX_KEY)]


class AccountKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Account keys (鍵情報) that the author keeps for its customers; each replaces the last."""

    keys: Annotated[tuple[AccountKey, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


class CustodyItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An investor that the author takes into custody, for a custody holder (保護預り先)."""

    investor_id: Id
    custody_holder_id: MemberId


class CustodyTaken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The author manages these investors from now on."""

    relations: Annotated[tuple[CustodyItem, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


class CustodyReleased(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The author lets another custodian take over these investors; until then it goes on."""

    to_custodian_id: MemberId
    investors: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


class TransferControl(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether rights under a control (移転実行可否制御) may be transferred from now on."""

    transfer_control_id: Id
    transfer_allowed: bool


class MarketSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The market session (開閉局) from now on."""

    session_status: Literal["open", "closed"]
