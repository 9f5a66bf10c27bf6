"""What the ledger knows besides transactions: rights, custody, account keys, control, session.

Each use case takes an opened statement, checks that the rules let its author say it and that it
agrees with what is registered, writes it, and appends it to the log: as it came where every
member may read it, else as a commitment, with the envelope kept beside the rows. A relation holds
from the moment of its log index on; nothing is back-dated.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import store
from ledger import working as w
from ledger.bulk import insert_rows
from ledger.components import Hex32
from ledger.declarations import (
    AccountKeys,
    BeneficialRight,
    CustodyItem,
    CustodyReleased,
    CustodyTaken,
    MarketSession,
    TransferControl,
)
from ledger.errors import RelationRefused
from ledger.gateway import STAMP
from ledger.hashing import tagged_hash
from ledger.keys import key_id, load_public_key
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened
from ledger.tables import (
    AccountKeyRow,
    CustodyRow,
    RightRow,
    SessionRow,
    StatementRow,
    TransferControlRow,
    UnspentRow,
)
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault

_UNSYNCHRONISED: dict[str, Any] = {**STAMP, "synchronize_session": False}


class Registered(msgspec.Struct, frozen=True):
    """What a statement on the ledger's relations is answered with.

    Args:
        log_index: of the statement, or of its commitment, in the log.
        statement: the hash by which the log names it.
    """

    log_index: int
    statement: Hex32


def register_right(
    session: Session, actor: Actor, rules: CompiledRules, opened: Opened[BeneficialRight]
) -> Registered:
    """Put a beneficial right on the ledger, or amend what may be amended of it.

    Raises:
        Denied: no rule lets the author register rights.
        RelationRefused: the right or its control is another registrar's, or a fixed field changes.
    """
    _allow(actor, rules, Action.BENEFICIAL_RIGHT_REGISTER, opened)
    body, registrar = opened.body, actor.member_id
    r, t = RightRow, TransferControlRow
    known = _one(session, r, r.beneficial_right_id == body.beneficial_right_id)
    control = _one(session, t, t.transfer_control_id == body.transfer_control_id)
    faults = _right_faults(body, registrar, known, control)
    if faults:
        raise RelationRefused(str(faults[0]), tuple(faults))
    registered = _record(session, opened)
    values = {
        name: getattr(body, name)
        for name in body.__struct_fields__
        if name not in {"fundraiser_id", "asset_manager_id"}
    } | {"log_index": registered.log_index}
    if control is None:
        row = {
            "transfer_control_id": body.transfer_control_id,
            "registrar": registrar,
            "transfer_allowed": True,
            "log_index": registered.log_index,
        }
        insert_rows(session, TransferControlRow, [row])
    if known is None:
        fixed = {
            "registrar": registrar,
            "fundraiser": body.fundraiser_id,
            "asset_manager": body.asset_manager_id,
        }
        counters = dict.fromkeys(
            ("issued_quantity", "outstanding_quantity", "changes", "snapshot_change"), 0
        )
        row = {**values, **fixed, **counters, "snapshot_holders": 0, "effective_at": None}
        insert_rows(session, RightRow, [row])
    else:
        update = sa.update(r).where(r.beneficial_right_id == body.beneficial_right_id)
        session.execute(update.values(values), execution_options=_UNSYNCHRONISED)
    return registered


def _right_faults(
    body: BeneficialRight, registrar: str, known: Any | None, control: Any | None
) -> list[Fault]:
    faults = []
    if control is not None and control.registrar != registrar:
        faults.append(Fault("transfer_control_id", "the control is another registrar's"))
    if known is None:
        return faults
    fixed = {
        "beneficial_right_id": (known.registrar, registrar),
        "fundraiser_id": (known.fundraiser, body.fundraiser_id),
        "asset_manager_id": (known.asset_manager, body.asset_manager_id),
        "transfer_control_id": (known.transfer_control_id, body.transfer_control_id),
    }
    for name, (old, new) in fixed.items():
        if old != new:
            faults.append(Fault(name, "was registered otherwise, and cannot change"))
    if body.established_quantity < known.issued_quantity:
        faults.append(Fault("established_quantity", "less than was issued already"))
    return faults


def register_account_keys(
    session: Session,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[AccountKeys],
    at: dt.datetime,
) -> Registered:
    """Register the account keys of customers of the author; each replaces the one before.

    Raises:
        Denied: no rule lets the author register keys.
        RelationRefused: an investor is not the author's customer now, or occurs twice.
        StatementMalformed: a key is not of an accepted kind.
    """
    _allow(actor, rules, Action.ACCOUNT_KEY_REGISTER, opened)
    keys = opened.body.keys
    investors = [key.investor_id for key in keys]
    custody = _own_customers(session, actor, investors)
    ids = [key_id(load_public_key(key.public_key)) for key in keys]
    registered = _record(session, opened)
    _end(session, AccountKeyRow, investors, registered.log_index, at)
    rows = [
        {
            "investor_id": key.investor_id,
            "from_index": registered.log_index,
            "public_key": key.public_key,
            "key_id": name,
            "custodian": actor.member_id,
            "holder": custody[key.investor_id].holder,
            "valid_from": at,
        }
        for key, name in zip(keys, ids, strict=True)
    ]
    insert_rows(session, AccountKeyRow, rows)
    return registered


def register_custody(
    session: Session,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[CustodyTaken],
    at: dt.datetime,
) -> Registered:
    """Take investors into custody: new ones, and such as their custodian has released.

    The new custodian sees from now on; the old one keeps what it managed. With the custodian the
    account key ends: the new one registers its own.

    Raises:
        Denied: no rule lets the author manage customers.
        RelationRefused: an investor is managed by another that has not released it.
    """
    _allow(actor, rules, Action.CUSTODY_REGISTER, opened)
    items = opened.body.relations
    investors = [item.investor_id for item in items]
    _distinct(investors)
    k = CustodyRow
    columns = sa.select(k.investor_id, k.custodian, k.released_to)
    query = columns.where(k.investor_id.in_(investors), k.until_index.is_(None))
    known = {row[0]: row for row in session.execute(query, execution_options=STAMP)}
    own = actor.member_id
    faults = [
        Fault(investor, "is managed by another custodian, which has not released it")
        for investor, row in known.items()
        if own not in (row.custodian, row.released_to)
    ]
    if faults:
        raise RelationRefused(str(faults[0]), tuple(faults))
    registered = _record(session, opened)
    moved = [investor for investor, row in known.items() if row.custodian != own]
    _end(session, CustodyRow, list(known), registered.log_index, at)
    _end(session, AccountKeyRow, moved, registered.log_index, at)
    rows = [
        {
            "investor_id": item.investor_id,
            "from_index": registered.log_index,
            "custodian": own,
            "holder": item.custody_holder_id,
            "valid_from": at,
            "released_to": "",
        }
        for item in items
    ]
    insert_rows(session, CustodyRow, rows)
    _hand_over_tokens(session, own, [item for item in items if item.investor_id in known])
    return registered


def release_custody(
    session: Session,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[CustodyReleased],
) -> Registered:
    """Let another custodian take over customers of the author.

    Raises:
        Denied: no rule lets the author manage customers.
        RelationRefused: an investor is not the author's customer now, or occurs twice; or it is
            the author who would take over.
    """
    _allow(actor, rules, Action.CUSTODY_REGISTER, opened)
    if opened.body.to_custodian_id == actor.member_id:
        raise RelationRefused(f"{actor.member_id} cannot release customers to itself")
    investors = list(opened.body.investors)
    _own_customers(session, actor, investors)
    registered = _record(session, opened)
    k = CustodyRow
    release = sa.update(k).where(k.investor_id.in_(investors), k.until_index.is_(None))
    session.execute(
        release.values(released_to=opened.body.to_custodian_id), execution_options=_UNSYNCHRONISED
    )
    return registered


def set_transfer_control(
    session: Session, actor: Actor, rules: CompiledRules, opened: Opened[TransferControl]
) -> Registered:
    """Allow or forbid transfers of the rights under a control of the author.

    Raises:
        Denied: no rule lets the author set controls.
        RelationRefused: the author has no such control.
    """
    _allow(actor, rules, Action.TRANSFER_CONTROL_SET, opened)
    t, body = TransferControlRow, opened.body
    mine = sa.select(t.registrar).where(
        t.transfer_control_id == body.transfer_control_id, t.registrar == actor.member_id
    )
    if session.scalar(mine, execution_options=STAMP) is None:
        raise RelationRefused(f"{actor.member_id} has no control {body.transfer_control_id}")
    registered = _record(session, opened)
    update = sa.update(t).where(t.transfer_control_id == body.transfer_control_id)
    session.execute(
        update.values(transfer_allowed=body.transfer_allowed, log_index=registered.log_index),
        execution_options=_UNSYNCHRONISED,
    )
    return registered


def set_market_session(
    session: Session,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[MarketSession],
    at: dt.datetime,
) -> Registered:
    """Open or close the market session.

    Raises:
        Denied: no rule lets the author set the session.
    """
    _allow(actor, rules, Action.MARKET_SESSION_SET, opened)
    entry = LogEntry(opened.kind, opened.envelope)
    (index,) = append(session, [entry])
    row = {
        "log_index": index,
        "session_status": opened.body.session_status,
        "set_by": actor.member_id,
        "set_at": at,
    }
    insert_rows(session, SessionRow, [row])
    return Registered(index, statement_commitment(opened.envelope).hex())


def statement_commitment(envelope: bytes) -> bytes:
    """Return the hash by which the log commits to a statement that not everyone may read."""
    return tagged_hash("log/statement", envelope)


def _allow(actor: Actor, rules: CompiledRules, action: Action, opened: Opened[Any]) -> None:
    rules.decide(actor, action)
    if opened.statement.author != actor.member_id:
        raise RelationRefused(f"{actor.member_id} is not the author, {opened.statement.author}")


def _record(session: Session, opened: Opened[Any]) -> Registered:
    commitment = statement_commitment(opened.envelope).hex()
    data = f'{{"sekisho":"statement/v1","kind":"{opened.kind}","commitment":"{commitment}"}}'
    (index,) = append(session, [LogEntry(opened.kind, data.encode())])
    row = {
        "log_index": index,
        "kind": opened.kind,
        "author": opened.statement.author,
        "envelope": opened.envelope,
    }
    insert_rows(session, StatementRow, [row])
    return Registered(index, commitment)


def _one(
    session: Session, table: type[RightRow | TransferControlRow], which: sa.ColumnElement[bool]
) -> Any:
    query = sa.select(table.__table__).where(which)
    return session.execute(query, execution_options=STAMP).one_or_none()


def _distinct(investors: Sequence[str]) -> None:
    if len(set(investors)) != len(investors):
        raise RelationRefused("an investor occurs twice in the statement")


def _own_customers(
    session: Session, actor: Actor, investors: Sequence[str]
) -> dict[str, w.Custody]:
    _distinct(investors)
    custody = store.current_custody(session, investors)
    nobody = w.Custody("", "")
    faults = tuple(
        Fault(investor, f"is not a customer of {actor.member_id}")
        for investor in investors
        if custody.get(investor, nobody).custodian != actor.member_id
    )
    if faults:
        raise RelationRefused(f"{len(faults)} investor(s) are not the author's customers", faults)
    return custody


def _end(
    session: Session,
    table: type[CustodyRow] | type[AccountKeyRow],
    investors: Sequence[str],
    index: int,
    at: dt.datetime,
) -> None:
    if investors:
        end = sa.update(table).where(table.investor_id.in_(investors), table.until_index.is_(None))
        session.execute(
            end.values(until_index=index, valid_until=at), execution_options=_UNSYNCHRONISED
        )


def _hand_over_tokens(session: Session, custodian: str, items: Sequence[CustodyItem]) -> None:
    """Let the new custodian find its customers' tokens, and the old one no longer."""
    u = UnspentRow
    for holder in {item.custody_holder_id for item in items}:
        investors = [item.investor_id for item in items if item.custody_holder_id == holder]
        update = sa.update(u).where(u.investor_id.in_(investors))
        session.execute(
            update.values(custodian=custodian, holder=holder), execution_options=_UNSYNCHRONISED
        )
