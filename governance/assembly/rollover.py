"""Succession of the issuing authority: certified with the offline root, put in force by a vote."""

import datetime as dt
from pathlib import Path

import msgspec

from governance.assembly.keys import open_keys
from governance.assembly.services import governance_services, utc_now
from governance.errors import AuthorityUnfit
from governance.identity import foundation, store
from governance.identity.authority import issue_approved
from governance.identity.foundation import RootKey, certify_issuing
from governance.membership.renewals import renew_hosted
from governance.operations.databases import open_database
from governance.settings import Settings
from ledger.database import reading, writing
from ledger.hashing import content_digest


class CertifiedAuthority(msgspec.Struct, frozen=True):
    """A new issuing authority: its name, the digest to vote on, and until when it is good."""

    name: str
    certificate: str
    not_after: dt.datetime


def certify_authority(
    settings: Settings, root_file: Path, passphrase_file: Path
) -> CertifiedAuthority:
    """Make the key of the next issuing authority and certify it with the root.

    It issues nothing until the members have decided so; a server may be running meanwhile.

    Args:
        settings: of this machine's server.
        root_file: the root's key as it was exported, brought back for this one signature.
        passphrase_file: holds what opens it.

    Raises:
        AuthorityUnfit: the files cannot be read, or are not those of this network's root.
        KeyStoreUnusable: the server's key stores do not open.
    """
    root = _read_root(root_file, passphrase_file)
    engine = open_database(settings)
    try:
        services = governance_services(settings, open_keys(settings), engine)
        with writing(engine) as session:
            row = certify_issuing(session, services.authority, root, utc_now())
            return CertifiedAuthority(row.name, content_digest(row.der), row.not_after)
    finally:
        engine.dispose()


def revoke_authority(settings: Settings, root_file: Path, passphrase_file: Path, name: str) -> None:
    """Revoke the issuing authority `name` with the root, after its successor was put in force.

    The service's own certificates and those of hosted nodes are renewed first, where they came from
    it, so that the network map can be signed all the time.

    Raises:
        AuthorityUnfit: as `identity.foundation.revoke_authority`; the files cannot be read.
        KeyStoreUnusable: the server's key stores do not open.
    """
    root = _read_root(root_file, passphrase_file)
    engine = open_database(settings)
    try:
        authority = governance_services(settings, open_keys(settings), engine).authority
        at = utc_now()
        with reading(engine) as session:
            current = store.issuing_authority(session)
        if current is not None and current.name != name:
            with writing(engine) as session:
                renew_hosted(session, authority, at, frozenset({name}))
            issue_approved(engine, authority, at)
        with writing(engine) as session:
            foundation.revoke_authority(session, authority, root, name, at)
    finally:
        engine.dispose()


def _read_root(root_file: Path, passphrase_file: Path) -> RootKey:
    try:
        pem = root_file.read_bytes()
        passphrase = passphrase_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AuthorityUnfit(f"the root cannot be read: {error}") from error
    return RootKey.load(pem, passphrase)
