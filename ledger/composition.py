"""Builds and signs transactions on the client's side: pure, no I/O but the signers'.

A `Wallet` holds the tokens that may be spent, as `GET /v1/ledger/tokens` lists them. A `Composer`
picks tokens, makes outputs, change included, and the signed submission for
`POST /v1/ledger/transactions`; the wallet moves on as if it was committed.
"""

import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from ledger import components as c
from ledger.components import Contract, Input, Network, NotaryName, TimeWindow, Token, Transfer
from ledger.errors import StateUnknown
from ledger.signatures import Submission, TransactionSignature, sign_transaction
from ledger.statements import Signer
from ledger.transactions import SALT_SIZE, Transaction, encode_transaction, nullifier

MERGE = 8
"""Small tokens that one payment gathers up at most, so that holdings do not crumble."""

MAX_INPUTS = 256
"""Tokens that one payment consumes at most: the ledger's own bound is higher."""

MAX_ITEMS = 200
"""Transactions in one request."""

WINDOW = dt.timedelta(hours=1)
"""How long a composed transaction may wait to be committed."""


class WalletToken(msgspec.Struct, frozen=True):
    """A token that may be spent, with all that spending it takes."""

    txid: str
    index: int
    nonce: str
    token: Token

    def as_input(self) -> Input:
        """Return the input that consumes it."""
        return Input(self.txid, self.index, self.nonce, self.token)


class Wallet:
    """The tokens that may be spent, by right and investor."""

    def __init__(self, tokens: Iterable[WalletToken] = ()) -> None:
        self._tokens: defaultdict[tuple[str, str], dict[tuple[str, int], WalletToken]]
        self._tokens = defaultdict(dict)
        for token in tokens:
            self.add(token)

    def add(self, held: WalletToken) -> None:
        """Put a token in."""
        key = held.token.token_id, held.token.investor_id
        self._tokens[key][held.txid, held.index] = held

    def balance(self, right: str, investor: str) -> int:
        """Return what an investor holds of a right."""
        return sum(t.token.quantity for t in self._tokens[right, investor].values())

    def take(self, right: str, investor: str, quantity: int) -> list[WalletToken]:
        """Remove and return tokens worth at least `quantity`: small ones first, if few do.

        Raises:
            StateUnknown: the wallet does not hold as much.
        """
        held = self._tokens[right, investor]
        ascending = sorted(held.values(), key=lambda t: (t.token.quantity, t.txid, t.index))
        for candidates in (ascending[:MERGE], ascending[::-1][:MAX_INPUTS]):
            chosen = _cover(candidates, quantity)
            if chosen:
                for token in chosen:
                    del held[token.txid, token.index]
                return chosen
        raise StateUnknown(
            f"{investor} holds {self.balance(right, investor)} of {right}; {quantity} are needed"
        )

    def move(self, transaction: Transaction) -> None:
        """Put in what a transaction creates."""
        txid = transaction.txid.hex()
        for index, token in enumerate(transaction.outputs):
            self.add(WalletToken(txid, index, transaction.output_nonce(index).hex(), token))


def _cover(candidates: Sequence[WalletToken], quantity: int) -> list[WalletToken]:
    chosen: list[WalletToken] = []
    total = 0
    for token in candidates:
        chosen.append(token)
        total += token.token.quantity
        if total >= quantity:
            return chosen
    return []


class Instruction(msgspec.Struct, frozen=True):
    """What is to be done, in the fields of the dictionary's transfer."""

    trade_id: str
    beneficial_right_id: str
    from_investor_id: str
    to_investor_id: str
    quantity: int
    settlement_date: dt.date
    transfer_type: str
    cancels_trade_id: str
    registered_at: dt.datetime
    issuer_info: str = ""


class Signed(msgspec.Struct, frozen=True):
    """A transaction ready to be sent: `data` is the body of the request."""

    transaction: Transaction
    data: bytes

    @property
    def txid(self) -> str:
        """The TxID in hex."""
        return self.transaction.txid.hex()


class Composer:
    """Makes the transactions of one creator.

    Args:
        network: the network and the version of its parameters.
        contract: the contract version that judges.
        notary: the member id of the notary.
        creator: the member id of the creator.
        node: signs with the creator's node key.
        accounts: finds the signer of an investor's account key.
        now: the time window's middle; the clock by default.
    """

    def __init__(
        self,
        network: Network,
        contract: Contract,
        notary: str,
        creator: str,
        node: Signer,
        accounts: Callable[[str], Signer],
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._network = network
        self._contract = contract
        self._notary = NotaryName(notary)
        self._creator = creator
        self._node = node
        self._accounts = accounts
        self._now = now

    def execute(self, wallet: Wallet, instruction: Instruction) -> Signed:
        """Return the transaction of one instruction, and move `wallet` on.

        Issue, transfer, cancel and redeem differ only in their empty sides: what the giver gives
        is consumed, what the taker gets is created, and what is too much returns to the giver.

        Raises:
            StateUnknown: the wallet lacks the tokens.
        """
        taken, outputs = self._amounts(wallet, instruction)
        signed = self.sign(taken, outputs, [self._transfer(instruction)])
        wallet.move(signed.transaction)
        return signed

    def draft(
        self, wallet: Wallet, instruction: Instruction
    ) -> tuple[Transaction, tuple[TransactionSignature, ...]]:
        """Return the transaction of one instruction with its creator's signature alone.

        Raises:
            StateUnknown: the wallet lacks the tokens.
        """
        taken, outputs = self._amounts(wallet, instruction)
        transaction = self.compose(taken, outputs, [self._transfer(instruction)])
        return transaction, (self._sign_as_creator(transaction),)

    def _amounts(
        self, wallet: Wallet, instruction: Instruction
    ) -> tuple[list[WalletToken], list[Token]]:
        giver, taker = instruction.from_investor_id, instruction.to_investor_id
        right, quantity = instruction.beneficial_right_id, instruction.quantity
        taken = wallet.take(right, giver, quantity) if giver else []
        outputs = []
        if taker:
            info = taken[0].token.issuer_info if taken else instruction.issuer_info
            outputs.append(Token(right, taker, quantity, info))
        rest = sum(t.token.quantity for t in taken) - quantity
        if taken and rest:
            outputs.append(Token(right, giver, rest, taken[0].token.issuer_info))
        return taken, outputs

    def sign(
        self,
        inputs: Sequence[WalletToken],
        outputs: Sequence[Token],
        commands: Sequence[Transfer],
    ) -> Signed:
        """Return a transaction of any shape, signed by its creator and the owners of its inputs."""
        transaction = self.compose(inputs, outputs, commands)
        signatures = [self._sign_as_creator(transaction)]
        for owner in transaction.owners:
            signer = self._accounts(owner)
            signatures.append(sign_transaction("account", owner, transaction.txid, signer))
        return Signed(transaction, encode_submission(transaction, signatures))

    def compose(
        self,
        inputs: Sequence[WalletToken],
        outputs: Sequence[Token],
        commands: Sequence[Transfer],
    ) -> Transaction:
        """Return the unsigned transaction."""
        now = self._now().astimezone(dt.UTC)
        window = TimeWindow(now - WINDOW, now + WINDOW)
        consumed = tuple(token.as_input() for token in inputs)
        nullifiers = tuple(
            nullifier(c.canonical(i.token), bytes.fromhex(i.nonce)).hex() for i in consumed
        )
        parameters = (self._network, self._contract, self._notary, window)
        salt = secrets.token_hex(SALT_SIZE)
        return Transaction(
            1, salt, parameters, consumed, tuple(outputs), tuple(commands), nullifiers
        )

    def _sign_as_creator(self, transaction: Transaction) -> TransactionSignature:
        return sign_transaction("creator", self._creator, transaction.txid, self._node)

    def _transfer(self, instruction: Instruction) -> Transfer:
        return Transfer(
            trade_id=instruction.trade_id,
            transfer_creator_id=self._creator,
            beneficial_right_id=instruction.beneficial_right_id,
            from_investor_id=instruction.from_investor_id,
            to_investor_id=instruction.to_investor_id,
            quantity=instruction.quantity,
            settlement_date=instruction.settlement_date,
            transfer_type=instruction.transfer_type,
            cancels_trade_id=instruction.cancels_trade_id,
            registered_at=instruction.registered_at.astimezone(dt.UTC),
            registered_by=self._creator,
        )


def encode_submission(
    transaction: Transaction, signatures: Sequence[TransactionSignature]
) -> bytes:
    """Return the bytes that are sent: the transaction exactly as it is hashed."""
    body = msgspec.Raw(encode_transaction(transaction))
    return msgspec.json.encode(Submission(body, tuple(signatures)))
