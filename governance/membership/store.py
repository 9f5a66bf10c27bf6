"""Queries on applications, memberships and nodes; and which key may speak for whom."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from governance.errors import ApplicationUnknown, MemberUnknown
from governance.identity import store as identity
from governance.identity.profile import CertificateKind
from governance.membership.applicants import Roster
from governance.membership.members import (
    Change,
    Membership,
    Node,
    NodeKind,
    Role,
    Standing,
    State,
    name_key,
    standing,
)
from governance.membership.tables import (
    ApplicationRow,
    MembershipEventRow,
    MembershipRow,
    NodeRow,
)
from ledger.log.store import log_size
from policies.actors import Actor


class CertifiedKey(msgspec.Struct, frozen=True):
    """A key that may speak now: for which member, at which node, by which certificate (DER)."""

    member_id: str
    node: str
    serial: str
    certificate: bytes
    not_after: dt.datetime


def find_member(session: Session, member_id: str) -> Membership | None:
    """Return the organisation's newest membership, or None if it never had one."""
    row = newest_row(session, member_id)
    return None if row is None else _membership(row, nodes_of(session, member_id, row.number))


def member(session: Session, member_id: str) -> Membership:
    """Return the organisation's newest membership.

    Raises:
        MemberUnknown: it never had one.
    """
    found = find_member(session, member_id)
    if found is None:
        raise MemberUnknown(f"there is no member {member_id!r}")
    return found


def member_standing(session: Session, member_id: str) -> Standing:
    """Return what the member may do now, its sponsor regarded; a stranger is former."""
    found = _without_nodes(session, member_id)
    return Standing.FORMER if found is None else _standing(session, found)


def _standing(session: Session, found: Membership) -> Standing:
    sponsor = _without_nodes(session, found.sponsor_id) if found.sponsor_id else None
    return standing(found, sponsor)


def _without_nodes(session: Session, member_id: str) -> Membership | None:
    """Return the newest membership as far as its standing goes: this is asked all the time."""
    row = newest_row(session, member_id)
    return None if row is None else _membership(row, ())


def member_actor(session: Session, member_id: str) -> Actor:
    """Return the actor that a member is now: without roles unless it and its sponsor are active."""
    found = _without_nodes(session, member_id)
    if found is None or _standing(session, found) is not Standing.ACTIVE:
        return Actor(member_id)
    return Actor(member_id, frozenset(found.roles), found.sponsor_id)


def reading_actor(session: Session, member_id: str) -> Actor:
    """Return the actor that a member is where it only reads: suspended, it sees its own past.

    A stranger and a former member hold no roles.
    """
    found = find_member(session, member_id)
    if found is None:
        return Actor(member_id)
    match member_standing(session, member_id):
        case Standing.ACTIVE:
            return Actor(member_id, frozenset(found.roles), found.sponsor_id)
        case Standing.SUSPENDED:
            return Actor(member_id, frozenset(found.roles), found.sponsor_id, suspended=True)
        case Standing.FORMER:
            return Actor(member_id)


def certified_key(session: Session, key_id: str, at: dt.datetime) -> CertifiedKey | None:
    """Return for whom a key may speak: certified, unexpired, unrevoked, of an active member."""
    return _key_if(session, key_id, at, {Standing.ACTIVE})


def known_key(session: Session, key_id: str, at: dt.datetime) -> CertifiedKey | None:
    """Return whose key it is, the member perhaps suspended: to let it read its own past."""
    return _key_if(session, key_id, at, set(Standing) - {Standing.FORMER})


def _key_if(
    session: Session, key_id: str, at: dt.datetime, standings: set[Standing]
) -> CertifiedKey | None:
    row = identity.valid_by_key(session, key_id, at)
    if row is None or row.kind == CertificateKind.SERVICE:
        return None
    if member_standing(session, row.member_id) not in standings:
        return None
    return CertifiedKey(row.member_id, row.node, row.serial, row.der, row.not_after)


def newest_row(session: Session, member_id: str) -> MembershipRow | None:
    """Return the row of the organisation's newest membership."""
    return session.scalars(
        sa.select(MembershipRow)
        .where(MembershipRow.member_id == member_id)
        .order_by(MembershipRow.number.desc())
        .limit(1)
    ).first()


def nodes_of(session: Session, member_id: str, number: int) -> tuple[Node, ...]:
    """Return the nodes that a membership runs, by name."""
    return _nodes_of_all(session, [member_id])[member_id, number]


_NODES = (
    sa.select(NodeRow.member_id, NodeRow.number, NodeRow.name, NodeRow.kind, NodeRow.address)
    .where(NodeRow.member_id.in_(sa.bindparam("member_ids", expanding=True)))
    .where(NodeRow.removed_at.is_(None))
    .order_by(NodeRow.name)
)


def _nodes_of_all(
    session: Session, member_ids: Sequence[str]
) -> defaultdict[tuple[str, int], tuple[Node, ...]]:
    """Return the nodes of each membership of these organisations, by name."""
    found: defaultdict[tuple[str, int], tuple[Node, ...]] = defaultdict(tuple)
    rows = session.execute(_NODES, {"member_ids": member_ids})
    for member_id, number, name, kind, address in rows:
        found[member_id, number] += (Node(name, NodeKind(kind), address),)
    return found


def keep_hosted_key(session: Session, membership: Membership, node: str, name: str) -> None:
    """Record under which name the key store holds the key of a node that is hosted here."""
    session.execute(
        sa.update(NodeRow)
        .where(
            NodeRow.member_id == membership.member_id,
            NodeRow.number == membership.number,
            NodeRow.name == node,
            NodeRow.removed_at.is_(None),
        )
        .values(hosted_key=name)
    )


def hosted_key(session: Session, membership: Membership, node: str) -> str | None:
    """Return the name of a hosted node's key, or None if the node is not hosted here."""
    return session.scalars(
        sa.select(NodeRow.hosted_key).where(
            NodeRow.member_id == membership.member_id,
            NodeRow.number == membership.number,
            NodeRow.name == node,
            NodeRow.removed_at.is_(None),
        )
    ).first()


def sponsored_by(session: Session, sponsor_id: str) -> list[str]:
    """Return the members that act through `sponsor_id`, sorted."""
    rows = session.scalars(
        sa.select(MembershipRow.member_id)
        .where(MembershipRow.sponsor_id == sponsor_id, MembershipRow.state.in_(_PRESENT))
        .order_by(MembershipRow.member_id)
    )
    return list(rows)


def members_named(session: Session, key: str) -> list[str]:
    """Return the members that are or were known under a legal name (`members.name_key`)."""
    query = sa.select(MembershipRow.member_id).where(MembershipRow.name_key == key)
    return list(session.scalars(query.distinct()))


_NEWEST = (
    sa.select(MembershipRow.member_id, sa.func.max(MembershipRow.number))
    .where(MembershipRow.member_id > sa.bindparam("after"))
    .group_by(MembershipRow.member_id)
    .order_by(MembershipRow.member_id)
    .limit(sa.bindparam("most"))
)
_MEMBERS = (
    sa.select(*(getattr(MembershipRow, n) for n in Membership.__struct_fields__ if n != "nodes"))
    .where(sa.tuple_(MembershipRow.member_id, MembershipRow.number).in_(_NEWEST))
    .order_by(MembershipRow.member_id)
)


def members_after(session: Session, cursor: str, limit: int) -> list[Membership]:
    """Return up to `limit` organisations' newest memberships with ids after `cursor`."""
    rows = session.execute(_MEMBERS, {"after": cursor, "most": limit}).all()
    nodes = _nodes_of_all(session, [row.member_id for row in rows])
    return [_membership(row, nodes[row.member_id, row.number]) for row in rows]


def application(session: Session, application_id: str) -> ApplicationRow:
    """Return an application.

    Raises:
        ApplicationUnknown: there is none with this id.
    """
    row = session.get(ApplicationRow, application_id)
    if row is None:
        raise ApplicationUnknown(f"there is no application {application_id!r}")
    return row


def open_application(session: Session, member_id: str) -> ApplicationRow | None:
    """Return the organisation's open application."""
    return session.scalars(
        sa.select(ApplicationRow).where(
            ApplicationRow.member_id == member_id, ApplicationRow.state == "applied"
        )
    ).first()


def open_applications(session: Session) -> list[ApplicationRow]:
    """Return the open applications, oldest first."""
    rows = session.scalars(
        sa.select(ApplicationRow)
        .where(ApplicationRow.state == "applied")
        .order_by(ApplicationRow.applied_at, ApplicationRow.id)
    )
    return list(rows)


def roster(session: Session, wanted: Membership) -> Roster:
    """Return what the registry knows that bears on an application for `wanted`."""
    key = name_key(wanted.legal_name)
    open_ones = session.scalar(
        sa.select(sa.func.count())
        .select_from(ApplicationRow)
        .where(
            ApplicationRow.state == "applied",
            (ApplicationRow.member_id == wanted.member_id) | (ApplicationRow.name_key == key),
        )
    )
    return Roster(
        same_id=find_member(session, wanted.member_id),
        same_name=tuple(member(session, found) for found in members_named(session, key)),
        open_applications=open_ones or 0,
        sponsor=find_member(session, wanted.sponsor_id) if wanted.sponsor_id else None,
    )


def keep(session: Session, after: Membership, event: Change | None, at: dt.datetime) -> None:
    """Write a membership as it is after `event`, with its history entry."""
    row = newest_row(session, after.member_id)
    if row is None or row.number != after.number:
        raise MemberUnknown(f"{after.member_id} has no membership {after.number}")
    row.legal_name, row.name_key = after.legal_name, name_key(after.legal_name)
    row.state, row.roles = after.state, _roles_text(after.roles)
    row.sponsor_id, row.changed_at = after.sponsor_id, at
    row.reason = getattr(event, "reason", row.reason)
    _keep_nodes(session, after, at)
    record(session, after, event, at)


def create(
    session: Session, first: Membership, application_id: str | None, at: dt.datetime
) -> None:
    """Write a new membership with its nodes and history entry."""
    session.add(
        MembershipRow(
            member_id=first.member_id,
            number=first.number,
            legal_name=first.legal_name,
            name_key=name_key(first.legal_name),
            state=first.state,
            roles=_roles_text(first.roles),
            sponsor_id=first.sponsor_id,
            reason=None,
            application_id=application_id,
            since=at,
            changed_at=at,
        )
    )
    session.flush()
    _keep_nodes(session, first, at)
    record(session, first, None, at)


def record(session: Session, after: Membership, event: Change | None, at: dt.datetime) -> None:
    """Add a history entry; `log_index` is the size of the log when it happened."""
    said = b'{"type":"admitted"}' if event is None else msgspec.json.encode(event)
    session.add(
        MembershipEventRow(
            member_id=after.member_id,
            number=after.number,
            at=at,
            event=said.decode(),
            membership=msgspec.json.encode(after, order="deterministic"),
            log_index=log_size(session),
        )
    )
    session.flush()


def member_as_of(session: Session, member_id: str, at: dt.datetime) -> Membership | None:
    """Return the membership as it was at a time, or None if there was none yet."""
    row = session.scalars(
        sa.select(MembershipEventRow)
        .where(MembershipEventRow.member_id == member_id, MembershipEventRow.at <= at)
        .order_by(MembershipEventRow.id.desc())
        .limit(1)
    ).first()
    return None if row is None else msgspec.json.decode(row.membership, type=Membership)


def history(session: Session, member_id: str) -> list[MembershipEventRow]:
    """Return what happened to the organisation's memberships, oldest first."""
    rows = session.scalars(
        sa.select(MembershipEventRow)
        .where(MembershipEventRow.member_id == member_id)
        .order_by(MembershipEventRow.id)
    )
    return list(rows)


_PRESENT = (State.ACTIVE, State.SUSPENDED)


def _membership(
    row: MembershipRow | sa.Row[*tuple[Any, ...]], nodes: tuple[Node, ...]
) -> Membership:
    return Membership(
        member_id=row.member_id,
        number=row.number,
        legal_name=row.legal_name,
        state=State(row.state),
        roles=frozenset(Role(role) for role in row.roles.split()),
        nodes=nodes,
        sponsor_id=row.sponsor_id,
    )


def _roles_text(roles: frozenset[Role]) -> str:
    return " ".join(sorted(roles))


def _keep_nodes(session: Session, after: Membership, at: dt.datetime) -> None:
    present = nodes_of(session, after.member_id, after.number)
    for node in after.nodes:
        if node not in present:
            session.add(
                NodeRow(
                    member_id=after.member_id,
                    name=node.name,
                    added_at=at,
                    number=after.number,
                    kind=node.kind,
                    address=node.address,
                    hosted_key=None,
                    removed_at=None,
                )
            )
    for node in present:
        if node not in after.nodes:
            session.execute(
                sa.update(NodeRow)
                .where(
                    NodeRow.member_id == after.member_id,
                    NodeRow.number == after.number,
                    NodeRow.name == node.name,
                    NodeRow.removed_at.is_(None),
                )
                .values(removed_at=at)
            )
    session.flush()
