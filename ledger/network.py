"""What the ledger is handed when the process is assembled: one-method protocols and parameters."""

import datetime as dt
from typing import Protocol

import msgspec
from sqlalchemy.orm import Session

from ledger.keys import PublicKey
from ledger.standing import Standing
from ledger.statements import Signer
from ledger.verification import ContractVersion


class LedgerParameters(msgspec.Struct, frozen=True):
    """The network parameters that the ledger obeys.

    Args:
        network: the network's name.
        version: of the network parameters in force; a transaction names it.
        notary: the member id whose notary attests uniqueness.
        registration_window: seconds that a transfer's `registered_at` may lie in the past.
    """

    network: str
    version: int
    notary: str
    registration_window: int


class ParameterSource(Protocol):
    """Knows the network parameters in force."""

    def current(self, at: dt.datetime) -> LedgerParameters:
        """Return them."""
        ...


class NodeKeys(Protocol):
    """Knows the certified node keys of members."""

    def keys_of(self, member_id: str, key_id: str, at: dt.datetime) -> PublicKey | None:
        """Return the key with this id if it is a valid node key of an active member at `at`."""
        ...


class HostedSigners(Protocol):
    """Holds the node keys of the members whose nodes this process hosts."""

    def hosted_signer(self, member_id: str) -> Signer | None:
        """Return the signer of a member's node key, or None if it is not hosted here."""
        ...


class ContractsInForce(Protocol):
    """Knows which contract versions may judge new transactions."""

    def standing(self, session: Session, version: ContractVersion, at: dt.datetime) -> Standing:
        """Return what exactly this version (name, version, digest) may judge at `at`."""
        ...


class Clock(Protocol):
    """Tells the time."""

    def __call__(self) -> dt.datetime:
        """Return now, UTC."""
        ...
