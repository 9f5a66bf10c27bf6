"""Record dates of a right: on the ledger as month and day, asked for on business days."""

import datetime as dt
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import Engine

from ledger import declarations as d
from ledger import views as v
from ledger.database import reading
from ledger.errors import NotFound, RecordMalformed
from ledger.gateway import Gateway
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Reader
from ledger.record_dates import read_record_dates
from ledger.records.calendar import HolidayAdjustment as H
from policies.actors import Actor
from policies.errors import Denied
from tests.ledger.network import CONTRACT, TestNetwork

DAY = dt.date.fromisoformat


@pytest.fixture
def network(engine: Engine) -> Iterator[TestNetwork]:
    network = TestNetwork(engine)
    for name, dates in (("BR001", ("09-30", "03-31")), ("BR002", ("02-29", "")), ("BR003", ())):
        said = d.BeneficialRight(
            name, "受益権", "real_estate", "fund-a", "am-a", CONTRACT.name, 10, "TC-1", "CTL-1",
            **dict(zip(("record_date_1", "record_date_2"), dates, strict=False)),
        )  # fmt: skip
        network.say("trust-a", d.RIGHT_KIND, said)
    yield network
    network.submissions.close()


def read(
    network: TestNetwork, member: str, right: str, year: int, adjustment: H = H.NONE
) -> v.RecordDates:
    with reading(network.engine) as session:
        actor = network.actor(member)
        reader = Reader(session, Gateway(Pseudonyms(b"s" * 32)), network.rules, actor)
        return read_record_dates(reader, right, year, adjustment)


@pytest.mark.parametrize(
    ("right", "year", "adjustment", "expected"),
    [
        # 31 March 2029 is a Saturday, 30 September 2029 a Sunday
        ("BR001", 2029, H.NONE, [("2029-03-31", "2029-03-31"), ("2029-09-30", "2029-09-30")]),
        ("BR001", 2029, H.FOLLOWING, [("2029-03-31", "2029-04-02"), ("2029-09-30", "2029-10-01")]),
        ("BR001", 2029, H.PRECEDING, [("2029-03-31", "2029-03-30"), ("2029-09-30", "2029-09-28")]),
        (
            "BR001",
            2029,
            H.MODIFIED_FOLLOWING,
            [("2029-03-31", "2029-03-30"), ("2029-09-30", "2029-09-28")],
        ),
        ("BR002", 2027, H.NONE, [("2027-02-28", "2027-02-28")]),
        ("BR002", 2028, H.NONE, [("2028-02-29", "2028-02-29")]),
        ("BR003", 2028, H.NONE, []),
    ],
)
def test_dates_are_in_order_and_on_business_days(
    network: TestNetwork, right: str, year: int, adjustment: H, expected: list[tuple[str, str]]
):
    found = read(network, "trust-a", right, year, adjustment)
    assert [(i.day, i.adjusted) for i in found.items] == [(DAY(a), DAY(b)) for a, b in expected]
    assert found.adjustment == adjustment


def test_another_registrars_right_is_not_there(network: TestNetwork):
    with pytest.raises(NotFound):
        read(network, "trust-b", "BR001", 2029)
    with pytest.raises(NotFound):
        read(network, "trust-b", "BR999", 2029)


@pytest.mark.parametrize("year", [-1, 0, 1948, 2100, 10**9])
def test_a_year_without_calendar_is_refused(network: TestNetwork, year: int):
    with pytest.raises(RecordMalformed):
        read(network, "trust-a", "BR001", year)


def test_who_may_not_read_rights_may_not_read_their_dates(network: TestNetwork):
    with reading(network.engine) as session:
        nobody = Actor("nobody", frozenset())
        reader = Reader(session, Gateway(Pseudonyms(b"s" * 32)), network.rules, nobody)
        with pytest.raises(Denied):
            read_record_dates(reader, "BR001", 2029, H.NONE)
