"""Who has decided what: the pure function from network, proposal, votes and time to an outcome.

Everything is judged at the moment of the count: who is a member, holds the role and signed with
a key that is valid *now*. A vote that is stale by then is dropped with a reason, never fatal,
and counts again if its reason goes. An organisation has one vote in each role that it holds and
counts once in a seat, whatever number of keys it has; where it both approves and rejects in the
roles of one seat, the rejection holds.
"""

import datetime as dt
from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from governance.decisions.actions import Action, kind
from governance.decisions.network import Ballot, Member, NetworkState, OpenProposal, bindings
from governance.decisions.tallies import (
    OpenSeat,
    SeatTally,
    Voices,
    all_filled,
    carries,
    everyone,
    open_seats,
    tally_action,
    tally_all,
    voices_of,
)
from governance.decisions.voting_rules import Procedure


class Status(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"
    WITHDRAWN = "withdrawn"


class Dropped(msgspec.Struct, frozen=True):
    """A vote that does not count now, and why."""

    member_id: str
    role: str
    reason: str


class Outcome(msgspec.Struct, frozen=True):
    """What a proposal has come to.

    Args:
        status: where it stands.
        reasons: why, one sentence each.
        seats: every seat of every action.
        dropped: votes that do not count.
        closes_at: when it expires unless carried.
        carried_at: when the vote that filled the last seat was received, if they are filled.
        effective_at: the end of the veto window, if carried.
    """

    status: Status
    reasons: tuple[str, ...]
    seats: tuple[SeatTally, ...]
    dropped: tuple[Dropped, ...]
    closes_at: dt.datetime
    carried_at: dt.datetime | None = None
    effective_at: dt.datetime | None = None


def decide(
    state: NetworkState, proposal: OpenProposal, ballots: Sequence[Ballot], at: dt.datetime
) -> Outcome:
    """Return what `proposal` has come to by `ballots`, counted on `state` at `at`."""
    kept, dropped = _sift(state, proposal, ballots, at)
    tallies = tally_all(state, proposal.actions, voices_of(kept), at)
    closes_at = expiry(state, proposal)
    status, reasons = _ended(state, proposal, kept, tallies, at)
    filled = not status and all_filled(tallies)
    carried_at = _carried_at(state, proposal, kept, at) if filled else None
    effective_at = None
    if carried_at is not None:
        hours = max(p.veto_hours for p in _procedures(state, proposal.actions))
        effective_at = carried_at + dt.timedelta(hours=hours)
        status = Status.APPROVED if at >= effective_at else Status.OPEN
        if status is Status.OPEN:
            reasons = (f"may be vetoed until {effective_at.isoformat()}",)
    elif status is None and at >= closes_at:
        status, reasons = Status.EXPIRED, (f"not carried by {closes_at.isoformat()}",)
    return Outcome(
        status or Status.OPEN, reasons, tallies, dropped, closes_at, carried_at, effective_at
    )


def _ended(
    state: NetworkState,
    proposal: OpenProposal,
    kept: Sequence[Ballot],
    tallies: Sequence[SeatTally],
    at: dt.datetime,
) -> tuple[Status | None, tuple[str, ...]]:
    """Return what ends `proposal` whoever else approves it, if anything does."""
    if proposal.withdrawn is not None:
        return Status.WITHDRAWN, (proposal.withdrawn,)
    if proposal.halted:
        return Status.VOID, (proposal.halted,)
    changed = changed_bindings(state, proposal)
    if changed:
        return Status.VOID, changed
    rejected = _rejection(state, proposal, kept, tallies, at)
    return (Status.REJECTED, rejected) if rejected else (None, ())


def expiry(state: NetworkState, proposal: OpenProposal) -> dt.datetime:
    """Return when `proposal` expires under the voting rules in force."""
    hours = min(p.expires_after_hours for p in _procedures(state, proposal.actions))
    return proposal.opened_at + dt.timedelta(hours=hours)


def changed_bindings(state: NetworkState, proposal: OpenProposal) -> tuple[str, ...]:
    """Return one sentence for each bound digest that is not what it was."""
    if not proposal.binds:
        return ()
    now = bindings(state)
    return tuple(
        f"{name} changed: bound {digest}, now {now.get(name, 'gone')}"
        for name, digest in sorted(proposal.binds.items())
        if now.get(name, "gone") != digest
    )


def standing(
    state: NetworkState, actions: Sequence[Action], member: Member, role: str
) -> tuple[str, ...]:
    """Return why `member` has no vote as `role`; empty if it has one in some seat."""
    return _standing(open_seats(state, actions), member, role)


def stale(state: NetworkState, actions: Sequence[Action], ballot: Ballot, at: dt.datetime) -> str:
    """Return why `ballot` does not count at `at`, or "" if it does."""
    return _stale(state, open_seats(state, actions), ballot, at)


def _standing(seats: Sequence[OpenSeat], member: Member, role: str) -> tuple[str, ...]:
    reasons = []
    for seat in seats:
        if role in seat.roles:
            if member.id in seat.electorate:
                return ()
            missing = f"{member.id} is not in seat {seat.name!r}"
            reasons.append(seat.excluded.get(member.id, missing))
    return tuple(dict.fromkeys(reasons)) or (f"no seat is open to the role {role!r}",)


def _stale(state: NetworkState, seats: Sequence[OpenSeat], ballot: Ballot, at: dt.datetime) -> str:
    member = state.members.get(ballot.member_id)
    if member is None or not state.acting(ballot.member_id):
        return f"{ballot.member_id} is {member.status if member else 'no member'}"
    if ballot.role not in member.roles:
        return f"{ballot.member_id} no longer holds {ballot.role}"
    if not any(c.key_id == ballot.key_id and c.valid(at) for c in member.certificates):
        return f"the certificate of key {ballot.key_id} is not valid at the count"
    return "; ".join(_standing(seats, member, ballot.role))


def _sift(
    state: NetworkState, proposal: OpenProposal, ballots: Sequence[Ballot], at: dt.datetime
) -> tuple[list[Ballot], tuple[Dropped, ...]]:
    kept, dropped = [], []
    seats = open_seats(state, proposal.actions) if ballots else []
    for ballot in sorted(ballots, key=lambda b: (b.received_at, b.member_id, b.role)):
        reason = _stale(state, seats, ballot, at)
        if reason:
            dropped.append(Dropped(ballot.member_id, ballot.role, reason))
        else:
            kept.append(ballot)
    return kept, tuple(dropped)


def _procedures(state: NetworkState, actions: Sequence[Action]) -> list[Procedure]:
    return [state.voting_rules.procedure(kind(action)) for action in actions]


def _carried_at(
    state: NetworkState, proposal: OpenProposal, kept: Sequence[Ballot], at: dt.datetime
) -> dt.datetime:
    """Return when the approval that filled the last seat came, judged on the network of `at`.

    More approvals never empty a seat: the number that suffices is found by halving.
    """
    approvals = [ballot for ballot in kept if ballot.approve]
    rejections = [ballot for ballot in kept if not ballot.approve]

    def suffice(count: int) -> bool:
        voices = voices_of([*approvals[:count], *rejections])
        return carries(state, proposal.actions, voices, at)

    count = bisect_left(range(len(approvals) + 1), True, key=suffice)
    return approvals[max(0, count - 1)].received_at


def _rejection(
    state: NetworkState,
    proposal: OpenProposal,
    kept: Sequence[Ballot],
    tallies: Sequence[SeatTally],
    at: dt.datetime,
) -> tuple[str, ...]:
    """Return why `proposal` is rejected; empty if it is not."""
    reasons = []
    rejecting = frozenset((b.member_id, b.role) for b in kept if not b.approve)
    if not rejecting:
        return ()
    for place, action in enumerate(proposal.actions):
        procedure = state.voting_rules.procedure(kind(action))
        against = sorted({m for tally in tallies if tally.action == place for m in tally.rejected})
        if procedure.reject_at and len(against) >= procedure.reject_at:
            reasons.append(f"{kind(action)}: rejected by {', '.join(against)}")
            continue
        possible = tally_action(state, place, action, everyone(state.voices), at)
        left = tally_action(state, place, action, Voices(state.voices - rejecting, rejecting), at)
        reasons += [
            f"{kind(action)}: seat {after.seat!r} cannot be filled any more,"
            f" rejected by {', '.join(after.rejected)}"
            for before, after in zip(possible, left, strict=True)
            if before.filled and not after.filled and after.rejected
        ]
    return tuple(dict.fromkeys(reasons))
