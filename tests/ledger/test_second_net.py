"""What gets past the gateway meets the database: raw DBAPI included; answers stay as they are."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

import ledger.second_net
from ledger.database import Base, connect, protect_append_only, reading, writing
from ledger.errors import GatewayBypassed
from ledger.gateway import MEMBER, STAMP
from ledger.second_net import attach, row_security
from ledger.tables import PROTECTED, TransferRow
from tests.ledger.network import TestNetwork, standard
from tests.ledger.test_gateway import ESCAPES, everything

PACKAGES = ("governance", "contracts", "ledger", "policies")
ROLE = "sekisho_test_server"
RAW = {
    "select": "SELECT quantity FROM ledger_transfer",
    "count": "SELECT count(*) FROM ledger_transfer",
    "join": "SELECT 1 FROM log_entries JOIN ledger_unspent ON true",
    "bodies": "SELECT body FROM ledger_transaction",
    "cte": "WITH x AS (SELECT * FROM ledger_holding) SELECT * FROM x",
    "exists": "SELECT EXISTS (SELECT 1 FROM notary_nullifier)",
}
CHANGES = {
    "update": "UPDATE ledger_unspent SET quantity = 1",
    "delete": "DELETE FROM ledger_unspent",
}


def prepared(engine: Engine) -> None:
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        protect_append_only(connection)


@pytest.fixture
def netted(database_url: str) -> Iterator[Engine]:
    """An engine with every net; on PostgreSQL in a role that does not own the tables."""
    owner = connect(database_url)
    prepared(owner)
    options = {}
    if owner.dialect.name == "postgresql":
        with owner.begin() as connection:
            known = sa.text("SELECT count(*) FROM pg_roles WHERE rolname = :role")
            if not connection.scalar(known, {"role": ROLE}):
                connection.exec_driver_sql(f"CREATE ROLE {ROLE} NOLOGIN")
            connection.exec_driver_sql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}")
            for statement in (*row_security(ROLE), *row_security(ROLE)):
                connection.exec_driver_sql(statement)
        options = {"connect_args": {"options": f"-c role={ROLE}"}}
    owner.dispose()
    engine = connect(database_url, **options)
    attach(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def network(netted: Engine) -> Iterator[TestNetwork]:
    network = lively(netted)
    yield network
    network.submissions.close()


def lively(engine: Engine) -> TestNetwork:
    network = standard(engine)
    network.do("trust-a", "BR001", "", "INV001", 100)
    network.do("custody-a", "BR001", "INV001", "INV003", 30)
    network.do("trust-b", "BR002", "", "INV004", 7)
    return network


@pytest.mark.parametrize("opening", [reading, writing])
def test_every_escape_is_refused(network: TestNetwork, opening: Callable):
    for escape in ESCAPES.values():
        with pytest.raises(GatewayBypassed), opening(network.engine) as session:
            escape(session)


def rows_by_hand(network: TestNetwork, statement: str) -> list[tuple]:
    """Run SQL on the driver's own connection, right after the gateway used it."""
    with reading(network.engine) as session:
        driver = session.connection().connection.driver_connection
        everything(network, "custody-a")
        return driver.execute(statement).fetchall()


def test_the_driver_alone_gets_nothing(network: TestNetwork):
    for raw in RAW.values():
        if network.engine.dialect.name == "sqlite":
            with pytest.raises(sqlite3.DatabaseError, match=r"prohibited|not authorized"):
                rows_by_hand(network, raw)
        else:
            assert rows_by_hand(network, raw) in ([], [(0,)], [(False,)]), raw


def test_the_driver_alone_changes_nothing(network: TestNetwork):
    for change in CHANGES.values():
        with network.engine.connect() as connection:
            driver = connection.connection.driver_connection
            if network.engine.dialect.name == "sqlite":
                with pytest.raises(sqlite3.DatabaseError, match=r"prohibited|not authorized"):
                    driver.execute(change)
            else:
                assert driver.execute(change).rowcount == 0


def test_after_a_stamped_statement_that_fails_the_driver_gets_nothing(network: TestNetwork):
    if network.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL asks row by row")
    with network.engine.connect() as connection:
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(
                sa.text("SELECT absent FROM ledger_transfer"), execution_options=STAMP
            )
        with pytest.raises(sqlite3.DatabaseError):
            connection.connection.driver_connection.execute(RAW["select"])


def test_a_statement_for_a_member_sees_no_row_that_does_not_name_it(network: TestNetwork):
    if network.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no row-level security")
    query = sa.select(TransferRow.registrar, TransferRow.to_custodian, TransferRow.from_custodian)
    with reading(network.engine) as session:
        options = {**STAMP, MEMBER: "custody-a"}
        rows = session.execute(query, execution_options=options).all()
        assert len(rows) == 2
        assert all("custody-a" in row for row in rows)
        assert len(session.execute(query, execution_options=STAMP).all()) == 3
        assert len(session.execute(query, execution_options=options).all()) == 2


def test_what_is_said_in_a_savepoint_is_not_believed_after_its_rollback(network: TestNetwork):
    query = sa.select(sa.func.count()).select_from(TransferRow)
    with writing(network.engine) as session:
        savepoint = session.begin_nested()
        assert session.scalar(query, execution_options=STAMP) == 3
        savepoint.rollback()
        assert session.scalar(query, execution_options=STAMP) == 3


def test_a_row_cannot_be_written_in_a_member_s_name(network: TestNetwork):
    if network.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no row-level security")
    change = sa.text("UPDATE ledger_unspent SET quantity = 1 WHERE registrar = 'trust-a'")
    with writing(network.engine) as session, pytest.raises(sa.exc.DBAPIError) as caught:
        session.execute(change, execution_options={**STAMP, MEMBER: "trust-a"})
    assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)


def test_the_nets_change_no_answer(network: TestNetwork, tmp_path: Path):
    bare = connect(f"sqlite:///{tmp_path / 'bare.sqlite'}")
    prepared(bare)
    other = lively(bare)
    for member in ("custody-a", "direct-a", "trust-a", "entrusted-a", "fund-a"):
        assert shape(everything(network, member)) == shape(everything(other, member)), member
    other.submissions.close()
    bare.dispose()


def shape(answer: bytes) -> list[int]:
    """TxIDs differ from network to network; how much each answer says does not."""
    return [line.count(b'"') for line in answer.split(b"\n")]


def test_every_protected_table_has_its_policy():
    text = "\n".join(row_security("r"))
    assert all(f"ON {table} TO r" in text for table in PROTECTED)


UNNETTED = {
    "governance/assembly/founding.py": "brings the schema up to date, then opens with nets",
    "governance/assembly/witnessing.py": "a witness has a database of its own",
    "governance/cli/database.py": "the owner's: schema, roles, purge",
    "governance/demo/play.py": "looks for tables, reads none",
    "governance/operations/backups.py": "the owner's: copies everything",
    "governance/operations/databases.py": "spreads the nets itself",
}
"""Where the product opens a database without nets, and why."""


def test_whatever_opens_a_database_spreads_the_nets_or_is_named():
    root = Path(ledger.second_net.__file__).parents[1]
    files = (f for package in PACKAGES for f in (root / package).rglob("*.py"))
    opening = re.compile(r"from ledger\.database import [^\n]*\bconnect\b|create_engine\(")
    found = {str(f.relative_to(root)) for f in files if opening.search(f.read_text("utf-8"))}
    assert found - {"ledger/database.py"} == set(UNNETTED)
