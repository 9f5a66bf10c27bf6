"""The shape of a transaction as a contract sees it: checked before it goes into the sandbox.

Types only, no ranges: a package shows with its rejected examples what its contract does with a
quantity of zero or a date that is none. The same fields as in `contracts.author`, in the same order
(`tests/sandbox/test_rows.py` compares them).
"""

import msgspec

Terms = dict[str, str | int]


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base: every field is there, and no other."""


class TokenShape(Shape, frozen=True):
    """A token."""

    token_id: str
    investor_id: str
    quantity: int
    issuer_info: str
    terms: Terms


class TransferShape(Shape, frozen=True):
    """A command, or a trade that one cancels."""

    trade_id: str
    transfer_creator_id: str
    beneficial_right_id: str
    from_investor_id: str
    to_investor_id: str
    quantity: int
    settlement_date: str
    transfer_type: str
    cancels_trade_id: str
    registered_at: str
    registered_by: str
    terms: Terms


class RightShape(Shape, frozen=True):
    """What the ledger knows about a right."""

    registrar: str
    transfer_allowed: bool
    established_quantity: int
    issued_quantity: int
    redemption_date: str


class FactsShape(Shape, frozen=True):
    """What the ledger vouches for."""

    session: str
    rights: dict[str, RightShape]
    cancelled: dict[str, TransferShape]


class SignersShape(Shape, frozen=True):
    """Who has signed."""

    investors: tuple[str, ...]
    members: tuple[str, ...]


class ContractShape(Shape, frozen=True):
    """The version that judges."""

    name: str
    version: str


class TransactionShape(Shape, frozen=True):
    """The whole transaction."""

    contract: ContractShape
    registered_at: str
    inputs: tuple[TokenShape, ...]
    outputs: tuple[TokenShape, ...]
    commands: tuple[TransferShape, ...]
    signers: SignersShape
    facts: FactsShape
