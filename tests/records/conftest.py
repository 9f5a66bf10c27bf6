"""Clerks of several companies, and a made-up investor."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine

import ledger.log.tables
import ledger.records.tables
import ledger.records.tables_keys  # noqa: F401 - the tables must be known before they are made
from ledger.database import writing
from ledger.records import keeping
from ledger.records.encryption import SoftwareMasterKey
from ledger.records.keeping import Clerk
from policies.actors import Actor
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text

AT = dt.datetime(2025, 4, 1, 0, 0, tzinfo=dt.UTC)
MASTER = SoftwareMasterKey(bytes(range(32)))
ROLES = {
    "custody-a": "custodian",
    "custody-b": "custodian",
    "direct-a": "direct_securities_firm",
    "trust-a": "registrar",
    "entrusted-a": "entrusted_securities_firm",
    "entrusted-b": "entrusted_securities_firm",
    "channel-a": "intermediary",
    "fund-a": "fundraiser",
    "platform": "platform_administrator",
}
SPONSORS = {"entrusted-a": "custody-a", "entrusted-b": "custody-b", "channel-a": "direct-a"}

Clerks = Callable[..., Clerk]

PERSON: dict[str, Any] = {
    "investor_id": "INV900001",
    "corporate_number": "1234567890123",
    "investor_name": "関所 花子",
    "registered_address": "東京都千代田区見本町9-9-9",
    "custody_type": "customer",
    "custody_holder_id": "custody-a",
    "custody_holder_account_id": "custody-a-900001",
    "custodian_id": "custody-a",
    "contact_name": "関所 花子 様方",
    "contact_postal_code": "100-9999",
    "contact_address": "大阪府大阪市見本区1-2-3",
    "contact_phone": "03-9876-5432",
    "contact_email": "hanako.sekisho@example.jp",
    "payee_bank_code": "9109",
    "payee_bank_name_kana": "ミホンギンコウ",
    "payee_branch_code": "987",
    "payee_branch_name_kana": "ミホンシテン",
    "payee_account_type": "1",
    "payee_account_number": "7654321",
    "payee_account_holder_kana": "セキシヨ ハナコ",
    "investor_status": "active",
    "aml_category": "low",
}


@pytest.fixture(scope="session")
def rules() -> CompiledRules:
    return compile_rules(parse_rule_set(shipped_text()))


@pytest.fixture
def clerk(rules: CompiledRules) -> Clerks:
    def make(member_id: str, at: dt.datetime = AT) -> Clerk:
        roles = frozenset({ROLES[member_id]})
        return Clerk(Actor(member_id, roles, SPONSORS.get(member_id)), rules, MASTER, at)

    return make


@pytest.fixture
def customers(engine: Engine, clerk: Clerks) -> Engine:
    """Let custody-a keep a customer of its own, and one of the firm that it is the sponsor of."""
    mine = clerk("custody-a")
    firm = dict.fromkeys(("custody_holder_id", "custody_holder_name"), "entrusted-a")
    with writing(engine) as session:
        keeping.create(session, mine, "custody_holder", firm | {"custodian_id": "custody-a"})
        for number, holder in enumerate(("custody-a", "entrusted-a"), 1):
            own = {"investor_id": f"INV{number:06d}", "custody_holder_id": holder}
            record = PERSON | own | {"corporate_number": ""}
            keeping.create(session, mine, "investor", record)
    return engine
