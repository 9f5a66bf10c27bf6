"""What a member can say: the kinds of statements, the form of each, and where it is sent."""

from typing import NamedTuple

import msgspec

from contracts.attesting import ATTESTATION_KIND, ContractAttestation
from contracts.rechecking import RECHECK_KIND, ContractRecheck
from contracts.submission import PACKAGE_KIND, ContractPackage
from governance.client.connection import Connection
from governance.decisions import statements as decisions
from governance.incidents import statements as incidents
from governance.membership import statements as membership
from ledger import declarations as ledger
from ledger.errors import StatementMalformed


class Said(NamedTuple):
    """The form of a statement's body, and the path that it is posted to."""

    body: type[msgspec.Struct]
    path: str


SAID: dict[str, Said] = {
    ledger.KEYS_KIND: Said(ledger.AccountKeys, "/v1/ledger/account-keys"),
    membership.APPLICATION: Said(membership.Application, "/v1/applications"),
    membership.APPLICATION_WITHDRAWAL: Said(
        membership.ApplicationWithdrawal, "/v1/applications/withdrawals"
    ),
    ledger.RIGHT_KIND: Said(ledger.BeneficialRight, "/v1/ledger/rights"),
    ATTESTATION_KIND: Said(ContractAttestation, "/v1/contracts/{name}/{version}/attestations"),
    PACKAGE_KIND: Said(ContractPackage, "/v1/contracts"),
    RECHECK_KIND: Said(ContractRecheck, "/v1/contracts/{name}/{version}/recheck"),
    ledger.CUSTODY_KIND: Said(ledger.CustodyTaken, "/v1/ledger/custody"),
    ledger.RELEASE_KIND: Said(ledger.CustodyReleased, "/v1/ledger/custody/release"),
    membership.ENROLMENT: Said(membership.Enrolment, "/v1/certificates/enrolments"),
    membership.GROUP_CHANGE: Said(membership.GroupChange, "/v1/groups"),
    incidents.REPORT: Said(incidents.Report, "/v1/incidents"),
    incidents.ACKNOWLEDGEMENT: Said(
        incidents.Acknowledgement, "/v1/incidents/{incident}/acknowledgement"
    ),
    incidents.CLOSING: Said(incidents.Closing, "/v1/incidents/{incident}/closing"),
    incidents.ESCALATION: Said(incidents.Escalation, "/v1/incidents/{incident}/escalation"),
    membership.INVITATION: Said(membership.InvitationRequest, "/v1/invitations"),
    membership.INVITATION_REVOCATION: Said(
        membership.InvitationRevocation, "/v1/invitations/revocations"
    ),
    membership.LEAVE: Said(membership.Leave, "/v1/members/leave"),
    ledger.SESSION_KIND: Said(ledger.MarketSession, "/v1/ledger/market-session"),
    membership.NODE_ADDITION: Said(membership.NodeAddition, "/v1/nodes"),
    membership.NODE_REMOVAL: Said(membership.NodeRemoval, "/v1/nodes/removals"),
    decisions.PROPOSAL: Said(decisions.Proposal, "/v1/proposals"),
    membership.RECOVERY: Said(membership.Recovery, "/v1/certificates/recoveries"),
    membership.RENEWAL: Said(membership.Renewal, "/v1/certificates/renewals"),
    ledger.CONTROL_KIND: Said(ledger.TransferControl, "/v1/ledger/transfer-controls"),
    decisions.VOTE: Said(decisions.Vote, "/v1/proposals/{proposal}/votes"),
    decisions.WITHDRAWAL: Said(decisions.Withdrawal, "/v1/proposals/{proposal}/withdrawal"),
}
"""Every statement that a member makes, by its kind."""


def sign_json(connection: Connection, kind: str, body: bytes) -> bytes:
    """Return the signed envelope of a statement of `kind`.

    Args:
        connection: of the member that says it.
        kind: a key of `SAID`.
        body: its body as JSON.

    Raises:
        StatementMalformed: the body has not the form of this kind.
    """
    try:
        said = msgspec.json.decode(body, type=SAID[kind].body)
    except msgspec.MsgspecError as error:
        raise StatementMalformed(f"not the body of a statement `{kind}`: {error}") from error
    return connection.sign(kind, said)
