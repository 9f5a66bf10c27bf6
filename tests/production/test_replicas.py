"""A real streaming replica answers queries, and never what its caller knows to be old."""

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from governance.errors import LogIndexInvalid
from governance.operations import replica as module
from governance.operations.databases import open_database
from governance.operations.replica import Replica
from governance.settings import Settings
from ledger.database import Base, connect, reading, writing
from ledger.log.sequencer import LogEntry, append
from ledger.log.store import log_size
from tests.production.clusters import Cluster, running

PATIENCE = 30.0


def make_tables(url: str) -> None:
    engine = connect(url)
    Base.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def standby(cluster: Cluster) -> Iterator[Cluster]:
    with running(cluster) as made:
        yield made


@pytest.fixture
def pair(cluster: Cluster, standby: Cluster) -> Iterator[tuple[Engine, Engine]]:
    name = "s" + uuid4().hex
    settings = Settings(database_url=cluster.create(name), replica_url=standby.url(name))
    primary = open_database(settings)
    make_tables(settings.database_url)
    copy = open_database(settings, settings.replica_url)
    add(primary)
    wait(lambda: size(copy) == 1)
    yield primary, copy
    primary.dispose()
    copy.dispose()


def add(engine: Engine) -> int:
    with writing(engine) as session:
        return append(session, [LogEntry("note", b"x")])[0]


def size(engine: Engine) -> int:
    try:
        with reading(engine) as session:
            return log_size(session)
    except sa.exc.SQLAlchemyError:
        return -1


def wait(condition: object) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():  # type: ignore[operator] # a lambda of the tests
        assert time.monotonic() < until
        time.sleep(0.05)


def test_queries_go_to_the_replica_once_it_has_what_the_caller_saw(
    pair: tuple[Engine, Engine], standby: Cluster
):
    primary, copy = pair
    choice = Replica(primary, copy)
    wait(lambda: choice.choose("0") is copy)
    standby.execute("SELECT pg_wal_replay_pause()")
    index = add(primary)
    time.sleep(module.LOOK_EVERY)
    assert choice.choose(str(index)) is primary
    assert choice.choose("0") is copy
    assert choice.choose(None) is copy
    standby.execute("SELECT pg_wal_replay_resume()")
    wait(lambda: choice.choose(str(index)) is copy)
    assert size(copy) == index + 1


def test_a_replica_that_lags_too_long_is_not_asked(
    pair: tuple[Engine, Engine], standby: Cluster, monkeypatch: pytest.MonkeyPatch
):
    primary, copy = pair
    choice = Replica(primary, copy)
    wait(lambda: choice.choose(None) is copy)
    monkeypatch.setattr(module, "MAX_LAG", 1.0)
    standby.execute("SELECT pg_wal_replay_pause()")
    add(primary)
    wait(lambda: choice.choose(None) is primary)
    standby.execute("SELECT pg_wal_replay_resume()")
    wait(lambda: choice.choose(None) is copy)


def test_a_replica_that_is_away_is_not_asked_and_is_found_again(
    pair: tuple[Engine, Engine], standby: Cluster
):
    primary, copy = pair
    choice = Replica(primary, copy)
    wait(lambda: choice.choose(None) is copy)
    standby.stop("immediate")
    wait(lambda: choice.choose(None) is primary)
    standby.start()
    wait(lambda: choice.choose(None) is copy)


@pytest.mark.parametrize("header", ["-1", "1.5", "x", "", "9" * 19, "\u0661"])
def test_a_header_that_is_no_index_is_refused(header: str):
    with pytest.raises(LogIndexInvalid, match="Sekisho-Log-Index"):
        Replica(sa.create_engine("sqlite://"), None).choose(header)
