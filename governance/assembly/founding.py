"""The first start: keys, authority, the platform administrator, and the genesis statement.

Every step can be taken again after a crash: what is there is kept.
"""

import base64
import datetime as dt
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from contracts.artifacts import keep_registered
from contracts.sandbox import runtime
from governance.assembly.anchors import network_anchors
from governance.assembly.keys import LOG, SERVICE, make_master_secret, open_keys, own_key
from governance.assembly.lockout import renew_own
from governance.assembly.services import GovernanceServices, governance_services, utc_now
from governance.client.anchors import pin_anchors
from governance.client.files import write_private
from governance.client.folder import MemberFile, MemberFolder
from governance.decisions.genesis import (
    first_parameters,
    found_network,
    shipped_voting_rules,
)
from governance.decisions.statements import FirstMember, Genesis
from governance.decisions.store import add_document, founded
from governance.errors import AuthorityUnfit
from governance.identity import store as identity
from governance.identity.announcements import CertificateIssued
from governance.identity.authority import issue_approved
from governance.identity.foundation import chain, create_authority
from governance.identity.keystores import KeyKind
from governance.identity.profile import CertificateKind
from governance.identity.tables import CertificateRow
from governance.membership import store as members
from governance.membership.admission import found_membership
from governance.membership.members import NodeKind, Role
from governance.membership.renewals import enrol_hosted_node
from governance.membership.statements import Application, NodeRequest
from governance.operations.databases import open_database
from governance.settings import Settings
from governance.upgrading import upgrade_database
from ledger.database import connect, reading, writing
from ledger.hashing import content_digest
from ledger.keys import accept_public_key, public_bytes
from policies.engine import shipped_text

ADMIN_NODE = "admin"
NOTARY_NODE = "notary"
OFFLINE = "offline"
"""Folder of what belongs into a safe: the root's key and its passphrase."""

Say = Callable[[str], None]


def create_network(settings: Settings, say: Say) -> None:
    """Make the network that `settings` describe, unless it exists; bring its schema up to date.

    Args:
        settings: where, and how the platform administrator is called.
        say: takes a line about each thing that was made, and where it is.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if make_master_secret(settings):
        say(f"wrote the master key: {settings.master_key} (back it up apart from the data)")
    keys = open_keys(settings)
    own_key(keys.files, SERVICE)
    own_key(keys.files, LOG, KeyKind.ED25519)
    bare = connect(settings.database)
    try:
        upgrade_database(bare)
    finally:
        bare.dispose()
    engine = open_database(settings)
    try:
        with reading(engine) as session:
            done = founded(session)
        services = governance_services(settings, keys, engine)
        if done:
            services.observe()
            renew_own(engine, services)
        else:
            _found(settings, services, engine, say)
            with reading(engine) as session:
                anchors = network_anchors(session, settings, keys)
            folder = _administrator_path(settings)
            pin_anchors(folder, anchors)
            say(f"founded the network {settings.network}; fingerprint {anchors.fingerprint}")
    finally:
        engine.dispose()


def _found(settings: Settings, services: GovernanceServices, engine: Engine, say: Say) -> None:
    at = utc_now()
    built = runtime.obtain(progress=say)
    say(f"contract runtime {built.id}")
    with writing(engine) as session:
        _make_authority(session, settings, services, at, say)
    folder = _administrator_folder(settings, say)
    member = settings.platform_member
    with writing(engine) as session:
        if not members.members_after(session, "", 1):
            found_membership(session, services.authority, _application(settings, folder), at)
            enrol_hosted_node(session, services.authority, member, NodeKind.NOTARY_NODE, at)
    issue_approved(engine, services.authority, at)
    with writing(engine) as session:
        row = identity.certificates_of(session, member, ADMIN_NODE)[0]
        genesis = _genesis(session, settings, services, row, built.id, at)
        found_network(session, services.decisions, folder.signer, genesis, at)
        keep_registered(session, [built.id], member, at)
        services.observe()
        _report_hosted(session, services, member, at)
        chained = [x509.load_der_x509_certificate(row.der), *chain(session, row.issuer)]
    folder.save_certificate(_pem(*chained))


def _report_hosted(
    session: Session, services: GovernanceServices, member: str, at: dt.datetime
) -> None:
    """Tell the network's state of the certificates that the genesis statement does not name."""
    herald = services.authority.herald
    for row in identity.certificates_of(session, member):
        if row.node != ADMIN_NODE and row.kind != CertificateKind.SERVICE:
            body = CertificateIssued(row.serial, member, row.node, row.key_id, row.issuer, row.der)
            herald.report(session, body, at)


def _make_authority(
    session: Session,
    settings: Settings,
    services: GovernanceServices,
    at: dt.datetime,
    say: Say,
) -> None:
    if identity.latest_authority(session, "root") is not None:
        return
    offline = settings.data_dir / OFFLINE
    root = create_authority(session, services.authority, at)
    passphrase = secrets.token_urlsafe(24)
    offline.mkdir(mode=0o700, exist_ok=True)
    write_private(offline / "root.key", root.export(passphrase))
    write_private(offline / "root.passphrase", passphrase.encode())
    say(f"made the root authority: move {offline} to a safe place, off this machine")


def _administrator_path(settings: Settings) -> Path:
    return settings.data_dir / "members" / settings.platform_member


def _administrator_folder(settings: Settings, say: Say) -> MemberFolder:
    path = _administrator_path(settings)
    if (path / "member.json").exists():
        return MemberFolder(path)
    member = MemberFile(
        member_id=settings.platform_member,
        network=settings.network,
        server=settings.url,
        legal_name=settings.platform_legal_name,
        node=ADMIN_NODE,
    )
    folder = MemberFolder.create(path, member)
    say(f"made the platform administrator's folder: {path} (move it to its own machine)")
    return folder


def _application(settings: Settings, folder: MemberFolder) -> Application:
    request = x509.load_pem_x509_csr(folder.request.encode())
    return Application(
        member_id=settings.platform_member,
        legal_name=settings.platform_legal_name,
        roles=(Role.PLATFORM_ADMINISTRATOR,),
        nodes=(
            NodeRequest(ADMIN_NODE, NodeKind.API_CLIENT, csr=request.public_bytes(_DER)),
            NodeRequest(
                NOTARY_NODE, NodeKind.NOTARY_NODE, address=f"notary.{settings.network}:443"
            ),
        ),
    )


def _genesis(
    session: Session,
    settings: Settings,
    services: GovernanceServices,
    row: CertificateRow,
    runtime_id: str,
    at: dt.datetime,
) -> Genesis:
    rules = shipped_text().encode()
    digest = content_digest(rules)
    add_document(session, digest, rules, settings.platform_member, at)
    own = x509.load_der_x509_certificate(row.der)
    member = settings.platform_member
    parameters = first_parameters(settings.network, member, digest, (runtime_id,))
    return Genesis(
        network=settings.network,
        service_key=_text(public_bytes(services.authority.herald.signer.public_key())),
        administrator=FirstMember(
            member_id=member,
            legal_name=settings.platform_legal_name,
            serial=row.serial,
            public_key=_text(public_bytes(accept_public_key(own.public_key()))),
            not_before=own.not_valid_before_utc,
            not_after=own.not_valid_after_utc,
            node=ADMIN_NODE,
        ),
        root_certificate=_text(_authority(session, "root")),
        issuing_certificate=_text(_authority(session, "issuing")),
        parameters=msgspec.structs.replace(
            parameters, registration_window_seconds=settings.registration_window
        ),
        voting_rules=shipped_voting_rules(),
    )


def _authority(session: Session, kind: str) -> bytes:
    row = identity.latest_authority(session, kind)
    if row is None:
        raise AuthorityUnfit(f"the network has no {kind} authority yet")
    return row.der


_DER = serialization.Encoding.DER


def _pem(*certificates: x509.Certificate) -> str:
    pem = serialization.Encoding.PEM
    return "".join(c.public_bytes(pem).decode() for c in certificates)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
