"""What goes wrong in `contracts`: one sentence for each, saying what is true."""

from ledger.verification import OutOfGas, Rejected
from policies.errors import Fault


class ContractError(Exception):
    """Base of every error that `contracts` lets out."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class PackageInvalid(ContractError):
    """A contract package has faults; every one of them is listed."""


class DigestMismatch(ContractError):
    """The archive's package digest is not the one that its author signed."""


class SubmissionMismatch(ContractError):
    """What a submission says about a package is not what the package says."""


class RuntimeUnknown(ContractError):
    """The runtime that a version names is not one that the network registered."""


class VersionConflict(ContractError):
    """The name and version are taken by another digest, or the version does not rise."""


class VersionNotFound(ContractError):
    """No contract version of that name, version or digest is registered."""


class TransitionRefused(ContractError):
    """A contract version cannot go from the state that it is in to the one that is wanted."""


class LiveStates(ContractError):
    """States that are not consumed still name the version, and there is no migration."""


class BindingChanged(ContractError):
    """What an approval was bound to is no longer what stands."""


class EvidenceInvalid(ContractError):
    """An attestation is malformed, not signed by the key given, or about another package."""


class RuntimeInvalid(ContractError):
    """An artifact does not make the runtime that it is said to be."""


class RuntimeNotBuilt(ContractError):
    """The runtime's artifact could not be built on this machine."""


class SandboxUnavailable(ContractError):
    """No sandbox process can be started on this machine."""


class LoadRefused(ContractError):
    """The sandbox does not take the contract's source; the verdict says why.

    Args:
        message: for people.
        verdict: what every transaction gets under this source.
    """

    def __init__(self, message: str, verdict: Rejected | OutOfGas) -> None:
        super().__init__(message)
        self.verdict = verdict


class PageInvalid(ContractError):
    """A list was asked to go on from a cursor that it never gave."""


class ArtifactRefused(ContractError):
    """What was uploaded as a runtime is not a WebAssembly component of an acceptable size."""
