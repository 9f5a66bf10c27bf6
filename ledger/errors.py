"""What goes wrong in `ledger`: one sentence for each, saying what is true."""

from policies.errors import Fault


class LedgerError(Exception):
    """Base of every error that `ledger` lets out."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class StatementMalformed(LedgerError):
    """The bytes are not a statement of the type that they claim."""


class SignatureInvalid(LedgerError):
    """A signature does not verify over the exact bytes with the key that it names."""


class EntryRefused(LedgerError):
    """The log does not take this entry."""


class ProofInvalid(LedgerError):
    """A Merkle proof does not show what it claims."""


class NoteInvalid(LedgerError):
    """The bytes are not a note that a known key signed, or not a checkpoint of this log."""


class LogResourceMissing(LedgerError):
    """The published log has no such checkpoint, tile, bundle or entry."""


class LogRolledBack(LedgerError):
    """The database holds fewer entries than the last checkpoint that was signed."""


class LogForked(LedgerError):
    """The database holds another history than the last checkpoint that was signed."""


class LogStateInvalid(LedgerError):
    """The file with the last signed checkpoint is missing, unreadable or of another log."""


class LogWriterRunning(LedgerError):
    """Another writer publishes this log."""


class WitnessQuorumMissing(LedgerError):
    """Fewer witnesses than required cosigned the checkpoint."""


class WitnessRefused(LedgerError):
    """The witness does not cosign this checkpoint."""


class SplitViewFound(LedgerError):
    """The log signed two histories: both notes are the proof."""


class LogWrong(LedgerError):
    """A copy of the log does not hold what its checkpoint promises."""


class RecordMalformed(LedgerError):
    """A record's fields are not what the data dictionary says; every fault is named."""


class RecordMissing(LedgerError):
    """The company keeps no such record."""


class RecordExists(LedgerError):
    """A record with this id is kept already, with other contents."""


class RecordErased(LedgerError):
    """The personal data of this record were erased: it can be neither changed nor restored."""


class CiphertextInvalid(LedgerError):
    """A ciphertext does not open with this key in this place."""


class PasswordRefused(LedgerError):
    """The new password is too short, too long, or one of the last three."""


class SignInRefused(LedgerError):
    """User id and password do not match, or the user is locked or retired."""


class ImportRefused(LedgerError):
    """The import cannot take this step in its present state."""


class ImportMissing(LedgerError):
    """The company has no such import."""


class InstructionMissing(LedgerError):
    """There is no such instruction or trade for this company."""


class InstructionConflict(LedgerError):
    """The instruction's state or particulars do not allow this step."""


class TransactionMalformed(LedgerError):
    """The bytes are not a transaction of format v1, or break one of its rules."""


class TearOffInvalid(LedgerError):
    """What the tear-off shows does not belong to the TxID that it names."""


class CreatorUnknown(LedgerError):
    """The creator's signature is missing, or by a key that is not a node key of the creator."""


class AccountKeyWrong(LedgerError):
    """An owner of an input has not signed with the account key that is registered for it now."""


class CreatorUnrelated(LedgerError):
    """The creator is neither the registrar of the right nor the custodian of the side that acts."""


class ContractUnknown(LedgerError):
    """No such contract version is registered, or the right is bound to another contract."""


class ContractNotYetActive(LedgerError):
    """The contract version is registered, but the network has not activated it yet."""


class ContractDeprecated(LedgerError):
    """The contract version is deprecated: it makes nothing new, and judges only its own tokens."""


class ContractFrozen(LedgerError):
    """The contract version is frozen: it judges nothing until the freeze ends."""


class ContractRetired(LedgerError):
    """The contract version is retired: it judges nothing any more."""


class ContractRejected(LedgerError):
    """The contract rejects the transaction."""

    def __init__(self, message: str, code: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message, faults)
        self.code = code


class SessionClosed(LedgerError):
    """The market session is closed."""


class RightBlocked(LedgerError):
    """The transfer control of the beneficial right forbids transfers now."""


class RightUnknown(LedgerError):
    """No beneficial right with this id is registered."""


class InvestorUnknown(LedgerError):
    """The investor has no custodian on this ledger."""


class StateUnknown(LedgerError):
    """An input names a token that was never created."""


class StateAltered(LedgerError):
    """An input shows other contents than the token that it names."""


class StateSpent(LedgerError):
    """A token was consumed before."""


class QuantityTooLarge(LedgerError):
    """A right would have more units than can be counted."""


class TradeRepeated(LedgerError):
    """The creator has used this trade id before."""


class TradeNotCancellable(LedgerError):
    """No trade that is still in force is reversed exactly by this cancellation."""


class ForeignParameters(LedgerError):
    """The transaction is made for another network, notary or version of the parameters."""


class OutsideTimeWindow(LedgerError):
    """The transaction's time window, or its time of registration, does not admit the present."""


class RegistrarUnavailable(LedgerError):
    """The registrar of the right has no key here to attest with."""


class VerifierUnavailable(LedgerError):
    """The contract could not be run in time; nothing was decided, and it may be sent again."""


class Busy(LedgerError):
    """The queue is full; nothing was decided, and it may be sent again after a while."""

    retry_after = 1
    """Seconds to wait before sending again."""


class CommitFailed(LedgerError):
    """The database refused the commit; whether it was kept, the TxID tells when sent again."""


class NotFound(LedgerError):
    """There is nothing here that this member may see."""


class FieldNotComparable(LedgerError):
    """A list may be filtered only by fields that the rules show clearly in every row."""


class CursorInvalid(LedgerError):
    """The cursor was not given out for this list."""


class RelationRefused(LedgerError):
    """What the statement says is not the author's to say, or contradicts what is registered."""


class GatewayBypassed(LedgerError):
    """A statement reached for ledger rows without passing the gateway."""
