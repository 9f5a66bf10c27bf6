"""From a report to its cause: who answers, by when, and what is said."""

import datetime as dt
from collections.abc import Callable

import msgspec
import pytest

from governance.errors import IncidentInvalid, IncidentRefused, IncidentUnknown
from governance.incidents import queries, reporting, watching
from governance.incidents.checks import Finding, Measurements, judge
from governance.incidents.register import Incident, IncidentStatus
from governance.incidents.services import IncidentServices
from governance.incidents.statements import Acknowledgement, Closing, Escalation, Report
from ledger.database import reading, writing
from ledger.statements import read_envelope
from policies.errors import Denied
from tests.decisions.world import HOUR, World, rules

MINUTE = dt.timedelta(minutes=1)


def report(
    world: World,
    services: IncidentServices,
    author: str = "custody-a",
    kind: str = "register_wrong",
    concerns: str = "trust-a",
    **changes: object,
) -> Incident:
    body = Report(kind, "BR001", concerns, "the register shows too much", world.at)
    signed = world.sign(author, "incident", msgspec.structs.replace(body, **changes))
    actor, opened = services.desk.open(signed, "incident", Report)
    with writing(world.engine) as session:
        return reporting.report(session, services, rules(), actor, opened, world.at)


def acknowledge(world: World, services: IncidentServices, by: str, incident: str) -> Incident:
    signed = world.sign(by, "incident-acknowledgement", Acknowledgement(incident, "on it"))
    actor, opened = services.desk.open(signed, "incident-acknowledgement", Acknowledgement)
    with writing(world.engine) as session:
        return reporting.acknowledge(session, rules(), actor, opened, world.at)


def escalate(world: World, services: IncidentServices, by: str, incident: str) -> Incident:
    signed = world.sign(by, "incident-escalation", Escalation(incident, "no answer"))
    actor, opened = services.desk.open(signed, "incident-escalation", Escalation)
    with writing(world.engine) as session:
        return reporting.escalate(session, services, rules(), actor, opened, world.at)


def close(
    world: World, services: IncidentServices, by: str, incident: str, cause: str = "a bug"
) -> Incident:
    body = Closing(incident, cause, "mended", world.at)
    signed = world.sign(by, "incident-closing", body)
    actor, opened = services.desk.open(signed, "incident-closing", Closing)
    with writing(world.engine) as session:
        return reporting.close(session, services, rules(), actor, opened, world.at)


def watch(world: World, services: IncidentServices, *findings: Finding) -> list[Incident]:
    with writing(world.engine) as session:
        return watching.observe(session, services, rules(), findings, world.at)


def keep_deadlines(world: World, services: IncidentServices) -> list[Incident]:
    with writing(world.engine) as session:
        return watching.keep_deadlines(session, services, rules(), world.at)


def shown(world: World, incident: str) -> queries.IncidentView:
    with reading(world.engine) as session:
        actor = world.actor(session, "custody-b")
        return queries.show(session, rules(), actor, incident)


def test_incident_goes_to_whoever_the_matrix_makes_answer(world: World, services: IncidentServices):
    incident = report(world, services)
    assert (incident.operation, incident.accountable) == ("keep_register", "trust-a")
    assert incident.acknowledge_by == world.at + HOUR
    assert incident.escalate_at == world.at + 4 * HOUR
    network = report(world, services, kind="notary_slow", concerns="")
    assert network.accountable == "platform"


def test_accountable_member_acknowledges_and_closes(world: World, services: IncidentServices):
    incident = report(world, services)
    world.at += 10 * MINUTE
    acknowledge(world, services, "trust-a", incident.id)
    world.at += 10 * MINUTE
    closed = close(world, services, "trust-a", incident.id)
    assert (closed.status, closed.cause) == (IncidentStatus.CLOSED, "a bug")
    view = shown(world, incident.id)
    assert view.incident == closed
    assert [(m.kind, m.author) for m in view.timeline] == [
        ("incident", "custody-a"),
        ("incident-acknowledgement", "trust-a"),
        ("incident-closing", "trust-a"),
    ]


def test_time_line_is_the_log(world: World, services: IncidentServices):
    incident = report(world, services)
    acknowledge(world, services, "trust-a", incident.id)
    log = {index: data for index, _, data in world.log()}
    for moment in shown(world, incident.id).timeline:
        assert log[moment.log_index] == bytes(moment.envelope)
        assert read_envelope(bytes(moment.envelope)).kind == moment.kind
    world.replayed()


REFUSED: dict[str, Callable[[World, IncidentServices, str], object]] = {
    "acknowledged by another": lambda w, s, i: acknowledge(w, s, "trust-b", i),
    "closed by another": lambda w, s, i: close(w, s, "custody-a", i),
    "acknowledged twice": lambda w, s, i: [acknowledge(w, s, "trust-a", i) for _ in range(2)],
    "escalated twice": lambda w, s, i: [escalate(w, s, "custody-a", i) for _ in range(2)],
    "closed twice": lambda w, s, i: [close(w, s, "trust-a", i) for _ in range(2)],
    "acknowledged after the close": lambda w, s, i: [
        close(w, s, "trust-a", i),
        acknowledge(w, s, "trust-a", i),
    ],
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(world: World, services: IncidentServices, case: str):
    incident = report(world, services)
    with pytest.raises(IncidentRefused):
        REFUSED[case](world, services, incident.id)


def test_unknown_incident(world: World, services: IncidentServices):
    with pytest.raises(IncidentUnknown):
        acknowledge(world, services, "trust-a", "sha256:0")


def test_report_with_every_fault_at_once(world: World, services: IncidentServices):
    with pytest.raises(IncidentInvalid) as refusal:
        report(world, services, about="", summary="", started_at=world.at + HOUR, concerns="x")
    assert {f.where for f in refusal.value.faults} == {"about", "summary", "started_at", "concerns"}
    with pytest.raises(IncidentInvalid, match="expected one of"):
        report(world, services, kind="bad_mood")


def test_closing_without_a_cause(world: World, services: IncidentServices):
    incident = report(world, services)
    with pytest.raises(IncidentInvalid, match="cause"):
        close(world, services, "trust-a", incident.id, cause="")


def test_stranger_reports_nothing(world: World, services: IncidentServices):
    from policies.actors import Actor

    signed = world.sign("trust-a", "incident", Report("notary_slow", "it", "", "slow", world.at))
    _, opened = services.desk.open(signed, "incident", Report)
    with writing(world.engine) as session, pytest.raises(Denied):
        reporting.report(session, services, rules(), Actor("stranger"), opened, world.at)


def test_deadlines_bite_once_each(world: World, services: IncidentServices):
    incident = report(world, services)
    assert keep_deadlines(world, services) == []
    world.at += 2 * HOUR
    (late,) = keep_deadlines(world, services)
    assert (late.overdue, late.answerable) == (True, "trust-a")
    assert keep_deadlines(world, services) == []
    world.at += 3 * HOUR
    (up,) = keep_deadlines(world, services)
    assert (up.escalated_at, up.answerable) == (world.at, "platform")
    assert keep_deadlines(world, services) == []
    assert [m.kind for m in shown(world, incident.id).timeline] == [
        "incident",
        "incident-overdue",
        "incident-escalation",
    ]
    assert acknowledge(world, services, "platform", incident.id).answerable == "platform"


def test_check_opens_one_incident_and_notes_its_end(world: World, services: IncidentServices):
    ill = judge(Measurements(checkpoint_age=HOUR), world.at)
    (incident,) = watch(world, services, *ill)
    assert (incident.kind, incident.accountable, incident.automatic) == (
        "checkpoint_late",
        "platform",
        True,
    )
    assert watch(world, services, *ill) == []
    world.at += 20 * MINUTE
    assert watch(world, services, *judge(Measurements(), world.at)) == []
    ended = shown(world, incident.id).incident
    assert (ended.status, ended.ended_at) == (IncidentStatus.OPEN, world.at)
    watch(world, services, *ill)
    again = shown(world, incident.id)
    assert again.incident.ended_at is None
    assert [m.kind for m in again.timeline][1:] == ["incident-recovery", "incident-recurrence"]
    world.replayed()


def test_trap_of_a_contract_is_its_owners(world: World, services: IncidentServices):
    measured = Measurements(traps={"right@1.0.0": 3}, owners={"right@1.0.0": "trust-b"})
    (incident,) = watch(world, services, *judge(measured, world.at))
    assert (incident.operation, incident.accountable) == ("write_contract", "trust-b")


def test_silent_node_and_ending_certificate(world: World, services: IncidentServices):
    measured = Measurements(
        silent={"custody-a/node1": world.at - HOUR, "custody-b/node1": world.at},
        certificates={"trust-a": world.at + HOUR, "trust-b": world.at + 500 * HOUR},
    )
    found = watch(world, services, *judge(measured, world.at))
    assert {(i.kind, i.accountable) for i in found} == {
        ("node_unreachable", "custody-a"),
        ("certificate_expiring", "trust-a"),
    }


@pytest.mark.parametrize(
    ("requests", "errors", "ill"), [(19, 19, False), (20, 1, False), (20, 2, True), (0, 0, False)]
)
def test_share_of_errors(requests: int, errors: int, ill: bool):  # noqa: FBT001 - a table of cases
    found = judge(Measurements(requests=requests, errors=errors), dt.datetime.now(dt.UTC))
    assert [f.kind for f in found if not f.healthy] == (["api_errors"] if ill else [])


def test_list_and_month(world: World, services: IncidentServices):
    first = report(world, services)
    world.at += 30 * MINUTE
    second = report(world, services, started_at=world.at - 10 * MINUTE)
    world.at += 30 * MINUTE
    close(world, services, "trust-a", first.id)
    with reading(world.engine) as session:
        actor = world.actor(session, "trust-b")
        page = queries.page(session, rules(), actor, limit=1)
        rest = queries.page(session, rules(), actor, cursor=page.next, limit=1)
        living = queries.page(session, rules(), actor, status=IncidentStatus.OPEN)
        month = queries.service_levels(session, services, rules(), actor, "2026-01", world.at)
        with pytest.raises(IncidentInvalid):
            queries.service_levels(session, services, rules(), actor, "2026-13", world.at)
    assert [i.id for i in (*page.incidents, *rest.incidents)] == [second.id, first.id]
    assert rest.next is None
    assert [i.id for i in living.incidents] == [second.id]
    (level,) = [m for m in month if m.incidents]
    assert (level.operation, level.incidents, level.unclosed) == ("keep_register", 2, 1)
    assert level.disturbed_minutes == 60
