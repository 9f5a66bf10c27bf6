"""The life of a contract version: which state follows which, and nothing else.

    draft -> gated -> proposed -> approved -> scheduled -> active -> deprecated -> retired

`frozen` stands beside `approved`, `scheduled`, `active` and `deprecated`: an emergency that ends
by itself. When it expires the version is again what it was, unless a vote has decided otherwise.
A frozen version may be retired as it is. A deprecated version may be approved anew, which is what
a rollback is. Pure: time is passed in.
"""

import datetime as dt
from enum import StrEnum

import msgspec

from contracts.errors import TransitionRefused


class State(StrEnum):
    """Where a contract version is in its life."""

    DRAFT = "draft"
    GATED = "gated"
    PROPOSED = "proposed"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"
    FROZEN = "frozen"


class Step(StrEnum):
    """What moves a version on."""

    PASS_GATES = "pass_gates"  # noqa: S105 - a step, not a secret
    FAIL_GATES = "fail_gates"
    REOPEN = "reopen"
    PROPOSE = "propose"
    WITHDRAW = "withdraw"
    APPROVE = "approve"
    SCHEDULE = "schedule"
    ACTIVATE = "activate"
    DEPRECATE = "deprecate"
    RETIRE = "retire"


class Life(msgspec.Struct, frozen=True):
    """The state of one version.

    Args:
        state: where it is; while a freeze runs, `frozen`.
        frozen_from: what it was before the freeze; None when not frozen.
        frozen_until: when the freeze ends by itself, UTC; None for one that a vote confirmed.
    """

    state: State
    frozen_from: State | None = None
    frozen_until: dt.datetime | None = None


TRANSITIONS: dict[Step, dict[State, State]] = {
    Step.PASS_GATES: {State.DRAFT: State.GATED},
    Step.FAIL_GATES: {State.DRAFT: State.DRAFT},
    Step.REOPEN: {State.GATED: State.DRAFT},
    Step.PROPOSE: {State.GATED: State.PROPOSED},
    Step.WITHDRAW: {State.PROPOSED: State.GATED, State.APPROVED: State.GATED},
    Step.APPROVE: {State.PROPOSED: State.APPROVED, State.DEPRECATED: State.APPROVED},
    Step.SCHEDULE: {State.APPROVED: State.SCHEDULED},
    Step.ACTIVATE: {State.SCHEDULED: State.ACTIVE},
    Step.DEPRECATE: {State.ACTIVE: State.DEPRECATED},
    Step.RETIRE: {State.DEPRECATED: State.RETIRED, State.FROZEN: State.RETIRED},
}
"""Every transition that there is; what is not here is refused."""

FREEZABLE = frozenset({State.APPROVED, State.SCHEDULED, State.ACTIVE, State.DEPRECATED})
"""From where a version can be frozen."""

MAX_FREEZE = dt.timedelta(hours=72)
"""The longest freeze without a vote (design: governance)."""

IN_USE = frozenset({State.APPROVED, State.SCHEDULED, State.ACTIVE, State.DEPRECATED, State.FROZEN})
"""In which states a version judges transactions, or may soon."""


def current(life: Life, at: dt.datetime) -> Life:
    """Return `life` as it is at the time `at`: a freeze that has expired is over."""
    if life.frozen_until is None or life.frozen_from is None or at < life.frozen_until:
        return life
    return Life(life.frozen_from)


def advance(life: Life, step: Step, at: dt.datetime) -> Life:
    """Return the life after `step`.

    Raises:
        TransitionRefused: the step does not lead on from the state at `at`.
    """
    now = current(life, at)
    target = TRANSITIONS[step].get(now.state)
    if target is None:
        allowed = ", ".join(sorted(TRANSITIONS[step]))
        raise TransitionRefused(f"cannot {step} from {now.state}; possible from {allowed}")
    return Life(target)


def freeze(life: Life, until: dt.datetime, at: dt.datetime) -> Life:
    """Return the life frozen until `until`; a running freeze may be lengthened by a new one.

    Raises:
        TransitionRefused: the state cannot be frozen, or `until` is past or too far away.
    """
    now = current(life, at)
    if not at < until <= at + MAX_FREEZE:
        raise TransitionRefused(
            f"a freeze ends after it begins and within {MAX_FREEZE}; got {until.isoformat()}"
        )
    before = now.frozen_from if now.state is State.FROZEN else now.state
    if before not in FREEZABLE:
        raise TransitionRefused(
            f"cannot freeze from {now.state}; possible from {', '.join(sorted(FREEZABLE))}"
        )
    return Life(State.FROZEN, before, until)


def confirm_freeze(life: Life, at: dt.datetime) -> Life:
    """Return the life frozen until a decision ends it.

    Raises:
        TransitionRefused: it is not frozen.
    """
    now = current(life, at)
    if now.frozen_from is None:
        raise TransitionRefused(f"cannot confirm a freeze from {now.state}; it is not frozen")
    return Life(State.FROZEN, now.frozen_from)


def thaw(life: Life, at: dt.datetime) -> Life:
    """Return the life with a running freeze ended by a decision.

    Raises:
        TransitionRefused: it is not frozen.
    """
    now = current(life, at)
    if now.frozen_from is None:
        raise TransitionRefused(f"cannot thaw from {now.state}; it is not frozen")
    return Life(now.frozen_from)
