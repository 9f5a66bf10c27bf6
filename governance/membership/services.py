"""What the routes of memberships and identities need of the process that runs them."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec
from sqlalchemy.orm import Session

from governance.identity.authority import Authority
from ledger.keys import PublicKey
from ledger.statements import Desk, Opened

Body = TypeVar("Body", bound=msgspec.Struct)


class ApplicantDesk(Desk, Protocol):
    """Opens statements, those of applicants too, who have no certificate yet."""

    def open_with_own_key(
        self, raw: bytes, kind: str, body: type[Body], key_of: Callable[[Body], PublicKey]
    ) -> Opened[Body]:
        """Return what `raw` says, signed with a key that is not certified yet."""
        ...


def no_parameters(_session: Session, _at: dt.datetime) -> tuple[int, str]:
    """Return what the network map says of parameters before there are any."""
    return 0, ""


@dataclass(frozen=True)
class MembershipServices:
    """What routes use.

    Args:
        authority: issues certificates and speaks for the network.
        desk: opens statements.
        parameters: returns version and digest (`sha256:<hex>`) of the network parameters.
    """

    authority: Authority
    desk: ApplicantDesk
    parameters: Callable[[Session, dt.datetime], tuple[int, str]] = no_parameters
