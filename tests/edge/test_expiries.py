"""What the certificate gauges show: each node's newest certificate, revoked ones left out."""

import datetime as dt
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from governance.assembly.background import certificate_ends
from governance.decisions.network import MemberStatus
from tests.decisions.states import AT, certificate, member, network

DAY = dt.timedelta(days=1)


def test_each_node_shows_its_newest_certificate_that_is_not_revoked() -> None:
    first = certificate("trust-a", AT + DAY)
    renewed = msgspec.structs.replace(first, serial="2", not_after=AT + 30 * DAY)
    gone = msgspec.structs.replace(first, serial="3", not_after=AT + 90 * DAY, revoked_at=AT)
    other = msgspec.structs.replace(first, serial="4", node="second", not_after=AT - DAY)
    trust = member("trust-a", "registrar", certificates=(first, renewed, gone, other))
    ends = certificate_ends(network(trust))
    assert ends["trust-a", "node"] == AT + 30 * DAY
    assert ends["trust-a", "second"] == AT - DAY


def test_who_is_no_longer_a_member_does_not_count() -> None:
    """Its certificates may be unrevoked in the state: revocation is the registry's."""
    held = (certificate("trust-a", AT + DAY),)
    for status, shown in ((MemberStatus.SUSPENDED, True), (MemberStatus.REVOKED, False)):
        trust = member("trust-a", "registrar", certificates=held, status=status)
        places = certificate_ends(network(trust))
        assert any(member_id == "trust-a" for member_id, _ in places) == shown


@pytest.mark.parametrize("processes", ["one", "several"])
def test_a_gauge_forgets_what_is_not_shown_any_more(
    processes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own: whether metrics are shared is read when they are imported."""
    if processes == "several":
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    script = """
from governance import observation as o
o.certificate_days.show({("trust-a", "node"): 3.0, ("shop", "client"): 9.0})
o.certificate_days.show({("shop", "client"): 8.0})
print(o.metrics.fn().content.decode())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    lines = [li for li in done.stdout.splitlines() if li.startswith("sekisho_certificate_days")]
    shown = {line.partition('member="')[2].partition('"')[0]: line.split()[-1] for line in lines}
    assert float(shown.pop("shop")) == 8.0
    assert shown in ({}, {"trust-a": "NaN"})
