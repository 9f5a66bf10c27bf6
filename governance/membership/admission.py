"""Joining: founding, applying, withdrawing, admitting, declining.

An applicant has no certificate yet, so its application is signed with the key of its first
certificate request; `open_application` checks that. `admit` and `decline` apply what a proposal
has decided: they check the state, not who decided.
"""

import datetime as dt

import msgspec
from sqlalchemy.orm import Session

from governance.errors import ApplicationClosed, ApplicationRefused, CertificateRequestRefused
from governance.identity import store as identity
from governance.identity.announcements import Herald
from governance.identity.authority import Authority, approve
from governance.identity.profile import CertificateKind, CertificateOrder, node_uri
from governance.identity.requests import CertificateRequest, check_request, request_key
from governance.membership import store
from governance.membership.applicants import ApplicationState, check_application
from governance.membership.invitations import use_invitation
from governance.membership.members import (
    Membership,
    Node,
    NodeKind,
    Role,
    State,
    membership_faults,
    name_key,
)
from governance.membership.statements import (
    APPLICATION,
    APPLICATION_WITHDRAWAL,
    Application,
    ApplicationReceived,
    ApplicationWithdrawal,
    ApplicationWithdrawn,
    NodeRequest,
)
from governance.membership.tables import ApplicationRow
from ledger.errors import SignatureInvalid
from ledger.hashing import content_digest
from ledger.keys import PublicKey, public_bytes
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened, open_statement, read_envelope, read_statement
from policies.errors import Fault

MAX_OPEN = 1000
"""Open applications beyond which a stranger needs an invitation: each stands in the log."""

SERVICE_NODE = "service"
"""The name under which the network's own key is certified."""


def open_application(raw: bytes) -> Opened[Application]:
    """Return the application in an envelope, signed with the key of its first request.

    Raises:
        StatementMalformed: not such a statement.
        SignatureInvalid: not signed with that key.
        CertificateRequestRefused: the first request is not one.
    """
    envelope = read_envelope(raw)
    statement = read_statement(envelope, APPLICATION, Application)
    return open_statement(envelope, raw, statement, applicant_key(statement.body))


def applicant_key(body: Application) -> PublicKey:
    """Return the key that an application is signed with: that of its first request.

    Raises:
        CertificateRequestRefused: not a request, or a key of a kind that is not accepted.
    """
    return request_key(_signing_request(body))


def apply_for_membership(
    session: Session, authority: Authority, opened: Opened[Application], at: dt.datetime
) -> str:
    """Record an application and log it; return its id.

    Raises:
        ApplicationRefused: with every fault of the application and its certificate requests.
        InvitationRefused: it names an invitation that does not fit.
        SignatureInvalid: it is said in another's name.
    """
    body = opened.body
    if opened.statement.author != body.member_id:
        raise SignatureInvalid("an application's author is the applicant")
    wanted = _wanted(session, body)
    faults: list[Fault] = []
    try:
        check_application(wanted, store.roster(session, wanted))
    except ApplicationRefused as error:
        faults += error.faults
    keys, key_faults = _requested_keys(session, authority, wanted, body)
    faults += key_faults
    if faults:
        raise ApplicationRefused(
            f"the application has {len(faults)} fault(s): {faults[0]}", tuple(faults)
        )
    if not body.invitation and len(store.open_applications(session)) >= MAX_OPEN:
        raise ApplicationRefused(
            f"{MAX_OPEN} applications are open; ask a member for an invitation, or come again"
        )
    if body.invitation:
        use_invitation(session, body.invitation, body.legal_name, body.roles, body.member_id, at)
    for key in keys:
        identity.claim_key(session, key, body.member_id, at)
    index = append(session, [LogEntry(APPLICATION, opened.envelope)])[0]
    session.add(
        ApplicationRow(
            id=opened.statement.id,
            member_id=body.member_id,
            legal_name=body.legal_name,
            name_key=name_key(body.legal_name),
            key_id=opened.keyid,
            body=msgspec.json.encode(body),
            state=ApplicationState.APPLIED,
            applied_at=at,
            log_index=index,
        )
    )
    session.flush()
    event = ApplicationReceived(body, content_digest(opened.envelope))
    authority.herald.report(session, event, at)
    return opened.statement.id


def open_withdrawal(session: Session, raw: bytes) -> Opened[ApplicationWithdrawal]:
    """Return the withdrawal in an envelope, signed with the key that signed the application.

    Raises:
        StatementMalformed: not such a statement.
        SignatureInvalid: signed by another key.
        ApplicationUnknown: it names no application.
    """
    envelope = read_envelope(raw)
    statement = read_statement(envelope, APPLICATION_WITHDRAWAL, ApplicationWithdrawal)
    key = withdrawal_key(session, statement.body)
    return open_statement(envelope, raw, statement, key)


def withdrawal_key(session: Session, body: ApplicationWithdrawal) -> PublicKey:
    """Return the key that a withdrawal is signed with: the one that signed the application.

    Raises:
        ApplicationUnknown: it names no application.
    """
    row = store.application(session, body.application_id)
    return applicant_key(msgspec.json.decode(row.body, type=Application))


def withdraw_application(
    session: Session, herald: Herald, opened: Opened[ApplicationWithdrawal], at: dt.datetime
) -> None:
    """Close an application as its author wishes.

    Raises:
        ApplicationUnknown: there is none with this id.
        ApplicationClosed: it was decided or withdrawn before.
    """
    row = store.application(session, opened.body.application_id)
    if opened.statement.author != row.member_id or opened.keyid != row.key_id:
        raise SignatureInvalid("only the applicant withdraws its application, with the same key")
    _close(row, ApplicationState.WITHDRAWN, "", at)
    append(session, [LogEntry(APPLICATION_WITHDRAWAL, opened.envelope)])
    herald.report(session, ApplicationWithdrawn(row.member_id), at)


def admit(
    session: Session, authority: Authority, application_id: str, at: dt.datetime
) -> Membership:
    """Make the applicant a member and approve its certificates, as was decided.

    The certificates themselves are issued after commit, by `authority.issue_approved`.

    Raises:
        ApplicationUnknown: there is none with this id.
        ApplicationClosed: it was decided or withdrawn before.
        ApplicationRefused: what it rests on is no longer so (its sponsor, its keys).
    """
    row = store.application(session, application_id)
    body = msgspec.json.decode(row.body, type=Application)
    wanted = _wanted(session, body)
    _close(row, ApplicationState.ACCEPTED, "", at)
    session.flush()
    check_application(wanted, store.roster(session, wanted))
    store.create(session, wanted, application_id, at)
    for request in body.nodes:
        if request.csr:
            order_certificate(session, authority, wanted, request, at)
    return wanted


def decline(session: Session, application_id: str, reason: str, at: dt.datetime) -> None:
    """Close an application as was decided, with the reason.

    Raises:
        ApplicationUnknown: there is none with this id.
        ApplicationClosed: it was decided or withdrawn before.
        ApplicationRefused: no reason is given.
    """
    if not reason.strip():
        raise ApplicationRefused("declining needs a reason, which the applicant reads")
    _close(store.application(session, application_id), ApplicationState.DECLINED, reason, at)


def found_membership(
    session: Session, authority: Authority, body: Application, at: dt.datetime
) -> Membership:
    """Make the platform administrator the first member: nobody is there to decide on it.

    Raises:
        ApplicationRefused: there are members already, or the application has faults.
    """
    if store.members_after(session, "", 1):
        raise ApplicationRefused("the network has members already")
    wanted = _wanted(session, body)
    faults = [*membership_faults(wanted), *_requested_keys(session, authority, wanted, body)[1]]
    if Role.PLATFORM_ADMINISTRATOR not in wanted.roles:
        faults.append(Fault("roles", "the first member is the platform administrator"))
    if faults:
        raise ApplicationRefused(
            f"the first member has {len(faults)} fault(s): {faults[0]}", tuple(faults)
        )
    store.create(session, wanted, None, at)
    for request in body.nodes:
        if request.csr:
            order_certificate(session, authority, wanted, request, at)
    spki = public_bytes(authority.herald.signer.public_key())
    service = Node(SERVICE_NODE, NodeKind.API_CLIENT)
    kind = CertificateKind.SERVICE
    approve(session, order_for(session, authority, wanted, service, spki, kind), at)
    return wanted


def order_certificate(
    session: Session,
    authority: Authority,
    membership: Membership,
    request: NodeRequest,
    at: dt.datetime,
    supersedes: str | None = None,
) -> int:
    """Check a node's request and approve its certificate; return the issuance's id.

    Raises:
        CertificateRequestRefused: with every fault.
    """
    checked = check_node_request(session, authority, membership, request)
    order = order_for(session, authority, membership, request.node(), checked.spki)
    return approve(session, order, at, supersedes)


def order_for(
    session: Session,
    authority: Authority,
    membership: Membership,
    node: Node,
    spki: bytes,
    kind: CertificateKind | None = None,
) -> CertificateOrder:
    """Return what a certificate of `node` says."""
    client = node.kind is NodeKind.API_CLIENT
    kind = kind or (CertificateKind.CLIENT if client else CertificateKind.NODE)
    return CertificateOrder(
        kind=kind,
        network=authority.herald.network,
        member_id=membership.member_id,
        node=node.name,
        legal_name=membership.legal_name,
        roles=tuple(sorted(membership.roles)),
        host=node.host,
        spki=spki,
        days=authority.days(session, kind),
    )


def check_node_request(
    session: Session,
    authority: Authority,
    membership: Membership,
    request: NodeRequest,
    where: str = "csr",
) -> CertificateRequest:
    """Return a node's certificate request, if it keeps the policy.

    Raises:
        CertificateRequestRefused: with every fault.
    """
    node = request.node()
    names = [
        node_uri(authority.herald.network, membership.member_id, node.name, authority.base_url)
    ]
    return check_request(
        request.csr,
        lambda key: identity.key_standing(session, key, membership.member_id),
        [*names, node.host] if node.host else names,
        where,
    )


def _requested_keys(
    session: Session, authority: Authority, wanted: Membership, body: Application
) -> tuple[list[str], list[Fault]]:
    keys: list[str] = []
    faults: list[Fault] = []
    for place, request in enumerate(body.nodes):
        where = f"nodes[{place}].csr"
        if not request.csr:
            if request.kind is NodeKind.API_CLIENT:
                faults.append(Fault(where, "an API client brings a certificate request"))
            continue
        try:
            checked = check_node_request(session, authority, wanted, request, where)
        except CertificateRequestRefused as error:
            faults += error.faults
            continue
        if checked.key_id in keys:
            faults.append(Fault(where, "two nodes with one key; each has an identity of its own"))
        keys.append(checked.key_id)
    if not any(request.csr for request in body.nodes):
        faults.append(Fault("nodes", "no certificate request; the application needs one to sign"))
    return keys, faults


def _signing_request(body: Application) -> bytes:
    for request in body.nodes:
        if request.csr:
            return request.csr
    raise SignatureInvalid("the application has no certificate request with whose key to sign")


def _wanted(session: Session, body: Application) -> Membership:
    earlier = store.newest_row(session, body.member_id)
    return Membership(
        member_id=body.member_id,
        number=earlier.number + 1 if earlier else 1,
        legal_name=body.legal_name,
        state=State.ACTIVE,
        roles=frozenset(body.roles),
        nodes=tuple(sorted((n.node() for n in body.nodes), key=lambda node: node.name)),
        sponsor_id=body.sponsor_id,
    )


def _close(row: ApplicationRow, state: ApplicationState, reason: str, at: dt.datetime) -> None:
    if row.state != ApplicationState.APPLIED:
        raise ApplicationClosed(f"application {row.id} is {row.state} since {row.decided_at}")
    row.state, row.reason, row.decided_at = state, reason or None, at
