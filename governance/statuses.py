"""Which HTTP status each error has: the one table. A test checks that no public error is missing.

Errors that only a person at a command line can meet (a folder, a setting, a data set) stand here
too: they answer 500 if they ever came through HTTP.
"""

from contracts import errors as contract
from governance import errors as governance
from ledger import errors as ledger
from policies import errors as policy

BAD, UNAUTHENTICATED, FORBIDDEN, ABSENT, CONFLICT = 400, 401, 403, 404, 409
UNPROCESSABLE, BROKEN, UNAVAILABLE = 422, 500, 503

TRY_AGAIN = frozenset({429, UNAVAILABLE})
"""Statuses that carry `Retry-After`."""

_BY_STATUS: dict[int, tuple[type[Exception], ...]] = {
    BAD: (
        contract.DigestMismatch,
        contract.EvidenceInvalid,
        contract.PackageInvalid,
        contract.PageInvalid,
        contract.SubmissionMismatch,
        governance.AuthorMismatch,
        governance.CertificateRequestRefused,
        governance.ForeignNetwork,
        governance.StatementUntimely,
        governance.VotingRulesInvalid,
        ledger.CursorInvalid,
        ledger.EntryRefused,
        ledger.FieldNotComparable,
        ledger.NoteInvalid,
        ledger.ProofInvalid,
        ledger.RecordMalformed,
        ledger.SignatureInvalid,
        ledger.StatementMalformed,
        ledger.TearOffInvalid,
        ledger.TransactionMalformed,
        policy.RulesMalformed,
    ),
    UNAUTHENTICATED: (
        governance.KeyNotCertified,
        governance.Unauthenticated,
        ledger.SignInRefused,
    ),
    FORBIDDEN: (
        governance.EnrolmentTokenRefused,
        governance.InvitationRefused,
        governance.NotEntitled,
        ledger.CreatorUnknown,
        ledger.CreatorUnrelated,
        ledger.RelationRefused,
        policy.Denied,
    ),
    ABSENT: (
        contract.VersionNotFound,
        governance.ApplicationUnknown,
        governance.CertificateUnknown,
        governance.DocumentUnknown,
        governance.GroupUnknown,
        governance.IncidentUnknown,
        governance.InvitationUnknown,
        governance.MemberUnknown,
        governance.NodeUnknown,
        governance.ParametersUnknown,
        governance.ProposalUnknown,
        ledger.ImportMissing,
        ledger.InstructionMissing,
        ledger.LogResourceMissing,
        ledger.NotFound,
        ledger.RecordMissing,
    ),
    CONFLICT: (
        contract.BindingChanged,
        contract.ContractFrozen,
        contract.LiveStates,
        contract.RuntimeUnknown,
        contract.TransitionRefused,
        contract.VersionConflict,
        governance.AlreadyVoted,
        governance.ApplicationClosed,
        governance.FactRefused,
        governance.GroupRefused,
        governance.IncidentRefused,
        governance.NetworkStranded,
        governance.NetworkUnfounded,
        governance.ProposalClosed,
        governance.StatementReplayed,
        governance.TransitionRefused,
        ledger.ImportRefused,
        ledger.InstructionConflict,
        ledger.RecordErased,
        ledger.RecordExists,
        ledger.RightBlocked,
        ledger.SessionClosed,
        ledger.StateSpent,
        ledger.TradeRepeated,
        ledger.WitnessRefused,
    ),
    UNPROCESSABLE: (
        contract.LoadRefused,
        governance.ApplicationRefused,
        governance.IncidentInvalid,
        governance.IssuanceRefused,
        governance.ProposalInvalid,
        ledger.AccountKeyWrong,
        ledger.ContractRejected,
        ledger.ContractUnknown,
        ledger.InvestorUnknown,
        ledger.OutsideTimeWindow,
        ledger.PasswordRefused,
        ledger.QuantityTooLarge,
        ledger.RightUnknown,
        ledger.StateAltered,
        ledger.StateUnknown,
        ledger.TradeNotCancellable,
    ),
    BROKEN: (
        contract.RuntimeInvalid,
        governance.AnchorsInvalid,
        governance.CertificateUnsound,
        governance.ContractNotActive,
        governance.DatabaseInUse,
        governance.DatabaseNewer,
        governance.DatasetInvalid,
        governance.FolderInvalid,
        governance.GatesUnfinished,
        governance.KeyExists,
        governance.LoadFailed,
        governance.KeyStoreUnusable,
        governance.KeyUnknown,
        governance.NetworkMapUntrusted,
        governance.ReplayDiffers,
        governance.RouteUndeclared,
        governance.ServerUnreachable,
        governance.SettingsInvalid,
        governance.SignaturesMissing,
        ledger.CiphertextInvalid,
        ledger.GatewayBypassed,
        ledger.LogForked,
        ledger.LogRolledBack,
        ledger.LogStateInvalid,
        ledger.LogWrong,
        ledger.SplitViewFound,
    ),
    UNAVAILABLE: (
        contract.RuntimeNotBuilt,
        contract.SandboxUnavailable,
        governance.AuthorityUnfit,
        ledger.Busy,
        ledger.CommitFailed,
        ledger.LogWriterRunning,
        ledger.RegistrarUnavailable,
        ledger.VerifierUnavailable,
        ledger.WitnessQuorumMissing,
    ),
}

STATUS: dict[type[Exception], int] = {
    error: status for status, errors in _BY_STATUS.items() for error in errors
}
"""The HTTP status of each error."""
