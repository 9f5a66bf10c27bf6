"""What each database role can do, and what it cannot."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from governance.assembly.founding import create_network
from governance.doctor import Finding, _login
from governance.errors import DatabaseUnsuited
from governance.operations.grants import READER, WRITER, grant
from governance.settings import Settings
from governance.upgrading import upgrade_database
from ledger.database import connect
from ledger.tables import PROTECTED, TransferRow
from tests.production.clusters import Cluster

REFUSED = r"permission denied|must be owner"
NOW = dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """The name of a database with every table, and its roles."""
    name = "g" + uuid4().hex
    engine = connect(cluster.create(name))
    upgrade_database(engine)
    grant(engine)
    grant(engine)  # again, as after an upgrade
    engine.dispose()
    for login, role in (("app", WRITER), ("sekisho_reader_trust-a", READER), ("stranger", READER)):
        cluster.execute(f'DROP ROLE IF EXISTS "{login}"')
        cluster.execute(f'CREATE ROLE "{login}" LOGIN IN ROLE {role}')
    yield name
    cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


def transfer(engine: Engine, number: int, registrar: str, custodian: str) -> None:
    row = {
        "row_id": number, "transfer_txid": bytes([number]) * 32, "command_index": 0,
        "trade_id": f"TRD{number}", "token_txid": bytes(32), "transfer_creator_id": registrar,
        "beneficial_right_id": "BR001", "from_investor_id": "", "to_investor_id": "INV001",
        "quantity": 1, "settlement_date": NOW.date(), "transfer_type": "issue",
        "cancels_trade_id": "", "registered_at": NOW, "registered_by": registrar, "terms": b"{}",
        "registrar": registrar, "from_custodian": "", "to_custodian": custodian,
        "from_holder": "", "to_holder": custodian, "fundraiser": "fund-a", "asset_manager": "am-a",
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(sa.insert(TransferRow).values(**row))


def test_a_server_founds_and_runs_as_the_writer(cluster: Cluster, database: str, tmp_path: Path):
    url = cluster.url(database, "app")
    create_network(Settings(data_dir=tmp_path / "data", database_url=url), lambda _line: None)
    engine = connect(url)
    for statement in (
        "UPDATE log_entries SET kind = 'x'",
        "DELETE FROM log_entries",
        "TRUNCATE log_entries",
        "DROP TABLE log_entries",
        "CREATE TABLE mine (a int)",
        "ALTER TABLE ledger_transfer DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE log_entries DISABLE TRIGGER ALL",
    ):
        with (
            engine.begin() as connection,
            pytest.raises(DBAPIError, match=r"permission denied|must be owner"),
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_a_stolen_connection_of_the_server_sees_no_row(cluster: Cluster, database: str):
    """It sees what it says it reads for, and nothing before it says so."""
    owner = connect(cluster.url(database))
    transfer(owner, 1, "trust-a", "custody-a")
    owner.dispose()
    app = connect(cluster.url(database, "app"))
    with app.connect() as connection:
        for table in PROTECTED:
            count = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            assert count == 0, table
        connection.exec_driver_sql("SET LOCAL sekisho.member = 'custody-b'")
        query = "SELECT count(*) FROM ledger_transfer"
        assert connection.exec_driver_sql(query).scalar() == 0
        connection.exec_driver_sql("SET LOCAL sekisho.member = 'custody-a'")
        assert connection.exec_driver_sql(query).scalar() == 1
        whole = "SELECT count(*) FROM ledger_transaction"
        assert connection.exec_driver_sql(whole).scalar() == 0
    app.dispose()


def test_the_doctor_tells_a_login_that_row_security_does_not_hold(
    cluster: Cluster, database: str, tmp_path: Path
):
    def finding(url: str) -> Finding:
        return _login(Settings(database_url=url))

    assert finding(cluster.url(database, "app")).good
    owner = finding(cluster.url(database))
    assert not owner.good
    assert not owner.grave
    assert "sekisho_writer" in owner.advice
    assert finding(f"sqlite:///{tmp_path / 'x.sqlite'}").good
    assert not finding(cluster.url("nowhere")).good


def test_a_reader_sees_the_rows_and_columns_of_its_member(cluster: Cluster, database: str):
    owner = connect(cluster.url(database))
    transfer(owner, 1, "trust-a", "custody-a")
    transfer(owner, 2, "trust-b", "custody-a")
    transfer(owner, 3, "trust-b", "trust-a")
    owner.dispose()
    reader = connect(cluster.url(database, "sekisho_reader_trust-a"))
    with reader.connect() as connection:
        seen = connection.exec_driver_sql("SELECT row_id FROM ledger_transfer ORDER BY 1").scalars()
        assert list(seen) == [1, 3]
        connection.exec_driver_sql("SELECT root FROM log_checkpoints")
    for statement in (
        "SELECT terms FROM ledger_transfer",
        "SELECT nonce FROM ledger_unspent",
        "SELECT body FROM ledger_transaction",
        "SELECT data FROM log_entries",
        "SELECT * FROM access_token",
        "SELECT * FROM records_investor",
        "INSERT INTO log_checkpoints VALUES (1, '', '', now())",
    ):
        with reader.connect() as connection, pytest.raises(DBAPIError, match="permission denied"):
            connection.exec_driver_sql(statement)
    reader.dispose()


def test_a_reader_of_no_member_sees_no_rows(cluster: Cluster, database: str):
    owner = connect(cluster.url(database))
    transfer(owner, 1, "er", "")
    owner.dispose()
    stranger = connect(cluster.url(database, "stranger"))
    with stranger.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM ledger_transfer").scalar() == 0
    stranger.dispose()


def test_sqlite_has_no_roles(tmp_path: Path):
    engine = connect(f"sqlite:///{tmp_path / 'x.sqlite'}")
    with pytest.raises(DatabaseUnsuited, match="no roles"):
        grant(engine)
    engine.dispose()
