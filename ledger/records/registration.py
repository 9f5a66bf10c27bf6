"""Investor registration (投資家登録): a firm without a node sends its customers to its custodian.

The registration is a record of the custodian's, with status `applied`, until the custodian accepts
it. The firm sees of it only that it is there and where it stands.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import RecordMalformed, RecordMissing
from ledger.records import keeping, store
from ledger.records.keeping import Clerk
from ledger.records.schemas import Investor, read_record
from ledger.records.sealing import open_values
from ledger.records.tables import InvestorRow, RecordRow
from policies.actions import Action
from policies.errors import Denied, Fault

APPLIED, ACTIVE = "applied", "active"
MAX_BATCH = 500
"""Registrations that are accepted at once."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """A registration as the firm that sent it sees it: nothing personal."""

    investor_id: str
    custodian_id: str
    investor_status: str
    created_at: dt.datetime
    updated_at: dt.datetime


def register(session: Session, clerk: Clerk, values: Mapping[str, Any]) -> Registration:
    """Send an investor to the actor's sponsor; sending the same again changes nothing.

    Raises:
        Denied: no rule allows it, or the actor has no sponsor.
        RecordMalformed: with every fault; a taken id and another firm's customer among them.
    """
    clerk.rules.decide(clerk.actor, Action.INVESTOR_WRITE)
    sponsor = _sponsor(clerk)
    record = read_record("investor", {**values, "investor_status": APPLIED})
    if not isinstance(record, Investor):
        raise RecordMalformed("not an investor")
    faults = registration_faults(record, clerk.owner, sponsor)
    row = store.find_row(session, "investor", sponsor, record.investor_id)
    if row is not None and _other(session, clerk, sponsor, row, record):
        faults.append(Fault("investor_id", "cannot be used; choose another"))
    if faults:
        raise RecordMalformed(f"the registration has {len(faults)} fault(s)", tuple(faults))
    if row is None:
        keeping.insert_records(session, clerk, "investor", [record], sponsor)
        row = store.find_row(session, "investor", sponsor, record.investor_id)
    return _shown(row)


def registration_faults(record: Investor, firm: str, sponsor: str) -> list[Fault]:
    """Return a fault for each party that is not the firm and its sponsor."""
    faults = []
    if record.custody_holder_id != firm:
        faults.append(Fault("custody_holder_id", f"must be {firm}, which registers"))
    if record.custodian_id != sponsor:
        faults.append(Fault("custodian_id", f"must be {sponsor}, the sponsor"))
    return faults


def registrations(
    session: Session, clerk: Clerk, after: str = "", limit: int = 50
) -> list[Registration]:
    """Return up to `limit` of the registrations that the actor sent, in order of investor id.

    Raises:
        Denied: no rule allows it, or the actor has no sponsor.
    """
    clerk.rules.decide(clerk.actor, Action.INVESTOR_READ)
    query = sa.select(InvestorRow).where(
        InvestorRow.owner_member_id == _sponsor(clerk),
        InvestorRow.custody_holder_id == clerk.owner,
        InvestorRow.created_by == clerk.owner,
        InvestorRow.investor_id > after,
    )
    rows = session.scalars(query.order_by(InvestorRow.investor_id).limit(max(1, min(limit, 500))))
    return [_shown(row) for row in rows]


def accept(session: Session, clerk: Clerk, investor_ids: Sequence[str]) -> int:
    """Accept registrations that were sent to the actor, all or none; return how many were new.

    Raises:
        Denied: no rule allows it.
        RecordMissing: one of them is not there, or not to be accepted.
    """
    clerk.rules.decide(clerk.actor, Action.INVESTOR_WRITE)
    wanted = list(dict.fromkeys(investor_ids))
    if not 0 < len(wanted) <= MAX_BATCH:
        raise RecordMissing(f"{len(wanted)} registrations; expected 1 to {MAX_BATCH}")
    rows = store.find_rows(session, "investor", clerk.owner, wanted)
    faults = tuple(Fault(one, why) for one in wanted if (why := _obstacle(rows.get(one))))
    if faults:
        raise RecordMissing(f"{len(faults)} registration(s) cannot be accepted", faults)
    ciphers = keeping.ciphers(session, clerk, "investor", wanted)
    accepted = 0
    for one in wanted:
        values = open_values(rows[one], "investor", ciphers[one])
        if values["investor_status"] == APPLIED:
            record = read_record("investor", values | {"investor_status": ACTIVE})
            keeping.update_record(session, clerk, "investor", rows[one], record)
            accepted += 1
    return accepted


def _shown(row: RecordRow | None) -> Registration:
    if not isinstance(row, InvestorRow):
        raise RecordMissing("there is no such registration")
    return Registration(
        investor_id=row.investor_id,
        custodian_id=row.custodian_id,
        investor_status=row.investor_status,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _obstacle(row: RecordRow | None) -> str:
    if not isinstance(row, InvestorRow):
        return "there is no such registration"
    if row.erased_at is not None:
        return "was erased"
    return "" if row.investor_status in (APPLIED, ACTIVE) else f"is {row.investor_status}"


def _other(session: Session, clerk: Clerk, sponsor: str, row: RecordRow, record: Investor) -> bool:
    """Return whether `row` is not the same registration, sent by the same firm before."""
    if row.created_by != clerk.owner or row.erased_at is not None:
        return True
    changed = keeping.differing(session, clerk, "investor", row, record)
    return bool(set(changed) - {"investor_status"}) or row.owner_member_id != sponsor


def _sponsor(clerk: Clerk) -> str:
    if clerk.actor.sponsor_id is None:
        raise Denied("only a member with a sponsor registers investors; others keep their own")
    return clerk.actor.sponsor_id
