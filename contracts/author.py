"""What a contract's author works with: the transaction as typed objects, and the refusal.

A contract is one function, `verify(tx: Transaction) -> None`, which returns to accept and
raises `Rejected(code, message)` to refuse. This module needs the standard library only and is
the same inside the sandbox and outside it, under the same import name:

    from contracts.author import Rejected, Transaction

    def verify(tx: Transaction) -> None:
        if sum(t.quantity for t in tx.inputs) != sum(t.quantity for t in tx.outputs):
            raise Rejected("E_SUM", "quantities are not conserved")

It lies on the hot path of every verification and is part of the runtime's digest: a change
here makes a new runtime, which the network has to approve.
"""

import dataclasses
import json
import typing

Terms = dict[str, str | int]
_TOKEN_FIELDS = 5
_TRANSFER_FIELDS = 12


class Rejected(Exception):
    """The contract refuses the transaction.

    Args:
        code: the contract's own name for the reason, such as `E_SUM`: an upper-case letter,
            then up to 63 upper-case letters, digits or underscores.
        message: what was got and what was expected, for people.
    """

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        """Return `CODE: message`."""
        return f"{self.code}: {self.message}"


@dataclasses.dataclass(slots=True)
class Token:
    """A holding [トークン]: how much of one right one investor holds.

    Args:
        token_id: the right that the token stands for.
        investor_id: who holds it.
        quantity: in units of the right, 1 to 2^63-1.
        issuer_info: the issuer, as the right states it.
        terms: what this contract adds to the token.
    """

    token_id: str
    investor_id: str
    quantity: int
    issuer_info: str
    terms: Terms


@dataclasses.dataclass(slots=True)
class Transfer:
    """What somebody asks for [移転情報]: an issue, a transfer, a cancellation, a redemption.

    Args:
        trade_id: the network-wide id of this trade.
        transfer_creator_id: the member that made it.
        beneficial_right_id: the right that moves.
        from_investor_id: the giver, empty for an issue.
        to_investor_id: the receiver, empty for a redemption.
        quantity: in units of the right.
        settlement_date: `YYYY-MM-DD`.
        transfer_type: `issue`, `transfer`, `cancel`, `redeem`, or one that the contract defines.
        cancels_trade_id: the trade that a cancellation takes back, otherwise empty.
        registered_at: RFC 3339, UTC.
        registered_by: the member that registered it.
        terms: what this contract adds to the transfer.
    """

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


State = Token
"""A token is the kind of state that this ledger has; contracts may call it by either name."""

Command = Transfer
"""A transfer is the kind of command that this ledger has; contracts may call it by either name."""


@dataclasses.dataclass(slots=True)
class RightFacts:
    """What the ledger knows about a right [受益権] when the transaction is judged.

    Args:
        registrar: the member that keeps the right's register.
        transfer_allowed: false while transfers of the right are blocked.
        established_quantity: how much of it may exist.
        issued_quantity: how much of it was issued before this transaction.
        redemption_date: `YYYY-MM-DD`; empty for a right that is never redeemed.
    """

    registrar: str
    transfer_allowed: bool
    established_quantity: int
    issued_quantity: int
    redemption_date: str


@dataclasses.dataclass(slots=True)
class Facts:
    """What the ledger vouches for beside the transaction itself.

    Args:
        session: `open` or `closed`: whether the market session is on.
        rights: each right of the transaction, by its id.
        cancelled: by trade id, the original trade of each cancellation, when it exists and
            was not cancelled before.
    """

    session: str
    rights: dict[str, RightFacts]
    cancelled: dict[str, Transfer]


@dataclasses.dataclass(slots=True)
class Signers:
    """Whose signatures the ledger has checked: investors by account key, members by node key."""

    investors: frozenset[str]
    members: frozenset[str]


@dataclasses.dataclass(slots=True)
class Contract:
    """The contract version that judges."""

    name: str
    version: str


@dataclasses.dataclass(slots=True)
class Transaction:
    """A transaction as a contract sees it.

    Args:
        contract: the version that judges.
        registered_at: RFC 3339, UTC: the only clock that a contract has.
        inputs: the tokens that are consumed.
        outputs: the tokens that are made.
        commands: what is asked for.
        signers: whose signatures are on it, already checked.
        facts: what the ledger vouches for.
    """

    contract: Contract
    registered_at: str
    inputs: tuple[Token, ...]
    outputs: tuple[Token, ...]
    commands: tuple[Transfer, ...]
    signers: Signers
    facts: Facts

    @classmethod
    def from_json(cls, text: str) -> "Transaction":
        """Return the transaction in the JSON text.

        Raises:
            ValueError: it is not JSON, or a field is missing, unknown or misplaced.
        """
        document = json.loads(text)
        try:
            facts = document["facts"]
            signers = document["signers"]
            rights = facts["rights"].items()
            return cls(
                Contract(**document["contract"]),
                document["registered_at"],
                tuple([_token(fields) for fields in document["inputs"]]),
                tuple([_token(fields) for fields in document["outputs"]]),
                tuple([_transfer(fields) for fields in document["commands"]]),
                Signers(frozenset(signers["investors"]), frozenset(signers["members"])),
                Facts(
                    facts["session"],
                    {key: RightFacts(**right) for key, right in rights},
                    {key: _transfer(fields) for key, fields in facts["cancelled"].items()},
                ),
            )
        except (AttributeError, KeyError, TypeError) as error:
            message = f"not a transaction: {type(error).__name__}: {error}"
            raise ValueError(message) from error

    def to_json(self) -> str:
        """Return the JSON text from which `from_json` makes an equal transaction."""
        return json.dumps(dataclasses.asdict(self), default=_listed, separators=(",", ":"))


def _token(fields: dict[str, typing.Any]) -> Token:
    # By position: half the price of Token(**fields), on the hottest line of all.
    if len(fields) != _TOKEN_FIELDS:
        raise TypeError(f"a token has {_TOKEN_FIELDS} fields, got {sorted(fields)}")
    return Token(
        fields["token_id"],
        fields["investor_id"],
        fields["quantity"],
        fields["issuer_info"],
        fields["terms"],
    )


def _transfer(fields: dict[str, typing.Any]) -> Transfer:
    if len(fields) != _TRANSFER_FIELDS:
        raise TypeError(f"a transfer has {_TRANSFER_FIELDS} fields, got {sorted(fields)}")
    return Transfer(
        fields["trade_id"],
        fields["transfer_creator_id"],
        fields["beneficial_right_id"],
        fields["from_investor_id"],
        fields["to_investor_id"],
        fields["quantity"],
        fields["settlement_date"],
        fields["transfer_type"],
        fields["cancels_trade_id"],
        fields["registered_at"],
        fields["registered_by"],
        fields["terms"],
    )


def _listed(value: typing.Any) -> list[str]:
    if isinstance(value, frozenset):
        return sorted(value)
    message = f"{type(value).__name__} has no place in a transaction"
    raise TypeError(message)
