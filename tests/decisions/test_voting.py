"""Counting at random: what must hold whatever the votes."""

import datetime as dt

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from governance.decisions.actions import Action, ApproveContract, RegisterRuntime, Suspend
from governance.decisions.network import Ballot, NetworkState
from governance.decisions.voting import Status, decide
from tests.decisions.states import AT, ballot, contract, member, network, proposal, with_contracts

NETWORK = with_contracts(
    network(
        member("trust-a", "registrar"),
        member("trust-b", "registrar", "custodian"),
        member("custody-a", "custodian"),
        member("direct-a", "direct_securities_firm"),
        member("other", "platform_administrator", "registrar"),
    ),
    contract(),
)
SEATS = [(m.id, role) for m in NETWORK.members.values() for role in sorted(m.roles)]
LATER = AT + dt.timedelta(hours=2)
actions = st.sampled_from(
    (
        ApproveContract(name="right", version="1.0.0"),
        Suspend(member_id="custody-a", reason="x"),
        RegisterRuntime(runtime="r"),
    )
)
votes = st.lists(
    st.tuples(st.sampled_from(SEATS), st.booleans()), unique_by=lambda v: v[0], max_size=len(SEATS)
)


def ballots_of(state: NetworkState, drawn: list[tuple[tuple[str, str], bool]]) -> list[Ballot]:
    return [
        ballot(state, name, role, approve=approve, minutes=place + 1)
        for place, ((name, role), approve) in enumerate(drawn)
    ]


@given(st.lists(actions, min_size=1, max_size=2), votes)
def test_order_of_the_ballots_is_by_time_alone(
    drawn: list[Action], cast: list[tuple[tuple[str, str], bool]]
):
    found = ballots_of(NETWORK, cast)
    one = proposal(*drawn)
    assert decide(NETWORK, one, found, LATER) == decide(NETWORK, one, found[::-1], LATER)


@given(st.lists(actions, min_size=1, max_size=2), votes)
def test_carried_by_the_first_approval_that_suffices(
    drawn: list[Action], cast: list[tuple[tuple[str, str], bool]]
):
    found = ballots_of(NETWORK, cast)
    one = proposal(*drawn)
    outcome = decide(NETWORK, one, found, LATER)
    against = [b for b in found if not b.approve]
    approvals = [b for b in found if b.approve]
    first = None
    for count in range(1, len(approvals) + 1):
        some = decide(NETWORK, one, [*approvals[:count], *against], LATER)
        if some.seats and all(seat.filled for seat in some.seats):
            first = approvals[count - 1].received_at
            break
    if outcome.status in (Status.APPROVED, Status.OPEN):
        assert outcome.carried_at == first


@given(actions, votes)
def test_approval_never_harms_and_rejection_never_helps(
    action: Action, cast: list[tuple[tuple[str, str], bool]]
):
    found = ballots_of(NETWORK, cast)
    one = proposal(action)
    before = decide(NETWORK, one, found, LATER).status
    for place, cast_one in enumerate(found):
        turned = msgspec.structs.replace(cast_one, approve=not cast_one.approve)
        after = decide(NETWORK, one, [*found[:place], turned, *found[place + 1 :]], LATER).status
        if turned.approve:
            assert (before, after) != (Status.APPROVED, Status.OPEN)
            assert (before, after) != (Status.APPROVED, Status.REJECTED)
        else:
            assert after is not Status.APPROVED or before is Status.APPROVED


@given(actions, votes)
def test_nobody_counts_twice_in_a_seat(action: Action, cast: list[tuple[tuple[str, str], bool]]):
    for seat in decide(NETWORK, proposal(action), ballots_of(NETWORK, cast), LATER).seats:
        heard = sorted((*seat.approved, *seat.rejected, *seat.missing))
        assert heard == sorted(seat.electorate)
        assert not set(seat.electorate) & set(seat.excluded)
