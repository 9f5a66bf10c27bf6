"""What happens to a membership after it was admitted.

`suspend`, `reinstate`, `revoke`, `grant_role`, `remove_role`, `rename` and `change_sponsor` apply
what a proposal has decided. `leave`, `add_node` and `remove_node` are the member's own to say.
Certificates follow in the same transaction: on hold while the member or its sponsor is suspended,
revoked when the membership ends.
"""

import datetime as dt

from sqlalchemy.orm import Session

from governance.errors import TransitionRefused
from governance.identity import revocation
from governance.identity import store as identity
from governance.identity.announcements import Herald
from governance.identity.authority import Authority, cancel_issuances
from governance.identity.revocation import Reason
from governance.membership import members, store
from governance.membership.admission import order_certificate
from governance.membership.members import Change, Membership, Role, Standing, sponsor_faults
from governance.membership.statements import (
    LEAVE,
    NODE_ADDITION,
    NODE_REMOVAL,
    Leave,
    MemberLeft,
    NodeAddition,
    NodeRemoval,
)
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules


def suspend(session: Session, member_id: str, reason: str, at: dt.datetime) -> Membership:
    """Suspend a member, and with it those whom it sponsors.

    Raises:
        MemberUnknown: there is no such member.
        TransitionRefused: it is not active, or no reason is given.
    """
    return _change(session, member_id, members.Suspended(reason), at)


def reinstate(session: Session, member_id: str, at: dt.datetime) -> Membership:
    """Reinstate a member, and with it those sponsored that are not suspended themselves.

    Raises:
        MemberUnknown: there is no such member.
        TransitionRefused: it is not suspended.
    """
    return _change(session, member_id, members.Reinstated(), at)


def revoke(
    session: Session, herald: Herald, member_id: str, reason: str, at: dt.datetime
) -> Membership:
    """End a membership for good; all its certificates are revoked in this transaction.

    Raises:
        MemberUnknown: there is no such member.
        TransitionRefused: it is over already, or no reason is given.
    """
    after = _change(session, member_id, members.Revoked(reason), at)
    _end(session, herald, member_id, Reason.WITHDRAWN, at)
    return after


def leave(
    session: Session,
    herald: Herald,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[Leave],
    at: dt.datetime,
) -> Membership:
    """End the actor's own membership, as it wishes.

    Raises:
        Denied: the actor may not.
        TransitionRefused: the membership is not active.
    """
    rules.decide(actor, Action.MEMBERSHIP_LEAVE)
    after = _change(session, actor.member_id, members.Left(), at)
    append(session, [LogEntry(LEAVE, opened.envelope)])
    _end(session, herald, actor.member_id, Reason.CESSATION, at)
    herald.report(session, MemberLeft(actor.member_id), at)
    return after


def grant_role(session: Session, member_id: str, role: Role, at: dt.datetime) -> Membership:
    """Give a member a role that its nodes can carry.

    Raises:
        MemberUnknown: there is no such member.
        TransitionRefused: it is not active, has the role, or lacks the node that it needs.
    """
    return _change(session, member_id, members.RoleGranted(role), at)


def remove_role(session: Session, member_id: str, role: Role, at: dt.datetime) -> Membership:
    """Take a role from a member; certificates stay, since their role claim is only a claim.

    Raises:
        MemberUnknown: there is no such member.
        TransitionRefused: it is not active, lacks the role, or has no other.
    """
    return _change(session, member_id, members.RoleRemoved(role), at)


def rename(session: Session, member_id: str, legal_name: str, at: dt.datetime) -> Membership:
    """Record a change of registered name; certificates show it from the next renewal on.

    Raises:
        MemberUnknown: there is no such member.
        TransitionRefused: it is not active, or another organisation has the name.
    """
    key = members.name_key(legal_name)
    if any(other != member_id for other in store.members_named(session, key)):
        raise TransitionRefused(f"another organisation is known here as {legal_name}")
    return _change(session, member_id, members.Renamed(legal_name), at)


def change_sponsor(
    session: Session, member_id: str, sponsor_id: str, at: dt.datetime
) -> Membership:
    """Let a partner act through another operating partner.

    Raises:
        MemberUnknown: there is no such member.
        TransitionRefused: it is not active, runs a node, or the sponsor cannot sponsor.
    """
    faults = tuple(sponsor_faults(store.find_member(session, sponsor_id), sponsor_id))
    if faults:
        raise TransitionRefused("; ".join(map(str, faults)), faults)
    return _change(session, member_id, members.SponsorChanged(sponsor_id), at)


def add_node(
    session: Session,
    authority: Authority,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[NodeAddition],
    at: dt.datetime,
) -> int | None:
    """Add a node or API client to the actor's membership; return the id of its issuance.

    Raises:
        Denied: the actor may not.
        TransitionRefused: the membership is not active, or would have faults.
        CertificateRequestRefused: with every fault.
    """
    rules.decide(actor, Action.NODE_ADD)
    request = opened.body.node
    after = _change(session, actor.member_id, members.NodeAdded(request.node()), at)
    append(session, [LogEntry(NODE_ADDITION, opened.envelope)])
    if not request.csr:
        return None  # it enrols over EST with a one-time token, or is hosted
    return order_certificate(session, authority, after, request, at)


def remove_node(
    session: Session,
    herald: Herald,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[NodeRemoval],
    at: dt.datetime,
) -> None:
    """Take a node from the actor's membership and revoke its certificates.

    Raises:
        Denied: the actor may not.
        TransitionRefused: there is no such node, or a role needs it.
    """
    rules.decide(actor, Action.NODE_REMOVE)
    name = opened.body.node
    _change(session, actor.member_id, members.NodeRemoved(name), at)
    append(session, [LogEntry(NODE_REMOVAL, opened.envelope)])
    said = revocation.revoke_node(session, herald, actor.member_id, name, Reason.CESSATION, at)
    for event in said:
        herald.report(session, event, at)


def _change(session: Session, member_id: str, event: Change, at: dt.datetime) -> Membership:
    after = members.change(store.member(session, member_id), event)
    store.keep(session, after, event, at)
    _settle_holds(session, member_id, at)
    return after


def _settle_holds(session: Session, member_id: str, at: dt.datetime) -> None:
    """Put certificates on hold, or take them off, as the standing of their members says."""
    for concerned in (member_id, *store.sponsored_by(session, member_id)):
        if store.member_standing(session, concerned) is Standing.SUSPENDED:
            revocation.hold(session, concerned, at)
        else:
            revocation.release(session, concerned)


def _end(session: Session, herald: Herald, member_id: str, reason: Reason, at: dt.datetime) -> None:
    cancel_issuances(session, herald, member_id, f"the membership ended: {reason}", at)
    revocation.revoke_member(session, herald, member_id, reason, at)
    identity.void_tokens(session, member_id, at)
