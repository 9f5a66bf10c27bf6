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
