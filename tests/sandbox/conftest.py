"""The sandbox for tests: built once per machine, one machine per test process."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.sandbox import runtime as runtimes
from contracts.sandbox.machine import Machine
from contracts.sandbox.pool import Pool
from contracts.sandbox.runtime import Runtime


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    return runtimes.obtain()


@pytest.fixture(scope="session")
def machine(runtime: Runtime) -> Iterator[Machine]:
    machine = Machine(runtime)
    yield machine
    machine.close()


@pytest.fixture(scope="session")
def pool(runtime: Runtime) -> Iterator[Pool]:
    with Pool(runtime, size=1) as pool:
        yield pool


def transaction(**changes: Any) -> dict[str, Any]:
    """A small transaction: 100 units go from one investor to another."""
    command = {
        "trade_id": "TRD1",
        "transfer_creator_id": "custodian-a",
        "beneficial_right_id": "BR001",
        "from_investor_id": "INV-A",
        "to_investor_id": "INV-B",
        "quantity": 100,
        "settlement_date": "2025-04-03",
        "transfer_type": "transfer",
        "cancels_trade_id": "",
        "registered_at": "2025-04-01T00:00:01Z",
        "registered_by": "custodian-a",
        "terms": {},
    }
    right = {
        "registrar": "trust-a",
        "transfer_allowed": True,
        "established_quantity": 120000,
        "issued_quantity": 120000,
        "redemption_date": "2030-03-31",
    }
    document = {
        "contract": {"name": "beneficial_right", "version": "1.0.0"},
        "registered_at": "2025-04-01T00:00:01Z",
        "inputs": [token("INV-A", 60), token("INV-A", 70)],
        "outputs": [token("INV-B", 100), token("INV-A", 30)],
        "commands": [command],
        "signers": {"investors": ["INV-A"], "members": ["custodian-a"]},
        "facts": {"session": "open", "rights": {"BR001": right}, "cancelled": {}},
    }
    return document | changes


def token(investor: str, quantity: int) -> dict[str, Any]:
    return {
        "token_id": "BR001",
        "investor_id": investor,
        "quantity": quantity,
        "issuer_info": "trust-a",
        "terms": {},
    }


SMALL = json.dumps(transaction())

CONSERVING = """\
from contracts.author import Rejected, Transaction


def verify(tx: Transaction) -> None:
    for token in (*tx.inputs, *tx.outputs):
        if token.quantity <= 0:
            raise Rejected("E_QUANTITY", f"{token.quantity} is not more than 0")
    consumed = sum(token.quantity for token in tx.inputs)
    made = sum(token.quantity for token in tx.outputs)
    if consumed != made:
        raise Rejected("E_SUM", f"{made} made, {consumed} consumed")
    for token in tx.inputs:
        if token.investor_id not in tx.signers.investors:
            raise Rejected("E_SIGNATURE", f"{token.investor_id} did not sign")
"""
