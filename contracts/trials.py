"""What an author's `properties.py` works with: transactions to try, and the contract's answer.

    from hypothesis import given
    from contracts.trials import judge, plans

    @given(plans())
    def property_what_adds_up_is_accepted(tx):
        assert judge(tx) is None

A property is a function whose name begins with `property_` and that Hypothesis drives. It runs
outside of the sandbox, the contract inside: `judge` asks for the verdict. Where properties run,
there are no files, no network and no clock; what they may import is loaded before.
"""

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hypothesis import strategies

from contracts.gates.corruptions import CORRUPTIONS, corrupt
from contracts.gates.generation import MAX_PLAN_COMMANDS, Json, Planner
from contracts.manifest import Effect

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Json", "corrupted", "corruptions", "examples", "judge", "plans", "using"]

Judge = Callable[[Json], str | None]


class _Bench:
    """What the running properties are about; one at a time in a process."""

    def __init__(
        self, judge_one: Judge, accepted: Sequence[Json], effects: Mapping[str, Effect]
    ) -> None:
        self.judge = judge_one
        self.examples = accepted
        self.planner = Planner(accepted, effects)


_benches: list[_Bench] = []


@contextmanager
def using(
    judge_one: Judge, accepted: Sequence[Json], effects: Mapping[str, Effect]
) -> "Iterator[None]":
    """Let `judge` and the strategies be about one contract.

    Args:
        judge_one: returns the code of the verdict; None for accepted.
        accepted: the accepted examples.
        effects: the manifest's commands.
    """
    _benches.append(_Bench(judge_one, accepted, effects))
    try:
        yield
    finally:
        _benches.pop()


def judge(transaction: Json) -> str | None:
    """Return None if the contract accepts `transaction`, otherwise the code of its refusal."""
    return _bench().judge(transaction)


def plans() -> strategies.SearchStrategy[Json]:
    """Return consistent transactions: signed, complete, and adding up.

    They use the standard commands (issue, transfer, cancel, redeem) as far as the manifest has
    them, and rights, issuers and terms of the accepted examples.
    """
    return strategies.tuples(_seeds(), strategies.integers(1, MAX_PLAN_COMMANDS)).map(_plan)


def examples() -> strategies.SearchStrategy[Json]:
    """Return the accepted examples."""
    return _seeds().map(_example)


def corrupted(
    base: strategies.SearchStrategy[Json] | None = None,
) -> strategies.SearchStrategy[tuple[str, Json]]:
    """Return what was changed, and the transaction with that change."""

    def change(drawn: tuple[int, Json]) -> tuple[str, Json]:
        seed, transaction = drawn
        changed = copy.deepcopy(transaction)
        return corrupt(changed, _random(seed)), changed

    return strategies.tuples(_seeds(), base or plans()).map(change)


def corruptions() -> tuple[str, ...]:
    """Return the names of everything that `corrupted` may change."""
    return tuple(CORRUPTIONS)


def _plan(drawn: tuple[int, int]) -> Json:
    seed, most = drawn
    return _bench().planner.plan(_random(seed), most)


def _example(seed: int) -> Json:
    return copy.deepcopy(_random(seed).choice(_bench().examples))


def _bench() -> _Bench:
    if not _benches:
        message = "properties run with `sekisho contract test`, which provides the contract"
        raise LookupError(message)
    return _benches[-1]


def _seeds() -> strategies.SearchStrategy[int]:
    """Return seeds: a transaction from one draw is made forty times faster than from many."""
    return strategies.integers(0, (1 << 64) - 1)


def _random(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - reproducible test data, not a secret
