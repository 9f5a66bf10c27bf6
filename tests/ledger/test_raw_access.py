"""Who in the product speaks to the driver itself, or stamps statements, is named with the reason.

Ruff forbids `text()` and its like everywhere but in index conditions (`pyproject.toml`); methods of
connections it cannot tell apart, so they are looked for here.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import ledger

ROOT = Path(ledger.__file__).parents[1]
PACKAGES = ("policies", "ledger", "contracts", "governance")
DRIVER = frozenset(
    {"exec_driver_sql", "driver_connection", "dbapi_connection", "raw_connection", "executescript"}
)
STAMPS = frozenset({"STAMP", "sekisho_ledger"})

SPEAKS_TO_THE_DRIVER = {
    "governance/migrations/versions/0001_initial.py": "creates triggers, forbids samples",
    "governance/operations/grants.py": "grants roles, as the owner",
    "ledger/bulk.py": "inserts many rows at once; nothing is read",
    "ledger/database.py": "begins transactions and sets pragmas",
    "ledger/log/completeness.py": "moves the running hash of each scope on",
    "ledger/log/sequencer.py": "appends to the log, whose entries every member may read",
    "ledger/log/store.py": "reads the size of the log",
    "ledger/records/erasure.py": "overwrites what was erased",
    "ledger/records/store.py": "lets SQLite overwrite what it deletes",
    "ledger/second_net.py": "is the net on the driver itself",
}
STAMPS_STATEMENTS = {
    "governance/assembly/contract_effects.py": "which rights use a contract, for the vote on it",
    "ledger/bulk.py": "writes what was committed",
    "ledger/effects.py": "writes what was committed",
    "ledger/explaining.py": "which arms admit one row, for who may have it explained",
    "ledger/gateway.py": "is the gateway",
    "ledger/history.py": "registers as of a day, after the gateway showed the right",
    "ledger/lookups.py": "finds what a transaction consumes, to judge it",
    "ledger/records/directory.py": "whose customer an investor is, for records",
    "ledger/register.py": "registers as of a day, after the gateway showed the right",
    "ledger/relations.py": "writes rights, custody and account keys",
    "ledger/second_net.py": "opens the second net for the gateway's own",
    "ledger/store.py": "finds what a transaction names, to judge it",
}


def used(file: Path, names: frozenset[str]) -> bool:
    """Return whether a module's code has one of these names; its comments do not count."""
    return any(name in names for name in named(ast.parse(file.read_text("utf-8"))))


def named(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name):
                yield name
            case ast.Constant(value=str(text)):
                yield text


def users(names: frozenset[str]) -> set[str]:
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return {file.relative_to(ROOT).as_posix() for file in files if used(file, names)}


def test_who_speaks_to_the_driver_is_named() -> None:
    assert users(DRIVER) == set(SPEAKS_TO_THE_DRIVER)


def test_who_stamps_statements_is_named() -> None:
    assert users(STAMPS) == set(STAMPS_STATEMENTS)
