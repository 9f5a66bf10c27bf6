"""Who has a vote in each seat of an action, and whether the voices that there are fill it. Pure.

An organisation counts once in a seat, whatever number of keys it has; where it both approves and
rejects in the roles of one seat, the rejection holds.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import msgspec

from governance.decisions.actions import Action, ContractAction, contract_key, kind, subject
from governance.decisions.network import Ballot, NetworkState
from governance.decisions.voting_rules import CONTRACT_USERS, Count, Seat


class SeatTally(msgspec.Struct, frozen=True):
    """One seat of one action.

    Args:
        action: the action's place in the proposal, counted from 0.
        kind: the action's kind.
        seat: the seat's name.
        required: how many organisations must approve; 0 where the seat is waived.
        electorate: the organisations that have a vote here.
        approved: those that approve.
        rejected: those that reject.
        missing: those that said nothing that counts.
        excluded: organisation → why it holds the role and has no vote here.
        waived: why fewer than the rule asks for will do; "" where they will not.
        filled: whether the seat is filled.
    """

    action: int
    kind: str
    seat: str
    required: int
    electorate: tuple[str, ...]
    approved: tuple[str, ...]
    rejected: tuple[str, ...]
    missing: tuple[str, ...]
    excluded: dict[str, str]
    waived: str
    filled: bool


class Voices(msgspec.Struct, frozen=True, dict=True):
    """Who says what, by `(organisation, role)`."""

    approving: frozenset[tuple[str, str]]
    rejecting: frozenset[tuple[str, str]] = frozenset()

    def within(self, roles: frozenset[str], *, approve: bool) -> frozenset[str]:
        """Return who approves, or rejects, in one of `roles`."""
        known = self._known.get((roles, approve))
        if known is None:
            voices = self.approving if approve else self.rejecting
            known = frozenset(member for member, role in voices if role in roles)
            self._known[roles, approve] = known
        return known

    @cached_property
    def _known(self) -> dict[tuple[frozenset[str], bool], frozenset[str]]:
        return {}


class OpenSeat(NamedTuple):
    """A seat of some action: who has a vote in it, and why others that hold the role have none."""

    name: str
    roles: frozenset[str]
    electorate: frozenset[str]
    excluded: dict[str, str]


def open_seats(state: NetworkState, actions: Sequence[Action]) -> list[OpenSeat]:
    """Return every seat of every action, in order."""
    return [
        OpenSeat(seat.name, state.voting_rules.roles(seat.of), *_electorate(state, seat, action))
        for action in actions
        for seat in state.voting_rules.procedure(kind(action)).seats
    ]


def decidable(state: NetworkState, action: Action, at: dt.datetime) -> bool:
    """Say whether `action` would be carried if every able organisation approved it."""
    return carries(state, [action], _all_able(state.voices, state.able(at)), at)


def carries(
    state: NetworkState, actions: Sequence[Action], voices: Voices, at: dt.datetime
) -> bool:
    """Say whether `voices` fill every seat of every action, as `all_filled` does of tallies."""
    for action in actions:
        procedure = state.voting_rules.procedure(kind(action))
        weighed = [_weigh(state, seat, action, voices, at) for seat in procedure.seats]
        if not all(one.filled for one in weighed) or not any(one.approved for one in weighed):
            return False
    return bool(actions)


@lru_cache(maxsize=8)
def _all_able(voices: frozenset[tuple[str, str]], able: frozenset[str]) -> Voices:
    """Return the voices that there would be if whoever is able approved."""
    return Voices(frozenset((member, role) for member, role in voices if member in able))


@lru_cache(maxsize=8)
def everyone(voices: frozenset[tuple[str, str]]) -> Voices:
    """Return the voices that there would be if everybody approved."""
    return Voices(voices)


def voices_of(ballots: Iterable[Ballot]) -> Voices:
    """Return what these ballots say."""
    ballots = tuple(ballots)
    return Voices(
        frozenset((b.member_id, b.role) for b in ballots if b.approve),
        frozenset((b.member_id, b.role) for b in ballots if not b.approve),
    )


def tally_all(
    state: NetworkState, actions: Sequence[Action], voices: Voices, at: dt.datetime
) -> tuple[SeatTally, ...]:
    """Return every seat of every action as `voices` fill it."""
    return tuple(
        tally
        for place, action in enumerate(actions)
        for tally in tally_action(state, place, action, voices, at)
    )


def tally_action(
    state: NetworkState, place: int, action: Action, voices: Voices, at: dt.datetime
) -> list[SeatTally]:
    """Return the seats of one action, the proposal's `place`-th, as `voices` fill them."""
    procedure = state.voting_rules.procedure(kind(action))
    return [_tally_seat(state, place, action, seat, voices, at) for seat in procedure.seats]


def _tally_seat(
    state: NetworkState,
    place: int,
    action: Action,
    seat: Seat,
    voices: Voices,
    at: dt.datetime,
) -> SeatTally:
    found = _weigh(state, seat, action, voices, at)
    missing = found.electorate - found.approved - found.rejected
    return SeatTally(
        action=place,
        kind=kind(action),
        seat=seat.name,
        required=found.required,
        electorate=tuple(sorted(found.electorate)),
        approved=tuple(sorted(found.approved)),
        rejected=tuple(sorted(found.rejected)),
        missing=tuple(sorted(missing)),
        excluded=found.excluded,
        waived=found.waived,
        filled=found.filled,
    )


class _Weighed(NamedTuple):
    """One seat of one action, as voices fill it (see `SeatTally`)."""

    electorate: frozenset[str]
    excluded: dict[str, str]
    approved: frozenset[str]
    rejected: frozenset[str]
    required: int
    waived: str
    filled: bool


def _weigh(
    state: NetworkState, seat: Seat, action: Action, voices: Voices, at: dt.datetime
) -> _Weighed:
    roles = state.voting_rules.roles(seat.of)
    electorate, excluded = _electorate(state, seat, action)
    rejected = electorate & voices.within(roles, approve=False)
    approved = (electorate & voices.within(roles, approve=True)) - rejected
    required, waived = _required(state, seat, action, electorate, excluded, at)
    filled = _beyond(state, seat, action, approved, voices) >= required
    return _Weighed(electorate, excluded, approved, rejected, required, waived, filled)


def _electorate(
    state: NetworkState, seat: Seat, action: Action
) -> tuple[frozenset[str], dict[str, str]]:
    """Return who has a vote in `seat`, and who would have one if it were not excluded."""
    holders = state.holders(state.voting_rules.roles(seat.of))
    if seat.of == CONTRACT_USERS and isinstance(action, ContractAction):
        holders = holders & state.contract_users.get(action.name, frozenset()) or holders
    excluded = {}
    if seat.not_owner and isinstance(action, ContractAction):
        contract = state.contracts.get(contract_key(action.name, action.version))
        if contract is not None and contract.owner in holders:
            excluded[contract.owner] = f"{contract.owner} does not approve its own contract"
    about = subject(action)
    if seat.not_subject and about in holders:
        excluded[about] = f"{about} does not decide about itself"
    return (holders - set(excluded) if excluded else holders), excluded


def _required(
    state: NetworkState,
    seat: Seat,
    action: Action,
    electorate: frozenset[str],
    excluded: dict[str, str],
    at: dt.datetime,
) -> tuple[int, str]:
    """Return how many must approve, and why fewer than the rule asks for will do."""
    asked = _asked(seat.count, len(electorate))
    if not electorate and excluded and seat.not_owner:
        return 0, "only the contract's owner holds this seat"
    if not seat.as_far_as:
        return asked, ""
    there = electorate & state.able(at) if seat.as_far_as == "able" else electorate
    available = _beyond(state, seat, action, there, everyone(state.voices))
    if available >= asked:
        return asked, ""
    return max(0, available), f"as far as {seat.as_far_as}: {max(0, available)} of {asked}"


def _asked(count: Count, size: int) -> int:
    """Return how many of `size` organisations a count asks for; at least one, always."""
    match count:
        case "one":
            return 1
        case "majority":
            return size // 2 + 1
        case "two_thirds":
            return max(1, -(-2 * size // 3))
        case "all":
            return max(1, size)


def _beyond(
    state: NetworkState,
    seat: Seat,
    action: Action,
    approved: frozenset[str],
    voices: Voices,
) -> int:
    """Return how many of `approved` are left; `other_than` takes one, not of these if it can."""
    if not seat.other_than:
        return len(approved)
    procedure = state.voting_rules.procedure(kind(action))
    first = next(s for s in procedure.seats if s.name == seat.other_than)
    roles = state.voting_rules.roles(first.of)
    taken, _ = _electorate(state, first, action)
    taken &= voices.within(roles, approve=True) - voices.within(roles, approve=False)
    return len(approved) if not taken or taken - approved else len(approved) - 1


def all_filled(tallies: Sequence[SeatTally]) -> bool:
    """Say whether every seat is filled, and by somebody: no approval at all carries nothing."""
    by_action: dict[int, list[SeatTally]] = {}
    for tally in tallies:
        by_action.setdefault(tally.action, []).append(tally)
    return bool(by_action) and all(
        all(t.filled for t in seats) and any(t.approved for t in seats)
        for seats in by_action.values()
    )
