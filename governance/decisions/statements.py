"""What is said about the network: the bodies of its statements.

Members say `proposal`, `vote` and `withdrawal`; the service, with its own key, says `genesis`,
`receipt`, `fact`, `decision` and `parameters`. A receipt follows each member's statement in the
log and gives the time at which it was accepted: authors' clocks decide nothing.
"""

import datetime as dt

import msgspec

from governance.decisions.actions import Action
from governance.decisions.parameters import NetworkParameters
from governance.decisions.tallies import SeatTally
from governance.decisions.voting import Dropped, Status
from governance.decisions.voting_rules import VotingRules

PROPOSAL = "proposal"
VOTE = "vote"
WITHDRAWAL = "withdrawal"
GENESIS = "genesis"
RECEIPT = "receipt"
FACT = "fact"
DECISION = "decision"
PARAMETERS = "parameters"

MEMBER_KINDS = (PROPOSAL, VOTE, WITHDRAWAL)
SERVICE_KINDS = (GENESIS, RECEIPT, FACT, DECISION, PARAMETERS)


class Proposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of the network to vote on; its digest is that of the signed payload.

    Args:
        actions: applied in order, wholly or not at all; 1 to 16.
        binds: what it was judged on, name → digest (`actions.binding_names`).
        reason: why, for those who vote.
    """

    actions: tuple[Action, ...]
    binds: dict[str, str]
    reason: str


class Vote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A vote on the proposal with digest `proposal`, cast in a role that the author holds."""

    proposal: str
    role: str
    approve: bool
    reason: str = ""


class Withdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The author of a proposal takes it back."""

    proposal: str
    reason: str


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The service accepted the statement with this envelope digest, at the time it says this."""

    statement: str


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a proposal ended: recomputable from the log before it.

    Args:
        proposal: its digest.
        outcome: approved, rejected, expired, void or withdrawn.
        reasons: why.
        seats: who voted how, seat by seat.
        dropped: votes that did not count, and why.
        state: digest of the network after it.
    """

    proposal: str
    outcome: Status
    reasons: tuple[str, ...]
    seats: tuple[SeatTally, ...]
    dropped: tuple[Dropped, ...]
    state: str


class FirstMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The platform administrator with the certificate that one of its nodes starts with."""

    member_id: str
    legal_name: str
    serial: str
    public_key: str
    not_before: dt.datetime
    not_after: dt.datetime
    node: str


class Genesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a network starts from; signed by the service and by the administrator.

    Args:
        network: the network's id.
        service_key: base64 of the DER public key with which the service speaks.
        administrator: the first member.
        root_certificate: base64 of the root CA certificate's DER.
        issuing_certificate: base64 of the issuing CA certificate's DER.
        parameters: version 1.
        voting_rules: the first.
    """

    network: str
    service_key: str
    administrator: FirstMember
    root_certificate: str
    issuing_certificate: str
    parameters: NetworkParameters
    voting_rules: VotingRules


class _Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"): ...


class ApplicationReceived(_Fact, frozen=True, tag="application_received"):
    """An organisation applied; `digest` is that of its envelope."""

    member_id: str
    legal_name: str
    roles: frozenset[str]
    sponsor: str | None
    digest: str


class ApplicationWithdrawn(_Fact, frozen=True, tag="application_withdrawn"):
    """The applicant took its application back."""

    member_id: str


class MemberLeft(_Fact, frozen=True, tag="member_left"):
    """A member ended its membership itself; its certificates end with it."""

    member_id: str


class CertificateIssued(_Fact, frozen=True, tag="certificate_issued"):
    """A certificate was issued to a member's node; `public_key` is base64 of the DER key."""

    member_id: str
    serial: str
    public_key: str
    not_before: dt.datetime
    not_after: dt.datetime
    node: str


class CertificateRevoked(_Fact, frozen=True, tag="certificate_revoked"):
    """A certificate of a member was revoked."""

    member_id: str
    serial: str
    reason: str


class ContractGated(_Fact, frozen=True, tag="contract_gated"):
    """A contract version passed its gates, or passed them anew with other evidence.

    `base` is the package digest of the version with which the gates compared it, or "".
    """

    name: str
    version: str
    owner: str
    package: str
    evidence: str
    runtime: str
    base: str


class ContractReopened(_Fact, frozen=True, tag="contract_reopened"):
    """The gates of a gated version run again, and why; until they pass it cannot be voted on."""

    name: str
    version: str
    reason: str


class ContractUsed(_Fact, frozen=True, tag="contract_used"):
    """From now on rights of this registrar use the contract."""

    name: str
    registrar: str


class ContractUnused(_Fact, frozen=True, tag="contract_unused"):
    """No right of this registrar uses the contract any more."""

    name: str
    registrar: str


class ContractActivated(_Fact, frozen=True, tag="contract_activated"):
    """The moment came for which an approved version was scheduled."""

    name: str
    version: str


class FreezeExpired(_Fact, frozen=True, tag="freeze_expired"):
    """A freeze ended without having been confirmed."""

    name: str
    version: str


class ProposalHalted(_Fact, frozen=True, tag="proposal_halted"):
    """An approved proposal cannot be applied, and why; it will be void."""

    proposal: str
    reason: str


class ContractHalted(_Fact, frozen=True, tag="contract_halted"):
    """What time was to bring about for a contract version failed; it is frozen until voted on."""

    name: str
    version: str
    reason: str


Halt = ProposalHalted | ContractHalted
"""What the service says when the tables refuse what is due; anyone can see that it did."""

Elapsed = ContractActivated | FreezeExpired
"""What time alone brings about."""

Fact = (
    ApplicationReceived
    | ApplicationWithdrawn
    | MemberLeft
    | CertificateIssued
    | CertificateRevoked
    | ContractGated
    | ContractReopened
    | ContractUsed
    | ContractUnused
    | Elapsed
    | Halt
)


class FactSaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that the network's state follows from and that nobody votes on."""

    fact: Fact
