"""One transaction, as a tear-off of what the viewer may see, with the proofs that come with it.

Which components are in view follows from the rules' effects on the parts of a transaction and
from the arms that admit it: a registrar sees the tokens of its rights, a custodian those of the
customers that it managed at the time. A command names both sides: it is in view only where the
rules say so; otherwise its fields come beside the tear-off, with pseudonyms.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from ledger import scopes, store
from ledger import views as v
from ledger.commitment import Attestations, log_commitment
from ledger.errors import LogResourceMissing, NotFound
from ledger.gateway import MAX_PAGE, Seen, Viewer
from ledger.log.proofs import prove_inclusion
from ledger.queries import Asked, Reader, transfer_view
from ledger.signatures import TransactionSignature
from ledger.tearoffs import tear_off
from ledger.transactions import (
    COMMANDS,
    INPUTS,
    NULLIFIERS,
    OUTPUTS,
    PARAMETERS,
    Transaction,
    decode_transaction,
)
from ledger.visible import View
from policies.actions import Action
from policies.errors import Denied
from policies.rules import Effect

HEX_TXID = 64
"""Characters of a TxID."""

_RIGHTS_OF = {
    "own_register": ("registrar",),
    "own_products": ("fundraiser", "asset_manager"),
}
_SIDES_OF = {"managed_customers": "custodian", "own_customers": "holder"}


class _Sight(msgspec.Struct):
    """Whose tokens are in view: all, those of some rights, those of some investors."""

    everything: bool = False
    rights: set[str] = set()
    investors: set[str] = set()

    def shows(self, right: str, investor: str) -> bool:
        return self.everything or right in self.rights or investor in self.investors


def read_transaction(reader: Reader, txid: str) -> v.TransactionView:
    """Return what the actor may see of the transaction with this TxID, in hex.

    Raises:
        NotFound: there is none, or none of it is the actor's to see.
    """
    viewer = reader.decide(Action.TRANSACTION_READ)
    rows = _rows(reader, viewer, scopes.TRANSACTIONS, "txid", txid)
    found = store.read_transaction(reader.session, bytes.fromhex(txid)) if rows else None
    if found is None:
        raise NotFound(f"there is no transaction {txid} that you may see")
    transaction = decode_transaction(found.body)
    clear = {n for row in rows for n, e in row.effects.items() if e is Effect.CLEAR}
    inputs, outputs = (_sight(viewer, rows, part) for part in ("inputs", "outputs"))
    show = dict(_places(transaction, rows, clear, inputs, outputs))
    index = found.log_index if "log_index" in clear else None
    signatures = _signatures(found, transaction, inputs) if "signatures" in clear else ()
    return v.TransactionView(
        viewer.decision.rule_set,
        tear_off(transaction, show),
        tuple(_transfers(reader, txid)),
        signatures,
        _attestations(found, rows) if "signatures" in clear else None,
        None if index is None else _inclusion(reader, transaction.txid, index),
        found.committed_at,
        tuple(
            v.SigningKey(*key)
            for key in store.signing_keys(reader.session, signatures, found.log_index)
        ),
    )


def _rows(reader: Reader, viewer: Viewer, view: View, name: str, txid: str) -> list[Seen]:
    rows: list[Seen] = []
    if len(txid) != HEX_TXID or not set(txid) <= set("0123456789abcdef"):
        return rows
    asked = Asked({name: bytes.fromhex(txid)}, limit=MAX_PAGE)
    while True:
        page = reader.rows(view, viewer, asked)
        rows += page.rows
        if page.next is None:
            return rows
        asked = msgspec.structs.replace(asked, cursor=page.next)


def _transfers(reader: Reader, txid: str) -> Iterator[v.TransferView]:
    try:
        viewer = reader.decide(Action.TRANSFER_READ)
    except Denied:
        return
    rows = _rows(reader, viewer, scopes.TRANSFERS, "transfer_txid", txid)
    yield from (transfer_view(seen) for seen in reversed(rows))


def _sight(viewer: Viewer, rows: Iterable[Seen], part: str) -> _Sight:
    """Return whose tokens are in view among the inputs or the outputs."""
    sight = _Sight()
    me = viewer.member_id
    for grant in viewer.decision.grants:
        if grant.fields.get(part) is not Effect.CLEAR:
            continue
        if grant.arm == "everything":
            sight.everything = True
        for row in rows:
            extra = row.extra
            if any(extra[role] == me for role in _RIGHTS_OF.get(grant.arm, ())):
                sight.rights.add(extra["beneficial_right_id"])
            for side in ("from", "to"):
                who = _SIDES_OF.get(grant.arm)
                if who and extra[f"{side}_{who}"] == me:
                    sight.investors.add(extra[f"{side}_investor_id"])
    return sight


def _places(
    transaction: Transaction,
    rows: Iterable[Seen],
    clear: set[str],
    inputs: _Sight,
    outputs: _Sight,
) -> Iterator[tuple[int, set[int]]]:
    """Yield the places to show of each group that is not covered as a whole."""
    if "parameters" in clear:
        yield PARAMETERS, set(range(len(transaction.parameters)))
    elif "contract" in clear:
        yield PARAMETERS, {1}
    given = [i.token for i in transaction.inputs]
    for group, sight, tokens in ((INPUTS, inputs, given), (OUTPUTS, outputs, transaction.outputs)):
        shown = {i for i, t in enumerate(tokens) if sight.shows(t.token_id, t.investor_id)}
        if shown:
            yield group, shown
    commands = {
        row.extra["command_index"] for row in rows if row.effects["commands"] is Effect.CLEAR
    }
    if commands:
        yield COMMANDS, commands
    if "nullifiers" in clear:
        yield NULLIFIERS, set(range(len(transaction.nullifiers)))


def _signatures(
    found: sa.Row[Any], transaction: Transaction, inputs: _Sight
) -> tuple[TransactionSignature, ...]:
    """Return the creator's signature and those of owners whose tokens are in view."""
    signatures = msgspec.json.decode(found.signatures, type=tuple[TransactionSignature, ...])
    tokens = [i.token for i in transaction.inputs]
    owners = {t.investor_id for t in tokens if inputs.shows(t.token_id, t.investor_id)}
    return tuple(s for s in signatures if s.role == "creator" or s.by in owners)


def _attestations(found: sa.Row[Any], rows: Iterable[Seen]) -> Attestations:
    """Return the notary's attestation, and those of the registrars of rights in view."""
    attestations = msgspec.json.decode(found.attestations, type=Attestations)
    names = {row.extra["registrar"] for row in rows}
    registrars = tuple(s for s in attestations.registrars if s.by in names)
    return msgspec.structs.replace(attestations, registrars=registrars)


def _inclusion(reader: Reader, txid: bytes, index: int) -> v.Inclusion:
    entry: Mapping[str, str] = msgspec.json.decode(log_commitment(txid).data)
    try:
        proof = prove_inclusion(reader.session, index)
    except LogResourceMissing:
        return v.Inclusion(index, entry["commitment"])
    return v.Inclusion(index, entry["commitment"], proof.hashes, proof.checkpoint.decode())
