"""Backups that can be restored, and a restore that cannot fork the log.

A backup is a folder: the database (an online copy on SQLite, `pg_dump` on PostgreSQL), the sealed
keys, and a manifest with a digest of each file and the log's size and root. The master key is not
in it: kept together, they would be the keys themselves.

A restore never brings back the file that remembers the last signed checkpoint: it stays what this
machine knows. If that is more than the backup holds, the server refuses to start.
"""

import datetime as dt
import hashlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from governance.assembly.founding import OFFLINE
from governance.errors import BackupInvalid, DatabaseInUse, DatabaseUnsuited
from governance.settings import Settings
from governance.upgrading import current_revision
from ledger.database import connect, reading
from ledger.log import merkle
from ledger.log.store import StoredNodes, log_size

MANIFEST = "manifest.json"
KEYS = "keys"
SQLITE_FILE, POSTGRESQL_FILE = "ledger.sqlite", "ledger.pgdump"
TOOL_SECONDS = 6 * 3600
"""How long `pg_dump` or `pg_restore` may take."""

PAGES = 1024
"""SQLite pages copied at a time; writers come between."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup holds.

    Args:
        network: the network's name.
        made_at: UTC.
        revision: the schema's.
        log_size: entries in the log.
        log_root: the Merkle root over them, in hex.
        files: the SHA-256 of each file, in hex.
    """

    network: str
    made_at: dt.datetime
    revision: str
    log_size: int
    log_root: str
    files: dict[str, str]


def back_up(settings: Settings, folder: Path, at: dt.datetime) -> Manifest:
    """Write a backup of the running network into the new folder `folder`.

    Raises:
        BackupInvalid: the folder is not empty, or the copy does not hold together.
        DatabaseUnsuited: the tools of PostgreSQL are not on this machine.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupInvalid(f"{folder} is not empty; give each backup a folder of its own")
    keys = folder / KEYS
    keys.mkdir(mode=0o700)
    for file in sorted(settings.keys_dir.iterdir()):
        if file.is_file() and file.resolve() != settings.master_key.resolve():
            shutil.copy2(file, keys / file.name)
    engine = connect(settings.database)
    try:
        size, root = _copy_database(engine, folder)
        manifest = Manifest(
            network=settings.network,
            made_at=at,
            revision=current_revision(engine) or "",
            log_size=size,
            log_root=root,
            files={str(f.relative_to(folder)): _digest(f) for f in _files(folder)},
        )
    finally:
        engine.dispose()
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def restore(settings: Settings, folder: Path) -> Manifest:
    """Bring a backup back into the empty database that `settings` name; return its manifest.

    Keys that are here already stay. The last signed checkpoint is not touched.

    Raises:
        BackupInvalid: a file is missing or altered, or the log does not add up.
        DatabaseInUse: the database holds something.
    """
    manifest = read_manifest(folder)
    engine = connect(settings.database)
    try:
        if sa.inspect(engine).get_table_names():
            raise DatabaseInUse(f"{engine.url.render_as_string()} holds tables; restore into none")
        _restore_database(engine, folder)
        size, root = log_head(engine)
    finally:
        engine.dispose()
    if (size, root) != (manifest.log_size, manifest.log_root):
        raise BackupInvalid(
            f"the restored log has {size} entries and root {root}; the manifest says"
            f" {manifest.log_size} and {manifest.log_root}"
        )
    settings.keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in sorted((folder / KEYS).iterdir()):
        place = settings.keys_dir / file.name
        if not place.exists():
            shutil.copy2(file, place)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup whose files are all there and unaltered.

    Raises:
        BackupInvalid: naming every file that is not.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise BackupInvalid(f"{folder} holds no backup: {error}") from error
    found = {str(file.relative_to(folder)): file for file in _files(folder)}
    wrong = [
        name
        for name, digest in manifest.files.items()
        if name not in found or _digest(found[name]) != digest
    ]
    wrong += sorted(found.keys() - manifest.files.keys())
    if wrong:
        raise BackupInvalid("missing, altered or strange: " + ", ".join(wrong))
    return manifest


def left_out(settings: Settings) -> list[str]:
    """Return what must be kept elsewhere: a backup does not hold it."""
    kept = [f"the master key: {settings.master_key}"]
    if (settings.data_dir / OFFLINE).exists():
        kept.append(f"the offline root, which should not be on this machine: {OFFLINE}")
    return kept


def log_head(engine: Engine) -> tuple[int, str]:
    """Return the log's size and root, computed from its tiles and leaves."""
    with reading(engine) as session:
        return _head(session)


def _head(session: Session) -> tuple[int, str]:
    size = log_size(session)
    return size, merkle.tree_root(StoredNodes(session), size).hex()


def _copy_database(engine: Engine, folder: Path) -> tuple[int, str]:
    """Copy the database; return size and root of the log in the copy."""
    if engine.dialect.name == "postgresql":
        return _dump(engine, folder / POSTGRESQL_FILE)
    target = folder / SQLITE_FILE
    source = sqlite3.connect(str(engine.url.database))
    copy = sqlite3.connect(target)
    try:
        source.backup(copy, pages=PAGES)
    finally:
        copy.close()
        source.close()
    made = connect(f"sqlite:///{target}")
    try:
        return log_head(made)
    finally:
        made.dispose()
        again = sqlite3.connect(target)  # `connect` turned the write-ahead log on: fold it in
        again.execute("PRAGMA journal_mode=DELETE")
        again.close()


def _dump(engine: Engine, file: Path) -> tuple[int, str]:
    """Dump the very snapshot whose log head is returned."""
    with reading(engine) as session:
        snapshot = session.scalar(sa.text("SELECT pg_export_snapshot()"))
        head = _head(session)
        _run("pg_dump", engine.url, "--format=custom", f"--snapshot={snapshot}", f"--file={file}")
        return head


def _restore_database(engine: Engine, folder: Path) -> None:
    if engine.dialect.name == "postgresql":
        dump = folder / POSTGRESQL_FILE
        if not dump.exists():
            raise BackupInvalid(f"{folder} is a backup of SQLite; this database is PostgreSQL")
        _run("pg_restore", engine.url, "--no-owner", "--exit-on-error", str(dump))
        return
    file = folder / SQLITE_FILE
    if not file.exists():
        raise BackupInvalid(f"{folder} is a backup of PostgreSQL; this database is SQLite")
    engine.dispose()
    place = Path(str(engine.url.database))
    for suffix in ("", "-wal", "-shm"):
        place.with_name(place.name + suffix).unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, place)


def _run(tool: str, url: sa.URL, *arguments: str) -> None:
    path = shutil.which(tool)
    if path is None:
        raise DatabaseUnsuited(f"{tool} is not on this machine; install PostgreSQL's client tools")
    plain = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own tools, no shell
        [path, f"--dbname={plain}", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TOOL_SECONDS,
    )
    if done.returncode:
        raise BackupInvalid(f"{tool}: {done.stderr.strip()[-1000:]}")


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file() and f.name != MANIFEST)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
