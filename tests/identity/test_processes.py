"""Certificates over real server processes: killed while they issue, two over one database."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from governance.access.fronting import free_port
from governance.client import governing, joining, renewing
from governance.client.connection import Connection, Refused
from governance.client.folder import MemberFile, MemberFolder
from governance.decisions.actions import Revoke, RotateCaKey
from governance.demo.process import ServerProcess
from governance.errors import ServerUnreachable
from governance.identity.tables import CertificateRow, IssuanceRow, RevocationRow
from governance.membership.members import Role
from governance.settings import Settings, as_environment
from ledger.database import connect, reading

pytestmark = pytest.mark.faults


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", port=free_port(), log_level="warning")


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


def test_the_next_issuing_authority_is_certified_and_put_in_force(
    processes: tuple[Settings, Settings], tmp_path: Path
) -> None:
    settings = processes[0]
    offline = settings.data_dir / "offline"
    command = (
        *(sys.executable, "-m", "governance.cli", "governance", "certify-authority", "--json"),
        *("--root", offline / "root.key", "--passphrase-file", offline / "root.passphrase"),
    )
    made = subprocess.run(command, env=as_environment(settings), capture_output=True, check=True)
    digest = msgspec.json.decode(made.stdout)["certificate"]
    folder = chair(settings)
    with Connection.of(folder) as connection:
        before = renewing.renew(connection, folder)
        decide(connection, RotateCaKey(certificate=digest))
        after = renewing.renew(connection, folder)
        connection.get("/v1/members")
    assert "1" in before.issuer.rfc4514_string()
    assert before.issuer != after.issuer
    joined = join(settings, tmp_path / "fund", "fund-a")
    assert joined.certificate is not None
