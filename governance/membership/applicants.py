"""Who may apply: a pure judgement on an application and on what the registry knows."""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from governance.errors import ApplicationRefused
from governance.membership.members import (
    Membership,
    State,
    membership_faults,
    name_key,
    sponsor_faults,
)
from policies.errors import Fault


class ApplicationState(StrEnum):
    """Where an application stands."""

    APPLIED = "applied"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Roster(msgspec.Struct, frozen=True):
    """What the registry knows that bears on an application.

    Args:
        same_id: the newest membership under the member id.
        same_name: the newest memberships under the legal name.
        open_applications: how many are open under the member id or the legal name.
        sponsor: the membership of the sponsor that is named.
    """

    same_id: Membership | None
    same_name: tuple[Membership, ...]
    open_applications: int
    sponsor: Membership | None


def check_application(wanted: Membership, roster: Roster) -> None:
    """Return if the organisation may apply for `wanted`.

    Raises:
        ApplicationRefused: with every fault.
    """
    faults = (*membership_faults(wanted), *_roster_faults(wanted, roster))
    if faults:
        raise ApplicationRefused(
            f"the application has {len(faults)} fault(s): {faults[0]}", tuple(faults)
        )


def _roster_faults(wanted: Membership, roster: Roster) -> Iterator[Fault]:
    if roster.open_applications:
        yield Fault("member_id", "this organisation has an open application already")
    if roster.same_id is not None:
        yield from _earlier_faults("member_id", roster.same_id)
        if name_key(roster.same_id.legal_name) != name_key(wanted.legal_name):
            yield Fault("member_id", f"{wanted.member_id} is the id of another organisation")
    for other in roster.same_name:
        if other.member_id != wanted.member_id:
            yield Fault("legal_name", f"this organisation is known here as {other.member_id}")
    if wanted.sponsor_id is not None:
        yield from sponsor_faults(roster.sponsor, wanted.sponsor_id)


def _earlier_faults(where: str, earlier: Membership) -> Iterator[Fault]:
    match earlier.state:
        case State.ACTIVE | State.SUSPENDED:
            yield Fault(where, f"{earlier.member_id} is a member already ({earlier.state})")
        case State.REVOKED:
            yield Fault(where, f"{earlier.member_id} was revoked, and that is for good")
        case State.LEFT:
            return
