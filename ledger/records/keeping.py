"""A company keeps its records: create, change, read, list, find by a personal id, look back.

Each use case asks the rules first, then touches only rows of the acting company. Filters stand
in the queries: another company's record is as missing as one that never was.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from ledger.errors import RecordErased, RecordExists, RecordMalformed, RecordMissing
from ledger.records import store
from ledger.records.encryption import (
    MasterKey,
    RowCipher,
    blind_index,
    new_row_cipher,
    open_row_cipher,
)
from ledger.records.schemas import SCHEMAS, Investor, Record, read_record
from ledger.records.sealing import (
    HISTORY_FIELD,
    Kept,
    Value,
    has_personal,
    kept,
    open_values,
    row_id_of,
    seal_record,
    split_before,
)
from ledger.records.tables import ID_FIELDS, SEARCHABLE, RecordRow
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault

MAX_PAGE = 500
"""Records in the largest page."""

OWN_RECORDS = "own_records"
"""The arm of the rules that admits a company's own records."""

_RESOURCES = {"beneficial_right": "beneficial_right_record"}
_WRITE_ACTIONS = {"market_session": Action.MARKET_SESSION_SET}


@dataclass(frozen=True)
class Clerk:
    """Who acts on records: the actor, the rules in force, the master key, and the time."""

    actor: Actor
    rules: CompiledRules
    master: MasterKey
    at: dt.datetime

    @property
    def owner(self) -> str:
        """The company whose records these are."""
        return self.actor.member_id


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a record's history: what stood in `fields` before; empty once erased."""

    change_id: int
    kind: str
    fields: list[str]
    before: dict[str, Any]
    changed_at: dt.datetime
    changed_by: str


def read_action(table: str) -> Action:
    """Return the action of reading records of `table`."""
    return Action(f"{_RESOURCES.get(table, table)}:read")


def write_action(table: str) -> Action:
    """Return the action of creating and changing records of `table`."""
    return _WRITE_ACTIONS.get(table) or Action(f"{_RESOURCES.get(table, table)}:write")


def create(session: Session, clerk: Clerk, table: str, values: Mapping[str, Any]) -> Kept:
    """Keep a new record; creating the same again changes nothing.

    Raises:
        Denied: no rule allows it.
        RecordMalformed: with every fault of `values`; a holder or custodian that is not known
            among them.
        RecordExists: the id is taken by a record with other contents.
        RecordErased: the id belonged to a record whose personal data were erased.
    """
    clerk.rules.decide(clerk.actor, write_action(table))
    record = read_record(known_table(table), values)
    row_id = row_id_of(table, record, clerk.owner)
    row = store.find_row(session, table, clerk.owner, row_id)
    if row is None:
        _refuse_unknown(session, clerk, record)
        insert_records(session, clerk, table, [record])
    elif row.erased_at is not None:
        raise RecordErased(f"{table} {row_id} was erased; use a new id")
    elif differing(session, clerk, table, row, record):
        raise RecordExists(f"{table} {row_id} exists with other contents; change it instead")
    return _keep(session, clerk, table, row_id)


def change(
    session: Session, clerk: Clerk, table: str, row_id: str, values: Mapping[str, Any]
) -> Kept:
    """Replace a record's contents; what stood there before goes into its history.

    Raises:
        Denied: no rule allows it.
        RecordMalformed: with every fault of `values`, a changed id and a holder or custodian that
            is not known among them.
        RecordMissing: there is none with this id.
        RecordErased: its personal data were erased.
    """
    clerk.rules.decide(clerk.actor, write_action(table))
    record = read_record(known_table(table), values)
    if row_id_of(table, record, clerk.owner) != row_id:
        fault = Fault("id", f"the record says another id than {row_id!r}; an id never changes")
        raise RecordMalformed(str(fault), (fault,))
    row = _existing(session, clerk, table, row_id)
    if row.erased_at is not None:
        raise RecordErased(f"{table} {row_id} was erased and cannot be changed")
    _refuse_unknown(session, clerk, record)
    update_record(session, clerk, table, row, record)
    return _keep(session, clerk, table, row_id)


def read(session: Session, clerk: Clerk, table: str, row_id: str) -> Kept:
    """Return one record, decrypted, with the fields that the rules show.

    Raises:
        Denied: no rule allows it.
        RecordMissing: the company keeps none with this id.
    """
    shown = _shown_fields(clerk, table)
    return _show(session, clerk, table, [_existing(session, clerk, table, row_id)], shown)[0]


def list_records(
    session: Session, clerk: Clerk, table: str, after: str = "", limit: int = 50
) -> list[Kept]:
    """Return up to `limit` (at most `MAX_PAGE`) records with ids after `after`, in order."""
    shown = _shown_fields(clerk, table)
    rows = store.page_rows(session, table, clerk.owner, after, max(1, min(limit, MAX_PAGE)))
    return _show(session, clerk, table, rows, shown)


def find(session: Session, clerk: Clerk, table: str, field: str, value: str) -> list[Kept]:
    """Return the records whose personal id `field` is `value`, by blind index.

    Raises:
        Denied: no rule allows it, or the rules hide `field` from the actor.
        RecordMalformed: `field` cannot be searched for.
    """
    shown = _shown_fields(clerk, table)
    if field not in SEARCHABLE.get(table, ()) or field not in shown:
        fault = Fault(field, f"cannot be searched for in {table}")
        raise RecordMalformed(str(fault), (fault,))
    index = blind_index(clerk.master, clerk.owner, table, field, value)
    rows = store.search_rows(session, table, clerk.owner, field, index)
    return _show(session, clerk, table, rows, shown)


def history(session: Session, clerk: Clerk, table: str, row_id: str) -> list[Change]:
    """Return what was changed in a record, oldest first; former personal values while not erased.

    Raises:
        Denied: no rule allows it.
        RecordMissing: the company keeps none with this id.
    """
    shown = _shown_fields(clerk, table)
    _existing(session, clerk, table, row_id)
    cipher = ciphers(session, clerk, table, [row_id]).get(row_id)
    changes = []
    for row in store.changes_of(session, table, clerk.owner, row_id):
        before: dict[str, Any] = msgspec.json.decode(row.before)
        if cipher and row.sealed_before:
            before |= msgspec.json.decode(cipher.open(HISTORY_FIELD, row.sealed_before))
        changes.append(
            Change(
                change_id=row.change_id,
                kind=row.kind,
                fields=msgspec.json.decode(row.fields, type=list[str]),
                before={name: value for name, value in before.items() if name in shown},
                changed_at=row.changed_at,
                changed_by=row.changed_by,
            )
        )
    return changes


def unknown_parties(
    session: Session, clerk: Clerk, investors: Sequence[Investor]
) -> list[tuple[Fault, ...]]:
    """Return for each investor a fault for a holder and a custodian that the clerk does not know.

    Known are the company itself, its sponsor, those of which it keeps a record, and whom the
    investor's record names already: a firm that registered its customer need not be recorded.
    """
    firms = {clerk.owner, clerk.actor.sponsor_id or clerk.owner}
    rows = store.find_rows(session, "investor", clerk.owner, [i.investor_id for i in investors])
    faults: list[list[Fault]] = [[] for _ in investors]
    for table in ("custody_holder", "custodian"):
        field = f"{table}_id"
        named = {getattr(one, field) for one in investors} - firms
        known = firms | store.existing_ids(session, table, clerk.owner, named)
        for one, found in zip(investors, faults, strict=True):
            party = getattr(one, field)
            if party not in known and party != getattr(rows.get(one.investor_id), field, None):
                found.append(Fault(field, f"there is no such {table.removeprefix('custody_')}"))
    return [tuple(found) for found in faults]


def insert_records(
    session: Session,
    clerk: Clerk,
    table: str,
    records: Iterable[Record],
    owner: str | None = None,
) -> None:
    """Write new, checked records of a company (the clerk's own unless `owner` says another).

    The caller has made sure that the clerk may, and that the ids are free.
    """
    owner = owner or clerk.owner
    rows, keys = [], []
    for record in records:
        row_id = row_id_of(table, record, owner)
        cipher = None
        if has_personal(table):
            cipher, wrapped = new_row_cipher(clerk.master, owner, table, row_id)
            keys.append(
                {
                    "owner_member_id": owner,
                    "table_name": table,
                    "row_id": row_id,
                    "wrapped_key": wrapped,
                }
            )
        columns = seal_record(clerk.master, table, record, owner, cipher)
        by = clerk.actor.member_id
        rows.append(
            columns
            | {"owner_member_id": owner, "created_at": clerk.at, "created_by": by}
            | {"updated_at": clerk.at, "updated_by": by}
        )
    store.insert_keys(session, keys)
    store.insert_rows(session, table, rows)


def update_record(
    session: Session, clerk: Clerk, table: str, row: RecordRow, record: Record
) -> None:
    """Write a checked record over `row`, and what it replaces into the history."""
    changed = differing(session, clerk, table, row, record)
    if not changed:
        return
    row_id = row_id_of(table, record, clerk.owner)
    cipher = ciphers(session, clerk, table, [row_id]).get(row_id)
    before = open_values(row, table, cipher)
    plain, private = split_before(table, before, changed)
    sealed = cipher.seal(HISTORY_FIELD, private) if cipher and private else None
    store.insert_changes(
        session,
        [
            {
                "owner_member_id": clerk.owner,
                "table_name": table,
                "row_id": row_id,
                "kind": "change",
                "fields": msgspec.json.encode(changed).decode(),
                "before": plain,
                "sealed_before": sealed,
                "changed_at": clerk.at,
                "changed_by": clerk.actor.member_id,
            }
        ],
    )
    columns = seal_record(clerk.master, table, record, clerk.owner, cipher)
    columns |= {"updated_at": clerk.at, "updated_by": clerk.actor.member_id}
    store.update_row(session, table, clerk.owner, row_id, columns)


def differing(
    session: Session, clerk: Clerk, table: str, row: RecordRow, record: Record
) -> list[str]:
    """Return the fields in which `record` differs from what `row` holds."""
    row_id = row_id_of(table, record, row.owner_member_id)
    cipher = ciphers(session, clerk, table, [row_id], row.owner_member_id).get(row_id)
    before = open_values(row, table, cipher)
    return [n for n in record.__struct_fields__ if before[n] != getattr(record, n)]


def ciphers(
    session: Session, clerk: Clerk, table: str, row_ids: Iterable[str], owner: str | None = None
) -> dict[str, RowCipher]:
    """Return the ciphers of those rows that have a key, by row id."""
    owner = owner or clerk.owner
    if not has_personal(table):
        return {}
    return {
        row_id: open_row_cipher(clerk.master, wrapped, owner, table, row_id)
        for row_id, wrapped in store.wrapped_keys(session, table, owner, row_ids).items()
    }


def known_table(table: str) -> str:
    """Return `table`.

    Raises:
        RecordMissing: there is no such table of records.
    """
    if table not in SCHEMAS:
        raise RecordMissing(f"no table of records is called {table!r}")
    return table


def _refuse_unknown(session: Session, clerk: Clerk, record: Record) -> None:
    """Refuse an investor of a holder or a custodian that is not known."""
    if isinstance(record, Investor):
        (faults,) = unknown_parties(session, clerk, [record])
        if faults:
            raise RecordMalformed("; ".join(map(str, faults)), faults)


def _existing(session: Session, clerk: Clerk, table: str, row_id: str) -> RecordRow:
    row = store.find_row(session, table, clerk.owner, row_id)
    if row is None:
        raise RecordMissing(f"{clerk.owner} keeps no {table} {row_id}")
    return row


def _keep(session: Session, clerk: Clerk, table: str, row_id: str) -> Kept:
    """Return what is kept now, as its writer wrote it."""
    row = _existing(session, clerk, table, row_id)
    cipher = ciphers(session, clerk, table, [row_id]).get(row_id)
    return kept(row, table, open_values(row, table, cipher))


def _shown_fields(clerk: Clerk, table: str) -> frozenset[str]:
    decision = clerk.rules.decide(clerk.actor, read_action(known_table(table)))
    shown: set[str] = set()
    for grant in decision.grants:
        if grant.arm in (OWN_RECORDS, "everything"):
            shown.update(name for name, effect in grant.fields.items() if effect == "clear")
    return frozenset(shown)


def _show(
    session: Session, clerk: Clerk, table: str, rows: Sequence[RecordRow], shown: frozenset[str]
) -> list[Kept]:
    found = ciphers(session, clerk, table, [_row_id(table, row) for row in rows])
    answers = []
    for row in rows:
        values = open_values(row, table, found.get(_row_id(table, row)))
        visible: dict[str, Value] = {n: v for n, v in values.items() if n in shown}
        answers.append(kept(row, table, visible))
    return answers


def _row_id(table: str, row: RecordRow) -> str:
    row_id: str = getattr(row, ID_FIELDS[table])
    return row_id
