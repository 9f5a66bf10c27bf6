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
