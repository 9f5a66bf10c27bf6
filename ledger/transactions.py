"""The transaction, format v1: a list of components that hides by construction.

Five groups of components: parameters, inputs, outputs, commands, nullifiers. Each component has a
leaf that hides it behind a nonce of its own; the leaves of a group make a Merkle tree (RFC 6962's
shape); the TxID is a hash over the five groups, sizes included. `docs/specification/
transactions.md` says it byte by byte, with test vectors.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ledger import components as c
from ledger.components import Contract, Input, Network, NotaryName, TimeWindow, Token, Transfer
from ledger.errors import TransactionMalformed
from ledger.hashing import HASH_SIZE, length, prefix, tagged_hash
from policies.errors import Fault

MAX_TRANSACTION = 1 << 19
"""Bytes of the largest transaction that is looked at: 512 KiB."""

MAX_COMPONENTS = 1_024
"""Components in one group: a contract judges a transaction as a whole, in bounded memory."""

GROUPS = ("parameters", "inputs", "outputs", "commands", "nullifiers")
"""The groups; a group's number is its place here."""

PARAMETERS, INPUTS, OUTPUTS, COMMANDS, NULLIFIERS = range(5)
WINDOW_COMPONENT = 3
"""The place of the time window among the parameters."""

SALT_SIZE = 32

_EMPTY = tagged_hash("component/empty")
_NUMBERS = [n.to_bytes(4, "big") for n in range(MAX_COMPONENTS + 1)]
_HASH = length(HASH_SIZE)
_NUMBER = length(4)
_IN_GROUP = [_NUMBER + _NUMBERS[group] + _NUMBER for group in range(len(GROUPS))]
_NONCE = prefix("component/nonce") + _HASH
_LEAF = [prefix("component/leaf") + part for part in _IN_GROUP]
_GROUP = [prefix("component/group") + part for part in _IN_GROUP]
_NODE = prefix("component/node") + _HASH
_TRANSACTION = prefix("transaction")


class Transaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A transaction with everything in it, the salt included: only its parties have this.

    Args:
        version: of the format.
        salt: 32 random bytes in hex, from which every component's nonce is derived.
        parameters: network, contract, notary and time window, in this order.
        inputs: the tokens consumed.
        outputs: the tokens created.
        commands: the transfers.
        nullifiers: one for each input, in the same order.
    """

    version: Literal[1]
    salt: c.Hex32
    parameters: tuple[Network, Contract, NotaryName, TimeWindow]
    inputs: tuple[Input, ...]
    outputs: tuple[Token, ...]
    commands: Annotated[tuple[Transfer, ...], Meta(min_length=1)]
    nullifiers: tuple[c.Hex32, ...]

    @property
    def network(self) -> Network:
        """The network and its parameters' version."""
        return self.parameters[0]

    @property
    def contract(self) -> Contract:
        """The contract version that judges."""
        return self.parameters[1]

    @property
    def notary(self) -> str:
        """The member id of the notary."""
        return self.parameters[2].notary

    @property
    def window(self) -> TimeWindow:
        """When it may be committed."""
        return self.parameters[3]

    @property
    def creator(self) -> str:
        """The member id of the creator: the same in every command."""
        return self.commands[0].transfer_creator_id

    @cached_property
    def rights(self) -> tuple[str, ...]:
        """The beneficial rights that tokens or commands name, sorted."""
        tokens = {t.token_id for t in self.outputs} | {i.token.token_id for i in self.inputs}
        return tuple(sorted(tokens | {t.beneficial_right_id for t in self.commands}))

    @cached_property
    def owners(self) -> tuple[str, ...]:
        """The investors whose tokens are consumed, sorted."""
        return tuple(sorted({i.token.investor_id for i in self.inputs}))

    @cached_property
    def groups(self) -> tuple[tuple[bytes, ...], ...]:
        """The canonical bytes of every component, by group."""
        lists: tuple[Sequence[msgspec.Struct], ...] = (
            self.parameters,
            self.inputs,
            self.outputs,
            self.commands,
        )
        encoded = [tuple(map(c.canonical, group)) for group in lists]
        return (*encoded, tuple(bytes.fromhex(n) for n in self.nullifiers))

    @cached_property
    def nonces(self) -> tuple[tuple[bytes, ...], ...]:
        """The nonce of every component, by group."""
        salt = bytes.fromhex(self.salt)
        return tuple(
            tuple([component_nonce(salt, number, i) for i in range(len(group))])
            for number, group in enumerate(self.groups)
        )

    @cached_property
    def leaves(self) -> tuple[tuple[bytes, ...], ...]:
        """The leaf of every component, by group."""
        return tuple(
            tuple([leaf_hash(n, i, nonces[i], data) for i, data in enumerate(group)])
            for n, (group, nonces) in enumerate(zip(self.groups, self.nonces, strict=True))
        )

    @cached_property
    def txid(self) -> bytes:
        """The 32 bytes that name the transaction."""
        return transaction_id(self.group_hashes)

    @cached_property
    def group_hashes(self) -> tuple[bytes, ...]:
        """The hash of each group."""
        return tuple(group_hash(n, leaves) for n, leaves in enumerate(self.leaves))

    def output_nonce(self, index: int) -> bytes:
        """Return the nonce of an output: whoever spends it must know it."""
        return self.nonces[OUTPUTS][index]


def component_nonce(salt: bytes, group: int, index: int) -> bytes:
    """Return the nonce of one component: `component/nonce` over salt, group and place."""
    return sha256(_NONCE + salt + _IN_GROUP[group] + _NUMBERS[index]).digest()


def leaf_hash(group: int, index: int, nonce: bytes, data: bytes) -> bytes:
    """Return the leaf that hides a component: `component/leaf` over group, place, nonce, bytes."""
    start = _LEAF[group] + _NUMBERS[index]
    return sha256(start + _HASH + nonce + length(len(data)) + data).digest()


def group_hash(group: int, leaves: Sequence[bytes]) -> bytes:
    """Return the hash of a group: `component/group` over its number, its size and its root."""
    return sha256(_GROUP[group] + _NUMBERS[len(leaves)] + _HASH + _root(leaves)).digest()


def transaction_id(groups: Sequence[bytes]) -> bytes:
    """Return the TxID: `transaction` over the five group hashes, in order."""
    return sha256(_TRANSACTION + b"".join([_HASH + group for group in groups])).digest()


def nullifier(token: bytes, nonce: bytes) -> bytes:
    """Return the nullifier of a token: a hash of its canonical bytes and its leaf's nonce.

    Only who sees the token with its nonce can compute it; nobody can link it to the token's leaf.
    """
    return tagged_hash("nullifier", token, nonce)


def _root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return _EMPTY
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(_NODE + _root(leaves[:split]) + _HASH + _root(leaves[split:])).digest()


def encode_transaction(transaction: Transaction) -> bytes:
    """Return the canonical bytes of a transaction."""
    return c.canonical(transaction)


_DECODER = msgspec.json.Decoder(Transaction)


def decode_transaction(data: bytes) -> Transaction:
    """Return the transaction in `data`.

    Raises:
        TransactionMalformed: not canonical, not of the format, or against its rules; every
            fault is reported.
    """
    if len(data) > MAX_TRANSACTION:
        raise TransactionMalformed(
            f"the transaction has {len(data)} bytes; at most {MAX_TRANSACTION}"
        )
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise TransactionMalformed(
            f"the transaction is not UTF-8: {error}", (Fault("transaction", str(error)),)
        ) from error
    try:
        transaction = _DECODER.decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        read = list(_type_faults(data)) or [Fault("transaction", str(error))]
        raise TransactionMalformed(_summary(read), tuple(read)) from error
    faults = list(form_faults(transaction))
    if not faults and encode_transaction(transaction) != data:
        faults.append(Fault("transaction", "not the canonical bytes of what they say"))
    if faults:
        raise TransactionMalformed(_summary(faults), tuple(faults))
    return transaction


def form_faults(transaction: Transaction) -> Iterator[Fault]:
    """Yield what is wrong with a transaction, judged by itself alone."""
    yield from _size_faults(transaction)
    window = transaction.window
    yield from _time_faults("parameters[3].from_time", window.from_time)
    yield from _time_faults("parameters[3].until_time", window.until_time)
    if (
        _aware(window.from_time)
        and _aware(window.until_time)
        and (window.from_time >= window.until_time)
    ):
        yield Fault("parameters[3]", "from_time must be before until_time")
    yield from _input_faults(transaction)
    for i, transfer in enumerate(transaction.commands):
        yield from _transfer_faults(f"commands[{i}]", transfer)
    trades = [transfer.trade_id for transfer in transaction.commands]
    if len(set(trades)) != len(trades):
        yield Fault("commands", "a trade id occurs twice")
    if len({transfer.transfer_creator_id for transfer in transaction.commands}) > 1:
        yield Fault("commands", "all commands must have the same transfer_creator_id")


def _aware(moment: dt.datetime) -> bool:
    return moment.tzinfo is not None


def _size_faults(transaction: Transaction) -> Iterator[Fault]:
    for name in GROUPS[1:]:
        size = len(getattr(transaction, name))
        if size > MAX_COMPONENTS:
            yield Fault(name, f"{size} components; at most {MAX_COMPONENTS}")
    if not transaction.inputs and not transaction.outputs:
        yield Fault("outputs", "a transaction consumes or creates at least one token")


def _time_faults(where: str, moment: dt.datetime) -> Iterator[Fault]:
    if moment.utcoffset() != dt.timedelta(0):
        yield Fault(where, "the time must be UTC, written with Z")


def _input_faults(transaction: Transaction) -> Iterator[Fault]:
    inputs = transaction.inputs
    if len(inputs) != len(transaction.nullifiers):
        yield Fault(
            "nullifiers", f"{len(transaction.nullifiers)} nullifiers for {len(inputs)} inputs"
        )
        return
    for i, (state, given) in enumerate(zip(inputs, transaction.nullifiers, strict=True)):
        expected = nullifier(c.canonical(state.token), bytes.fromhex(state.nonce)).hex()
        if given != expected:
            yield Fault(f"nullifiers[{i}]", "not the nullifier of the input in the same place")
    if len({(s.txid, s.index) for s in inputs}) != len(inputs):
        yield Fault("inputs", "a token is consumed twice")


def _transfer_faults(where: str, transfer: Transfer) -> Iterator[Fault]:
    yield from _time_faults(f"{where}.registered_at", transfer.registered_at)
    kind, source, target = (
        transfer.transfer_type,
        transfer.from_investor_id,
        transfer.to_investor_id,
    )
    if (kind == c.ISSUE) != (source == "") and kind in (c.ISSUE, c.TRANSFER, c.REDEEM):
        yield Fault(f"{where}.from_investor_id", f"must be empty for an issue only, not {kind}")
    if (kind == c.REDEEM) != (target == "") and kind in (c.ISSUE, c.TRANSFER, c.REDEEM):
        yield Fault(f"{where}.to_investor_id", f"must be empty for a redemption only, not {kind}")
    if (kind == c.CANCEL) != (transfer.cancels_trade_id != ""):
        yield Fault(f"{where}.cancels_trade_id", "must be given for a cancellation only")
    if source == target:
        yield Fault(f"{where}.to_investor_id", "must differ from from_investor_id")
    if transfer.transfer_creator_id != transfer.registered_by:
        yield Fault(f"{where}.registered_by", "must be the member that creates the transfer")


def _summary(faults: Sequence[Fault]) -> str:
    return f"the transaction has {len(faults)} fault(s); the first: {faults[0]}"


_GROUP_TYPES: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "parameters": (Network, Contract, NotaryName, TimeWindow),
    "inputs": (Input,),
    "outputs": (Token,),
    "commands": (Transfer,),
}


def _type_faults(data: bytes) -> Iterator[Fault]:
    """Yield a fault for every field that cannot be read: decoding by type stops at the first."""
    try:
        fields = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        yield Fault("transaction", str(error))
        return
    yield from _field_faults("", fields, Transaction, skip=set(_GROUP_TYPES))
    for group, kinds in _GROUP_TYPES.items():
        if group not in fields:
            continue
        try:
            parts = msgspec.json.decode(fields[group], type=list[dict[str, msgspec.Raw]])
        except msgspec.MsgspecError as error:
            yield Fault(group, str(error))
            continue
        if group == "parameters" and len(parts) != len(kinds):
            yield Fault(group, f"{len(parts)} components; expected {len(kinds)}")
            continue
        for i, part in enumerate(parts):
            kind = kinds[i] if len(kinds) > 1 else kinds[0]
            yield from _field_faults(f"{group}[{i}].", part, kind)


def _field_faults(
    where: str,
    fields: dict[str, msgspec.Raw],
    kind: type[msgspec.Struct],
    skip: set[str] | None = None,
) -> Iterator[Fault]:
    known = {f.encode_name: f for f in msgspec.structs.fields(kind)}
    tag_field = kind.__struct_config__.tag_field
    for name in fields.keys() - known.keys() - {tag_field}:
        yield Fault(where + name, "an unknown field")
    tag = msgspec.json.encode(kind.__struct_config__.tag)
    if tag_field and bytes(fields.get(tag_field, b"")) != tag:
        yield Fault(where + tag_field, f"must be {kind.__struct_config__.tag!r}")
    for name, field in known.items():
        if name not in fields:
            if field.required:
                yield Fault(where + name, "missing")
            continue
        if name in (skip or ()):
            continue
        try:
            msgspec.json.decode(fields[name], type=field.type)
        except msgspec.MsgspecError as error:
            yield Fault(where + name, str(error))


def contract_view(transaction: Transaction, signers: Sequence[str], facts: msgspec.Raw) -> str:
    """Return the JSON that the contract judges: no salt, no nonces, no places of inputs.

    Args:
        transaction: what is judged.
        signers: the investors whose account keys have signed.
        facts: JSON of what the ledger knows about the rights and trades concerned.
    """
    view = {
        "contract": {"name": transaction.contract.name, "version": transaction.contract.version},
        "registered_at": max(t.registered_at for t in transaction.commands),
        "inputs": [i.token for i in transaction.inputs],
        "outputs": transaction.outputs,
        "commands": transaction.commands,
        "signers": {"investors": sorted(signers), "members": [transaction.creator]},
        "facts": facts,
    }
    return msgspec.json.encode(view).decode()
