"""A process that watches itself."""

import datetime as dt
from collections.abc import Sequence
from functools import partial

from sqlalchemy.engine import Engine

from governance import observation
from governance.access.store import spend
from governance.assembly.faults import CountingVerifier
from governance.assembly.silence import last_signs
from governance.assembly.watch import SUBMISSION, Watch
from governance.decisions.actions import ApproveContract, ConfirmFreeze, FreezeContract
from governance.incidents.checks import Thresholds
from governance.incidents.register import Incident
from governance.incidents.services import IncidentServices
from governance.incidents.store import unclosed
from governance.membership.tables import NodeRow
from ledger.database import reading, writing
from ledger.verification import (
    Accepted,
    ContractVersion,
    OutOfGas,
    Rejected,
    Unavailable,
    Verdict,
    VerificationRequest,
)
from tests.decisions.world import DAY, HOUR, World, rules


def watch_of(world: World, services: IncidentServices) -> Watch:
    return Watch(world.engine, services, rules, world.state)


def living(engine: Engine) -> dict[str, Incident]:
    with reading(engine) as session:
        return {incident.kind: incident for incident in unclosed(session)}


def test_quiet_network_opens_nothing(world: World, services: IncidentServices):
    log = world.log()
    watch_of(world, services).look(world.at)
    assert world.log() == log


def test_answers_that_fail_are_an_incident_until_they_do_not(
    world: World, services: IncidentServices
):
    watch = watch_of(world, services)
    observation.REQUESTS.labels("/v1/x", "GET", 200).inc(30)
    observation.REQUESTS.labels("/v1/x", "GET", 503).inc(10)
    watch.look(world.at)
    incident = living(world.engine)["api_errors"]
    assert incident.summary == "10 of 40 answers were errors of the server"
    assert incident.accountable == "platform"
    watch.look(world.at + HOUR)
    assert living(world.engine)["api_errors"].ended_at == world.at + HOUR


def test_slow_submissions_are_the_notarys(world: World, services: IncidentServices):
    watch = watch_of(world, services)
    for _ in range(20):
        observation.SECONDS.labels(SUBMISSION).observe(0.01)
    watch.look(world.at)
    assert living(world.engine) == {}
    observation.SECONDS.labels(SUBMISSION).observe(60)
    watch.look(world.at)
    assert set(living(world.engine)) == {"notary_slow"}


def test_certificates_and_deadlines(world: World, services: IncidentServices):
    watch = watch_of(world, services)
    world.at += 26 * DAY
    watch.look(world.at)
    assert living(world.engine)["certificate_expiring"].overdue is False
    watch.look(world.at + 2 * HOUR)
    assert living(world.engine)["certificate_expiring"].overdue is True


def test_faults_of_a_contract_are_its_owners(world: World, services: IncidentServices):
    world.gate("bond", "1.0.0", "trust-a")
    watch = watch_of(world, services)
    verdicts: list[Verdict | Unavailable] = [
        Accepted(5),
        Rejected("E_SUM", "as the contract says", 1, 5),
        Rejected("E_TRAP", "unreachable", 0, 0),
        Rejected("E_EXCEPTION", "ZeroDivisionError", 7, 5),
        OutOfGas(9),
        Unavailable("busy"),
    ]
    bond = VerificationRequest(ContractVersion("bond", "1.0.0", "sha256:b"), "{}")
    counting = CountingVerifier(Prepared(verdicts))
    assert counting.verify([bond] * len(verdicts)) == verdicts
    watch.look(world.at)
    incident = living(world.engine)["contract_trap"]
    assert (incident.about, incident.answerable) == ("bond@1.0.0", "trust-a")
    assert incident.summary == "3 transactions ended in a fault of the code"
    watch.look(world.at + HOUR)
    assert living(world.engine)["contract_trap"].ended_at == world.at + HOUR


def test_a_freeze_that_nobody_confirms_is_called_to_mind(world: World, services: IncidentServices):
    world.gate("bond", "1.0.0", "trust-a")
    world.carry(world.propose("trust-a", ApproveContract(name="bond", version="1.0.0")))
    action = FreezeContract(name="bond", version="1.0.0", reason="wrong sums")
    world.carry(world.propose("platform", action))
    watch = watch_of(world, services)
    watch.look(world.at + 59 * HOUR)
    assert living(world.engine) == {}
    watch.look(world.at + 61 * HOUR)
    incident = living(world.engine)["freeze_expiring"]
    assert (incident.about, incident.accountable) == ("bond@1.0.0", "platform")
    world.carry(world.propose("platform", ConfirmFreeze(name="bond", version="1.0.0")))
    watch.look(world.at + 62 * HOUR)
    assert living(world.engine)["freeze_expiring"].ended_at == world.at + 62 * HOUR


def test_silent_nodes_are_those_of_their_own_that_nobody_heard_of(
    world: World, services: IncidentServices
):
    minutes = dt.timedelta(minutes=30)
    node = partial(NodeRow, number=1, kind="custodian_node", added_at=world.at, removed_at=None)
    with writing(world.engine) as session:
        session.add_all(
            [
                node(member_id="custody-a", name="node", address="a:443", hosted_key=None),
                node(member_id="custody-b", name="node", address="b:443", hosted_key=None),
                node(member_id="trust-a", name="asset", address="t:443", hosted_key="k"),
                node(member_id="trust-b", name="client", address="", hosted_key=None),
                node(member_id="gone", name="node", address="g:443", hosted_key=None),
            ]
        )
    watch = Watch(
        world.engine,
        services,
        rules,
        world.state,
        thresholds=Thresholds(node_silence=minutes),
        signs=last_signs,
    )
    watch.look(world.at + minutes)
    assert living(world.engine) == {}
    with writing(world.engine) as session:
        spend(session, "one", "custody-b", "assertion", world.at + minutes)
    watch.look(world.at + 2 * minutes)
    with reading(world.engine) as session:
        assert [incident.about for incident in unclosed(session)] == ["custody-a/node"]
    with writing(world.engine) as session:
        spend(session, "two", "custody-a", "vote", world.at + 2 * minutes)
    watch.look(world.at + 3 * minutes)
    with reading(world.engine) as session:
        found = {incident.about: incident for incident in unclosed(session)}
    assert found["custody-b/node"].ended_at is None
    incident = found["custody-a/node"]
    assert (incident.answerable, incident.ended_at) == ("custody-a", world.at + 3 * minutes)


class Prepared:
    """Gives the verdicts that it was made with."""

    def __init__(self, verdicts: list[Verdict | Unavailable]) -> None:
        self._verdicts = verdicts

    def verify(self, batch: Sequence[VerificationRequest]) -> list[Verdict | Unavailable]:
        return self._verdicts[: len(batch)]
