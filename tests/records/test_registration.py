"""A firm without a node registers its customers with its custodian."""

import pytest
from sqlalchemy.engine import Engine

from ledger.database import writing
from ledger.errors import RecordMalformed, RecordMissing
from ledger.records import keeping
from ledger.records.registration import accept, register, registrations
from policies.errors import Denied
from tests.records.conftest import PERSON, Clerks
from tests.records.files import investor

CUSTOMER = PERSON | {"custody_holder_id": "entrusted-a"}


def test_a_registration_is_the_custodians_record(engine: Engine, clerk: Clerks):
    firm, custodian = clerk("entrusted-a"), clerk("custody-a")
    with writing(engine) as session:
        shown = register(session, firm, CUSTOMER)
        assert shown.investor_status == "applied"
        assert shown == register(session, firm, CUSTOMER)
        kept = keeping.read(session, custodian, "investor", "INV900001")
        assert kept.values == CUSTOMER | {"investor_status": "applied"}
        assert kept.created_by == "entrusted-a"
        with pytest.raises(RecordMissing):
            keeping.read(session, firm, "investor", "INV900001")
        assert accept(session, custodian, ["INV900001"]) == 1
        assert accept(session, custodian, ["INV900001"]) == 0
        assert registrations(session, firm)[0].investor_status == "active"
        (change,) = keeping.history(session, custodian, "investor", "INV900001")
        assert change.before == {"investor_status": "applied"}
        assert register(session, firm, CUSTOMER).investor_status == "active"


@pytest.mark.parametrize(
    "wrong",
    [
        {"custody_holder_id": "entrusted-b"},
        {"custodian_id": "custody-b"},
        {"investor_name": ""},
    ],
)
def test_a_firm_registers_only_its_own_customers(
    engine: Engine, clerk: Clerks, wrong: dict[str, str]
):
    with writing(engine) as session, pytest.raises(RecordMalformed) as refusal:
        register(session, clerk("entrusted-a"), CUSTOMER | wrong)
    assert [fault.where for fault in refusal.value.faults] == list(wrong)


def test_a_taken_id_says_nothing_about_who_has_it(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "investor", investor(1))
        with pytest.raises(RecordMalformed) as refusal:
            register(session, clerk("entrusted-a"), CUSTOMER | {"investor_id": "INV000001"})
    assert [str(fault) for fault in refusal.value.faults] == [
        "investor_id: cannot be used; choose another"
    ]


def test_nobody_accepts_for_another_or_what_is_not_there(engine: Engine, clerk: Clerks):
    with writing(engine) as session:
        register(session, clerk("entrusted-a"), CUSTOMER)
        with pytest.raises(RecordMissing):
            accept(session, clerk("custody-b"), ["INV900001"])
        with pytest.raises(RecordMissing):
            accept(session, clerk("custody-a"), ["INV900001", "INV1"])
        assert registrations(session, clerk("entrusted-a"))[0].investor_status == "applied"
        with pytest.raises(RecordMissing):
            accept(session, clerk("custody-a"), [])


def test_a_registered_customer_can_be_corrected(engine: Engine, clerk: Clerks):
    custodian = clerk("custody-a")
    corrected = CUSTOMER | {"contact_phone": "06-1111-2222"}
    other = corrected | {"custody_holder_id": "entrusted-b"}
    with writing(engine) as session:
        register(session, clerk("entrusted-a"), CUSTOMER)
        keeping.change(session, custodian, "investor", "INV900001", corrected)
        with pytest.raises(RecordMalformed, match="no such holder"):
            keeping.change(session, custodian, "investor", "INV900001", other)


def test_a_member_without_a_sponsor_keeps_its_own(engine: Engine, clerk: Clerks):
    with writing(engine) as session, pytest.raises(Denied):
        register(session, clerk("custody-a"), CUSTOMER)
