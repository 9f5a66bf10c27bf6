"""Who has decided what: the pure function from network, proposal, votes and time to an outcome.

Everything is judged at the moment of the count: who is a member, holds the role and signed with
a key that is valid *now*. A vote that is stale by then is dropped with a reason, never fatal,
and counts again if its reason goes. An organisation has one vote in each role that it holds and
counts once in a seat, whatever number of keys it has; where it both approves and rejects in the
roles of one seat, the rejection holds.
"""

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from governance.decisions.actions import Action, ContractAction, contract_key, kind, subject
from governance.decisions.network import Ballot, Member, NetworkState, OpenProposal, bindings
from governance.decisions.voting_rules import CONTRACT_USERS, Count, Procedure, Seat


class Status(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"
    WITHDRAWN = "withdrawn"


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


class _Voices(msgspec.Struct, frozen=True):
    """Who says what, by `(organisation, role)`."""

    approving: frozenset[tuple[str, str]]
    rejecting: frozenset[tuple[str, str]] = frozenset()

    def within(self, roles: frozenset[str], *, approve: bool) -> frozenset[str]:
        voices = self.approving if approve else self.rejecting
        return frozenset(member for member, role in voices if role in roles)


def decide(
    state: NetworkState, proposal: OpenProposal, ballots: Sequence[Ballot], at: dt.datetime
) -> Outcome:
    """Return what `proposal` has come to by `ballots`, counted on `state` at `at`."""
    kept, dropped = _sift(state, proposal, ballots, at)
    tallies = _tally_all(state, proposal.actions, _voices(kept), at)
    closes_at = expiry(state, proposal)
    status, reasons = _ended(state, proposal, kept, tallies, at)
    filled = not status and _filled(tallies)
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


def decidable(state: NetworkState, action: Action, at: dt.datetime) -> bool:
    """Say whether `action` would be carried if every able organisation approved it."""
    able = state.able(at)
    everyone = frozenset((member, role) for member, role in state.voices if member in able)
    return _filled(_tally(state, 0, action, _Voices(everyone), at))


def standing(
    state: NetworkState, actions: Sequence[Action], member: Member, role: str
) -> tuple[str, ...]:
    """Return why `member` has no vote as `role`; empty if it has one in some seat."""
    reasons = []
    for action in actions:
        for seat in state.voting_rules.procedure(kind(action)).seats:
            if role not in state.voting_rules.roles(seat.of):
                continue
            electorate, excluded = _electorate(state, seat, action)
            if member.id in electorate:
                return ()
            reasons.append(excluded.get(member.id, f"{member.id} is not in seat {seat.name!r}"))
    return tuple(dict.fromkeys(reasons)) or (f"no seat is open to the role {role!r}",)


def stale(state: NetworkState, actions: Sequence[Action], ballot: Ballot, at: dt.datetime) -> str:
    """Return why `ballot` does not count at `at`, or "" if it does."""
    member = state.members.get(ballot.member_id)
    if member is None or not state.acting(ballot.member_id):
        return f"{ballot.member_id} is {member.status if member else 'no member'}"
    if ballot.role not in member.roles:
        return f"{ballot.member_id} no longer holds {ballot.role}"
    if not any(c.key_id == ballot.key_id and c.valid(at) for c in member.certificates):
        return f"the certificate of key {ballot.key_id} is not valid at the count"
    return "; ".join(standing(state, actions, member, ballot.role))


def _sift(
    state: NetworkState, proposal: OpenProposal, ballots: Sequence[Ballot], at: dt.datetime
) -> tuple[list[Ballot], tuple[Dropped, ...]]:
    kept, dropped = [], []
    for ballot in sorted(ballots, key=lambda b: (b.received_at, b.member_id, b.role)):
        reason = stale(state, proposal.actions, ballot, at)
        if reason:
            dropped.append(Dropped(ballot.member_id, ballot.role, reason))
        else:
            kept.append(ballot)
    return kept, tuple(dropped)


def _voices(ballots: Iterable[Ballot]) -> _Voices:
    ballots = tuple(ballots)
    return _Voices(
        frozenset((b.member_id, b.role) for b in ballots if b.approve),
        frozenset((b.member_id, b.role) for b in ballots if not b.approve),
    )


def _procedures(state: NetworkState, actions: Sequence[Action]) -> list[Procedure]:
    return [state.voting_rules.procedure(kind(action)) for action in actions]


def _tally_all(
    state: NetworkState, actions: Sequence[Action], voices: _Voices, at: dt.datetime
) -> tuple[SeatTally, ...]:
    return tuple(
        tally
        for place, action in enumerate(actions)
        for tally in _tally(state, place, action, voices, at)
    )


def _tally(
    state: NetworkState, place: int, action: Action, voices: _Voices, at: dt.datetime
) -> list[SeatTally]:
    procedure = state.voting_rules.procedure(kind(action))
    return [_tally_seat(state, place, action, seat, voices, at) for seat in procedure.seats]


def _tally_seat(
    state: NetworkState,
    place: int,
    action: Action,
    seat: Seat,
    voices: _Voices,
    at: dt.datetime,
) -> SeatTally:
    roles = state.voting_rules.roles(seat.of)
    electorate, excluded = _electorate(state, seat, action)
    rejected = electorate & voices.within(roles, approve=False)
    approved = (electorate & voices.within(roles, approve=True)) - rejected
    required, waived = _required(state, seat, action, electorate, excluded, at)
    counted = _beyond(state, seat, action, approved, voices)
    return SeatTally(
        action=place,
        kind=kind(action),
        seat=seat.name,
        required=required,
        electorate=tuple(sorted(electorate)),
        approved=tuple(sorted(approved)),
        rejected=tuple(sorted(rejected)),
        missing=tuple(sorted(electorate - approved - rejected)),
        excluded=excluded,
        waived=waived,
        filled=counted >= required,
    )


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
    return holders - set(excluded), excluded


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
    available = _beyond(state, seat, action, there, _Voices(state.voices))
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
    voices: _Voices,
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


def _filled(tallies: Sequence[SeatTally]) -> bool:
    """Say whether every seat is filled, and by somebody: no approval at all carries nothing."""
    by_action: dict[int, list[SeatTally]] = {}
    for tally in tallies:
        by_action.setdefault(tally.action, []).append(tally)
    return bool(by_action) and all(
        all(t.filled for t in seats) and any(t.approved for t in seats)
        for seats in by_action.values()
    )


def _carried_at(
    state: NetworkState, proposal: OpenProposal, kept: Sequence[Ballot], at: dt.datetime
) -> dt.datetime:
    """Return when the approval that filled the last seat came, judged on the network of `at`.

    More approvals never empty a seat: the number that suffices is found by halving.
    """
    approvals = [ballot for ballot in kept if ballot.approve]
    rejections = [ballot for ballot in kept if not ballot.approve]

    def suffice(count: int) -> bool:
        voices = _voices([*approvals[:count], *rejections])
        return _filled(_tally_all(state, proposal.actions, voices, at))

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
        possible = _tally(state, place, action, _Voices(state.voices), at)
        left = _tally(state, place, action, _Voices(state.voices - rejecting, rejecting), at)
        reasons += [
            f"{kind(action)}: seat {after.seat!r} cannot be filled any more,"
            f" rejected by {', '.join(after.rejected)}"
            for before, after in zip(possible, left, strict=True)
            if before.filled and not after.filled and after.rejected
        ]
    return tuple(dict.fromkeys(reasons))
