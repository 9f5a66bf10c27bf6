"""The state of the ledger as far as one batch is concerned, and what each transaction needs of it.

Pure: loaded by `ledger.store`, checked and moved forward here, written back by `ledger.store`.
Transactions of one batch see what earlier ones of the batch did.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import msgspec

from ledger import components as c
from ledger import errors as e
from ledger.components import Token, Transfer
from ledger.notary import Asked
from ledger.transactions import OUTPUTS, Transaction

REGISTER_ARM, CUSTOMER_ARM, ANY_ARM = "own_register", "managed_customers", "everything"
"""The arms of `transaction:submit`: for rights that the creator registers, for its customers."""

OPEN = "open"


class Right(msgspec.Struct, frozen=True):
    """A beneficial right as it stands; quantities in its units."""

    registrar: str
    fundraiser: str
    asset_manager: str
    contract: str
    transfer_allowed: bool
    established: int
    issued: int
    outstanding: int
    redemption_date: dt.date | None
    changes: int
    effective_at: dt.datetime | None
    snapshot_change: int
    snapshot_holders: int


class Custody(msgspec.Struct, frozen=True, gc=False):
    """Who manages an investor now: the custodian and the custody holder."""

    custodian: str
    holder: str


class Unspent(msgspec.Struct, frozen=True, gc=False):
    """A token that may be spent; `row` is its place in the table."""

    row: int
    component: bytes
    nonce: bytes


class Trade(msgspec.Struct, frozen=True, gc=False):
    """A transfer on the ledger that a cancellation may name."""

    row: int
    transfer: Transfer


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A transaction whose form and signatures hold.

    Args:
        transaction: itself.
        body: its canonical bytes.
        signatures: JSON of the creator's and the owners' signatures.
        account_keys: the key id by which each owner of an input signed.
        arms: in which arms the rules let the creator submit.
        asked: what it asks of the notary, opened by the notary.
    """

    transaction: Transaction
    body: bytes
    signatures: bytes
    account_keys: Mapping[str, str]
    arms: frozenset[str]
    asked: Asked


class Change(msgspec.Struct, frozen=True, gc=False):
    """One change of one holding, numbered within its right."""

    right: str
    registrar: str
    number: int
    investor: str
    delta: int
    quantity: int
    effective_at: dt.datetime
    registered_at: dt.datetime


class Effects(msgspec.Struct, frozen=True, gc=False):
    """What committing a transaction does, ready to be written.

    Args:
        created: the place and token of each output, its row first.
        spent: rows of the tokens consumed.
        transfers: each command with its row and the row that it cancels.
        changes: of holdings.
    """

    created: tuple[tuple[int, int, Token], ...]
    spent: tuple[int, ...]
    transfers: tuple[tuple[int, int | None, Transfer], ...]
    changes: tuple[Change, ...]


class Working(msgspec.Struct):
    """Everything that the transactions of a batch touch, at one moment."""

    session: str
    next_row: int
    rights: dict[str, Right]
    custody: dict[str, Custody]
    keys: dict[str, str]
    unspent: dict[tuple[bytes, int], Unspent]
    spent: set[bytes]
    trades: set[tuple[str, str]]
    originals: dict[str, tuple[Trade, ...]]
    cancelled: set[int]
    holdings: dict[tuple[str, str], int]

    def copy(self) -> "Working":
        """Return a state that moves on without touching this one."""
        return msgspec.structs.replace(
            self,
            rights=self.rights.copy(),
            unspent=self.unspent.copy(),
            spent=self.spent.copy(),
            trades=self.trades.copy(),
            originals=self.originals.copy(),
            cancelled=self.cancelled.copy(),
            holdings=self.holdings.copy(),
        )

    def check(self, candidate: Candidate) -> None:
        """Return if the ledger, before the contract, has nothing against the transaction.

        Raises:
            LedgerError: the class says what stands against it.
        """
        transaction = candidate.transaction
        self._check_rights(transaction)
        for investor in investors_of(transaction):
            if investor not in self.custody:
                raise e.InvestorUnknown(f"{investor} has no custodian on this ledger")
        self._check_owners(candidate)
        for transfer in transaction.commands:
            self._check_creator(transfer, candidate.arms)
            if (transfer.transfer_creator_id, transfer.trade_id) in self.trades:
                raise e.TradeRepeated(f"trade id {transfer.trade_id} was used before")
        self._check_inputs(transaction)
        self._check_quantities(transaction)
        self._find_cancelled(transaction)

    def _check_rights(self, transaction: Transaction) -> None:
        for right_id in transaction.rights:
            right = self.rights.get(right_id)
            if right is None:
                raise e.RightUnknown(f"no beneficial right {right_id} is registered")
            if right.contract != transaction.contract.name:
                raise e.ContractUnknown(f"{right_id} is bound to the contract {right.contract}")
        if self.session != OPEN:
            raise e.SessionClosed("the market session is closed")
        blocked = [r for r in transaction.rights if not self.rights[r].transfer_allowed]
        if blocked:
            raise e.RightBlocked(f"transfers of {', '.join(blocked)} are not allowed now")

    def _check_owners(self, candidate: Candidate) -> None:
        for owner in candidate.transaction.owners:
            key = self.keys.get(owner)
            if key is None or candidate.account_keys.get(owner) != key:
                raise e.AccountKeyWrong(f"no signature by the account key of {owner}")

    def _check_creator(self, transfer: Transfer, arms: frozenset[str]) -> None:
        creator = transfer.transfer_creator_id
        right = self.rights[transfer.beneficial_right_id]
        if right.registrar == creator and arms & {REGISTER_ARM, ANY_ARM}:
            return
        between = transfer.from_investor_id and transfer.to_investor_id
        if between and arms & {CUSTOMER_ARM, ANY_ARM}:
            custody = self.custody[transfer.from_investor_id]
            if custody.custodian == creator:
                return
        raise e.CreatorUnrelated(f"{creator} may not create the transfer {transfer.trade_id}")

    def _check_inputs(self, transaction: Transaction) -> None:
        for given, nullifier in zip(transaction.inputs, transaction.nullifiers, strict=True):
            if bytes.fromhex(nullifier) in self.spent:
                raise e.StateSpent(f"token {given.txid}:{given.index} was consumed before")
            token = self.unspent.get((bytes.fromhex(given.txid), given.index))
            if token is None:
                raise e.StateUnknown(f"no token {given.txid}:{given.index} can be spent")
            same = token.component == c.canonical(given.token)
            if not same or token.nonce.hex() != given.nonce:
                raise _altered(token, given, transaction.owners)

    def _check_quantities(self, transaction: Transaction) -> None:
        for right_id in transaction.rights:
            created = sum(t.quantity for t in transaction.outputs if t.token_id == right_id)
            if self.rights[right_id].outstanding + created > c.MAX_QUANTITY:
                raise e.QuantityTooLarge(f"{right_id} would exceed {c.MAX_QUANTITY} units")

    def _find_cancelled(self, transaction: Transaction) -> dict[str, Trade]:
        found = {}
        for cancel in transaction.commands:
            if cancel.transfer_type != c.CANCEL:
                continue
            matches = [
                trade
                for trade in self.originals.get(cancel.cancels_trade_id, ())
                if trade.row not in self.cancelled and _reverses(cancel, trade.transfer)
            ]
            name = cancel.cancels_trade_id
            if not matches or name in found:
                raise e.TradeNotCancellable(f"no trade {name} is reversed exactly by this")
            found[name] = matches[0]
        return found

    def facts(self, transaction: Transaction) -> bytes:
        """Return the JSON of what the contract is told besides the transaction itself."""
        rights = {
            right_id: {
                "registrar": right.registrar,
                "transfer_allowed": right.transfer_allowed,
                "established_quantity": right.established,
                "issued_quantity": right.issued,
                "redemption_date": right.redemption_date or "",
            }
            for right_id in transaction.rights
            for right in (self.rights[right_id],)
        }
        cancelled = {n: t.transfer for n, t in self._find_cancelled(transaction).items()}
        facts = {"session": self.session, "rights": rights, "cancelled": cancelled}
        return msgspec.json.encode(facts)

    def apply(self, transaction: Transaction) -> Effects:
        """Move the state forward by a transaction that was checked; return what to write."""
        cancelled = self._find_cancelled(transaction)
        spent = tuple(
            self.unspent.pop((bytes.fromhex(i.txid), i.index)).row for i in transaction.inputs
        )
        self.spent.update(map(bytes.fromhex, transaction.nullifiers))
        created = tuple(self._create(transaction, i) for i in range(len(transaction.outputs)))
        transfers = tuple(self._transfer(t, cancelled) for t in transaction.commands)
        return Effects(created, spent, transfers, tuple(self._changes(transaction)))

    def _row(self) -> int:
        self.next_row += 1
        return self.next_row - 1

    def _create(self, transaction: Transaction, index: int) -> tuple[int, int, Token]:
        token, row = transaction.outputs[index], self._row()
        component, nonce = transaction.groups[OUTPUTS][index], transaction.nonces[OUTPUTS][index]
        self.unspent[transaction.txid, index] = Unspent(row, component, nonce)
        return row, index, token

    def _transfer(
        self, transfer: Transfer, cancelled: Mapping[str, Trade]
    ) -> tuple[int, int | None, Transfer]:
        row = self._row()
        self.trades.add((transfer.transfer_creator_id, transfer.trade_id))
        known = self.originals.get(transfer.trade_id, ())
        self.originals[transfer.trade_id] = (*known, Trade(row, transfer))
        original = cancelled.get(transfer.cancels_trade_id)
        issued = transfer.quantity if transfer.transfer_type == c.ISSUE else 0
        if original is not None:
            self.cancelled.add(original.row)
            if original.transfer.transfer_type == c.ISSUE:
                issued = -transfer.quantity
        right = self.rights[transfer.beneficial_right_id]
        self.rights[transfer.beneficial_right_id] = msgspec.structs.replace(
            right, issued=right.issued + issued
        )
        return row, original.row if original else None, transfer

    def _changes(self, transaction: Transaction) -> Iterator[Change]:
        net: defaultdict[tuple[str, str], int] = defaultdict(int)
        for given in transaction.inputs:
            net[given.token.token_id, given.token.investor_id] -= given.token.quantity
        for token in transaction.outputs:
            net[token.token_id, token.investor_id] += token.quantity
        last = max(t.registered_at for t in transaction.commands)
        own: dict[tuple[str, str], dt.datetime] = {}
        for command in transaction.commands:
            for investor in (command.from_investor_id, command.to_investor_id):
                place = command.beneficial_right_id, investor
                own[place] = max(command.registered_at, own.get(place, command.registered_at))
        for place, delta in sorted(net.items()):
            if delta:
                yield self._change(place, delta, last, own.get(place, last))

    def _change(
        self, place: tuple[str, str], delta: int, last: dt.datetime, own: dt.datetime
    ) -> Change:
        right_id, investor = place
        right = self.rights[right_id]
        effective = max(last, right.effective_at or last)
        quantity = self.holdings.get((right_id, investor), 0) + delta
        self.holdings[right_id, investor] = quantity
        self.rights[right_id] = msgspec.structs.replace(
            right,
            changes=right.changes + 1,
            effective_at=effective,
            outstanding=right.outstanding + delta,
        )
        return Change(
            right_id, right.registrar, right.changes + 1, investor, delta, quantity, effective, own
        )


def _altered(token: Unspent, given: c.Input, owners: Collection[str]) -> e.LedgerError:
    """Return why an input that differs from its token is refused.

    Only the token's owner learns that it is there: to others a token that they describe wrongly
    would tell whether it was spent.
    """
    if msgspec.json.decode(token.component, type=Token).investor_id in owners:
        return e.StateAltered(f"token {given.txid}:{given.index} is not what the input says")
    return e.StateUnknown(f"no token {given.txid}:{given.index} can be spent")


def _reverses(cancel: Transfer, original: Transfer) -> bool:
    return (
        original.transfer_type != c.CANCEL
        and original.beneficial_right_id == cancel.beneficial_right_id
        and original.from_investor_id == cancel.to_investor_id
        and original.to_investor_id == cancel.from_investor_id
        and original.quantity == cancel.quantity
    )


def investors_of(transaction: Transaction) -> list[str]:
    """Return every investor that a token or a transfer of the transaction names, sorted."""
    tokens = [*transaction.outputs, *(i.token for i in transaction.inputs)]
    named = {token.investor_id for token in tokens}
    for transfer in transaction.commands:
        named |= {transfer.from_investor_id, transfer.to_investor_id}
    return sorted(named - {""})
