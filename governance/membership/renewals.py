"""Keys and certificates over time: renew, rotate, recover, host, and what expires soon.

Renewal keeps the key or brings a new one (rotation, signed by both). Recovery is for a lost key or
an expired certificate: asked for with the new key, worth nothing until a proposal that names that
key is approved. So nobody is locked out for good, and nobody comes in by asking.
"""

import datetime as dt

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from governance.errors import (
    IssuanceRefused,
    KeyUnknown,
    NodeUnknown,
    RecoveryRefused,
    TransitionRefused,
)
from governance.identity import revocation
from governance.identity import store as identity
from governance.identity.authority import Authority, approve, cancel
from governance.identity.profile import CertificateKind, renewal_due
from governance.identity.requests import request_key
from governance.identity.revocation import Reason
from governance.identity.tables import CertificateRow
from governance.membership import store
from governance.membership.admission import (
    SERVICE_NODE,
    check_node_request,
    order_certificate,
    order_for,
)
from governance.membership.members import Membership, Node, NodeKind, Standing, State
from governance.membership.statements import (
    RECOVERY,
    RENEWAL,
    NodeRequest,
    Recovery,
    Renewal,
)
from governance.membership.tables import RecoveryRow
from ledger.errors import SignatureInvalid
from ledger.keys import PublicKey, public_bytes
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened, open_statement, read_envelope, read_statement
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

MAX_RECOVERIES = 20
"""Undecided requests for one member within a day: who asks has shown nothing yet but a key."""

RECOVERY_WINDOW = dt.timedelta(days=1)


class Expiry(msgspec.Struct, frozen=True):
    """A node whose newest certificate should be renewed: due since when, good until when."""

    member_id: str
    node: str
    serial: str
    due_at: dt.datetime
    not_after: dt.datetime


def renew(
    session: Session,
    authority: Authority,
    actor: Actor,
    rules: CompiledRules,
    opened: Opened[Renewal],
    at: dt.datetime,
) -> int:
    """Approve a node's next certificate; return the id of its issuance.

    Raises:
        Denied: the actor may not.
        NodeUnknown: the actor has no such node.
        IssuanceRefused: the statement is signed with another node's key.
        SignatureInvalid: a new key that did not sign the statement.
        CertificateRequestRefused: with every fault.
    """
    rules.decide(actor, Action.CERTIFICATE_RENEW)
    body = opened.body
    membership = store.member(session, actor.member_id)
    request = _request_of(membership, body.node, body.csr)
    current = identity.valid_by_key(session, opened.keyid, at)
    if current is None or (current.member_id, current.node) != (actor.member_id, body.node):
        raise IssuanceRefused(f"renewing {body.node} takes its own key, not another's")
    checked = check_node_request(session, authority, membership, request)
    rotated = checked.key_id != opened.keyid
    if rotated:
        envelope = read_envelope(opened.envelope)
        open_statement(envelope, opened.envelope, opened.statement, checked.key)
    append(session, [LogEntry(RENEWAL, opened.envelope)])
    supersedes = opened.keyid if rotated else None
    return order_certificate(session, authority, membership, request, at, supersedes)


def open_recovery(raw: bytes) -> Opened[Recovery]:
    """Return the recovery request in an envelope, signed with the new key.

    Raises:
        StatementMalformed: not such a statement.
        SignatureInvalid: not signed with the request's key.
        CertificateRequestRefused: it holds no certificate request.
    """
    envelope = read_envelope(raw)
    statement = read_statement(envelope, RECOVERY, Recovery)
    return open_statement(envelope, raw, statement, recovery_key(statement.body))


def recovery_key(body: Recovery) -> PublicKey:
    """Return the key that a recovery is asked for with: the new one.

    Raises:
        CertificateRequestRefused: not a request, or a key of a kind that is not accepted.
    """
    return request_key(body.csr)


def request_recovery(
    session: Session, authority: Authority, opened: Opened[Recovery], at: dt.datetime
) -> str:
    """Record a request for recovery and log it; return the id of its key, to be voted on.

    The key is not claimed for the member: whoever asks has shown nothing yet but the key.

    Raises:
        MemberUnknown, NodeUnknown: there is no such member or node.
        TransitionRefused: the membership is over.
        CertificateRequestRefused: with every fault.
    """
    body = opened.body
    if opened.statement.author != body.member_id:
        raise SignatureInvalid("a recovery is asked for in the member's own name")
    membership = store.member(session, body.member_id)
    if membership.state in (State.REVOKED, State.LEFT):
        raise TransitionRefused(f"the membership of {body.member_id} is over; apply anew")
    request = _request_of(membership, body.node, body.csr)
    checked = check_node_request(session, authority, membership, request)
    if identity.valid_by_key(session, checked.key_id, at) is not None:
        raise RecoveryRefused("this key has a valid certificate: renew with it")
    if _asked_lately(session, body.member_id, at) >= MAX_RECOVERIES:
        raise RecoveryRefused(
            f"{body.member_id} has {MAX_RECOVERIES} recovery requests of the last day undecided"
        )
    append(session, [LogEntry(RECOVERY, opened.envelope)])
    session.execute(sa.delete(RecoveryRow).where(RecoveryRow.key_id == checked.key_id))
    session.add(
        RecoveryRow(
            key_id=checked.key_id,
            member_id=body.member_id,
            node=body.node,
            csr=body.csr,
            asked_at=at,
            decided_at=None,
        )
    )
    session.flush()
    return checked.key_id


def _asked_lately(session: Session, member_id: str, at: dt.datetime) -> int:
    query = sa.select(sa.func.count()).where(
        RecoveryRow.member_id == member_id,
        RecoveryRow.decided_at.is_(None),
        RecoveryRow.asked_at > at - RECOVERY_WINDOW,
    )
    return session.scalar(query) or 0


def recover(
    session: Session, authority: Authority, member_id: str, key_id: str, at: dt.datetime
) -> int:
    """Approve the certificate of a recovery request, as was decided; return its issuance's id.

    All other keys of the node are revoked at once, and what was about to be issued to them is
    not: they are lost, or in other hands.

    Raises:
        RecoveryRefused: there is no open request with this key.
        TransitionRefused: the membership is over.
        CertificateRequestRefused: the key may no longer be certified.
    """
    row = session.get(RecoveryRow, key_id)
    if row is None or row.member_id != member_id or row.decided_at is not None:
        raise RecoveryRefused(f"{member_id} has no open recovery request with key {key_id}")
    membership = store.member(session, member_id)
    if membership.state in (State.REVOKED, State.LEFT):
        raise TransitionRefused(f"the membership of {member_id} is over")
    request = _request_of(membership, row.node, row.csr)
    row.decided_at = at
    lost = {found.key_id for found in identity.certificates_of(session, member_id, row.node)}
    for waiting in identity.open_issuances(session, member_id):
        if waiting.node == row.node and waiting.key_id != key_id:
            lost.add(waiting.key_id)
            cancel(session, authority.herald, waiting, "its node is recovered", at)
    for key in sorted(lost - {key_id}):
        revocation.revoke_key(session, authority.herald, key, Reason.KEY_COMPROMISE, at)
    return order_certificate(session, authority, membership, request, at)


def open_recoveries(session: Session, member_id: str) -> list[RecoveryRow]:
    """Return a member's undecided recovery requests, oldest first."""
    rows = session.scalars(
        sa.select(RecoveryRow)
        .where(RecoveryRow.member_id == member_id, RecoveryRow.decided_at.is_(None))
        .order_by(RecoveryRow.asked_at, RecoveryRow.key_id)
    )
    return list(rows)


def enrol_hosted_node(
    session: Session, authority: Authority, member_id: str, kind: NodeKind, at: dt.datetime
) -> tuple[str, int]:
    """Make the key of a node that is hosted here and approve its certificate.

    The key lives in the service's key store, under the name that is returned with the id of the
    issuance. A key that was made before is used again: this is also how a hosted node renews.

    Raises:
        MemberUnknown: there is no such member.
        NodeUnknown: it has no node of this kind.
        TransitionRefused: it is not active.
    """
    membership = store.member(session, member_id)
    if store.member_standing(session, member_id) is not Standing.ACTIVE:
        raise TransitionRefused(f"{member_id} is not active")
    node = next((found for found in membership.nodes if found.kind is kind), None)
    if node is None:
        raise NodeUnknown(f"{member_id} has no node of kind {kind}")
    name = hosted_key_name(member_id, node.name)
    try:
        key = authority.node_keys.public_key(name)
    except KeyUnknown:
        key = authority.node_keys.generate(name)
    store.keep_hosted_key(session, membership, node.name, name)
    order = order_for(session, authority, membership, node, public_bytes(key))
    return name, approve(session, order, at)


def renew_hosted(
    session: Session,
    authority: Authority,
    at: dt.datetime,
    leaving: frozenset[str] = frozenset(),
) -> list[int]:
    """Approve the next certificates of hosted nodes and of the service key that are due.

    Called now and then by the service itself; returns the ids of the issuances.

    Args:
        session: of `ledger.database.writing`.
        authority: the authority.
        at: now.
        leaving: issuing authorities about to be revoked: what they issued is due too.
    """
    approved = []
    for expiry in expiring(session, at, leaving=leaving):
        membership = store.member(session, expiry.member_id)
        if store.member_standing(session, expiry.member_id) is not Standing.ACTIVE:
            continue
        waiting = identity.open_issuances(session, expiry.member_id)
        if any(order.node == expiry.node for order in waiting):
            continue  # the last look's is not done yet
        if expiry.node == SERVICE_NODE and expiry.member_id == authority.herald.member_id:
            spki = public_bytes(authority.herald.signer.public_key())
            node, kind = Node(SERVICE_NODE, NodeKind.API_CLIENT), CertificateKind.SERVICE
            order = order_for(session, authority, membership, node, spki, kind)
            approved.append(approve(session, order, at))
        elif store.hosted_key(session, membership, expiry.node) is not None:
            hosted = next(node for node in membership.nodes if node.name == expiry.node)
            key = authority.node_keys.public_key(hosted_key_name(expiry.member_id, expiry.node))
            order = order_for(session, authority, membership, hosted, public_bytes(key))
            approved.append(approve(session, order, at))
    return approved


def hosted_key_name(member_id: str, node: str) -> str:
    """Return the name of a hosted node's key in the service's key store."""
    return f"node/{member_id}/{node}"


def expiring(
    session: Session,
    at: dt.datetime,
    member_id: str | None = None,
    leaving: frozenset[str] = frozenset(),
) -> list[Expiry]:
    """Return the nodes of present members whose newest certificate is due for renewal, or over.

    One of a revoked authority is due since it was issued.

    Args:
        session: a session.
        at: now.
        member_id: only this member's.
        leaving: authorities that count as revoked.
    """
    ended = identity.revoked_authorities(session) | leaving
    newest = sa.select(
        CertificateRow,
        sa.func.row_number()
        .over(
            partition_by=(CertificateRow.member_id, CertificateRow.node),
            order_by=(
                CertificateRow.not_after.desc(),
                CertificateRow.issuer.in_(ended),
                CertificateRow.serial,
            ),
        )
        .label("place"),
    )
    if member_id is not None:
        newest = newest.where(CertificateRow.member_id == member_id)
    ranked = newest.subquery()
    rows = session.execute(
        sa.select(
            ranked.c.member_id,
            ranked.c.node,
            ranked.c.serial,
            ranked.c.issuer,
            ranked.c.not_before,
            ranked.c.not_after,
        )
        .where(ranked.c.place == 1)
        .order_by(ranked.c.not_after, ranked.c.member_id, ranked.c.node)
    )
    found = [
        Expiry(
            row.member_id,
            row.node,
            row.serial,
            row.not_before if row.issuer in ended else renewal_due(row.not_before, row.not_after),
            row.not_after,
        )
        for row in rows
    ]
    return [expiry for expiry in found if expiry.due_at <= at and _runs(session, expiry)]


def _runs(session: Session, expiry: Expiry) -> bool:
    membership = store.find_member(session, expiry.member_id)
    if membership is None or membership.state not in (State.ACTIVE, State.SUSPENDED):
        return False
    names = {node.name for node in membership.nodes} | {SERVICE_NODE}
    return expiry.node in names


def _request_of(membership: Membership, name: str, csr: bytes) -> NodeRequest:
    for node in membership.nodes:
        if node.name == name:
            return NodeRequest(name, node.kind, node.address, csr)
    raise NodeUnknown(f"{membership.member_id} has no node named {name}")
