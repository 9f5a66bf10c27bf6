"""HTTP of members' certificates: renew, rotate, recover, and the tokens for EST."""

import datetime as dt
from collections.abc import Sequence

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, RawBody
from sqlalchemy.engine import Engine

from governance.identity import enrolment
from governance.identity.authority import issue
from governance.membership import (
    renewals,
    statements,
    views,
)
from governance.membership.renewals import Expiry
from governance.membership.services import MembershipServices
from governance.membership.views import (
    CertificateView,
)
from ledger.database import reading, writing
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules


class Issued(msgspec.Struct, frozen=True):
    """A certificate was issued, DER in base64; None if the node enrols later, or is hosted."""

    certificate: bytes | None


class RecoveryFiled(msgspec.Struct, frozen=True):
    """A recovery was asked for; a proposal that names this key id decides on it."""

    key_id: str


class EnrolmentToken(msgspec.Struct, frozen=True):
    """A one-time token for EST, told this once."""

    user: str
    token: str


@get(
    "/v1/members/{member_id:str}/certificates",
    opt={"authz": Action.CERTIFICATE_READ},
    sync_to_thread=True,
    tags=["membership"],
    summary="List a member's certificates",
)
def list_certificates(
    member_id: FromPath[str],
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
) -> Sequence[CertificateView]:
    """Return all certificates ever issued to a member, newest first."""
    with reading(database) as session:
        return views.list_certificates(session, actor, rules, member_id)


@get(
    "/v1/certificates/keys/{key_id:str}",
    opt={"authz": "public"},
    sync_to_thread=True,
    tags=["membership"],
    summary="The certificates of one key, for who knows it",
)
def certificates_of_key(
    key_id: FromPath[str], database: NamedDependency[Engine]
) -> Sequence[CertificateView]:
    """Return what was issued to a key, newest first: nothing if nothing was.

    So its owner fetches a certificate before it can log in with it: after an application, a
    recovery, or a rotation whose answer was lost.
    """
    with reading(database) as session:
        return views.certificates_of_key(session, key_id)


@get(
    "/v1/certificates/expiring",
    opt={"authz": Action.CERTIFICATE_READ},
    sync_to_thread=True,
    tags=["membership"],
    summary="List certificates that are due for renewal",
)
def list_expiring(
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
) -> Sequence[Expiry]:
    """Return one's own nodes that should renew; all nodes for the platform administrator."""
    with reading(database) as session:
        return views.list_expiring(session, actor, rules, at)


@post(
    "/v1/certificates/renewals",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["membership"],
    summary="Renew a certificate, or rotate its key",
)
def renew(
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    membership: NamedDependency[MembershipServices],
) -> Issued:
    """Issue a node's next certificate; a new key signs the statement too."""
    actor, opened = membership.desk.open(body, statements.RENEWAL, statements.Renewal)
    authority = membership.authority
    with membership.desk.writing(opened) as session:
        issuance = renewals.renew(session, authority, actor, rules, opened, at)
    return Issued(issue(database, authority, issuance, at))


@post(
    "/v1/certificates/recoveries",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["membership"],
    summary="Ask to recover a node whose key is lost",
)
def recover(
    body: RawBody,
    database: NamedDependency[Engine],
    at: NamedDependency[dt.datetime],
    membership: NamedDependency[MembershipServices],
) -> RecoveryFiled:
    """Record the request, signed with the new key; a proposal decides on it."""
    opened = membership.desk.open_with_own_key(
        body, statements.RECOVERY, statements.Recovery, renewals.recovery_key
    )
    with writing(database) as session:
        filed = renewals.request_recovery(session, membership.authority, opened, at)
    return RecoveryFiled(filed)


@post(
    "/v1/certificates/enrolments",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=["membership"],
    summary="Get a one-time token for EST",
)
def hand_out_token(
    body: RawBody,
    at: NamedDependency[dt.datetime],
    rules: NamedDependency[CompiledRules],
    membership: NamedDependency[MembershipServices],
) -> EnrolmentToken:
    """Return user and password with which one of one's own nodes enrols."""
    actor, opened = membership.desk.open(body, statements.ENROLMENT, statements.Enrolment)
    with membership.desk.writing(opened) as session:
        token = enrolment.hand_out_token(session, actor, rules, opened, at)
    return EnrolmentToken(f"{actor.member_id}/{opened.body.node}", token)


ROUTES = (list_certificates, certificates_of_key, list_expiring, renew, recover, hand_out_token)
