"""Checkpoints that do not come: the incident at a running server; a state file that was lost."""

import datetime as dt
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from governance.assembly.anchors import log_signer
from governance.assembly.keys import open_keys
from governance.assembly.publishing import Publishing, check_log, state_file
from governance.cli import main
from governance.client.anchors import read_anchors
from governance.client.connection import Connection
from governance.client.folder import MemberFolder
from governance.client.governing import propose, vote
from governance.client.ledgering import read_parameters
from governance.decisions.actions import ChangeParameters
from governance.demo.process import ServerProcess
from governance.settings import Settings, as_environment
from ledger.database import connect
from ledger.errors import LogStateInvalid
from tests.auditing.test_witnesses import WitnessProcess, published, running, wait_until

LONGEST = 240.0
"""Seconds until an incident must be there: one minute of silence, and two looks."""


@pytest.mark.slow
def test_a_quorum_that_is_missing_becomes_an_incident_and_ends(settings: Settings, tmp_path: Path):
    home = settings.data_dir / "members" / "platform"
    witness = WitnessProcess(tmp_path / "witness", "witness.example", home)
    settings = msgspec.structs.replace(settings, witnesses=(f"{witness.url}|{witness.key}",))
    with (
        ServerProcess(settings, tmp_path / "server.log"),
        Connection.of(MemberFolder(home)) as platform,
    ):
        with running([witness]):
            parameters = read_parameters(platform)
            changed = msgspec.structs.replace(
                parameters, version=parameters.version + 1, witness_quorum=1
            )
            opened = propose(platform, [ChangeParameters(parameters=changed)], "a witness")
            vote(platform, opened["id"], approve=True)
            wait_until(lambda: published(settings, read_anchors(home)) > 0)
        propose(platform, [ChangeParameters(parameters=again(platform))], "nobody cosigns this")

        def incidents() -> list[dict[str, object]]:
            return [i for i in platform.pages("/v1/incidents") if i["kind"] == "checkpoint_late"]

        give_up = time.monotonic() + LONGEST
        wait(lambda: bool(incidents()), give_up)
        (late,) = incidents()
        assert (late["about"], late["automatic"], late["ended_at"]) == ("the witnesses", True, None)
        with running([witness]):
            wait(lambda: incidents()[0]["ended_at"] is not None, give_up)


def wait(holds: Callable[[], bool], give_up: float) -> None:
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(1)


def again(platform: Connection) -> msgspec.Struct:
    parameters = read_parameters(platform)
    return msgspec.structs.replace(
        parameters, version=parameters.version + 1, client_certificate_days=3
    )


def test_adopting_the_databases_checkpoint_once_the_file_is_lost(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    engine = connect(settings.database)
    publishing = Publishing(engine, log_signer(settings, open_keys(settings)), settings)
    publishing.open()
    publishing.finish(dt.datetime(2026, 1, 5, tzinfo=dt.UTC))
    engine.dispose()
    state_file(settings).unlink()
    with pytest.raises(LogStateInvalid, match="sekisho log adopt"):
        check_log(settings)
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert run(monkeypatch, "log", "adopt") != 0
    assert not state_file(settings).exists()
    assert run(monkeypatch, "log", "adopt", "--yes") == 0
    assert "adopted the checkpoint of" in capsys.readouterr().out
    check_log(settings)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["sekisho", *words])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0
