# ruff: noqa: INP001 - a script beside what it makes, not a package
"""Write the test vectors of `docs/specification/transactions.md`: run from the repository's root.

    python docs/specification/vectors/transactions/generate.py

Everything is derived from fixed values, so that the files come out the same each time.
"""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger import components as c
from ledger.commitment import log_commitment
from ledger.components import Contract, Input, Network, NotaryName, TimeWindow, Token, Transfer
from ledger.hashing import tagged_hash
from ledger.keys import SoftwareSigner, public_bytes
from ledger.queries import attested_bytes, register_digest
from ledger.signatures import sign_transaction, signed_bytes
from ledger.tearoffs import notary_view, tear_off
from ledger.transactions import GROUPS, Transaction, encode_transaction, group_hash, nullifier
from ledger.views import RegisterAttestation

HERE = Path(__file__).parent
AT = dt.datetime(2025, 4, 1, 0, 0, 1, tzinfo=dt.UTC)
PARAMETERS = (
    Network("example", 1),
    Contract("beneficial_right", "1.0.0", "sha256:" + "0a" * 32),
    NotaryName("platform"),
    TimeWindow(AT, AT + dt.timedelta(hours=1)),
)


KEY = SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"\x42" * 32))
"""Signs in the vectors, for everybody: Ed25519 signatures come out the same each time."""


def transfer(
    trade: str, source: str, target: str, quantity: int, kind: str, **more: Any
) -> Transfer:
    """Return a transfer of the example right."""
    made = Transfer(
        trade, "trust-a", "BR001", source, target, quantity, dt.date(2025, 4, 3), kind, "", AT,
        "trust-a",
    )  # fmt: skip
    return msgspec.structs.replace(made, **more)


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


def spend(
    number: int,
    sources: Sequence[tuple[Transaction, int]],
    outputs: Sequence[Token],
    commands: Sequence[Transfer],
) -> Transaction:
    """Return a transaction that consumes outputs of others, given by transaction and place."""
    inputs = tuple(
        Input(t.txid.hex(), i, t.output_nonce(i).hex(), t.outputs[i]) for t, i in sources
    )
    spent = tuple(nullifier(c.canonical(i.token), bytes.fromhex(i.nonce)).hex() for i in inputs)
    salt = f"{number:02x}" * 32
    return Transaction(1, salt, PARAMETERS, inputs, tuple(outputs), tuple(commands), spent)


def exchange(second: Transaction) -> Transaction:
    """Return a transaction of two rights, two owners, three inputs and five outputs."""
    mine, other = second.outputs[1], second.outputs[0]
    cash = Token("BR002", "INV000003", 500, "", {"kind": "money"})
    bought = Transaction(
        1,
        "33" * 32,
        PARAMETERS,
        (),
        (cash,),
        (transfer("TRD00000004", "", "INV000003", 500, c.ISSUE, beneficial_right_id="BR002"),),
        (),
    )
    swap = msgspec.structs.replace
    outputs = (
        swap(mine, investor_id="INV000003", quantity=50),
        swap(mine, quantity=20),
        swap(other, quantity=30),
        swap(cash, investor_id="INV000001", quantity=499),
        swap(cash, quantity=1),
    )
    terms = {"against": "TRD00000006", "price": 499}
    commands = (
        transfer("TRD00000005", "INV000001", "INV000003", 50, "delivery", terms=terms),
        transfer(
            "TRD00000006",
            "INV000003",
            "INV000001",
            499,
            "payment",
            beneficial_right_id="BR002",
            terms={"against": "TRD00000005"},
        ),
    )
    return spend(0x44, [(second, 1), (second, 0), (bought, 0)], outputs, commands)


def cancel(second: Transaction) -> Transaction:
    """Return what undoes the transfer: from its receiver back to its giver, once."""
    returned = msgspec.structs.replace(second.outputs[0], investor_id="INV000001")
    command = transfer(
        "TRD00000007",
        "INV000003",
        "INV000001",
        30,
        c.CANCEL,
        cancels_trade_id="TRD00000003",
        registered_at=AT.replace(microsecond=120_000),
    )
    return spend(0x55, [(second, 0)], [returned], [command])


def redeem(first: Transaction) -> Transaction:
    """Return a redemption of a whole token: a transaction without outputs."""
    command = transfer("TRD00000008", "INV000002", "", 2**63 - 1, c.REDEEM)
    return spend(0x66, [(first, 1)], [], [command])


def refused(transaction: Transaction) -> list[dict[str, str]]:
    """Return bytes that say a transaction in forms that have to be refused, and why."""
    text = encode_transaction(transaction).decode()
    spent = transaction.nullifiers[0]
    changes = (
        ("white space", '{"version":1', '{ "version":1'),
        ("a field in another place", '"version":1,', ""),
        ("a float", '"quantity":30,', '"quantity":30.0,'),
        ("an exponent", '"quantity":30,', '"quantity":3e1,'),
        ("a quantity of none", '"quantity":30,', '"quantity":0,'),
        ("a quantity of 2^63", '"quantity":30,', '"quantity":9223372036854775808,'),
        ("a negative quantity", '"quantity":30,', '"quantity":-30,'),
        ("an escape that is not needed", '"TRD00000003"', '"\\u0054RD00000003"'),
        ("an escaped character beyond ASCII", "湾", "\\u6e7e"),
        ("keys of terms not sorted", '{"coupon":5,"series":"A"}', '{"series":"A","coupon":5}'),
        ("upper-case hex", transaction.salt, "AA" * 32),
        ("a time that is not UTC", "00:00:01Z", "00:00:01+00:00"),
        ("fractional digits of zero", "00:00:01Z", "00:00:01.000Z"),
        ("the nullifier of nothing", spent, "00" * 32),
        ("an unknown field", '"terms":{}}]', '"terms":{},"memo":""}]'),
        (
            "a creator that is not who registered",
            '"registered_by":"trust-a"',
            '"registered_by":"trust-b"',
        ),
        ("a byte order mark", '{"version"', '\ufeff{"version"'),
    )
    cases = []
    for why, old, new in changes:
        if old not in text:
            raise ValueError(f"{why}: {old} does not occur")
        cases.append({"why": why, "transaction": text.replace(old, new)})
    return cases


def signature(role: c.SignatureRole, by: str, txid: bytes) -> dict[str, str]:
    """Return a signature, with the key that verifies it and the bytes that it is over."""
    at = AT if role == "notary" else None
    made = sign_transaction(role, by, txid, KEY, at)
    return {
        **msgspec.to_builtins(made),
        "public_key": public_bytes(KEY.public_key()).hex(),
        "signed_bytes": signed_bytes(role, by, txid, at).hex(),
    }


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
        "nonces": {
            name: [nonce.hex() for nonce in transaction.nonces[g]] for g, name in enumerate(GROUPS)
        },
        "leaves": {
            name: [leaf.hex() for leaf in transaction.leaves[g]] for g, name in enumerate(GROUPS)
        },
        "groups": {
            name: group_hash(g, transaction.leaves[g]).hex() for g, name in enumerate(GROUPS)
        },
        "txid": txid.hex(),
        "signatures": [
            signature("creator", "trust-a", txid),
            *(signature("account", owner, txid) for owner in transaction.owners),
            signature("registrar", "trust-a", txid),
            signature("notary", "platform", txid),
        ],
        "attested_at": "2025-04-01T00:00:01Z",
        "log_commitment": tagged_hash("log/transaction", txid).hex(),
        "log_entry": log_commitment(txid).data.decode(),
        "notary_view": json.loads(msgspec.json.encode(notary_view(transaction))),
        "first_output_only": json.loads(msgspec.json.encode(tear_off(transaction, {2: {0}}))),
        "nothing_shown": json.loads(msgspec.json.encode(tear_off(transaction, {}))),
    }


def register() -> dict[str, Any]:
    """Return what a registrar signs of a register."""
    holdings = {"INV000003": 30, "INV000001": 70}
    digest = register_digest(holdings)
    given = RegisterAttestation(
        "trust-a", "BR001", dt.date(2025, 9, 30), 17, len(holdings), 100, digest, AT
    )
    return {
        "holdings": holdings,
        "attestation": msgspec.json.encode(given).decode(),
        "signed_bytes": attested_bytes(given).hex(),
    }


def vectors() -> dict[str, Any]:
    """Return the vectors by file name."""
    first = issue()
    second = payment(first)
    return {
        "issue.json": vector(first),
        "transfer.json": vector(second),
        "exchange.json": vector(exchange(second)),
        "cancel.json": vector(cancel(second)),
        "redeem.json": vector(redeem(first)),
        "refused.json": refused(second),
        "register.json": register(),
    }


def main() -> None:
    """Write the files."""
    for name, content in vectors().items():
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
