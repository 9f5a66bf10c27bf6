import datetime as dt

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contracts.errors import TransitionRefused
from contracts.lifecycle import (
    FREEZABLE,
    MAX_FREEZE,
    TRANSITIONS,
    Life,
    State,
    Step,
    advance,
    confirm_freeze,
    current,
    freeze,
    thaw,
)

AT = dt.datetime(2025, 6, 2, tzinfo=dt.UTC)
ORDER = [
    State.DRAFT,
    State.GATED,
    State.PROPOSED,
    State.APPROVED,
    State.SCHEDULED,
    State.ACTIVE,
    State.DEPRECATED,
    State.RETIRED,
]
FORWARD = [
    Step.PASS_GATES,
    Step.PROPOSE,
    Step.APPROVE,
    Step.SCHEDULE,
    Step.ACTIVATE,
    Step.DEPRECATE,
    Step.RETIRE,
]


def test_a_whole_life():
    life = Life(State.DRAFT)
    for step, state in zip(FORWARD, ORDER[1:], strict=True):
        life = advance(life, step, AT)
        assert life == Life(state)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", Step)
def test_every_other_step_is_refused(state: State, step: Step):
    life = Life(state, State.ACTIVE) if state is State.FROZEN else Life(state)
    if state in TRANSITIONS[step]:
        assert advance(life, step, AT).state is TRANSITIONS[step][state]
    else:
        with pytest.raises(TransitionRefused, match=f"cannot {step} from {state}"):
            advance(life, step, AT)


@pytest.mark.parametrize("state", sorted(set(State) - FREEZABLE - {State.FROZEN}))
def test_only_what_may_judge_can_be_frozen(state: State):
    with pytest.raises(TransitionRefused):
        freeze(Life(state), AT + MAX_FREEZE, AT)


@pytest.mark.parametrize("length", [dt.timedelta(0), -MAX_FREEZE, MAX_FREEZE * 2])
def test_a_freeze_of_a_wrong_length_is_refused(length: dt.timedelta):
    with pytest.raises(TransitionRefused):
        freeze(Life(State.ACTIVE), AT + length, AT)


def test_a_frozen_version_takes_no_step_until_the_freeze_is_over():
    frozen = freeze(Life(State.ACTIVE), AT + MAX_FREEZE, AT)
    with pytest.raises(TransitionRefused):
        advance(frozen, Step.DEPRECATE, AT + MAX_FREEZE - dt.timedelta(seconds=1))
    assert advance(frozen, Step.DEPRECATE, AT + MAX_FREEZE).state is State.DEPRECATED


def test_a_confirmed_freeze_does_not_end_by_itself():
    frozen = confirm_freeze(freeze(Life(State.ACTIVE), AT + MAX_FREEZE, AT), AT)
    assert current(frozen, AT + 100 * MAX_FREEZE).state is State.FROZEN
    assert thaw(frozen, AT) == Life(State.ACTIVE)
    for end in (thaw, confirm_freeze):
        with pytest.raises(TransitionRefused):
            end(Life(State.ACTIVE), AT)


class LifeMachine(RuleBasedStateMachine):
    """Whatever is tried, a life only goes along its line, with time going forward."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(State.DRAFT)
        self.at = AT
        self.was_active = False
        self.was_frozen = False

    @rule(step=st.sampled_from(Step))
    def take(self, step: Step) -> None:
        before = current(self.life, self.at)
        try:
            self.life = advance(self.life, step, self.at)
        except TransitionRefused:
            assert before.state not in TRANSITIONS[step]
        else:
            assert self.life.state is TRANSITIONS[step][before.state]
            self.was_active |= self.life.state is State.ACTIVE

    @rule(hours=st.integers(1, 72))
    def stop(self, hours: int) -> None:
        try:
            self.life = freeze(self.life, self.at + dt.timedelta(hours=hours), self.at)
        except TransitionRefused:
            assert current(self.life, self.at).state not in FREEZABLE | {State.FROZEN}

    @rule(hours=st.integers(1, 100))
    def wait(self, hours: int) -> None:
        self.at += dt.timedelta(hours=hours)

    @precondition(lambda self: current(self.life, self.at).state is State.FROZEN)
    @rule(end=st.sampled_from([thaw, confirm_freeze]))
    def decide(self, end) -> None:  # noqa: ANN001 - one of two functions
        before = self.life.frozen_from
        self.life = end(self.life, self.at)
        assert before in {self.life.state, self.life.frozen_from}

    @invariant()
    def frozen_remembers_what_it_was(self) -> None:
        assert (self.life.state is State.FROZEN) == (self.life.frozen_from is not None)
        assert self.life.frozen_from is None or self.life.frozen_from in FREEZABLE

    @invariant()
    def nothing_is_deprecated_that_was_never_active(self) -> None:
        if current(self.life, self.at).state is State.DEPRECATED:
            assert self.was_active

    @invariant()
    def nothing_is_retired_that_was_neither_active_nor_stopped(self) -> None:
        self.was_frozen |= self.life.state is State.FROZEN
        if current(self.life, self.at).state is State.RETIRED:
            assert self.was_active or self.was_frozen


TestLifeMachine = LifeMachine.TestCase
