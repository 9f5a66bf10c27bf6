# ruff: noqa: INP001 - a script beside what it makes, not a package
"""Write the test vectors of `docs/specification/transactions.md`: run from the repository's root.

    python docs/specification/vectors/transactions/generate.py

Everything is derived from fixed values, so that the files come out the same each time.
"""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import msgspec

from ledger import components as c
from ledger.components import Contract, Input, Network, NotaryName, TimeWindow, Token, Transfer
from ledger.hashing import tagged_hash
from ledger.signatures import signed_bytes
from ledger.tearoffs import notary_view, tear_off
from ledger.transactions import GROUPS, Transaction, encode_transaction, group_hash, nullifier

HERE = Path(__file__).parent
AT = dt.datetime(2025, 4, 1, 0, 0, 1, tzinfo=dt.UTC)
PARAMETERS = (
    Network("example", 1),
    Contract("beneficial_right", "1.0.0", "sha256:" + "0a" * 32),
    NotaryName("platform"),
    TimeWindow(AT, AT + dt.timedelta(hours=1)),
)


def transfer(trade: str, source: str, target: str, quantity: int, kind: str) -> Transfer:
    """Return a transfer of the example right."""
    return Transfer(
        trade, "trust-a", "BR001", source, target, quantity, dt.date(2025, 4, 3), kind, "", AT,
        "trust-a",
    )  # fmt: skip


def issue() -> Transaction:
    """Return an issue of two tokens, one with terms and a character beyond ASCII."""
    outputs = (
        Token("BR001", "INV000001", 100, "湾岸オフィスビル", {"series": "A", "coupon": 5}),
        Token("BR001", "INV000002", 2**63 - 1, ""),
    )
    commands = (
        transfer("TRD00000001", "", "INV000001", 100, c.ISSUE),
        transfer("TRD00000002", "", "INV000002", 2**63 - 1, c.ISSUE),
    )
    return Transaction(1, "11" * 32, PARAMETERS, (), outputs, commands, ())


def payment(source: Transaction) -> Transaction:
    """Return a transfer of part of the first token, with change."""
    token, nonce = source.outputs[0], source.output_nonce(0)
    consumed = Input(source.txid.hex(), 0, nonce.hex(), token)
    outputs = (
        msgspec.structs.replace(token, investor_id="INV000003", quantity=30),
        msgspec.structs.replace(token, quantity=70),
    )
    commands = (transfer("TRD00000003", "INV000001", "INV000003", 30, c.TRANSFER),)
    spent = nullifier(c.canonical(token), nonce).hex()
    return Transaction(1, "22" * 32, PARAMETERS, (consumed,), outputs, commands, (spent,))


def vector(transaction: Transaction) -> dict[str, Any]:
    """Return everything that an implementation computes on the way to the TxID."""
    places = {
        name: range(len(group)) for name, group in zip(GROUPS, transaction.groups, strict=True)
    }
    txid = transaction.txid
    return {
        "transaction": encode_transaction(transaction).decode(),
        "components": {
            name: [transaction.groups[g][i].hex() for i in places[name]]
            for g, name in enumerate(GROUPS)
        },
        "leaves": {
            name: [leaf.hex() for leaf in transaction.leaves[g]] for g, name in enumerate(GROUPS)
        },
        "groups": {
            name: group_hash(g, transaction.leaves[g]).hex() for g, name in enumerate(GROUPS)
        },
        "txid": txid.hex(),
        "signed_bytes": {
            "creator trust-a": signed_bytes("creator", "trust-a", txid).hex(),
            "account INV000001": signed_bytes("account", "INV000001", txid).hex(),
            "notary platform": signed_bytes("notary", "platform", txid, AT).hex(),
        },
        "log_commitment": tagged_hash("log/transaction", txid).hex(),
        "notary_view": json.loads(msgspec.json.encode(notary_view(transaction))),
        "first_output_only": json.loads(msgspec.json.encode(tear_off(transaction, {2: {0}}))),
    }


def vectors() -> dict[str, dict[str, Any]]:
    """Return the vectors by file name."""
    first = issue()
    return {"issue.json": vector(first), "transfer.json": vector(payment(first))}


def main() -> None:
    """Write the files."""
    for name, content in vectors().items():
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
