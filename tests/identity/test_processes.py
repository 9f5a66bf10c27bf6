"""Certificates over real server processes: killed while they issue, two over one database."""

import base64
import datetime as dt
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from governance.access.fronting import free_port
from governance.client import governing, joining, mapping, renewing
from governance.client.anchors import fetch_anchors, pin_anchors
from governance.client.connection import Connection, Refused
from governance.client.folder import MemberFile, MemberFolder
from governance.decisions.actions import Revoke, RotateCaKey
from governance.demo.process import ServerProcess
from governance.errors import ServerUnreachable
from governance.identity.tables import CertificateRow, IssuanceRow, RevocationRow
from governance.membership.members import Role
from governance.settings import Settings, as_environment
from ledger.database import connect, reading
from tests.serving import server_settings

pytestmark = pytest.mark.faults


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return server_settings(tmp_path / "data", log_level="warning")


def chair(settings: Settings) -> MemberFolder:
    return MemberFolder(settings.data_dir / "members" / settings.platform_member)


@pytest.fixture
def processes(settings: Settings, tmp_path: Path) -> Iterator[tuple[Settings, Settings]]:
    """Two servers over one database."""
    other = msgspec.structs.replace(settings, port=free_port())
    with (
        ServerProcess(settings, tmp_path / "one.log"),
        ServerProcess(other, tmp_path / "two.log"),
    ):
        yield settings, other


def test_a_server_that_is_killed_while_it_issues_issues_each_approval_once(
    settings: Settings, tmp_path: Path
) -> None:
    server = ServerProcess(settings, tmp_path / "server.log")
    server.start()
    stop = threading.Event()

    def renew() -> None:
        while not stop.is_set():
            with suppress(ServerUnreachable, Refused), Connection.of(chair(settings)) as connection:
                renewing.renew(connection, chair(settings))

    workers = [threading.Thread(target=renew) for _ in range(3)]
    for worker in workers:
        worker.start()
    for wait in (0.9, 1.3):
        time.sleep(wait)
        server.kill()
        server.start()
    stop.set()
    for worker in workers:
        worker.join()
    server.stop()
    engine = connect(settings.database)
    with reading(engine) as session:
        states = dict(
            session.execute(sa.select(IssuanceRow.state, sa.func.count()).group_by("state")).all()
        )
        issued = session.scalars(sa.select(CertificateRow.issuance_id)).all()
        serials = set(session.scalars(sa.select(CertificateRow.serial)))
        abandoned = set(
            session.scalars(
                sa.select(RevocationRow.serial).where(RevocationRow.reason == "abandoned")
            )
        )
    engine.dispose()
    assert states["stored"] == len(issued) == len(set(issued)) > 3
    assert set(states) <= {"stored", "approved", "reserved"}
    assert not serials & abandoned


def join(settings: Settings, place: Path, member_id: str) -> MemberFolder:
    network, server = settings.network, settings.url
    folder = MemberFolder.create(place, MemberFile(member_id, network, server, f"{member_id} K.K."))
    sponsor = settings.platform_member
    joining.apply(folder, joining.build_application(folder, [Role.FUNDRAISER], sponsor=sponsor))
    with Connection.of(chair(settings)) as connection:
        for proposal in governing.open_proposals(connection):
            governing.vote(connection, proposal["id"], approve=True)
    assert joining.fetch_certificate(folder, 30) is not None
    return folder


def test_a_revocation_acts_within_a_second_in_every_process(
    processes: tuple[Settings, Settings], tmp_path: Path
) -> None:
    folder = join(processes[0], tmp_path / "fund", "fund-a")
    with (
        Connection(processes[0].url, folder) as here,
        Connection(processes[1].url, folder) as there,
        Connection.of(chair(processes[0])) as chief,
    ):
        for connection in (here, there):
            connection.get("/v1/members")
        decide(chief, Revoke(member_id="fund-a", reason="fraud"))
        time.sleep(1.0)
        for connection in (here, there):
            with pytest.raises(Refused) as refused:
                connection.get("/v1/members")
            assert refused.value.status == 401


def decide(chief: Connection, action: Revoke | RotateCaKey) -> None:
    """Propose, and approve as the only one who votes."""
    proposal = governing.propose(chief, [action], "the test says so")
    if proposal["status"] == "open":
        with suppress(Refused):
            governing.vote(chief, proposal["id"], approve=True)
    found = chief.get(f"/v1/proposals/{proposal['id']}")
    assert found["status"] == "approved", found


def governance(settings: Settings, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command of `sekisho governance` with the root, on the servers' machine."""
    offline = settings.data_dir / "offline"
    root = ("--root", offline / "root.key", "--passphrase-file", offline / "root.passphrase")
    return subprocess.run(
        (sys.executable, "-m", "governance.cli", "governance", *words, *root),
        env=as_environment(settings),
        capture_output=True,
        check=False,
    )


def put_next_authority_in_force(settings: Settings, chief: Connection) -> None:
    made = governance(settings, "certify-authority", "--json")
    assert made.returncode == 0, made.stderr
    digest = msgspec.json.decode(made.stdout)["certificate"]
    decide(chief, RotateCaKey(certificate=digest))


def test_the_next_issuing_authority_is_certified_and_put_in_force(
    processes: tuple[Settings, Settings], tmp_path: Path
) -> None:
    settings = processes[0]
    folder = chair(settings)
    with Connection.of(folder) as connection:
        before = renewing.renew(connection, folder)
        put_next_authority_in_force(settings, connection)
        after = renewing.renew(connection, folder)
        connection.get("/v1/members")
    assert "1" in before.issuer.rfc4514_string()
    assert before.issuer != after.issuer
    joined = join(settings, tmp_path / "fund", "fund-a")
    assert joined.certificate is not None


def revoked_by_root(server: str) -> set[int]:
    crl = x509.load_der_x509_crl(httpx.get(f"{server}/crl/root-1.crl").content)
    return {entry.serial_number for entry in crl}


def authorities(server: str) -> set[int]:
    """Return the serials of the authorities that a server gives to who enrols."""
    pkcs7 = base64.b64decode(httpx.get(f"{server}/.well-known/est/cacerts").content)
    return {found.serial_number for found in load_der_pkcs7_certificates(pkcs7)}


def mapped(connection: Connection, member_id: str) -> set[int]:
    """Return the serials of a member's certificates in the verified network map."""
    found = mapping.fetch_map(connection, dt.datetime.now(dt.UTC))
    member = next(m for m in found.members if m.member_id == member_id)
    ders = (der for node in member.nodes for der in node.certificates)
    return {x509.load_der_x509_certificate(der).serial_number for der in ders}


def test_a_compromised_issuing_authority_is_revoked(
    processes: tuple[Settings, Settings], tmp_path: Path
) -> None:
    """By command, with the offline root, while two servers run; members renew, and none stops."""
    servers = [settings.url for settings in processes]
    folder = join(processes[0], tmp_path / "fund", "fund-a")
    own = x509.load_pem_x509_certificate(folder.certificate.encode())
    revoke = ("revoke-authority", "issuing-1", "--yes")
    with (
        Connection.of(chair(processes[0])) as chief,
        Connection(servers[0], folder) as here,
        Connection(servers[1], folder) as there,
    ):
        pin_anchors(folder.path, fetch_anchors(here))
        early = governance(processes[0], *revoke)
        assert early.returncode == 1
        assert b"put another in force" in early.stderr
        old = x509.load_der_x509_certificate(httpx.get(f"{servers[0]}/ca/issuing-1.cer").content)
        assert [old.serial_number in authorities(server) for server in servers] == [True, True]
        assert mapped(there, "fund-a") == {own.serial_number}
        put_next_authority_in_force(processes[0], chief)
        done = governance(processes[0], *revoke)
        assert done.returncode == 0, done.stderr
        for server, connection in zip(servers, (here, there), strict=True):
            assert revoked_by_root(server) == {old.serial_number}
            assert old.serial_number not in authorities(server)
            assert mapped(connection, "fund-a") == set()
        assert x509.load_der_x509_crl(
            httpx.get(f"{servers[1]}/crl/issuing-1.crl").content
        ).is_signature_valid(old.public_key())  # it goes on, for who has not heard
        new = renewing.renew(there, folder)
        assert new.issuer != own.issuer
        for connection in (here, there):
            assert mapped(connection, "fund-a") == {new.serial_number}
            assert connection.get("/v1/members")["members"]
        again = governance(processes[0], *revoke)
        assert (again.returncode, b"revoked already" in again.stderr) == (1, True)
    assert join(processes[1], tmp_path / "late", "fund-b").certificate is not None
