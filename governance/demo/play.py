"""Plays the whole scenario and gathers what it shows."""

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import sqlalchemy as sa

from governance.access.fronting import free_port
from governance.audit import audit, open_reader, open_source
from governance.client.connection import Refused
from governance.demo.dataset import Dataset
from governance.demo.process import ServerProcess
from governance.demo.refusals import try_refusals
from governance.demo.scenario import Scenario
from governance.errors import DatabaseInUse
from governance.settings import Settings
from ledger.database import connect
from ledger.log.mirror import Mirror
from ledger.log.sources import UrlSource

HISTORY_WINDOW = 40 * 366 * 24 * 3600
"""Seconds: the demo's network takes up transfers of the past."""

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class Result(msgspec.Struct, frozen=True):
    """What the demo prints with `--json`; the field names are part of the interface."""

    members: dict[str, dict[str, Any]]
    visible_transfers: dict[str, int]
    register: list[dict[str, Any]]
    refusals: list[dict[str, Any]]
    log: dict[str, Any]
    seconds: dict[str, float]


def play(
    data: Dataset,
    home: Path,
    dates: list[dt.date],
    progress: Progress,
    tell: Callable[[str], None],
    base: Settings | None = None,
) -> Result:
    """Play `data` in the fresh folder `home` against a real server on a free loopback port.

    Args:
        data: the network's input.
        home: an empty folder for the server's data and everybody's keys.
        dates: the register dates to show.
        progress: makes a progress bar of a title and a total.
        tell: takes a line about what is going on.
        base: how the server runs where the demo does not say it: its database, its processes.

    Raises:
        DatabaseInUse: the database that `base` names holds something already.
    """
    chair = next(row for row in data.members if row.role == "platform_administrator")
    settings = msgspec.structs.replace(
        base or Settings(),
        data_dir=home / "server",
        network="st.example",
        platform_member=chair.member_id,
        platform_legal_name=chair.legal_name,
        port=free_port(),
        registration_window=HISTORY_WINDOW,
        log_level="warning",
    )
    _check_empty(settings)
    with ServerProcess(settings, home / "server.log", tell):
        tell(f"serving {settings.network} at {settings.url}")
        administrator = settings.data_dir / "members" / chair.member_id
        scenario = Scenario(data, settings.url, home, administrator)
        with closing(scenario):
            _run_stages(scenario, progress)
            with scenario.stage("queries"):
                members = _members(scenario)
                visible = _visible(scenario)
                register = scenario.registers(dates)
            with scenario.stage("refusals"):
                refusals = try_refusals(scenario)
        with scenario.stage("copy the log"):
            _copy_log(scenario, settings.url, home / "log-copy")
    with scenario.stage("verify the log"):
        log = _verify(scenario, home / "log-copy", progress)
    return Result(members, visible, register, refusals, log, scenario.seconds)


def _check_empty(settings: Settings) -> None:
    """Return if the database is fresh: the demo founds a network, and would spoil another."""
    if not settings.database_url:
        return
    engine = connect(settings.database)
    try:
        if sa.inspect(engine).get_table_names():
            raise DatabaseInUse(
                f"{engine.url.render_as_string()} holds tables already; the demo wants an empty one"
            )
    finally:
        engine.dispose()


def _run_stages(scenario: Scenario, progress: Progress) -> None:
    data = scenario.data
    with (
        scenario.stage("members"),
        progress("members apply, votes are cast", len(data.members)) as p,
    ):
        scenario.admit_members(p)
    with scenario.stage("contract"), progress("contract submitted, gated, approved", 1) as p:
        scenario.deploy_contract()
        p(1)
    with scenario.stage("registrations"), progress("account keys", len(data.investors)) as p:
        scenario.register(p)
    with scenario.stage("transfers"), progress("transfers", len(data.transfers)) as p:
        scenario.load_transfers(p)


def _members(scenario: Scenario) -> dict[str, dict[str, Any]]:
    chair = scenario.connections[scenario.administrator]
    roles = {row.member_id: row.role for row in scenario.data.members}
    found = {}
    for member in chair.pages("/v1/members"):
        identity = member["member_id"]
        certificates = chair.get(f"/v1/members/{identity}/certificates")
        serial = next(
            c["serial"]
            for c in certificates
            if c["revoked"] is None and c["key_id"] == _key_id(scenario, identity)
        )
        status = member["state"]
        found[identity] = {"role": roles[identity], "status": status, "serial": serial}
    return found


def _key_id(scenario: Scenario, member: str) -> str:
    return scenario.connections[member].own_folder().key_id


def _visible(scenario: Scenario) -> dict[str, int]:
    counts = {}
    for member, connection in sorted(scenario.connections.items()):
        try:
            counts[member] = sum(1 for _ in connection.pages("/v1/ledger/transfers", limit=500))
        except Refused as refusal:
            if refusal.slug != "denied":
                raise
            counts[member] = 0
    return counts


def _copy_log(scenario: Scenario, server: str, directory: Path) -> None:
    with httpx.Client() as client:
        source = UrlSource(f"{server}/log", client)
        Mirror(directory, open_reader(source, scenario.anchors)).update()


def _verify(scenario: Scenario, directory: Path, progress: Progress) -> dict[str, Any]:
    with progress("verifying the log offline", 0) as advance:
        report = audit(
            open_source(str(directory)), scenario.anchors, progress=lambda done, _: advance(done)
        )
    return {
        "size": report.size,
        "root": report.root,
        "verified": True,
        "decisions": report.decisions,
        "kinds": report.kinds,
    }


def default_dates(data: Dataset) -> list[dt.date]:
    """Return the dates of the expected registers, or the day of the last transfer."""
    expected = data.expected_register()
    if expected:
        return sorted({dt.date.fromisoformat(row["as_of"]) for row in expected})
    return [max(row.registered_at.date() for row in data.transfers)]


def differences(data: Dataset, result: Result) -> list[str]:
    """Return where the result is not what the data set says that it must be."""
    found = []
    for member, count in (data.expected_visible() or {}).items():
        got = result.visible_transfers.get(member)
        if got != count:
            found.append(f"{member} sees {got} transfers; expected {count}")
    expected = data.expected_register()
    if expected is not None:
        shown = {str(row["as_of"]) for row in result.register}
        want = {_line(row) for row in expected if row["as_of"] in shown}
        got_lines = {_line(row) for row in result.register}
        dated = {row["as_of"] for row in expected}
        got_lines = {line for line in got_lines if line[0] in dated}
        found += [f"register lacks {line}" for line in sorted(want - got_lines)]
        found += [f"register has {line}, unexpected" for line in sorted(got_lines - want)]
    return found


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    names = ("as_of", "beneficial_right_id", "investor_id", "quantity")
    return tuple(str(row[name]) for name in names)
