"""A backup is taken from a running network, and brought back; but the log never goes back."""

import datetime as dt
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from governance.assembly.anchors import log_signer
from governance.assembly.founding import create_network
from governance.assembly.keys import open_keys
from governance.assembly.network import open_network
from governance.assembly.publishing import check_log, state_file
from governance.errors import BackupInvalid, DatabaseInUse
from governance.operations.backups import back_up, log_head, read_manifest, restore
from governance.settings import Settings
from ledger.database import connect, writing
from ledger.errors import LogRolledBack, LogStateInvalid
from ledger.log.checkpoints import Publisher, adopt
from ledger.log.sequencer import LogEntry, append
from tests.production.clusters import Cluster

NOW = dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)


def publish(settings: Settings, entries: int) -> int:
    """Append entries, sign a checkpoint over everything, and return its size."""
    engine = connect(settings.database)
    signer = log_signer(settings, open_keys(settings))
    file = state_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    with writing(engine) as session:
        append(session, [LogEntry("note", b"entry %d" % n) for n in range(entries)])
    with Publisher(engine, signer, file) as publisher:
        size = publisher.publish(NOW).size
    engine.dispose()
    return size


def emptied(settings: Settings, tmp_path: Path, cluster: Cluster) -> Settings:
    """Return the same installation on a fresh database."""
    if settings.database_url:
        url = cluster.create("r" + uuid4().hex)
        return msgspec.structs.replace(settings, database_url=url)
    url = f"sqlite:///{tmp_path / 'fresh.sqlite'}"
    return msgspec.structs.replace(settings, database_url=url)


@pytest.fixture
def founded(settings: Settings) -> Settings:
    create_network(settings, lambda _line: None)
    publish(settings, 3)
    return settings


def test_a_backup_comes_back_whole(founded: Settings, tmp_path: Path, cluster: Cluster):
    manifest = back_up(founded, tmp_path / "backup", NOW)
    again = emptied(founded, tmp_path, cluster)
    assert restore(again, tmp_path / "backup") == manifest
    check_log(again)
    engine = connect(again.database)
    assert log_head(engine) == (manifest.log_size, manifest.log_root)
    engine.dispose()
    with open_network(again) as network:
        assert network.view.state().network == "st.example"


def test_a_backup_has_no_master_key(founded: Settings, tmp_path: Path):
    back_up(founded, tmp_path / "backup", NOW)
    secret = founded.master_key.read_bytes()
    for file in (tmp_path / "backup").rglob("*"):
        assert not file.is_file() or secret not in file.read_bytes()


def test_an_old_backup_does_not_start_where_more_was_signed(
    founded: Settings, tmp_path: Path, cluster: Cluster
):
    size = back_up(founded, tmp_path / "backup", NOW).log_size
    assert publish(founded, 5) == size + 5
    again = emptied(founded, tmp_path, cluster)
    restore(again, tmp_path / "backup")
    with pytest.raises(LogRolledBack, match=f"has {size} entries, but a checkpoint of {size + 5}"):
        check_log(again)
    engine = connect(again.database)
    with pytest.raises(LogRolledBack):
        adopt(engine, log_signer(again, open_keys(again)), state_file(again))
    engine.dispose()


def test_on_a_new_machine_the_operator_adopts_what_came_back(
    founded: Settings, tmp_path: Path, cluster: Cluster
):
    size = back_up(founded, tmp_path / "backup", NOW).log_size
    master = founded.master_key
    elsewhere = msgspec.structs.replace(
        emptied(founded, tmp_path, cluster),
        data_dir=tmp_path / "machine-2",
        master_key_file=str(master),
    )
    restore(elsewhere, tmp_path / "backup")
    with pytest.raises(LogStateInvalid, match="sekisho log adopt"):
        check_log(elsewhere)
    engine = connect(elsewhere.database)
    adopted = adopt(engine, log_signer(elsewhere, open_keys(elsewhere)), state_file(elsewhere))
    engine.dispose()
    assert adopted is not None
    assert adopted.size == size
    check_log(elsewhere)


def test_an_altered_backup_is_refused(founded: Settings, tmp_path: Path, cluster: Cluster):
    back_up(founded, tmp_path / "backup", NOW)
    key = next((tmp_path / "backup" / "keys").iterdir())
    key.write_bytes(key.read_bytes() + b" ")
    (tmp_path / "backup" / "extra").write_bytes(b"")
    with pytest.raises(BackupInvalid, match=rf"keys/{key.name}, extra"):
        read_manifest(tmp_path / "backup")
    with pytest.raises(BackupInvalid):
        restore(emptied(founded, tmp_path, cluster), tmp_path / "backup")


def test_a_restore_spoils_no_database_and_a_backup_no_folder(founded: Settings, tmp_path: Path):
    back_up(founded, tmp_path / "backup", NOW)
    with pytest.raises(DatabaseInUse):
        restore(founded, tmp_path / "backup")
    with pytest.raises(BackupInvalid, match="not empty"):
        back_up(founded, tmp_path / "backup", NOW)
