"""What the ledger's answers look like: fields that are hidden from the viewer are missing.

A value that begins with `~` is a pseudonym: a name for this viewer in this transaction alone.
"""

import datetime as dt
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ledger.commitment import Attestations, Receipt
from ledger.signatures import TransactionSignature
from ledger.tearoffs import TearOff

OptionalText = str | UnsetType
OptionalNumber = int | UnsetType


class TransferView(msgspec.Struct, frozen=True):
    """A transfer in the fields of the dictionary, as far as the viewer may see them."""

    transfer_txid: OptionalText = UNSET
    trade_id: OptionalText = UNSET
    token_txid: OptionalText = UNSET
    transfer_creator_id: OptionalText = UNSET
    beneficial_right_id: OptionalText = UNSET
    from_investor_id: OptionalText = UNSET
    to_investor_id: OptionalText = UNSET
    quantity: OptionalNumber = UNSET
    settlement_date: dt.date | UnsetType = UNSET
    transfer_type: OptionalText = UNSET
    cancels_trade_id: OptionalText = UNSET
    registered_at: dt.datetime | UnsetType = UNSET
    registered_by: OptionalText = UNSET
    terms: dict[str, str | int] | UnsetType = UNSET


class TokenView(msgspec.Struct, frozen=True):
    """A token that may be spent.

    Args:
        component: its canonical JSON, for who may spend it: present if every field is clear.
        nonce: of its leaf, in hex, likewise; index: its place among the outputs.
    """

    token_txid: OptionalText = UNSET
    quantity: OptionalNumber = UNSET
    investor_id: OptionalText = UNSET
    issuer_info: OptionalText = UNSET
    token_id: OptionalText = UNSET
    terms: dict[str, str | int] | UnsetType = UNSET
    index: OptionalNumber = UNSET
    component: OptionalText = UNSET
    nonce: OptionalText = UNSET


class RightView(msgspec.Struct, frozen=True):
    """A beneficial right."""

    beneficial_right_id: OptionalText = UNSET
    beneficial_right_name: OptionalText = UNSET
    beneficial_right_type: OptionalText = UNSET
    registrar_id: OptionalText = UNSET
    fundraiser_id: OptionalText = UNSET
    asset_manager_id: OptionalText = UNSET
    established_quantity: OptionalNumber = UNSET
    established_on: dt.date | UnsetType | None = UNSET
    record_date_1: OptionalText = UNSET
    record_date_2: OptionalText = UNSET
    redemption_date: dt.date | UnsetType | None = UNSET


class HoldingView(msgspec.Struct, frozen=True):
    """What an investor holds of a right, and since when."""

    as_of: dt.datetime | UnsetType | None = UNSET
    beneficial_right_id: OptionalText = UNSET
    investor_id: OptionalText = UNSET
    quantity: OptionalNumber = UNSET
    delta: OptionalNumber = UNSET


class CustodyView(msgspec.Struct, frozen=True):
    """Who manages an investor, from when until when."""

    investor_id: OptionalText = UNSET
    custody_holder_id: OptionalText = UNSET
    custodian_id: OptionalText = UNSET
    valid_from: dt.datetime | UnsetType = UNSET
    valid_until: dt.datetime | UnsetType | None = UNSET


class AccountKeyView(msgspec.Struct, frozen=True):
    """An account key; `public_key` is base64 of its DER SubjectPublicKeyInfo."""

    investor_id: OptionalText = UNSET
    public_key: bytes | UnsetType = UNSET
    valid_from: dt.datetime | UnsetType = UNSET
    valid_until: dt.datetime | UnsetType | None = UNSET


class ControlView(msgspec.Struct, frozen=True):
    """Whether a right may be transferred."""

    transfer_control_id: OptionalText = UNSET
    transfer_allowed: bool | UnsetType = UNSET
    beneficial_right_id: OptionalText = UNSET


class UniquenessView(msgspec.Struct, frozen=True):
    """What the notary keeps: a hash, what consumed it, and when it attested."""

    txid: OptionalText = UNSET
    nullifier: OptionalText = UNSET
    recorded_at: dt.datetime | UnsetType = UNSET


class SessionView(msgspec.Struct, frozen=True):
    """The market session; `rule_set` names the rules that shaped the answer."""

    rule_set: str
    session_status: OptionalText = UNSET
    changed_at: dt.datetime | UnsetType | None = UNSET


class TransferPage(msgspec.Struct, frozen=True):
    """Transfers, newest first."""

    rule_set: str
    items: tuple[TransferView, ...]
    next: str | None


class TokenPage(msgspec.Struct, frozen=True):
    """Tokens that may be spent, oldest first."""

    rule_set: str
    items: tuple[TokenView, ...]
    next: str | None


class RightPage(msgspec.Struct, frozen=True):
    """Beneficial rights by id."""

    rule_set: str
    items: tuple[RightView, ...]
    next: str | None


class HoldingPage(msgspec.Struct, frozen=True):
    """Holdings by investor and right."""

    rule_set: str
    items: tuple[HoldingView, ...]
    next: str | None


class CustodyPage(msgspec.Struct, frozen=True):
    """Customers by investor id."""

    rule_set: str
    items: tuple[CustodyView, ...]
    next: str | None


class AccountKeyPage(msgspec.Struct, frozen=True):
    """Account keys by investor id."""

    rule_set: str
    items: tuple[AccountKeyView, ...]
    next: str | None


class ControlPage(msgspec.Struct, frozen=True):
    """Transfer controls by id."""

    rule_set: str
    items: tuple[ControlView, ...]
    next: str | None


class UniquenessPage(msgspec.Struct, frozen=True):
    """Consumed hashes in their own order."""

    rule_set: str
    items: tuple[UniquenessView, ...]
    next: str | None


class RegisterView(msgspec.Struct, frozen=True):
    """A register as of a moment.

    Args:
        rule_set: digest of the rules that shaped the answer.
        beneficial_right_id: whose register.
        as_of: the day, if one was asked for.
        log_index: of the last transaction that counts; None before the first.
        effective_at: when that one took effect.
        total: what all investors hold together, if quantities are clear.
        items: holdings by investor.
        next: the cursor of what follows.
    """

    rule_set: str
    beneficial_right_id: str
    as_of: dt.date | None
    log_index: int | None
    effective_at: dt.datetime | None
    total: int | None
    items: tuple[HoldingView, ...]
    next: str | None


class RegisterAttestation(msgspec.Struct, frozen=True):
    """What the registrar signs of a register.

    Args:
        registrar: the member that signs.
        beneficial_right_id: whose register.
        as_of: the day, if one was asked for.
        log_index: of the last transaction that counts; None before the first.
        holders: how many investors hold any.
        total: what they hold together.
        digest: hash of the holdings (`ledger.queries.register_digest`), in hex.
        signed_at: when.
        signature: over `ledger.queries.attested_bytes`, by the registrar's node key.
    """

    registrar: str
    beneficial_right_id: str
    as_of: dt.date | None
    log_index: int | None
    holders: int
    total: int
    digest: str
    signed_at: dt.datetime
    signature: TransactionSignature | None = None


class StatementView(msgspec.Struct, frozen=True):
    """What an investor holds, and how it came about, as far as the viewer may see."""

    rule_set: str
    investor_id: str
    holdings: tuple[HoldingView, ...]
    changes: tuple[HoldingView, ...]
    next: str | None


class Inclusion(msgspec.Struct, frozen=True):
    """Where the log holds the commitment, and the proof: base64 hashes and the signed note."""

    log_index: int
    commitment: str
    hashes: tuple[bytes, ...] = ()
    checkpoint: str | None = None


class SigningKey(msgspec.Struct, frozen=True):
    """The account key by which an owner signed: the one in force at the transaction's log index.

    Args:
        investor_id: whose.
        public_key: base64 of its DER SubjectPublicKeyInfo.
        from_index: log index of the statement that registered it: it signs what comes after.
    """

    investor_id: str
    public_key: bytes
    from_index: int


class TransactionView(msgspec.Struct, frozen=True):
    """A transaction as a tear-off of what the viewer may see, with whatever proves it.

    Args:
        rule_set: digest of the rules that shaped the answer.
        tear_off: the components in view, and hashes for the rest.
        transfers: the transfers in view, with pseudonyms where the rules say so.
        signatures: of the creator and of owners in view.
        attestations: of the notary and the registrars.
        inclusion: in the log; the proof once a checkpoint covers it.
        committed_at: when.
        account_keys: by which the owners in view signed, as of then; they may have other keys now.
    """

    rule_set: str
    tear_off: TearOff
    transfers: tuple[TransferView, ...]
    signatures: tuple[TransactionSignature, ...]
    attestations: Attestations | None
    inclusion: Inclusion | None
    committed_at: dt.datetime
    account_keys: tuple[SigningKey, ...] = ()


class BatchItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one submission: a receipt, or the problem document of its refusal."""

    receipt: Receipt | None = None
    problem: Any = None


class BatchAnswer(msgspec.Struct, frozen=True):
    """What became of each submission, in order."""

    items: tuple[BatchItem, ...]


class RecordDate(msgspec.Struct, frozen=True):
    """A day as of which a register counts: as the right names it, and on a business day."""

    day: dt.date
    adjusted: dt.date


class RecordDates(msgspec.Struct, frozen=True):
    """The record dates of a right in one year.

    Args:
        rule_set: digest of the rules that shaped the answer.
        beneficial_right_id: whose dates.
        adjustment: how they are moved off holidays.
        items: in order.
    """

    rule_set: str
    beneficial_right_id: str
    adjustment: str
    items: tuple[RecordDate, ...]
