"""Registers as of record dates over HTTP; every list and a statement by command, as CSV too."""

import csv
import datetime as dt
import io
import json

import pytest

from governance.cli.listing import LISTS
from governance.client.connection import Refused
from governance.client.ledgering import find_record_date
from governance.errors import DatasetInvalid
from tests.http.network import Served
from tests.http.shell import Run, answered, done


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


def test_record_dates_by_command(served: Served, run: Run):
    home = "--folder", served.member("trust-a").own_folder().path
    words = "ledger", "record-dates", "BR001", "--year", 2029, *home
    said = done(run(*words, "--adjustment", "following", "--csv")).splitlines()
    assert said[0].split(",")[:2] == ["day", "adjusted"]
    assert "2029-03-31,2029-04-02" in said[1]
    assert len(answered(run(*words, "--json"))) == 2
    assert run("ledger", "record-dates", "BR999", *home)[0] == 1
    assert run("ledger", "record-dates", "BR001", "--year", 0, *home)[0] == 1


@pytest.mark.parametrize("member", ["custody-a", "platform"])
@pytest.mark.parametrize("what", LISTS)
def test_every_list_by_command(served: Served, run: Run, member: str, what: str):
    """The same rows as CSV and as JSON; a member to whom no rule gives the list is told so."""
    home = "--folder", served.member(member).own_folder().path
    code, said, complaint = run("ledger", "list", what, *home, "--json")
    if code != 0:
        assert (code, "no rule lets" in complaint) == (1, True), complaint
        return
    rows = json.loads(said)
    text = done(run("ledger", "list", what, *home, "--csv"))
    read = list(csv.DictReader(io.StringIO(text)))
    assert len(read) == len(rows)
    for line, row in zip(read, rows, strict=True):
        shown = {name: value for name, value in row.items() if value is not None}
        texts = {
            k: v if isinstance(v, str) else json.dumps(v, separators=",:") for k, v in shown.items()
        }
        assert texts == {name: line[name] for name in texts}


def test_the_statement_of_an_investor_as_csv(served: Served, run: Run):
    custodian = served.member("custody-a")
    investor = next(iter(custodian.pages("/v1/ledger/holdings")))["investor_id"]
    home = "--folder", custodian.own_folder().path
    words = "ledger", "statement", investor, *home
    changes = answered(run(*words, "--json"))["changes"]
    lines = list(csv.DictReader(io.StringIO(done(run(*words, "--csv")))))
    assert [int(line["delta"]) for line in lines] == [change["delta"] for change in changes]
    held: dict[str, int] = {}
    for line in lines:
        right = line["beneficial_right_id"]
        held[right] = held.get(right, 0) + int(line["delta"])
        assert held[right] == int(line["quantity"])
