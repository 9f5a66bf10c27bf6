"""What the certificate gauges show: each node's newest certificate, revoked ones left out."""

import datetime as dt

import msgspec

from governance.assembly.background import certificate_ends
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
