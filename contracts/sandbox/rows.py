"""A transaction as the rows that go into the sandbox.

Reading a transaction's JSON with its field names, inside the sandbox, took more than half of a
small verification. So the host checks it against `contracts.shapes` and writes only the values, as
one JSON array without whitespace; lists of the same thing are flat, one field after another in
the order of `contracts.author`:

    [name, version, registered_at, [inputs…], [outputs…], [commands…],
     [signing investors…], [signing members…], session,
     [right id and its facts…], [cancelled trade ids…], [cancelled trades…]]

What `verify` gets is the same object as `contracts.author.Transaction.from_json` makes of the JSON.
"""

from collections.abc import Iterable
from itertools import chain

import msgspec
from msgspec.structs import astuple

from contracts.shapes import Shape, TransactionShape

_decoder = msgspec.json.Decoder(TransactionShape)
_encoder = msgspec.json.Encoder()


def rows(transaction: bytes) -> bytes:
    """Return the rows of a transaction in JSON.

    Raises:
        msgspec.DecodeError: it is no transaction; the message says where it is not.
    """
    tx = _decoder.decode(transaction)
    facts = tx.facts
    parts = (
        tx.contract.name,
        tx.contract.version,
        tx.registered_at,
        _flat(tx.inputs),
        _flat(tx.outputs),
        _flat(tx.commands),
        tx.signers.investors,
        tx.signers.members,
        facts.session,
        [field for key, right in facts.rights.items() for field in (key, *astuple(right))],
        list(facts.cancelled),
        _flat(facts.cancelled.values()),
    )
    return _encoder.encode(parts)


def _flat(things: Iterable[Shape]) -> list[object]:
    return list(chain.from_iterable(map(astuple, things)))
