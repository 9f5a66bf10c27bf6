"""What the prover says of a bad rule, the gateway shows: its row, to its viewer, in its field."""

import random
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.gateway import STAMP, Gateway, Viewer
from ledger.pseudonyms import Pseudonyms
from ledger.tables import HoldingRow, TransferRow, UnspentRow
from policies.actors import Actor
from policies.compilation import compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.proofs import Counterexample, prove_statements
from policies.statements import shipped_statements
from tests.ledger.worlds import VIEWS, World

BAD = [
    "p, role:auditor, transfer, read, own_register, quantity, clear",
    "p, role:auditor, transfer, read, own_register, quantity, pseudonym",
    "p, role:auditor, transfer, read, own_customers.from, quantity, hidden",
    "p, role:fundraiser, transfer, read, own_customers.to, trade_id, clear",
    "p, role:platform_administrator, token, read, own_register, *, hidden",
    "p, role:platform_administrator, token, read, managed_customers, quantity, clear",
    "p, role:custodian, transfer, read, managed_customers.to, from_investor_id, clear",
    "p, role:intermediary, transfer, read, own_customers, to_investor_id, clear",
    "p, role:intermediary, transfer, read, managed_customers.from, quantity, clear",
    "p, role:asset_manager, transaction, read, own_register, txid, clear",
]
ACTIONS = {"transfer:read": "transfer", "transaction:read": "transaction", "token:read": "token"}


def examples(row: str) -> list[Counterexample]:
    """Return what fails, of rows that this test can write."""
    rules = compile_rules(parse_rule_set(shipped_text() + row + "\n"))
    proofs = prove_statements(rules, shipped_statements())
    found = [e for proof in proofs for e in proof.counterexamples]
    assert found
    return [e for e in found if e.action in ACTIONS]


def parties(example: Counterexample) -> dict[str, Any]:
    """Return who is what in the row, as columns."""
    row = example.row
    sender, receiver = row["custodian of the sender"], row["custodian of the receiver"]
    holders = row["custody holder of the sender"], row["custody holder of the receiver"]
    if example.arm == "managed_customers":
        sender = receiver = row["custodian"]
    if example.arm == "own_customers":
        holders = (row["custody holder"],) * 2
    return {
        "registrar": row["registrar"], "fundraiser": row["fundraiser"],
        "asset_manager": row["asset manager"], "from_custodian": sender,
        "to_custodian": receiver, "from_holder": holders[0], "to_holder": holders[1],
        "custodian": receiver, "holder": holders[1],
    }  # fmt: skip


def write(engine: Engine, example: Counterexample) -> None:
    world = World(random.Random(1))
    named = parties(example)
    with writing(engine) as session:
        for table in (TransferRow, UnspentRow):
            row = world._rows()[table][0]
            row |= {name: value for name, value in named.items() if name in row}
            session.execute(sa.insert(table), [row], execution_options=STAMP)
        session.execute(sa.insert(HoldingRow), world._rows()[HoldingRow], execution_options=STAMP)


@pytest.mark.parametrize("row", BAD)
def test_the_gateway_shows_what_the_counterexample_says(engine: Engine, row: str) -> None:
    found = examples(row)
    assert found
    rules = compile_rules(parse_rule_set(shipped_text() + row + "\n"))
    example = found[0]
    write(engine, example)
    actor = Actor(example.viewer, frozenset({example.role}))
    viewer = Viewer(example.viewer, rules.decide(actor, example.action))
    gateway = Gateway(Pseudonyms(b"s" * 32))
    with reading(engine) as session:
        page = gateway.page(session, VIEWS[ACTIONS[example.action]], viewer)
    (seen,) = page.rows
    assert str(seen.effects[example.field]) == example.effect
    shipped = compile_rules(parse_rule_set(shipped_text()))
    before = shipped.answer(actor, example.action).grants
    assert example.arm not in {g.arm for g in before} or any(
        str(g.fields[example.field]) != example.effect for g in before if g.arm == example.arm
    )
