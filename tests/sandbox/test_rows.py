"""What a contract gets through the rows is what the transaction's JSON says."""

import dataclasses
import hashlib
import json
import typing
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import author, shapes
from contracts.author import Transaction
from contracts.sandbox.engine import Instance, load
from contracts.sandbox.machine import Machine
from contracts.sandbox.rows import rows
from contracts.sandbox.verdicts import Rejected
from tests.sandbox.conftest import SMALL, transaction

# Says the digest of all that it got: the types of lists and dictionaries count as well.
ECHO = """\
import hashlib
from contracts.author import Rejected


def verify(tx):
    parts = tx.inputs, tx.outputs, tx.commands, tx.signers.members, tx.facts.rights
    kinds = " ".join([type(part).__name__ for part in (*parts, tx.facts.cancelled)])
    raise Rejected("E_ECHO", hashlib.sha256(tx.to_json().encode()).hexdigest() + kinds)
"""
SHAPES = {
    shapes.TokenShape: author.Token,
    shapes.TransferShape: author.Transfer,
    shapes.RightShape: author.RightFacts,
    shapes.FactsShape: author.Facts,
    shapes.SignersShape: author.Signers,
    shapes.ContractShape: author.Contract,
    shapes.TransactionShape: author.Transaction,
}


def as_written(kind: Any) -> Any:
    """The type as the author's module says it, for a type of the shapes."""
    if kind in SHAPES:
        return SHAPES[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    return origin[tuple(map(as_written, arguments))] if origin in (tuple, dict) else kind


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_shape_has_the_fields_of_the_authors_class_in_its_order(shape: type[msgspec.Struct]):
    theirs = SHAPES[shape]
    written = typing.get_type_hints(theirs)
    expected = [(field.name, written[field.name]) for field in dataclasses.fields(theirs)]
    if theirs is author.Signers:  # JSON has no sets
        expected = [(name, tuple[str, ...]) for name, _ in expected]
    found = [(f.name, as_written(f.type)) for f in msgspec.structs.fields(shape)]
    assert found == expected


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
COUNT = st.integers(0, 2**63)
TERMS = st.dictionaries(TEXT, TEXT | st.integers(-(2**63), 2**63 - 1), max_size=2)
OF_TYPE = {str: TEXT, int: COUNT, bool: st.booleans(), author.Terms: TERMS}


def made_of(thing: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    hints = typing.get_type_hints(thing)
    return st.fixed_dictionaries({name: OF_TYPE[hint] for name, hint in hints.items()})


TOKENS, TRANSFERS = st.lists(made_of(author.Token)), st.lists(made_of(author.Transfer), max_size=3)
TRANSACTIONS = st.fixed_dictionaries(
    {
        "contract": made_of(author.Contract),
        "registered_at": TEXT,
        "inputs": TOKENS,
        "outputs": TOKENS,
        "commands": TRANSFERS,
        "signers": st.fixed_dictionaries({"investors": st.lists(TEXT), "members": st.lists(TEXT)}),
        "facts": st.fixed_dictionaries(
            {
                "session": TEXT,
                "rights": st.dictionaries(TEXT, made_of(author.RightFacts), max_size=3),
                "cancelled": st.dictionaries(TEXT, made_of(author.Transfer), max_size=3),
            }
        ),
    }
)


@pytest.fixture(scope="module")
def echo(machine: Machine) -> typing.Iterator[Instance]:
    instance = load(machine, ECHO)
    yield instance
    instance.close()


@settings(deadline=None)
@given(TRANSACTIONS)
def test_a_contract_gets_what_the_json_says(echo: Instance, document: dict[str, Any]):
    text = json.dumps(document)
    verdict = echo.verify(text).verdict
    assert isinstance(verdict, Rejected)
    digest = hashlib.sha256(Transaction.from_json(text).to_json().encode()).hexdigest()
    assert verdict.message == f"{digest}tuple tuple tuple frozenset dict dict"


def test_rows_have_neither_names_nor_spaces():
    written = rows(SMALL.encode())
    assert b"investor_id" not in written
    assert b" " not in written
    assert rows(json.dumps(transaction(), indent=2).encode()) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '"\\ud800"',
        "[" * 100_000,
        SMALL.replace('"quantity": 60', '"quantity": "60"'),
        SMALL.replace('"quantity": 60', '"quantity": 60.5'),
        SMALL.replace('"terms": {}', '"terms": {"a": []}', 1),
        SMALL.replace("custodian-a", "\\ud800"),
        SMALL + "1",
    ],
)
def test_what_is_no_transaction_reaches_no_contract(echo: Instance, text: str):
    verdict = echo.verify(text).verdict
    assert isinstance(verdict, Rejected)
    assert (verdict.code, verdict.gas) == ("E_TRANSACTION", 0)
