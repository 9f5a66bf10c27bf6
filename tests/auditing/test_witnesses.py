"""Witnesses that members run, asked by the real server, under a quorum that was voted on."""

import datetime as dt
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from governance.access.fronting import free_port
from governance.anchors import Anchors
from governance.assembly.anchors import log_signer
from governance.assembly.keys import open_keys
from governance.assembly.publishing import Publishing, check_log, state_file
from governance.assembly.witnessing import DATABASE_FILE, cosignature_key, witness_signer
from governance.audit import open_reader
from governance.client.anchors import read_anchors
from governance.client.connection import Connection
from governance.client.folder import MemberFolder
from governance.client.governing import propose, vote
from governance.client.ledgering import read_parameters, set_session
from governance.decisions.actions import ChangeParameters
from governance.decisions.store import load_state, save_state
from governance.demo.process import ServerProcess
from governance.errors import ServerUnreachable
from governance.settings import Settings
from ledger.database import connect, reading, writing
from ledger.errors import LogResourceMissing, LogRolledBack, LogWrong, WitnessRefused
from ledger.log.heads import Checkpoint, SignedCheckpoint
from ledger.log.notes import Note, parse_verifier_key
from ledger.log.sources import UrlSource
from ledger.log.splits import SplitView, check_split
from ledger.log.store import StoredNodes
from ledger.log.tables import SplitViewRow
from ledger.log.witness import HttpWitness

PATIENCE = 60.0
"""Seconds to wait for what the background does within one."""


class WitnessProcess:
    """`sekisho witness serve`, as a member runs it."""

    def __init__(self, folder: Path, name: str, anchors: Path) -> None:
        self.folder, self.name, self.anchors = folder, name, anchors
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = cosignature_key(witness_signer(folder, name))

    def start(self) -> None:
        options = {
            "--folder": self.folder,
            "--name": self.name,
            "--anchors": self.anchors,
            "--port": self.port,
        }
        words = [str(word) for pair in options.items() for word in pair]
        command = [sys.executable, "-m", "governance.cli", "witness", "serve", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None
        try:
            httpx.get(self.url)
        except httpx.TransportError:
            return False
        return True

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def wait_until(holds: object) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():  # type: ignore[operator] # a condition
        assert time.monotonic() < give_up, "it did not come about"
        time.sleep(0.1)


@contextmanager
def running(witnesses: list[WitnessProcess]) -> Iterator[None]:
    for witness in witnesses:
        witness.start()
    try:
        yield
    finally:
        for witness in witnesses:
            witness.stop()


def published(settings: Settings, anchors: Anchors) -> int:
    """Return the size of the checkpoint that is shown, as a member with these anchors sees it."""
    with httpx.Client() as client:
        try:
            source = UrlSource(f"{settings.url}/log", client)
            return open_reader(source, anchors).checkpoint().checkpoint.size
        except (LogResourceMissing, LogWrong):
            return 0


def test_a_quorum_that_was_voted_on_holds_back_what_is_not_cosigned(
    settings: Settings, tmp_path: Path
):
    home = settings.data_dir / "members" / "platform"
    witnesses = [
        WitnessProcess(tmp_path / name, f"witness.{name}.example", home)
        for name in ("trust-a", "custody-a")
    ]
    named = tuple(f"{witness.url}|{witness.key}" for witness in witnesses)
    settings = msgspec.structs.replace(settings, witnesses=named)
    anchors = read_anchors(home)
    wary = msgspec.structs.replace(
        anchors, witnesses=tuple(str(witness.key) for witness in witnesses), quorum=2
    )
    with (
        running(witnesses),
        ServerProcess(settings, tmp_path / "server.log"),
        Connection.of(MemberFolder(home)) as platform,
    ):
        parameters = read_parameters(platform)
        changed = msgspec.structs.replace(
            parameters, version=parameters.version + 1, witness_quorum=2
        )
        opened = propose(platform, [ChangeParameters(parameters=changed)], "two witnesses")
        vote(platform, opened["id"], approve=True)
        assert read_parameters(platform).witness_quorum == 2
        wait_until(lambda: published(settings, wary) > 0)

        witnesses[1].stop()
        before = set_session(platform, "open")["log_index"]
        time.sleep(2)
        assert 0 < published(settings, wary) <= before
        assert published(settings, anchors) == published(settings, wary)
        witnesses[1].start()
        wait_until(lambda: published(settings, wary) > before)
        split_view_is_refused(settings, witnesses[0])


def split_view_is_refused(settings: Settings, witness: WitnessProcess) -> None:
    """The log's own key signs another root for a size that the witness has cosigned."""
    signer = log_signer(settings, open_keys(settings))
    note = httpx.get(f"{settings.url}/log/checkpoint").content
    size = int(note.split(b"\n")[1])
    checkpoint = Checkpoint(signer.name, size, bytes(31) + b"\x01")
    forged = bytes(Note(checkpoint.text, (signer.sign(checkpoint.text),)))
    engine = connect(settings.database)
    with httpx.Client() as client, reading(engine) as session:
        asked = HttpWitness(witness.url, parse_verifier_key(str(witness.key)), client)
        with pytest.raises(WitnessRefused, match="409"):
            asked.cosign(SignedCheckpoint(checkpoint, forged), StoredNodes(session))
    engine.dispose()
    engine = connect(f"sqlite:///{witness.folder / DATABASE_FILE}")
    with reading(engine) as session:
        (kept,) = session.query(SplitViewRow).all()
        split = msgspec.json.decode(kept.evidence, type=SplitView)
    engine.dispose()
    check_split(split, signer.key())


def test_too_few_witnesses_are_measured(settings: Settings):
    at = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
    engine = connect(settings.database)
    signer = log_signer(settings, open_keys(settings))
    with writing(engine) as session:
        state = load_state(session)
        wanted = msgspec.structs.replace(state.parameters, witness_quorum=1)
        save_state(session, msgspec.structs.replace(state, parameters=wanted), 0)
    publishing = Publishing(engine, signer, settings)
    assert publishing.short_of_witnesses(at) is None
    publishing.open()
    assert publishing.short_of_witnesses(at) == dt.timedelta()
    publishing.finish(at)
    publishing.open()
    with pytest.raises(Exception, match="a quorum of 1 from 0 witnesses"):
        publishing.publish(at)
    later = at + dt.timedelta(minutes=2)
    assert publishing.short_of_witnesses(later) == dt.timedelta(minutes=2)
    second = Publishing(engine, signer, settings)
    second.open()
    second.publish(at)
    assert second.short_of_witnesses(at) is None
    publishing.close()
    engine.dispose()


def test_a_server_on_an_old_backup_does_not_start(settings: Settings, tmp_path: Path):
    backup = copy_database(settings)
    home = settings.data_dir / "members" / "platform"
    anchors = read_anchors(home)
    with (
        ServerProcess(settings, tmp_path / "server.log"),
        Connection.of(MemberFolder(home)) as platform,
    ):
        set_session(platform, "open")
        wait_until(lambda: published(settings, anchors) > 0)
    restored = msgspec.structs.replace(settings, database_url=backup)
    with pytest.raises(LogRolledBack):
        check_log(restored)
    with pytest.raises(ServerUnreachable, match="restored from an old"):
        ServerProcess(restored, tmp_path / "again.log").start()
    assert state_file(settings).exists()


def copy_database(settings: Settings) -> str:
    """Return the URL of a copy of the database, as it is now; nobody may be connected to it."""
    url = sa.make_url(settings.database)
    copy = f"{url.database}_copy"
    if url.get_backend_name() == "sqlite":
        shutil.copyfile(str(url.database), copy)
    else:
        engine = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {copy} TEMPLATE {url.database}")
        engine.dispose()
    return url.set(database=copy).render_as_string(hide_password=False)
