"""What a transaction is made of: tokens, transfers, parameters, and their canonical bytes.

The canonical bytes of a component are the JSON of its struct: fields in the order below, keys of
`terms` sorted, no white space, no floats, UTF-8. Renaming, reordering or adding a field makes
another format: it needs a new `version`.
"""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MAX_QUANTITY = 2**63 - 1
"""The largest quantity of one token, in units of the right: what a signed 64-bit integer holds."""

MAX_TERMS = 32
"""Entries in `terms`: a contract's own data is facts about a trade, not documents."""

Id = Annotated[str, Meta(pattern="^[A-Z][A-Z0-9-]{0,63}$")]
"""An id of the domain: investor, beneficial right, trade."""

OptionalId = Annotated[str, Meta(pattern="^([A-Z][A-Z0-9-]{0,63})?$")]
"""An `Id`, or the empty string where there is none."""

MemberId = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{1,62}$")]
Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
"""32 bytes in lower-case hex."""

Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]
Quantity = Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
Text = Annotated[str, Meta(max_length=256)]
Word = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,62}$")]
"""A name that contracts define: a transfer type, a contract."""

TermValue = Annotated[int, Meta(ge=-MAX_QUANTITY, le=MAX_QUANTITY)] | Text
Terms = Annotated[dict[Word, TermValue], Meta(max_length=MAX_TERMS)]

ISSUE, TRANSFER, CANCEL, REDEEM = "issue", "transfer", "cancel", "redeem"
"""The transfer types that the ledger knows; a contract may define more."""


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Base of everything that has a leaf in a transaction."""


class Network(
    Component, frozen=True, forbid_unknown_fields=True, tag="network", tag_field="is", gc=False
):
    """Which network, under which version of its parameters."""

    network: Text
    parameters: Annotated[int, Meta(ge=1, le=2**53)]


class Contract(
    Component, frozen=True, forbid_unknown_fields=True, tag="contract", tag_field="is", gc=False
):
    """The contract version that judges: name, version, package digest."""

    name: Text
    version: Text
    digest: Digest


class NotaryName(
    Component, frozen=True, forbid_unknown_fields=True, tag="notary", tag_field="is", gc=False
):
    """The member whose notary attests uniqueness."""

    notary: MemberId


class TimeWindow(
    Component, frozen=True, forbid_unknown_fields=True, tag="window", tag_field="is", gc=False
):
    """When the transaction may be committed: `from_time` <= now < `until_time`, UTC."""

    from_time: dt.datetime
    until_time: dt.datetime


class Token(Component, frozen=True, forbid_unknown_fields=True, gc=False):
    """A token (トークン): so much of a beneficial right, held by one investor.

    Args:
        token_id: the class of the token: the id of the beneficial right that it stands for.
        investor_id: who holds it.
        quantity: how much, in units of the right.
        issuer_info: what the issuer says of the right; never about a person.
        terms: data of the contract.
    """

    token_id: Id
    investor_id: Id
    quantity: Quantity
    issuer_info: Text
    terms: Terms = {}


class Input(Component, frozen=True, forbid_unknown_fields=True, gc=False):
    """A token that is consumed: where it was created, what it is, and the nonce of its leaf."""

    txid: Hex32
    index: Annotated[int, Meta(ge=0, le=2**16)]
    nonce: Hex32
    token: Token


class Transfer(Component, frozen=True, forbid_unknown_fields=True, gc=False):
    """A transfer (移転情報), the command of a transaction, in the words of the data dictionary.

    Args:
        trade_id: the creator's own id of the trade (取引ID), used once.
        transfer_creator_id: the member that creates it.
        beneficial_right_id: what is moved.
        from_investor_id: who gives; empty for an issue.
        to_investor_id: who receives; empty for a redemption.
        quantity: how much, in units of the right.
        settlement_date: delivery date (受渡日).
        transfer_type: `issue`, `transfer`, `cancel`, `redeem`, or a word of the contract.
        cancels_trade_id: the trade that a cancellation reverses, else empty.
        registered_at: when it was registered (登録日時), UTC.
        registered_by: the member that registered it.
        terms: data of the contract.
    """

    trade_id: Id
    transfer_creator_id: MemberId
    beneficial_right_id: Id
    from_investor_id: OptionalId
    to_investor_id: OptionalId
    quantity: Quantity
    settlement_date: dt.date
    transfer_type: Word
    cancels_trade_id: OptionalId
    registered_at: dt.datetime
    registered_by: MemberId
    terms: Terms = {}


Parameter = Network | Contract | NotaryName | TimeWindow
SignatureRole = Literal["creator", "account", "registrar", "notary"]

_ENCODER = msgspec.json.Encoder(order="deterministic")


def canonical(component: msgspec.Struct) -> bytes:
    """Return the canonical bytes of `component`."""
    return _ENCODER.encode(component)
