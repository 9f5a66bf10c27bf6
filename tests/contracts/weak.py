"""A deliberately weak package: its contract is right, its examples hardly look."""

import msgspec

from contracts.packages import Package, make_package
from tests.contracts.building import Json, command, right, token, transaction

MANIFEST = """
name = "capped"
version = "1.0.0"
owner = "trust-a"
risk_class = "high"
description = "Transfers in lots, up to a cap."
state_types = ["capped"]

[largest_transaction]
inputs = 4
outputs = 4
commands = 2

[commands]
transfer = "moves"
"""

SOURCE = """
from contracts.author import Rejected, Transaction

CAP = 1_000
LOT = 10
FEW = 3


def verify(tx: Transaction) -> None:
    if len(tx.commands) != 1 or tx.facts.session != "open":
        raise Rejected("E_SHAPE", "one command while the session is open")
    command = tx.commands[0]
    right = tx.facts.rights.get(command.beneficial_right_id)
    if right is None or not right.transfer_allowed:
        raise Rejected("E_RIGHT", "blocked or unknown")
    if command.transfer_type != "transfer" or command.quantity < 1:
        raise Rejected("E_COMMAND", "not a transfer of something")
    if command.transfer_creator_id not in tx.signers.members:
        raise Rejected("E_SIGNED", "not signed by its creator")
    if command.quantity > CAP and len(tx.inputs) < FEW:
        raise Rejected("E_CAP", "too much")
    if command.quantity % LOT > FEW + 1 and command.quantity >= LOT * FEW:
        raise Rejected("E_LOT", "not in lots")
    held: dict[tuple[str, str], int] = {}
    for token in tx.inputs:
        if token.investor_id not in tx.signers.investors or token.quantity < 1:
            raise Rejected("E_SIGNED", "not signed by its owner")
        key = token.token_id, token.investor_id
        held[key] = held.get(key, 0) + token.quantity
    given = command.beneficial_right_id, command.from_investor_id
    taken = command.beneficial_right_id, command.to_investor_id
    held[given] = held.get(given, 0) - command.quantity
    held[taken] = held.get(taken, 0) + command.quantity
    for token in tx.outputs:
        key = token.token_id, token.investor_id
        held[key] = held.get(key, 0) - token.quantity
        if token.quantity < 1:
            raise Rejected("E_SUM", "a token of nothing")
    if any(held.values()) or command.quantity > 10 * CAP + FEW * LOT - 7:
        raise Rejected("E_SUM", "does not add up")
"""

PROPERTIES = """
from hypothesis import given

from contracts.trials import examples, judge


@given(examples())
def property_examples_are_accepted(tx):
    assert judge(tx) is None
"""


def _transfer(quantity: int) -> Json:
    return transaction(
        "capped",
        commands=[command("T1", "BR001", "transfer", "INV-A", "INV-B", quantity)],
        inputs=[token("BR001", "INV-A", 5_000)],
        outputs=[token("BR001", "INV-A", 5_000 - quantity), token("BR001", "INV-B", quantity)],
        rights={"BR001": right("trust-a", 10_000, issued=10_000)},
        members=["direct-a"],
    )


def weak_package() -> Package:
    """Return the package."""
    closed, unknown, other, unsigned, short = (_transfer(10) for _ in range(5))
    closed["facts"]["session"] = "closed"
    unknown["facts"]["rights"] = {}
    other["commands"][0]["transfer_type"] = "gift"
    unsigned["signers"]["investors"] = []
    short["outputs"].pop()
    examples = {
        "accepted/transfer": _transfer(10),
        "rejected/E_SHAPE-closed": closed,
        "rejected/E_RIGHT-unknown": unknown,
        "rejected/E_COMMAND-gift": other,
        "rejected/E_SIGNED-nobody": unsigned,
        "rejected/E_SUM-lost": short,
        "rejected/E_CAP-far-over": _transfer(4_000),
        "rejected/E_LOT-odd": _transfer(999),
    }
    texts = {
        "contract.toml": MANIFEST,
        "contract.py": SOURCE,
        "properties.py": PROPERTIES,
        "README.md": "# capped\n",
    }
    files = {name: text.encode() for name, text in texts.items()}
    files |= {f"examples/{k}.json": msgspec.json.encode(v) for k, v in examples.items()}
    return make_package(files)
