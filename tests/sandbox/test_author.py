"""The author's module is the same outside the sandbox as inside it."""

import ast
import json
import sys
from pathlib import Path

import pytest

import contracts.author
from contracts.author import Rejected, Transaction
from contracts.sandbox.engine import load
from contracts.sandbox.machine import Machine
from contracts.sandbox.verdicts import Accepted
from tests.sandbox.conftest import CONSERVING, SMALL, token, transaction


def test_it_needs_nothing_but_the_standard_library():
    tree = ast.parse(Path(contracts.author.__file__).read_text())
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names


def test_a_transaction_as_objects():
    tx = Transaction.from_json(SMALL)
    assert [t.quantity for t in tx.inputs] == [60, 70]
    assert tx.commands[0].to_investor_id == "INV-B"
    assert tx.signers.investors == {"INV-A"}
    assert tx.facts.rights["BR001"].transfer_allowed is True
    assert tx.contract.version == "1.0.0"


def test_states_and_commands_go_by_both_names(machine: Machine):
    assert (contracts.author.State, contracts.author.Command) == (
        contracts.author.Token,
        contracts.author.Transfer,
    )
    source = (
        "from contracts.author import Command, Rejected, State, Transaction\n"
        "def moved(command: Command) -> int: return command.quantity\n"
        "def verify(tx: Transaction) -> None:\n"
        "    states: list[State] = [*tx.inputs, *tx.outputs]\n"
        "    if not all(isinstance(s, State) for s in states): raise Rejected('E_STATE')\n"
        "    if moved(tx.commands[0]) != 100: raise Rejected('E_MOVED')\n"
    )
    contract = load(machine, source)
    assert isinstance(contract.verify(SMALL).verdict, Accepted)
    contract.close()


def test_to_json_and_back():
    cancelled = transaction()["commands"][0]
    facts = transaction()["facts"] | {"cancelled": {"TRD0": cancelled}}
    tx = Transaction.from_json(json.dumps(transaction(facts=facts)))
    assert Transaction.from_json(tx.to_json()) == tx
    assert tx.facts.cancelled["TRD0"].trade_id == "TRD1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{}",
        json.dumps(transaction(inputs=[{}])),
        json.dumps(transaction(inputs=[token("INV-A", 1) | {"extra": 1}])),
        json.dumps(transaction(commands=[{"trade_id": "TRD1"}])),
        json.dumps(transaction(facts={"session": "open", "rights": {"BR1": {}}, "cancelled": {}})),
    ],
)
def test_what_is_no_transaction_is_refused(text: str):
    with pytest.raises(ValueError, match=r"not a transaction|Expecting"):
        Transaction.from_json(text)


def test_a_contract_runs_in_plain_python_too():
    space: dict[str, object] = {}
    exec(CONSERVING, space)
    verify = space["verify"]
    assert callable(verify)
    verify(Transaction.from_json(SMALL))
    with pytest.raises(Rejected, match="E_SUM: 1 made, 130 consumed") as refused:
        verify(Transaction.from_json(json.dumps(transaction(outputs=[token("INV-B", 1)]))))
    assert refused.value.code == "E_SUM"
