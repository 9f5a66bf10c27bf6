import errno

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

import contracts.errors
import governance.errors
import ledger.errors
import policies.errors
from governance.problems import INTERNAL, NO_DATABASE, describe, slug
from governance.statuses import STATUS
from ledger.database import connect

BASES = (
    contracts.errors.ContractError,
    governance.errors.GovernanceError,
    ledger.errors.LedgerError,
    policies.errors.PolicyError,
)


def public_errors() -> list[type[Exception]]:
    modules = (contracts.errors, governance.errors, ledger.errors, policies.errors)
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BASES) and value not in BASES
    }
    return sorted(found, key=lambda error: error.__name__)


@pytest.mark.parametrize("error", public_errors(), ids=lambda error: error.__name__)
def test_every_public_error_has_a_status_and_one_sentence(error: type[Exception]):
    assert error in STATUS, f"add {error.__module__}.{error.__name__} to governance.statuses"
    first, _, _ = (error.__doc__ or "").partition("\n\n")
    assert first.endswith(".")
    assert "\n" not in first


def test_slugs_are_unique_but_for_the_refused_transition():
    slugs = [slug(error) for error in STATUS]
    assert {s for s in slugs if slugs.count(s) > 1} <= {"transition-refused"}


def test_what_is_not_in_the_table_says_nothing():
    assert describe(ValueError("a secret")) == INTERNAL


def database_error(state: str) -> sa.exc.DBAPIError:
    """Return what SQLAlchemy raises for an error of PostgreSQL with this SQLSTATE."""
    orig = psycopg.errors.lookup(state)("a secret")
    made = sa.exc.DBAPIError.instance("SELECT 1", {"name": "a secret"}, orig, psycopg.Error)
    assert isinstance(made, sa.exc.DBAPIError)
    return made


@pytest.mark.parametrize(
    "state",
    [
        "08006",  # the connection failed
        "25006",  # the server became a standby
        "25P03",  # a transaction waited too long for its process
        "40001",  # two transactions conflict
        "40P01",  # two transactions wait for each other
        "53100",  # the disk is full
        "53300",  # too many connections
        "55P03",  # a lock was not to be had in time
        "57014",  # a statement took too long
        "57P01",  # the operator ended the connection
        "57P03",  # the server starts
        "58030",  # the disk does not answer
    ],
)
def test_what_may_pass_at_the_database_asks_to_try_again(state: str):
    assert describe(database_error(state)) == NO_DATABASE


@pytest.mark.parametrize("state", ["22001", "23505", "42501", "42703", "XX000"])
def test_a_wrong_statement_is_the_servers_fault(state: str):
    assert describe(database_error(state)) == INTERNAL


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE])
def test_no_room_on_the_disk_asks_to_try_again(code: int):
    assert describe(OSError(code, "a secret")).status == 503
    assert describe(OSError(errno.EACCES, "a secret")) == INTERNAL


def test_a_database_error_does_not_show_its_values():
    engine = connect("sqlite://")
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError) as caught:
        connection.execute(sa.text("SELECT x FROM nowhere WHERE y = :y"), {"y": "a secret"})
    assert "a secret" not in str(caught.value)
    engine.dispose()


def test_a_number_that_no_database_stores_is_the_callers_fault(engine: Engine):
    query = sa.text("SELECT CAST(:number AS bigint)")
    with engine.connect() as connection, pytest.raises((OverflowError, DBAPIError)) as found:
        connection.execute(query, {"number": 2**63})
    assert describe(found.value).status == 400
    assert describe(OverflowError("math range error")) == INTERNAL


def test_a_text_that_no_database_stores_is_the_callers_fault(engine: Engine):
    query = sa.text("SELECT CAST(:text AS varchar)")
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":  # it takes any text, and finds nothing
            assert connection.scalar(query, {"text": "a\x00b"}) == "a\x00b"
            return
        with pytest.raises(DBAPIError) as found:
            connection.execute(query, {"text": "a\x00b"})
    assert describe(found.value).status == 400
    assert "NUL character" in describe(found.value).detail
