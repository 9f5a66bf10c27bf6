"""What decisions about members do to memberships and certificates, and what these report back."""

import base64
import datetime as dt
from collections.abc import Sequence

import msgspec
from cryptography import x509
from sqlalchemy.orm import Session

from governance.decisions import statements as said
from governance.decisions.actions import (
    Action,
    Admit,
    ChangeLegalName,
    Decline,
    GrantRole,
    RecoverKey,
    Reinstate,
    RemoveRole,
    Revoke,
    Suspend,
)
from governance.decisions.effects import Decided
from governance.decisions.proposing import propose_admission
from governance.decisions.recording import record_facts
from governance.decisions.services import DecisionServices
from governance.errors import ApplicationUnknown, TransitionRefused
from governance.identity import announcements as identity
from governance.identity.authority import Authority
from governance.membership import admission, changes, members, renewals, store
from governance.membership import statements as membership
from governance.membership.members import Role
from ledger.keys import accept_public_key, public_bytes
from policies.errors import Fault

ROLES = frozenset(Role)


class RegisterEffects:
    """Changes memberships as was decided, inside the transaction of the decision."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def examine(self, session: Session, action: Action) -> Sequence[Fault]:
        """Return what a change of roles or of a name breaks: a role needs its node, say."""
        event: members.Change
        match action:
            case GrantRole() if action.role in ROLES:
                event = members.RoleGranted(Role(action.role))
            case RemoveRole() if action.role in ROLES:
                event = members.RoleRemoved(Role(action.role))
            case ChangeLegalName():
                event = members.Renamed(action.legal_name)
            case _:
                return ()
        member = store.find_member(session, action.member_id)
        if member is None:
            return ()  # the network's own state says so
        try:
            members.change(member, event)
        except TransitionRefused as refusal:
            return refusal.faults or (Fault("member_id", str(refusal)),)
        return ()

    def admit(self, session: Session, action: Admit, decided: Decided) -> None:
        """Make the applicant a member; its certificates are issued after commit."""
        application = self._application(session, action.member_id)
        member = admission.admit(session, self._authority, application, decided.at)
        body = msgspec.json.decode(
            store.application(session, application).body, type=membership.Application
        )
        for request in body.nodes:
            if not request.csr:
                renewals.enrol_hosted_node(
                    session, self._authority, member.member_id, request.kind, decided.at
                )

    def decline(self, session: Session, action: Decline, decided: Decided) -> None:
        """Turn the application down."""
        application = self._application(session, action.member_id)
        admission.decline(session, application, action.reason, decided.at)

    def suspend(self, session: Session, action: Suspend, decided: Decided) -> None:
        """Suspend the member and whom it sponsors."""
        changes.suspend(session, action.member_id, action.reason, decided.at)

    def reinstate(self, session: Session, action: Reinstate, decided: Decided) -> None:
        """Reinstate the member and whom it sponsors."""
        changes.reinstate(session, action.member_id, decided.at)

    def revoke(self, session: Session, action: Revoke, decided: Decided) -> None:
        """End the membership; its certificates end with it."""
        herald = self._authority.herald
        changes.revoke(session, herald, action.member_id, action.reason, decided.at)

    def grant_role(self, session: Session, action: GrantRole, decided: Decided) -> None:
        """Give the member a role."""
        changes.grant_role(session, action.member_id, Role(action.role), decided.at)

    def remove_role(self, session: Session, action: RemoveRole, decided: Decided) -> None:
        """Take a role from the member."""
        changes.remove_role(session, action.member_id, Role(action.role), decided.at)

    def change_legal_name(
        self, session: Session, action: ChangeLegalName, decided: Decided
    ) -> None:
        """Record the new name."""
        changes.rename(session, action.member_id, action.legal_name, decided.at)

    def recover_key(self, session: Session, action: RecoverKey, decided: Decided) -> None:
        """Approve the certificate of the key that the proposal names."""
        renewals.recover(session, self._authority, action.member_id, action.key_id, decided.at)

    def _application(self, session: Session, member_id: str) -> str:
        row = store.open_application(session, member_id)
        if row is None:
            raise ApplicationUnknown(f"{member_id} has no open application")
        return row.id


class GovernanceObserver:
    """Tells decisions what memberships and certificates do that nobody voted on.

    The log carries it as facts, so that whoever replays the log knows who could vote when.
    `services` is set once the process is assembled: heralds exist before decisions do.
    """

    services: DecisionServices | None = None

    def observe(self, session: Session, event: msgspec.Struct, at: dt.datetime) -> None:
        """Record the fact; an application also opens the proposal to admit the applicant."""
        if self.services is None:
            return  # before the genesis statement, which says who the first member is
        match event:
            case membership.ApplicationReceived():
                propose_admission(session, self.services, _application_fact(event), at)
            case membership.ApplicationWithdrawn():
                fact: said.Fact = said.ApplicationWithdrawn(event.member_id)
                record_facts(session, self.services, [fact], at)
            case membership.MemberLeft():
                record_facts(session, self.services, [said.MemberLeft(event.member_id)], at)
            case identity.CertificateIssued():
                record_facts(session, self.services, [_certificate_fact(event)], at)
            case identity.CertificateRevoked():
                fact = said.CertificateRevoked(event.member_id, event.serial, event.reason)
                record_facts(session, self.services, [fact], at)
            case _:
                pass  # nothing that decisions are judged on


def _application_fact(event: membership.ApplicationReceived) -> said.ApplicationReceived:
    body = event.application
    return said.ApplicationReceived(
        member_id=body.member_id,
        legal_name=body.legal_name,
        roles=frozenset(body.roles),
        sponsor=body.sponsor_id,
        digest=event.digest,
    )


def _certificate_fact(event: identity.CertificateIssued) -> said.CertificateIssued:
    certificate = x509.load_der_x509_certificate(event.certificate)
    key = accept_public_key(certificate.public_key())
    return said.CertificateIssued(
        member_id=event.member_id,
        serial=event.serial,
        public_key=base64.b64encode(public_bytes(key)).decode(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        node=event.node,
    )
