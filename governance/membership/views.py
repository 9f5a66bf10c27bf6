"""What the API shows of applications, members and certificates."""

import datetime as dt
from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from governance.errors import CertificateUnknown
from governance.identity import revocation
from governance.identity import store as identity
from governance.identity.profile import renewal_due
from governance.identity.tables import CertificateRow
from governance.membership import renewals, store
from governance.membership.members import Membership, Node, Role, Standing, State, standing
from governance.membership.renewals import Expiry
from governance.membership.statements import Application
from governance.membership.tables import ApplicationRow
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

MAX_PAGE = 200
"""Members in one page."""


class ApplicationView(msgspec.Struct, frozen=True):
    """An application with what became of it; certificates as DER in base64."""

    id: str
    member_id: str
    legal_name: str
    roles: tuple[Role, ...]
    nodes: tuple[Node, ...]
    sponsor_id: str | None
    state: str
    reason: str | None
    applied_at: dt.datetime
    decided_at: dt.datetime | None
    certificates: tuple[bytes, ...]


class MemberView(msgspec.Struct, frozen=True):
    """A member as every other member sees it."""

    member_id: str
    number: int
    legal_name: str
    state: State
    standing: Standing
    roles: tuple[Role, ...]
    sponsor_id: str | None
    nodes: tuple[Node, ...]


class MemberPage(msgspec.Struct, frozen=True):
    """Members by id; `next` is the cursor of the page after this one, or None."""

    members: tuple[MemberView, ...]
    next: str | None


class CertificateView(msgspec.Struct, frozen=True):
    """A certificate with its status; `revoked` says why it is not good, or is None."""

    serial: str
    node: str
    key_id: str
    not_before: dt.datetime
    not_after: dt.datetime
    renewal_due: dt.datetime
    revoked: str | None
    certificate: bytes


class HistoryEntry(msgspec.Struct, frozen=True):
    """What happened to a membership; `log_index` is the size of the log at the time."""

    number: int
    at: dt.datetime
    event: msgspec.Raw
    log_index: int


def show_application(session: Session, application_id: str) -> ApplicationView:
    """Return an application to whoever knows its id: the applicant, who has no key here yet.

    Raises:
        ApplicationUnknown: there is none with this id.
    """
    return _application(session, store.application(session, application_id))


def list_applications(
    session: Session, actor: Actor, rules: CompiledRules
) -> list[ApplicationView]:
    """Return the open applications, oldest first.

    Raises:
        Denied: the actor may not read memberships.
    """
    rules.decide(actor, Action.MEMBERSHIP_READ)
    return [_application(session, row) for row in store.open_applications(session)]


def show_member(session: Session, actor: Actor, rules: CompiledRules, member_id: str) -> MemberView:
    """Return one member.

    Raises:
        Denied: the actor may not read memberships.
        MemberUnknown: there is no such member.
    """
    rules.decide(actor, Action.MEMBERSHIP_READ)
    found = store.member(session, member_id)
    return _member(found, store.member_standing(session, member_id))


def list_members(
    session: Session, actor: Actor, rules: CompiledRules, cursor: str, limit: int
) -> MemberPage:
    """Return a page of members after `cursor`.

    Raises:
        Denied: the actor may not read memberships.
    """
    rules.decide(actor, Action.MEMBERSHIP_READ)
    limit = max(1, min(limit, MAX_PAGE))
    found = store.members_after(session, cursor, limit + 1)
    standings = _standings(session, found)
    page = tuple(_member(member, standings[member.member_id]) for member in found[:limit])
    return MemberPage(page, page[-1].member_id if len(found) > limit else None)


def show_history(
    session: Session, actor: Actor, rules: CompiledRules, member_id: str
) -> list[HistoryEntry]:
    """Return what happened to a member, oldest first.

    Raises:
        Denied: the actor may not read memberships.
        MemberUnknown: there is no such member.
    """
    rules.decide(actor, Action.MEMBERSHIP_READ)
    store.member(session, member_id)
    return [
        HistoryEntry(row.number, row.at, msgspec.Raw(row.event.encode()), row.log_index)
        for row in store.history(session, member_id)
    ]


def list_certificates(
    session: Session, actor: Actor, rules: CompiledRules, member_id: str
) -> list[CertificateView]:
    """Return all certificates ever issued to a member, newest first.

    Raises:
        Denied: the actor may not read certificates.
        MemberUnknown: there is no such member.
    """
    rules.decide(actor, Action.CERTIFICATE_READ)
    store.member(session, member_id)
    return [_certificate(session, row) for row in identity.certificates_of(session, member_id)]


def certificates_of_key(session: Session, key_id: str) -> list[CertificateView]:
    """Return all certificates issued to a key, newest first, to whoever knows its id: its owner."""
    return [_certificate(session, row) for row in identity.certificates_of_key(session, key_id)]


def show_certificate(session: Session, serial: str) -> CertificateView:
    """Return one certificate.

    Raises:
        CertificateUnknown: none with this serial number was issued here.
    """
    row = identity.certificate(session, serial)
    if row is None:
        raise CertificateUnknown(f"no certificate {serial!r} was issued here")
    return _certificate(session, row)


def list_expiring(
    session: Session, actor: Actor, rules: CompiledRules, at: dt.datetime
) -> Sequence[Expiry]:
    """Return nodes whose certificate is due for renewal: one's own, all for the administrator.

    Raises:
        Denied: the actor may not read certificates.
    """
    rules.decide(actor, Action.CERTIFICATE_READ)
    everyone = Role.PLATFORM_ADMINISTRATOR in actor.roles and not actor.suspended
    return renewals.expiring(session, at, None if everyone else actor.member_id)


def _application(session: Session, row: ApplicationRow) -> ApplicationView:
    body = msgspec.json.decode(row.body, type=Application)
    certificates = identity.certificates_of(session, row.member_id) if row.decided_at else []
    issued = [
        found.der
        for found in certificates
        if row.decided_at is not None and found.issued_at >= row.decided_at
    ]
    return ApplicationView(
        id=row.id,
        member_id=row.member_id,
        legal_name=row.legal_name,
        roles=body.roles,
        nodes=tuple(request.node() for request in body.nodes),
        sponsor_id=body.sponsor_id,
        state=row.state,
        reason=row.reason,
        applied_at=row.applied_at,
        decided_at=row.decided_at,
        certificates=tuple(issued),
    )


def _standings(session: Session, found: Sequence[Membership]) -> dict[str, Standing]:
    """Return what these members may do now, by id; sponsors among them are not read again."""
    held: dict[str | None, Membership] = {member.member_id: member for member in found}
    for sponsor in {m.sponsor_id for m in found if m.sponsor_id} - held.keys():
        held[sponsor] = store.member(session, sponsor)
    return {m.member_id: standing(m, held.get(m.sponsor_id)) for m in found}


def _member(member: Membership, now: Standing) -> MemberView:
    return MemberView(
        member_id=member.member_id,
        number=member.number,
        legal_name=member.legal_name,
        state=member.state,
        standing=now,
        roles=tuple(sorted(member.roles)),
        sponsor_id=member.sponsor_id,
        nodes=member.nodes,
    )


def _certificate(session: Session, row: CertificateRow) -> CertificateView:
    found = revocation.status(session, row.serial)
    return CertificateView(
        serial=row.serial,
        node=row.node,
        key_id=row.key_id,
        not_before=row.not_before,
        not_after=row.not_after,
        renewal_due=renewal_due(row.not_before, row.not_after),
        revoked=found.reason if found else None,
        certificate=row.der,
    )
