"""What can be wrong with an installation, and what to do: the checks of `sekisho doctor`."""

import datetime as dt
import shutil
import ssl
import sys
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import msgspec
import sqlalchemy as sa
from cryptography import x509
from sqlalchemy.exc import SQLAlchemyError

from contracts.errors import ContractError
from contracts.sandbox import runtime
from contracts.sandbox.pool import jail_report
from governance.assembly.founding import OFFLINE
from governance.assembly.keys import open_keys
from governance.client.connection import Connection
from governance.client.folder import MemberFolder
from governance.errors import GovernanceError
from governance.identity.profile import renewal_due
from governance.identity.store import issuing_authority
from governance.membership.members import Standing
from governance.membership.renewals import expiring
from governance.operations.databases import open_database
from governance.settings import Settings
from governance.upgrading import current_revision, newest_revision
from ledger.database import reading
from ledger.errors import LedgerError
from ledger.log.store import last_checkpoint, log_size
from ledger.tables import TransferRow

MAX_SKEW = 30.0
"""Seconds by which two clocks may differ before statements are refused."""

MIN_FREE = 1 << 30
"""Bytes of disk that should be free."""

MIN_PYTHON = (3, 11)
_SEE_DATABASE = "see the finding on the database"
_OTHERS = 0o077
"""Permissions of group and others."""


class Finding(msgspec.Struct, frozen=True):
    """One check: whether it holds, what was seen, and what to do where it does not.

    What is not `grave` may stay so for a while: the command succeeds all the same.
    """

    check: str
    good: bool
    seen: str
    advice: str = ""
    grave: bool = True


def examine_server(settings: Settings) -> Iterator[Finding]:
    """Yield what is found on the machine of a server: storage, keys, database, log, sandbox."""
    yield _python()
    yield _storage(settings.data_dir)
    yield _attempt("keys", lambda: _keys(settings), "restore the master key from its backup")
    yield _secrets(settings)
    yield _offline_root(settings)
    yield _attempt("database", lambda: _database(settings), "start it, and check database_url")
    yield _login(settings)
    at = dt.datetime.now(dt.UTC)
    yield from _certificates(settings, at)
    if settings.tls_certificate:
        yield _tls(Path(settings.tls_certificate), at)
    yield _attempt("log", lambda: _log(settings), "see docs/operations/backup.md")
    yield from _sandbox()


def examine_folder(folder: MemberFolder, at: dt.datetime) -> Iterator[Finding]:
    """Yield what is found in a member's folder: key, certificate, server, clock."""
    yield _python()
    yield _storage(folder.path)
    yield _attempt("node key", lambda: folder.key_id[:16] + "…", "see SEKISHO_PASSPHRASE")
    yield _certificate(folder, at)
    yield from _server(folder, at)
    yield _membership(folder)


def _python() -> Finding:
    good = sys.version_info[:2] >= MIN_PYTHON
    return Finding("python", good, sys.version.split()[0], "" if good else "install 3.11 or later")


def _storage(path: Path) -> Finding:
    place = path if path.exists() else Path()
    free = shutil.disk_usage(place).free
    seen = f"{free / (1 << 30):.1f} GiB free at {place}"
    good = free >= MIN_FREE
    return Finding("storage", good, seen, "" if good else "make room: commits stop when it is full")


def _attempt(check: str, look: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(check, True, look())
    except (GovernanceError, LedgerError, ContractError, SQLAlchemyError, OSError) as error:
        return Finding(check, False, f"{type(error).__name__}: {error}", advice)


def _keys(settings: Settings) -> str:
    keys = open_keys(settings)
    return f"{len(keys.files.names())} sealed keys open"


def _secrets(settings: Settings) -> Finding:
    """Say which files with secrets others than their owner may touch."""
    files = [settings.master_key, *settings.keys_dir.glob("*.key"), settings.keys_dir]
    named = (settings.pkcs11_pin_file, settings.tls_key)
    open_ones = [
        str(file)
        for file in (*files, *(Path(name) for name in named if name))
        if file.exists() and file.stat().st_mode & _OTHERS
    ]
    seen = f"open to others: {', '.join(open_ones)}" if open_ones else "their owner's alone"
    advice = f"chmod go= {' '.join(open_ones)}" if open_ones else ""
    return Finding("secrets", not open_ones, seen, advice)


def _offline_root(settings: Settings) -> Finding:
    place = settings.data_dir / OFFLINE
    here = any(place.glob("root.*"))
    seen = f"the root's key lies in {place}" if here else "not on this machine"
    advice = f"move {place} to a safe: who has it can certify anybody" if here else ""
    return Finding("offline root", not here, seen, advice, grave=False)


def _tls(file: Path, at: dt.datetime) -> Finding:
    try:
        own = x509.load_pem_x509_certificates(file.read_bytes())[0]
    except (OSError, ValueError) as error:
        return Finding("tls", False, f"{file}: {error}", "name a PEM file of the chain")
    good = at < renewal_due(own.not_valid_before_utc, own.not_valid_after_utc)
    advice = "" if good else "renew it: a member's node by `sekisho member renew`"
    return Finding("tls", good, f"until {own.not_valid_after_utc:%Y-%m-%d %H:%M}Z", advice)


def _database(settings: Settings) -> str:
    engine = open_database(settings)
    try:
        here, newest = current_revision(engine), newest_revision()
        if here != newest:
            raise LedgerError(f"schema {here}, this version has {newest}; start the server once")
        return f"{engine.dialect.name}, schema {here}"
    finally:
        engine.dispose()


_UNHELD = sa.text(
    "SELECT r.rolsuper OR r.rolbypassrls OR EXISTS (SELECT 1 FROM pg_tables t"
    " WHERE t.tablename = :table AND pg_has_role(current_user, t.tableowner, 'USAGE'))"
    " FROM pg_roles r WHERE r.rolname = current_user"
)


def _login(settings: Settings) -> Finding:
    """Say whether the database holds this login to the rows that the gateway asks for."""
    engine = open_database(settings)
    try:
        if engine.dialect.name != "postgresql":
            return Finding("row security", True, f"{engine.dialect.name}: an authorizer instead")
        with engine.connect() as connection:
            unheld = connection.scalar(_UNHELD, {"table": TransferRow.__tablename__})
    except SQLAlchemyError as error:
        return Finding("row security", False, f"{type(error).__name__}: {error}", _SEE_DATABASE)
    finally:
        engine.dispose()
    seen = "the login owns the tables: row security does not hold it"
    advice = "sekisho database grant; then log in as a member of sekisho_writer"
    if unheld:
        return Finding("row security", False, seen, advice, grave=False)
    return Finding("row security", True, "holds this login")


def _log(settings: Settings) -> str:
    engine = open_database(settings)
    try:
        with reading(engine) as session:
            size, checkpoint = log_size(session), last_checkpoint(session)
        signed = 0 if checkpoint is None else checkpoint.size
        return f"{size:,} entries, {signed:,} under a checkpoint"
    finally:
        engine.dispose()


def _certificates(settings: Settings, at: dt.datetime) -> Iterator[Finding]:
    """Yield whether the clock has gone on since the last checkpoint, and what expires."""
    engine = open_database(settings)
    try:
        with reading(engine) as session:
            checkpoint, late = last_checkpoint(session), expiring(session, at)
            authority = issuing_authority(session)
    except (SQLAlchemyError, LedgerError) as error:
        yield Finding("certificates", False, f"{type(error).__name__}: {error}", _SEE_DATABASE)
        return
    finally:
        engine.dispose()
    if checkpoint is not None:
        ahead = (checkpoint.published_at - at).total_seconds()
        advice = "" if ahead <= MAX_SKEW else "set the clock (NTP) before the server signs again"
        seen = f"{at:%Y-%m-%d %H:%M:%S}Z, last checkpoint {checkpoint.published_at:%H:%M:%S}Z"
        yield Finding("clock", ahead <= MAX_SKEW, seen, advice)
    names = ", ".join(f"{found.member_id}/{found.node}" for found in late)
    advice = "remind them: `sekisho member renew`; see `sekisho member expiring`" if late else ""
    yield Finding("certificates", not late, f"due: {names}" if late else "none is due", advice)
    if authority is None:
        yield Finding("issuing authority", False, "none", "start the server once")
        return
    good = at < renewal_due(authority.not_before, authority.not_after)
    advice = "" if good else "certify the next: `sekisho governance certify-authority`"
    seen = f"{authority.name} until {authority.not_after:%Y-%m-%d}"
    yield Finding("issuing authority", good, seen, advice)


def _sandbox() -> Iterator[Finding]:
    found = _attempt("sandbox", lambda: runtime.obtain().id[:23] + "…", "see docs/contracts")
    yield found
    if not found.good:
        return
    for layer in jail_report(runtime.obtain()):
        advice = "" if layer.holds else "contracts still run in WebAssembly; this is a second wall"
        yield Finding(f"jail: {layer.name}", layer.holds, layer.detail, advice, grave=False)


def _certificate(folder: MemberFolder, at: dt.datetime) -> Finding:
    chain = folder.certificate
    if chain is None:
        return Finding("certificate", False, "none yet", "run `sekisho member status`")
    own = x509.load_pem_x509_certificate(chain.encode())
    until = f"until {own.not_valid_after_utc:%Y-%m-%d %H:%M}Z"
    if at >= own.not_valid_after_utc:
        return Finding("certificate", False, f"expired, {until}", "run `sekisho member recover`")
    if at >= renewal_due(own.not_valid_before_utc, own.not_valid_after_utc):
        return Finding("certificate", False, f"due, {until}", "run `sekisho member renew`")
    return Finding("certificate", True, until)


def _server(folder: MemberFolder, at: dt.datetime) -> Iterator[Finding]:
    url = folder.member.server
    try:
        answer = httpx.get(f"{url}/health/ready", timeout=5.0)
    except (httpx.TransportError, ssl.SSLError) as error:
        yield Finding("server", False, f"{url}: {error}", "is it started, and the URL right?")
        return
    good = answer.status_code == httpx.codes.OK
    yield Finding("server", good, f"{url}: {answer.text[:100]}", "" if good else "ask its operator")
    if "date" in answer.headers:
        skew = abs((parsedate_to_datetime(answer.headers["date"]) - at).total_seconds())
        good = skew <= MAX_SKEW
        advice = "" if good else "set the clock (NTP): statements from another time are refused"
        yield Finding("clock", good, f"{skew:.0f} s from the server's", advice)


def _membership(folder: MemberFolder) -> Finding:
    """Log in, and say how the member stands."""
    if folder.certificate is None:
        return Finding("membership", False, "no certificate yet", "run `sekisho member status`")
    try:
        with Connection.of(folder) as connection:
            standing = connection.get(f"/v1/members/{folder.member.member_id}")["standing"]
    except GovernanceError as error:
        advice = "renew or recover the certificate; if the membership is over, apply anew"
        return Finding("membership", False, f"cannot log in: {error}", advice)
    good = standing == Standing.ACTIVE
    advice = "" if good else "ask the platform administrator: `sekisho member show` says why"
    return Finding("membership", good, standing, advice)
