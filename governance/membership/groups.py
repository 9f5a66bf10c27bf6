"""Groups of members: a list that only its own members, and who made it, may see."""

import datetime as dt
import re

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from governance.errors import GroupRefused, GroupUnknown
from governance.membership import store
from governance.membership.members import State
from governance.membership.statements import GROUP_CHANGE, GroupChange
from governance.membership.tables import GroupMemberRow, GroupRow
from ledger.hashing import tagged_hash
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault

GROUP_ID = re.compile(r"[a-z][a-z0-9-]{1,62}")
MAX_MEMBERS = 500


class GroupMember(msgspec.Struct, frozen=True):
    """A member of a group, as the group's members see it."""

    member_id: str
    legal_name: str
    state: State
    since: dt.datetime


class Group(msgspec.Struct, frozen=True):
    """A group with its members, by id."""

    id: str
    title: str
    made_by: str
    members: tuple[GroupMember, ...]


class StatementCommitted(msgspec.Struct, frozen=True):
    """What the log shows of a statement that only some may read."""

    sekisho: str
    kind: str
    commitment: str


def change_group(
    session: Session,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[GroupChange],
    at: dt.datetime,
) -> Group:
    """Make a group, or give it other members; the log shows a commitment only.

    Raises:
        Denied: the actor may not.
        GroupUnknown: the group is another's.
        GroupRefused: with every fault.
    """
    rules.decide(actor, Action.GROUP_CHANGE)
    body = opened.body
    row = session.get(GroupRow, body.group_id)
    if row is not None and row.made_by != actor.member_id:
        raise GroupUnknown(f"there is no group {body.group_id!r}")
    faults = _faults(session, body)
    if faults:
        raise GroupRefused("; ".join(map(str, faults)), tuple(faults))
    if row is None:
        row = GroupRow(id=body.group_id, title=body.title, made_by=actor.member_id, made_at=at)
        session.add(row)
    row.title = body.title
    _set_members(session, body, at)
    commitment = tagged_hash("log/statement", opened.envelope).hex()
    said = StatementCommitted("statement/v1", GROUP_CHANGE, commitment)
    append(session, [LogEntry(GROUP_CHANGE, msgspec.json.encode(said))])
    session.flush()
    return _group(session, row)


def groups_of(session: Session, actor: Actor, rules: CompiledRules) -> list[Group]:
    """Return the groups that the actor is in or has made, by id.

    Raises:
        Denied: the actor may not read groups.
    """
    rules.decide(actor, Action.GROUP_READ)
    mine = sa.select(GroupMemberRow.group_id).where(GroupMemberRow.member_id == actor.member_id)
    rows = session.scalars(
        sa.select(GroupRow)
        .where(GroupRow.id.in_(mine) | (GroupRow.made_by == actor.member_id))
        .order_by(GroupRow.id)
    )
    return [_group(session, row) for row in rows]


def group(session: Session, actor: Actor, rules: CompiledRules, group_id: str) -> Group:
    """Return one group of the actor's.

    Raises:
        Denied: the actor may not read groups.
        GroupUnknown: there is none, or the actor is not in it.
    """
    found = [one for one in groups_of(session, actor, rules) if one.id == group_id]
    if not found:
        raise GroupUnknown(f"there is no group {group_id!r}")
    return found[0]


def _faults(session: Session, body: GroupChange) -> list[Fault]:
    faults = []
    if not GROUP_ID.fullmatch(body.group_id):
        faults.append(Fault("group_id", f"{body.group_id!r}; expected {GROUP_ID.pattern}"))
    if not body.title.strip():
        faults.append(Fault("title", "is empty"))
    if len(set(body.members)) != len(body.members) or len(body.members) > MAX_MEMBERS:
        faults.append(Fault("members", f"expected up to {MAX_MEMBERS}, each once"))
    for place, member_id in enumerate(body.members):
        found = store.find_member(session, member_id)
        if found is None or found.state not in (State.ACTIVE, State.SUSPENDED):
            faults.append(Fault(f"members[{place}]", f"{member_id} is not a member"))
    return faults


def _set_members(session: Session, body: GroupChange, at: dt.datetime) -> None:
    rows = session.scalars(
        sa.select(GroupMemberRow).where(GroupMemberRow.group_id == body.group_id)
    ).all()
    for row in rows:
        if row.member_id not in body.members:
            session.delete(row)
    present = {row.member_id for row in rows}
    for member_id in body.members:
        if member_id not in present:
            session.add(GroupMemberRow(group_id=body.group_id, member_id=member_id, since=at))
    session.flush()


def _group(session: Session, row: GroupRow) -> Group:
    rows = session.scalars(
        sa.select(GroupMemberRow)
        .where(GroupMemberRow.group_id == row.id)
        .order_by(GroupMemberRow.member_id)
    ).all()
    members = []
    for found in rows:
        member = store.member(session, found.member_id)
        members.append(GroupMember(member.member_id, member.legal_name, member.state, found.since))
    return Group(row.id, row.title, row.made_by, tuple(members))
