"""Registers as of record dates, over HTTP."""

import datetime as dt

import pytest

from governance.client.connection import Refused
from governance.client.ledgering import find_record_date
from governance.errors import DatasetInvalid
from tests.http.network import Served


def test_a_register_as_of_a_record_date(served: Served):
    registrar = served.scenario.connections["trust-a"]
    day = find_record_date(registrar, "BR001", "2025-09-30", "following")
    assert day == "2025-09-30"
    register = registrar.get("/v1/ledger/registers/BR001", as_of=day)
    assert register["as_of"] == day
    assert register["total"] == sum(item["quantity"] for item in register["items"])


def test_the_next_record_date(served: Served):
    registrar = served.scenario.connections["trust-a"]
    today = dt.date(2029, 3, 31)  # a Saturday
    assert find_record_date(registrar, "BR001", "next", "none", today) == "2029-03-31"
    assert find_record_date(registrar, "BR001", "next", "following", today) == "2029-04-02"
    assert find_record_date(registrar, "BR001", "next", "preceding", today) == "2029-09-28"


@pytest.mark.parametrize("wanted", ["2025-09-29", "soon"])
def test_what_is_no_record_date_is_refused(served: Served, wanted: str):
    with pytest.raises(DatasetInvalid, match=wanted):
        find_record_date(served.scenario.connections["trust-a"], "BR001", wanted, "none")


def test_a_year_outside_the_calendar_is_refused(served: Served):
    path = "/v1/ledger/registers/BR001/record-dates"
    with pytest.raises(Refused) as refused:
        served.scenario.connections["trust-a"].get(path, year=0)
    assert refused.value.slug == "record-malformed"
