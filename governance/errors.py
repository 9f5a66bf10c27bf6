"""What goes wrong in `governance`: one sentence for each, saying what is true."""

from policies.errors import Fault


class GovernanceError(Exception):
    """Base of every error that `governance` lets out."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class Unauthenticated(GovernanceError):
    """The request carries no token, or one that is not valid now."""


class StatementReplayed(GovernanceError):
    """A statement with this id was received before."""


class StatementUntimely(GovernanceError):
    """The statement is from the future or has expired."""


class ForeignNetwork(GovernanceError):
    """The statement is meant for another network."""


class KeyNotCertified(GovernanceError):
    """The signing key has no valid certificate of an active member now."""


class AuthorMismatch(GovernanceError):
    """The key that signed belongs to another member than the author named."""


class SettingsInvalid(GovernanceError):
    """The configuration has faults."""


class FolderInvalid(GovernanceError):
    """A member's folder is missing, incomplete or unreadable."""


class ServerUnreachable(GovernanceError):
    """The network's server does not answer."""


class RouteUndeclared(GovernanceError):
    """A route does not declare what its caller must be allowed to do."""


class KeyUnknown(GovernanceError):
    """The key store holds no key of this name."""


class KeyExists(GovernanceError):
    """The key store holds a key of this name already; a key is never overwritten."""


class KeyStoreUnusable(GovernanceError):
    """The key store cannot be opened: wrong master key, damaged file, or no token."""


class CertificateRequestRefused(GovernanceError):
    """The certificate signing request breaks the policy; the faults say where."""


class CertificateUnsound(GovernanceError):
    """What was about to be signed has lint faults, so nothing was signed."""


class AuthorityUnfit(GovernanceError):
    """The certificate authority cannot do this now: not founded, founded already, or expired."""


class IssuanceRefused(GovernanceError):
    """No certificate may be issued on this request."""


class CertificateUnknown(GovernanceError):
    """No certificate with this serial number, or for this node, was issued here."""


class EnrolmentTokenRefused(GovernanceError):
    """The enrolment token is unknown, used, expired, or another node's."""


class NetworkMapUntrusted(GovernanceError):
    """The network map does not verify, has expired, or is older than one seen before."""


class ApplicationRefused(GovernanceError):
    """The application has faults, or the organisation may not apply now."""


class ApplicationUnknown(GovernanceError):
    """There is no application with this id."""


class ApplicationClosed(GovernanceError):
    """The application was decided or withdrawn before."""


class MemberUnknown(GovernanceError):
    """There is no member with this id."""


class TransitionRefused(GovernanceError):
    """The membership cannot make this change from the state that it is in."""


class InvitationRefused(GovernanceError):
    """The invitation is unknown, used, expired, revoked, or for another organisation or role."""


class InvitationUnknown(GovernanceError):
    """There is no open invitation with this id."""


class NodeUnknown(GovernanceError):
    """The member has no node of this name."""


class GroupUnknown(GovernanceError):
    """There is no group with this id, or it is not yours to see."""


class GroupRefused(GovernanceError):
    """The group cannot be changed in this way."""


class VotingRulesInvalid(GovernanceError):
    """The voting rules have faults."""


class ProposalInvalid(GovernanceError):
    """The proposal cannot be opened on the network as it is now."""


class ProposalUnknown(GovernanceError):
    """There is no proposal with this digest."""


class ProposalClosed(GovernanceError):
    """The proposal is no longer open."""


class NotEntitled(GovernanceError):
    """This organisation may not do this to this proposal."""


class AlreadyVoted(GovernanceError):
    """This organisation's vote in this seat stands already."""


class NetworkStranded(GovernanceError):
    """The change would leave the network unable to decide something that it can decide now."""


class FactRefused(GovernanceError):
    """The network's state does not allow this fact."""


class NetworkUnfounded(GovernanceError):
    """The network has no genesis statement, or it has one already."""


class DocumentUnknown(GovernanceError):
    """No document with this digest was deposited."""


class ReplayDiffers(GovernanceError):
    """The log and what is recomputed from it disagree."""


class DatabaseNewer(GovernanceError):
    """The database was written by a later version of the program."""


class DatasetInvalid(GovernanceError):
    """The files of the network to play have faults."""


class AnchorsInvalid(GovernanceError):
    """What this member pinned of the network cannot be read."""


class RecoveryRefused(GovernanceError):
    """There is no recovery to ask for, or none that was asked for with this key."""


class LoadFailed(GovernanceError):
    """The instructions could not all be committed."""


class ParametersUnknown(GovernanceError):
    """There is no such version of the network parameters."""


class IncidentInvalid(GovernanceError):
    """What is reported is no incident that somebody answers for."""


class IncidentRefused(GovernanceError):
    """The incident is not this member's to change, or is past such a change."""


class IncidentUnknown(GovernanceError):
    """There is no incident with this id."""


class GatesUnfinished(GovernanceError):
    """The gates of a contract version still run; ask again later."""


class ContractNotActive(GovernanceError):
    """No version of the contract is in force."""


class SignaturesMissing(GovernanceError):
    """The draft lacks the signature of an owner of what it consumes."""


class DatabaseInUse(GovernanceError):
    """The database holds something already, and what was asked for wants a fresh one."""


class EntryWrong(GovernanceError):
    """An entry of the log says what cannot be true, or what its author could not say."""


class DatabaseUnsuited(GovernanceError):
    """This kind of database, or this machine, cannot do what was asked for."""


class BackupInvalid(GovernanceError):
    """The backup is not whole, or is not what it says."""


class LogIndexInvalid(GovernanceError):
    """The header `Sekisho-Log-Index` holds no log index."""


class ReceiptsWrong(GovernanceError):
    """A receipt of reads is not what the log commits to."""
