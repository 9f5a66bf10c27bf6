"""Two processes, one network; and a process that dies half-way."""

import multiprocessing
import os
from multiprocessing.synchronize import Barrier

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from governance.decisions.actions import Revoke, Suspend
from governance.decisions.counting import vote
from governance.decisions.effects import Effects
from governance.decisions.network import MemberStatus
from governance.decisions.services import DecisionServices
from governance.decisions.statements import DECISION, Vote
from governance.decisions.store import load_state
from governance.decisions.tables import DocumentRow
from governance.decisions.voting import Status
from governance.identity.announcements import Herald
from ledger.database import connect, writing
from ledger.keys import SoftwareSigner, load_public_key
from ledger.statements import open_statement, read_envelope, read_statement
from policies.actors import Actor
from tests.decisions.world import NETWORK, Notebook, World, rules, spki

_SPAWN = multiprocessing.get_context("spawn")


class Rows(Notebook):
    """Effects that leave a row, or end the process in the middle of it."""

    def __init__(self, *, dies: bool) -> None:
        super().__init__()
        self.dies = dies

    def suspend(self, session: Session, action: Suspend, _decided: object) -> None:
        session.add(
            DocumentRow(
                digest=f"suspended:{action.member_id}",
                data=b"once",
                author="platform",
                deposited_at=load_state(session).at,
            )
        )
        session.flush()
        if self.dies:
            os._exit(9)


def private_bytes(signer: SoftwareSigner) -> bytes:
    return signer._key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def serve_vote(
    url: str, service: bytes, key: str, envelope: bytes, at: str, start: Barrier, *, dies: bool
) -> None:
    """What a server process does with one vote; exits with 0 if the vote was taken."""
    import base64
    import datetime as dt

    engine = connect(url)
    signer = SoftwareSigner(serialization.load_der_private_key(service, None))  # type: ignore[arg-type]  # it is Ed25519
    rows = Rows(dies=dies)
    services = DecisionServices(
        Herald(NETWORK, "platform", signer),
        Effects(rows, rows, rows),  # type: ignore[arg-type]  # it takes any call
        World.__new__(World),  # nothing is opened here
    )
    read = read_envelope(envelope)
    statement = read_statement(read, "vote", Vote)
    opened = open_statement(read, envelope, statement, load_public_key(base64.b64decode(key)))
    start.wait(60)
    with writing(engine) as session:
        roles = load_state(session).members[statement.author].roles
        actor = Actor(statement.author, roles)
        vote(session, services, rules(), actor, opened, dt.datetime.fromisoformat(at))
    engine.dispose()


def in_processes(
    world: World, url: str, votes: list[tuple[str, str, str]], *, dies: bool = False
) -> list[int | None]:
    """Cast each vote in a process of its own, all at the same instant; return the exit codes."""
    start = _SPAWN.Barrier(len(votes))
    service = private_bytes(world.service)
    processes = []
    for author, role, proposal in votes:
        signed = world.sign(author, "vote", Vote(proposal, role, approve=True))
        told = (
            url,
            service,
            spki(world.keys[author]),
            signed,
            world.at.isoformat(),
            start,
        )
        processes.append(_SPAWN.Process(target=serve_vote, args=told, kwargs={"dies": dies}))
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]


def test_two_removals_at_the_same_instant_from_two_processes(engine: Engine, database_url: str):
    world = World(engine)
    for member, role in (("trust-a", "registrar"), ("trust-b", "registrar")):
        world.join(member, role)
    world.join("custody-a", "custodian")
    one = world.propose("platform", Revoke(member_id="trust-a", reason="x"))
    other = world.propose("platform", Revoke(member_id="trust-b", reason="x"))
    for proposal in (one, other):
        world.vote("platform", "platform_administrator", proposal)
    votes = [("custody-a", "custodian", one), ("custody-a", "custodian", other)]
    assert in_processes(world, database_url, votes) == [0, 0]
    assert sorted([world.status(one), world.status(other)]) == [Status.APPROVED, Status.VOID]
    standing = [world.state().members[m].status for m in ("trust-a", "trust-b")]
    assert sorted(standing) == [MemberStatus.ACTIVE, MemberStatus.REVOKED]
    world.replayed()


def test_two_votes_that_both_would_decide_make_one_decision(engine: Engine, database_url: str):
    world = World(engine)
    world.join("trust-a", "registrar")
    world.join("trust-b", "registrar")
    world.join("custody-a", "custodian")
    proposal = world.propose("platform", Suspend(member_id="custody-a", reason="x"))
    world.vote("platform", "platform_administrator", proposal)
    votes = [("trust-a", "registrar", proposal), ("trust-b", "registrar", proposal)]
    codes = in_processes(world, database_url, votes)
    assert sorted(codes, key=str) == [0, 1]  # the later one meets a closed proposal
    assert [kind for _, kind, _ in world.log()].count(DECISION) == 4
    world.replayed()


@pytest.mark.parametrize("votes", [1, 2])
def test_process_that_dies_between_decision_and_application(
    engine: Engine, database_url: str, votes: int
):
    world = World(engine)
    world.join("trust-a", "registrar")
    world.join("custody-a", "custodian")
    proposal = world.propose("platform", Suspend(member_id="custody-a", reason="x"))
    world.vote("platform", "platform_administrator", proposal)
    before = world.log()
    for _ in range(votes):
        assert in_processes(
            world, database_url, [("trust-a", "registrar", proposal)], dies=True
        ) == [9]
        assert world.log() == before
        assert world.status(proposal) is Status.OPEN
    assert in_processes(world, database_url, [("trust-a", "registrar", proposal)]) == [0]
    assert world.status(proposal) is Status.APPROVED
    with engine.connect() as connection:
        applied = connection.scalar(
            sa.select(sa.func.count()).where(DocumentRow.digest == "suspended:custody-a")
        )
    assert applied == 1
    world.replayed()
