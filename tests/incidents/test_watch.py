"""A process that watches itself."""

from sqlalchemy.engine import Engine

from governance import observation
from governance.assembly.watch import SUBMISSION, Watch
from governance.incidents.register import Incident
from governance.incidents.services import IncidentServices
from governance.incidents.store import unclosed
from ledger.database import reading
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
