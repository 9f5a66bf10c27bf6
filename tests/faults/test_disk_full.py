"""The disk fills up under load, and has room again: nothing acknowledged is lost.

A small file system is mounted where this process may; elsewhere the server's files are kept from
growing by a limit of its processes, which it meets in the same way.
"""

import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.faults.breaking import descendants, wait_until_ready
from tests.http.network import Served, loaded
from tests.load.traffic import Traffic
from tests.production.clusters import Cluster

pytestmark = pytest.mark.faults

MEGABYTES = 64
NO_ROOM = frozenset({"database-unavailable", "commit-failed", "no-room", "busy"})
FULL_SECONDS = 4.0
PATIENCE = 60.0


class SmallDisk:
    """A file system of some megabytes, mounted on a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0755", "none", folder]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PermissionError("no file system can be mounted here") from error

    def fill(self) -> None:
        """Leave no room."""
        with suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))

    def free(self) -> None:
        """Make room again."""
        (self.folder / "ballast").unlink()

    def close(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "-l", self.folder], check=True)


class NoGrowth:
    """Keeps a server's files from growing, where nothing can be mounted."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def fill(self) -> None:
        """Let no file grow beyond what the database has now."""
        self._limit((self._served.settings.data_dir / "ledger.sqlite").stat().st_size)

    def free(self) -> None:
        """Let files grow again."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        for worker in self._served.process.workers():
            for pid in (worker, *descendants(worker)):
                hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk | None]:
    """A small file system for the server's data, or None where none can be mounted."""
    folder = tmp_path / "server"
    folder.mkdir()
    try:
        made = SmallDisk(folder)
    except PermissionError:
        yield None
        return
    yield made
    made.close()


def fill_and_free(served: Served, disk: SmallDisk | NoGrowth) -> None:
    """Let the disk be full for a while under load."""
    token = served.token("trust-a")  # while there is room for one
    with Traffic(served, lanes=3) as traffic:
        time.sleep(1.0)
        disk.fill()
        give_up = time.monotonic() + PATIENCE
        while not traffic.problems:
            assert time.monotonic() < give_up, "the disk was not full"
            time.sleep(0.1)
        before = len(traffic.acknowledged)
        time.sleep(FULL_SECONDS)
        assert served.http.get("/health/live").status_code == 200
        assert served.http.get("/v1/ledger/transfers", headers=token).status_code == 200
        disk.free()
        while len(traffic.acknowledged) <= before:
            assert time.monotonic() < give_up + PATIENCE, "no payment goes through any more"
            time.sleep(0.1)
        wait_until_ready(served)
    assert set(traffic.problems) <= NO_ROOM
    traffic.check()
    assert "request failed" not in served.log.read_text(errors="replace")


def test_the_disk_of_sqlite_fills_up(disk: SmallDisk | None, tmp_path: Path):
    with loaded(tmp_path, database_url="") as served:
        fill_and_free(served, disk or NoGrowth(served))


def test_the_disk_of_postgresql_fills_up(cluster: Cluster, tmp_path: Path):
    name = "d" + uuid4().hex
    with tempfile.TemporaryDirectory(prefix="sekisho-") as folder:
        try:
            disk = SmallDisk(Path(folder))
        except PermissionError as error:
            pytest.skip(f"{error}: a tablespace of its own needs one")
        try:
            place = Path(folder) / "space"
            place.mkdir()
            if cluster.user is not None:
                Path(folder).chmod(0o755)
                shutil.chown(place, cluster.user)
            cluster.execute(f"CREATE TABLESPACE {name} LOCATION '{place}'")
            cluster.execute(f"CREATE DATABASE {name} TABLESPACE {name}")
            with loaded(tmp_path, database_url=cluster.url(name), workers=2) as served:
                fill_and_free(served, disk)
            cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")
            cluster.execute(f"DROP TABLESPACE {name}")
        finally:
            disk.close()
