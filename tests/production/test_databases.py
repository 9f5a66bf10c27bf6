"""Connections that die are found dead; waits end."""

from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from governance.operations.databases import open_database
from governance.problems import describe
from governance.settings import Settings
from ledger.database import Base, connect, reading, writing
from ledger.log.sequencer import LogEntry, append
from ledger.log.store import log_size
from tests.production.clusters import Cluster


def make_tables(url: str) -> None:
    engine = connect(url)
    Base.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def limited(cluster: Cluster) -> Settings:
    url = cluster.create("d" + uuid4().hex)
    return Settings(database_url=url, statement_timeout=1, lock_timeout=1)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_the_next_request_finds_a_restarted_server(cluster: Cluster, limited: Settings, mode: str):
    engine = open_database(limited)
    make_tables(limited.database_url)
    with writing(engine) as session:
        append(session, [LogEntry("note", b"kept")])
    cluster.restart(mode)
    with reading(engine) as session:
        assert log_size(session) == 1
    engine.dispose()


def test_a_cut_connection_loses_what_was_not_committed_and_nothing_else(
    cluster: Cluster, limited: Settings
):
    engine = open_database(limited)
    make_tables(limited.database_url)

    def lose() -> None:
        with writing(engine) as session:
            append(session, [LogEntry("note", b"lost")])
            pid = session.scalar(sa.text("SELECT pg_backend_pid()"))
            cluster.execute(f"SELECT pg_terminate_backend({pid})")
            session.scalar(sa.text("SELECT 1"))

    with pytest.raises(OperationalError) as caught:
        lose()
    assert describe(caught.value).status == 503
    with writing(engine) as session:
        assert append(session, [LogEntry("note", b"kept")]) == range(1)
    engine.dispose()


def test_a_statement_and_a_wait_for_the_writer_end(limited: Settings):
    engine = open_database(limited)
    with engine.connect() as connection, pytest.raises(OperationalError, match="statement timeout"):
        connection.exec_driver_sql("SELECT pg_sleep(30)")
    with writing(engine), pytest.raises(OperationalError) as caught, writing(engine):
        pass
    assert describe(caught.value).type == "urn:sekisho:problem:database-unavailable"
    engine.dispose()
