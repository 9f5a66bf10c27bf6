"""HTTP of memberships: statements in, views out."""

import datetime as dt
from collections.abc import Sequence

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, RawBody
from sqlalchemy.engine import Engine

from governance.identity.authority import issue
from governance.membership import (
    admission,
    changes,
    groups,
    invitations,
    statements,
    views,
)
from governance.membership.certificate_routes import ROUTES as CERTIFICATE_ROUTES
from governance.membership.certificate_routes import Issued
from governance.membership.groups import Group
from governance.membership.invitations import Invitation
from governance.membership.services import MembershipServices
from governance.membership.views import (
    ApplicationView,
    HistoryEntry,
    MemberPage,
    MemberView,
)
from ledger.database import reading, writing
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules


class ApplicationFiled(msgspec.Struct, frozen=True):
    """An application was received; ask for it by this id."""

    application_id: str


@post(
    "/v1/applications",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["membership"],
    summary="Apply for membership",
)
def apply(
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    membership: NamedDependency[MembershipServices],
) -> ApplicationFiled:
    """Record an application, signed with the key of its first certificate request."""
    opened = membership.desk.open_with_own_key(
        body, statements.APPLICATION, statements.Application, admission.applicant_key
    )
    with writing(database) as session:
        filed = admission.apply_for_membership(session, membership.authority, opened, at)
    return ApplicationFiled(filed)


@post(
    "/v1/applications/withdrawals",
    opt={"authz": "statement"},
    status_code=204,
    sync_to_thread=True,
    tags=["membership"],
    summary="Withdraw an application",
)
def withdraw(
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    membership: NamedDependency[MembershipServices],
) -> None:
    """Close one's own application, signed with the key that signed it."""
    with reading(database) as lookup:
        opened = membership.desk.open_with_own_key(
            body,
            statements.APPLICATION_WITHDRAWAL,
            statements.ApplicationWithdrawal,
            lambda said: admission.withdrawal_key(lookup, said),
        )
    with writing(database) as session:
        admission.withdraw_application(session, membership.authority.herald, opened, at)


@get(
    "/v1/applications/{application_id:str}",
    opt={"authz": "public"},
    sync_to_thread=True,
    tags=["membership"],
    summary="What became of an application",
)
def show_application(
    application_id: FromPath[str], database: NamedDependency[Engine]
) -> ApplicationView:
    """Return an application to who knows its id, with its certificates once it is accepted."""
    with reading(database) as session:
        return views.show_application(session, application_id)


@get(
    "/v1/applications",
    opt={"authz": Action.MEMBERSHIP_READ},
    sync_to_thread=True,
    tags=["membership"],
    summary="List open applications",
)
def list_applications(
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
) -> Sequence[ApplicationView]:
    """Return the open applications, oldest first."""
    with reading(database) as session:
        return views.list_applications(session, actor, rules)


@get(
    "/v1/members",
    opt={"authz": Action.MEMBERSHIP_READ},
    sync_to_thread=True,
    tags=["membership"],
    summary="List members",
)
def list_members(
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
    cursor: FromQuery[str] = "",
    limit: FromQuery[int] = 50,
) -> MemberPage:
    """Return a page of members, by id."""
    with reading(database) as session:
        return views.list_members(session, actor, rules, cursor, limit)


@get(
    "/v1/members/{member_id:str}",
    opt={"authz": Action.MEMBERSHIP_READ},
    sync_to_thread=True,
    tags=["membership"],
    summary="Show a member",
)
def show_member(
    member_id: FromPath[str],
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
) -> MemberView:
    """Return one member."""
    with reading(database) as session:
        return views.show_member(session, actor, rules, member_id)


@get(
    "/v1/members/{member_id:str}/history",
    opt={"authz": Action.MEMBERSHIP_READ},
    sync_to_thread=True,
    tags=["membership"],
    summary="What happened to a member",
)
def show_history(
    member_id: FromPath[str],
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
) -> Sequence[HistoryEntry]:
    """Return the history of all memberships of one organisation, oldest first."""
    with reading(database) as session:
        return views.show_history(session, actor, rules, member_id)


@post(
    "/v1/members/leave",
    opt={"authz": "statement"},
    status_code=204,
    sync_to_thread=True,
    tags=["membership"],
    summary="Leave the network",
)
def leave(
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    membership: NamedDependency[MembershipServices],
) -> None:
    """End one's own membership."""
    actor, opened = membership.desk.open(body, statements.LEAVE, statements.Leave)
    with membership.desk.writing(opened) as session:
        changes.leave(session, membership.authority.herald, actor, rules, opened, at)


@post(
    "/v1/nodes",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["membership"],
    summary="Add a node",
)
def add_node(
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    membership: NamedDependency[MembershipServices],
) -> Issued:
    """Add a node or API client to one's own membership, and certify it."""
    kind = statements.NODE_ADDITION
    actor, opened = membership.desk.open(body, kind, statements.NodeAddition)
    authority = membership.authority
    with membership.desk.writing(opened) as session:
        issuance = changes.add_node(session, authority, actor, rules, opened, at)
    return Issued(None if issuance is None else issue(database, authority, issuance, at))


@post(
    "/v1/nodes/removals",
    opt={"authz": "statement"},
    status_code=204,
    sync_to_thread=True,
    tags=["membership"],
    summary="Remove a node",
)
def remove_node(
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    membership: NamedDependency[MembershipServices],
) -> None:
    """Take a node from one's own membership; its certificates are revoked."""
    kind = statements.NODE_REMOVAL
    actor, opened = membership.desk.open(body, kind, statements.NodeRemoval)
    with membership.desk.writing(opened) as session:
        changes.remove_node(session, membership.authority.herald, actor, rules, opened, at)


@post(
    "/v1/invitations",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["membership"],
    summary="Invite an organisation",
)
def invite(
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    membership: NamedDependency[MembershipServices],
) -> Invitation:
    """Make a one-time token, bound to a legal name and a role."""
    kind = statements.INVITATION
    actor, opened = membership.desk.open(body, kind, statements.InvitationRequest)
    with membership.desk.writing(opened) as session:
        return invitations.invite(session, actor, rules, opened, at)


@post(
    "/v1/invitations/revocations",
    opt={"authz": "statement"},
    status_code=204,
    sync_to_thread=True,
    tags=["membership"],
    summary="Take an invitation back",
)
def revoke_invitation(
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    membership: NamedDependency[MembershipServices],
) -> None:
    """Take back an open invitation of one's own."""
    kind = statements.INVITATION_REVOCATION
    actor, opened = membership.desk.open(body, kind, statements.InvitationRevocation)
    with membership.desk.writing(opened) as session:
        invitations.revoke_invitation(session, actor, rules, opened, at)


@get(
    "/v1/invitations",
    opt={"authz": Action.INVITATION_READ},
    sync_to_thread=True,
    tags=["membership"],
    summary="List one's own invitations",
)
def list_invitations(
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
) -> Sequence[Invitation]:
    """Return one's own invitations, newest first, without their tokens."""
    with reading(database) as session:
        return invitations.list_invitations(session, actor, rules, at)


@post(
    "/v1/groups",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["membership"],
    summary="Make or change a group of members",
)
def change_group(
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    membership: NamedDependency[MembershipServices],
) -> Group:
    """Make a group, or give it other members."""
    kind = statements.GROUP_CHANGE
    actor, opened = membership.desk.open(body, kind, statements.GroupChange)
    with membership.desk.writing(opened) as session:
        return groups.change_group(session, actor, rules, opened, at)


@get(
    "/v1/groups",
    opt={"authz": Action.GROUP_READ},
    sync_to_thread=True,
    tags=["membership"],
    summary="List one's own groups",
)
def list_groups(
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
) -> Sequence[Group]:
    """Return the groups that one is in, with their members."""
    with reading(database) as session:
        return groups.groups_of(session, actor, rules)


@get(
    "/v1/groups/{group_id:str}",
    opt={"authz": Action.GROUP_READ},
    sync_to_thread=True,
    tags=["membership"],
    summary="Show a group",
)
def show_group(
    group_id: FromPath[str],
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
) -> Group:
    """Return a group that one is in."""
    with reading(database) as session:
        return groups.group(session, actor, rules, group_id)


ROUTES = (
    *CERTIFICATE_ROUTES,
    apply,
    withdraw,
    show_application,
    list_applications,
    list_members,
    show_member,
    show_history,
    leave,
    add_node,
    remove_node,
    invite,
    revoke_invitation,
    list_invitations,
    change_group,
    list_groups,
    show_group,
)
