"""A tear-off: some components of a transaction with their nonces, and hashes for the rest.

Whoever holds one recomputes the TxID and checks every signature over it, and learns nothing else:
a hidden component stands behind a nonce of 32 bytes, a group hidden as a whole behind one hash
that keeps even its size. What crosses to another company is always a tear-off, never the salt.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from ledger import components as c
from ledger.components import Input, Parameter, Token, Transfer
from ledger.errors import TearOffInvalid
from ledger.transactions import (
    COMMANDS,
    GROUPS,
    INPUTS,
    MAX_COMPONENTS,
    NULLIFIERS,
    OUTPUTS,
    PARAMETERS,
    WINDOW_COMPONENT,
    Transaction,
    group_hash,
    leaf_hash,
    transaction_id,
)
from policies.errors import Fault

Read = TypeVar("Read", bound=msgspec.Struct)


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="shown", gc=False):
    """A component in view: its canonical JSON as text, or a nullifier's hex, and its nonce."""

    component: str
    nonce: c.Hex32


class Hidden(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="hidden", gc=False):
    """A component out of view: its leaf."""

    leaf: c.Hex32


class Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="listed", gc=False):
    """A group with its places in view, each shown or hidden."""

    places: Annotated[tuple[Shown | Hidden, ...], Meta(max_length=MAX_COMPONENTS)]


class Covered(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="covered", gc=False):
    """A group out of view as a whole: its hash; even its size stays hidden."""

    hash: c.Hex32


class TearOff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A transaction of which some is torn off.

    Args:
        txid: what it claims to belong to.
        groups: the five groups of a transaction, in order.
    """

    txid: c.Hex32
    groups: tuple[
        Listed | Covered, Listed | Covered, Listed | Covered, Listed | Covered, Listed | Covered
    ]


class Contents(msgspec.Struct, frozen=True, gc=False):
    """What a verified tear-off shows, by place in its group."""

    parameters: Mapping[int, Parameter]
    inputs: Mapping[int, Input]
    outputs: Mapping[int, Token]
    commands: Mapping[int, Transfer]
    nullifiers: Mapping[int, bytes]


def tear_off(transaction: Transaction, show: Mapping[int, Collection[int]]) -> TearOff:
    """Return a tear-off that shows the places `show[group]` of each group, and no other.

    A group that `show` does not name is covered as a whole.
    """
    groups: list[Listed | Covered] = []
    for number, leaves in enumerate(transaction.leaves):
        if number not in show:
            groups.append(Covered(transaction.group_hashes[number].hex()))
            continue
        places = tuple(
            Shown(_text(number, data), transaction.nonces[number][i].hex())
            if i in show[number]
            else Hidden(leaves[i].hex())
            for i, data in enumerate(transaction.groups[number])
        )
        groups.append(Listed(places))
    return TearOff(transaction.txid.hex(), tuple(groups))  # type: ignore[arg-type] # five


def notary_view(transaction: Transaction) -> TearOff:
    """Return what the notary is handed: the time window and the nullifiers."""
    every = range(len(transaction.nullifiers))
    return tear_off(transaction, {PARAMETERS: {WINDOW_COMPONENT}, NULLIFIERS: every})


def full_view(transaction: Transaction) -> TearOff:
    """Return the tear-off that shows every component."""
    return tear_off(transaction, {n: range(len(g)) for n, g in enumerate(transaction.groups)})


def open_tear_off(view: TearOff) -> Contents:
    """Return what a tear-off shows, once it is proved to belong to its TxID.

    Raises:
        TearOffInvalid: another TxID comes out, or a component is not canonical.
    """
    hashes = [_group(number, group) for number, group in enumerate(view.groups)]
    if transaction_id(hashes).hex() != view.txid:
        raise TearOffInvalid("the components and hashes do not give the TxID")
    shown = [_shown(group) for group in view.groups]
    return Contents(
        _read(PARAMETERS, shown, _PARAMETER),
        _read(INPUTS, shown, _INPUT),
        _read(OUTPUTS, shown, _TOKEN),
        _read(COMMANDS, shown, _TRANSFER),
        {i: bytes.fromhex(text) for i, text in shown[NULLIFIERS].items()},
    )


_PARAMETER: msgspec.json.Decoder[Parameter] = msgspec.json.Decoder(Parameter)
_INPUT = msgspec.json.Decoder(Input)
_TOKEN = msgspec.json.Decoder(Token)
_TRANSFER = msgspec.json.Decoder(Transfer)


def _group(number: int, group: Listed | Covered) -> bytes:
    match group:
        case Covered(digest):
            return bytes.fromhex(digest)
        case Listed(places):
            return group_hash(number, [_leaf(number, i, p) for i, p in enumerate(places)])


def _leaf(number: int, index: int, place: Shown | Hidden) -> bytes:
    match place:
        case Hidden(leaf):
            return bytes.fromhex(leaf)
        case Shown(component, nonce):
            data = _bytes(number, index, component)
            return leaf_hash(number, index, bytes.fromhex(nonce), data)


def _shown(group: Listed | Covered) -> dict[int, str]:
    match group:
        case Covered():
            return {}
        case Listed(places):
            return {i: p.component for i, p in enumerate(places) if isinstance(p, Shown)}


def _text(group: int, data: bytes) -> str:
    return data.hex() if group == NULLIFIERS else data.decode()


def _bytes(group: int, index: int, text: str) -> bytes:
    if group != NULLIFIERS:
        return text.encode()
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if data.hex() != text or not data:
        raise TearOffInvalid(f"nullifiers[{index}] is not lower-case hex")
    return data


def _read(
    group: int, shown: Sequence[Mapping[int, str]], decoder: msgspec.json.Decoder[Read]
) -> dict[int, Read]:
    values = {}
    for i, text in shown[group].items():
        place = f"{GROUPS[group]}[{i}]"
        try:
            value = decoder.decode(text)
        except msgspec.MsgspecError as error:
            fault = Fault(place, str(error))
            raise TearOffInvalid(f"{place} is malformed: {error}", (fault,)) from error
        if c.canonical(value) != text.encode():
            raise TearOffInvalid(f"{place} is not in canonical form")
        values[i] = value
    return values
