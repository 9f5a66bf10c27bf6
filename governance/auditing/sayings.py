"""What members and the service say beside decisions: by whom, with which key, when, and once.

Governance's own statements are opened by the replay, with the keys that facts brought; here their
keys are looked up among the certificates themselves. Times are the log's: the newest governance
statement before an entry is the earliest moment at which the entry can have been accepted.
"""

import datetime as dt
from typing import Any

import msgspec

from contracts.attesting import ATTESTATION_KIND, ContractAttestation
from contracts.rechecking import RECHECK_KIND, ContractRecheck
from contracts.submission import PACKAGE_KIND, ContractPackage
from governance.auditing.certificates import Certificates
from governance.auditing.entries import Entry
from governance.decisions.network import ADMINISTRATOR, NetworkState
from governance.decisions.replay import open_with, read_key
from governance.decisions.statements import MEMBER_KINDS, PROPOSAL
from governance.errors import EntryWrong, GovernanceError
from governance.incidents import statements as incidents
from governance.membership import statements as membership
from governance.membership.admission import applicant_key
from governance.membership.renewals import recovery_key
from ledger.declarations import SESSION_KIND, MarketSession
from ledger.keys import PublicKey
from ledger.statements import Envelope, Statement, open_statement, read_statement

MEMBERSHIP: dict[str, type[msgspec.Struct]] = {
    membership.LEAVE: membership.Leave,
    membership.NODE_ADDITION: membership.NodeAddition,
    membership.NODE_REMOVAL: membership.NodeRemoval,
    membership.RENEWAL: membership.Renewal,
    membership.ENROLMENT: membership.Enrolment,
    membership.INVITATION: membership.InvitationRequest,
    membership.INVITATION_REVOCATION: membership.InvitationRevocation,
}
INCIDENTS: dict[str, type[msgspec.Struct]] = {
    incidents.REPORT: incidents.Report,
    incidents.ACKNOWLEDGEMENT: incidents.Acknowledgement,
    incidents.ESCALATION: incidents.Escalation,
    incidents.RECOVERY: incidents.Recovery,
    incidents.RECURRENCE: incidents.Recurrence,
    incidents.OVERDUE: incidents.Overdue,
    incidents.CLOSING: incidents.Closing,
}
OWN_KEY: dict[str, type[msgspec.Struct]] = {
    membership.APPLICATION: membership.Application,
    membership.APPLICATION_WITHDRAWAL: membership.ApplicationWithdrawal,
    membership.RECOVERY: membership.Recovery,
}
"""Signed with a key that the statement itself brings: nobody has certified it yet."""

BODIES: dict[str, type[msgspec.Struct]] = {
    **MEMBERSHIP,
    **INCIDENTS,
    **OWN_KEY,
    PACKAGE_KIND: ContractPackage,
    RECHECK_KIND: ContractRecheck,
    ATTESTATION_KIND: ContractAttestation,
    SESSION_KIND: MarketSession,
}
"""Every kind of statement that is no governance and is in the log as it came."""


class Sayings:
    """Checks members' statements, entry by entry.

    Args:
        certificates: those that the log has held so far.
    """

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._seen: dict[str, int] = {}
        self._applications: dict[str, PublicKey] = {}

    def take(self, entry: Entry, envelope: Envelope, state: NetworkState) -> Statement[Any]:
        """Return what a statement says, if its author could say it.

        Raises:
            EntryWrong: it could not; with the reason.
            LedgerError: malformed, or the signature does not hold.
        """
        statement = read_statement(envelope, entry.kind, BODIES[entry.kind])
        self._check_once(entry, statement, state)
        key = self._key(entry, envelope, statement, state)
        open_statement(envelope, entry.data, statement, key)
        return statement

    def take_governance(self, entry: Entry, envelope: Envelope, state: NetworkState) -> None:
        """Check the keys of a proposal, a vote or a withdrawal, which the replay judges.

        Raises:
            EntryWrong: no certificate stands behind them.
        """
        if entry.kind in MEMBER_KINDS:
            statement = read_statement(envelope, entry.kind, msgspec.Raw)  # type: ignore[type-var] # any body
            self._certified(entry, envelope, statement, state)

    def _check_once(self, entry: Entry, statement: Statement[Any], state: NetworkState) -> None:
        if statement.id in self._seen:
            raise EntryWrong(f"statement {statement.id} was logged at {self._seen[statement.id]}")
        self._seen[statement.id] = entry.index
        if statement.network != state.network:
            raise EntryWrong(f"it is for the network {statement.network!r}")
        if statement.expires_at <= state.at:
            raise EntryWrong(
                f"it expired at {statement.expires_at.isoformat()}, before the entries above it"
            )

    def _key(
        self, entry: Entry, envelope: Envelope, statement: Statement[Any], state: NetworkState
    ) -> PublicKey:
        body = statement.body
        if not isinstance(body, tuple(OWN_KEY.values())):
            return self._certified(entry, envelope, statement, state)
        try:
            return self._own(body, statement)
        except GovernanceError as error:
            raise EntryWrong(str(error)) from error

    def _own(self, body: Any, statement: Statement[Any]) -> PublicKey:
        match body:
            case membership.Application():
                key = self._applications[statement.id] = applicant_key(body)
                named = body.member_id
            case membership.ApplicationWithdrawal():
                if body.application_id not in self._applications:
                    raise EntryWrong(f"there is no application {body.application_id}")
                key, named = self._applications[body.application_id], statement.author
            case _:
                key, named = recovery_key(body), body.member_id
        if named != statement.author:
            raise EntryWrong(f"{statement.author} speaks for {named}")
        return key

    def _certified(
        self, entry: Entry, envelope: Envelope, statement: Statement[Any], state: NetworkState
    ) -> PublicKey:
        """Return the certified key of the author that signed."""
        author = state.members.get(statement.author)
        if author is None:
            raise EntryWrong(f"{statement.author} is no member")
        for signature in envelope.signatures:
            service = state.service_keys.get(signature.keyid)
            speaks = entry.kind in INCIDENTS or entry.kind == PROPOSAL
            if service is not None and ADMINISTRATOR in author.roles and speaks:
                return read_key(service)
        if not state.acting(author.id):
            raise EntryWrong(f"{author.id} may not act: {author.status}")
        for signature in envelope.signatures:
            for found in self._certificates.keys_of(author.id, signature.keyid, entry.index):
                if found.not_after > state.at:
                    return found.key
        raise EntryWrong(f"no key that signed is certified for {author.id} at this index")


def open_said(
    entry: Entry, envelope: Envelope, state: NetworkState, body: type[Any]
) -> tuple[Any, dt.datetime]:
    """Return what the service says and when, opened with its key.

    Raises:
        EntryWrong: another key signed.
        LedgerError: malformed, or the signature does not hold.
    """
    statement = read_statement(envelope, entry.kind, body)
    for signature in envelope.signatures:
        if signature.keyid in state.service_keys and statement.network == state.network:
            open_with(envelope, entry.data, statement, state.service_keys[signature.keyid])
            return statement.body, statement.issued_at
    raise EntryWrong("not signed by the service of this network")
