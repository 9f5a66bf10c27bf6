"""Workers are replaced when they die; nobody gets a verdict because of it."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from contracts.errors import SandboxUnavailable
from contracts.sandbox.pool import Pool, Sandboxed
from contracts.sandbox.process import WorkerProcess
from contracts.sandbox.protocol import Start
from contracts.sandbox.runtime import Runtime
from contracts.sandbox.verdicts import Accepted, OutOfGas, Rejected, Unavailable
from tests.sandbox.conftest import CONSERVING, SMALL, token, transaction

HONEST = Sandboxed(CONSERVING)
LOOP = "def verify(tx):\n    while True: pass"
WRONG = json.dumps(transaction(outputs=[token("INV-B", 1)]))


@pytest.fixture
def two(runtime: Runtime) -> Iterator[Pool]:
    with Pool(runtime, size=2, capacity=2) as pool:
        yield pool


def test_a_batch_keeps_its_order_over_workers(two: Pool):
    batch = [SMALL if number % 3 else WRONG for number in range(200)]
    verdicts = [outcome.verdict for outcome in two.judge(HONEST, batch)]
    assert [type(verdict) for verdict in verdicts] == [
        Accepted if number % 3 else Rejected for number in range(200)
    ]
    assert len(set(verdicts)) == 2


def test_an_empty_batch_is_nothing(two: Pool):
    assert two.judge(HONEST, []) == []


def test_memory_digests_come_on_request(two: Pool):
    asked = two.judge(HONEST, [SMALL, SMALL], want_memory_digest=True)
    assert len(set(asked)) == 1
    assert (asked[0].memory_digest or "").startswith("sha256:")
    assert two.judge(HONEST, [SMALL])[0].memory_digest is None


def test_more_contracts_than_a_worker_keeps_are_loaded_again(two: Pool):
    contracts = [Sandboxed(f"{CONSERVING}\n# {number}") for number in range(5)]
    for _ in range(2):
        for contract in contracts:
            assert isinstance(two.judge(contract, [SMALL])[0].verdict, Accepted)


def test_a_worker_that_forgot_a_contract_is_given_it_again(runtime: Runtime):
    worker = WorkerProcess(Start(runtime.id, str(runtime.folder.parents[1]), 2, 5.0))
    worker._held["k"] = None  # it never had it
    (outcomes,) = worker.judge("k", 10**8, CONSERVING, [SMALL])
    assert isinstance(outcomes[0].verdict, Accepted)
    worker.stop()


def test_an_idle_worker_that_was_killed_is_replaced_without_a_trace(two: Pool):
    for pid in two.pids:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert {type(o.verdict) for o in two.judge(HONEST, [SMALL] * 8)} == {Accepted}
    patience = time.monotonic() + 60
    while len(two.pids) < 2:  # the second starts while the first already judges
        assert time.monotonic() < patience
        time.sleep(0.05)


def children() -> list[int]:
    found = []
    for task in Path("/proc/self/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return found


def test_workers_killed_while_they_start_do_not_shrink_the_pool(runtime: Runtime):
    others = set(children())
    with Pool(runtime, size=2) as pool:
        patience = time.monotonic() + 120
        killed: set[int] = set()
        while len(killed) < 9:  # a pool that shrinks runs out of workers to be killed
            assert time.monotonic() < patience
            for pid in set(children()) - others:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
            threading.Thread(target=pool.judge, args=(HONEST, [SMALL]), daemon=True).start()
            time.sleep(0.2)
        while len(pool.pids) < 2:
            assert time.monotonic() < patience
            time.sleep(0.1)
        verdicts = {type(outcome.verdict) for outcome in pool.judge(HONEST, [SMALL] * 50)}
        assert Accepted in verdicts


def test_a_worker_killed_at_work_loses_one_transaction(runtime: Runtime):
    with Pool(runtime, size=1) as pool:
        pool.judge(HONEST, [SMALL])
        (pid,) = pool.pids
        slow = Sandboxed(LOOP, 200_000_000)
        killer = threading.Timer(0.15, os.kill, (pid, signal.SIGKILL))
        killer.start()
        verdicts = [outcome.verdict for outcome in pool.judge(slow, [SMALL] * 20)]
        killer.join()
        lost = [verdict for verdict in verdicts if isinstance(verdict, Unavailable)]
        assert len(lost) == 1
        assert "try again" in lost[0].reason
        assert verdicts.count(OutOfGas(200_000_000)) == 19
        assert isinstance(pool.judge(HONEST, [SMALL])[0].verdict, Accepted)
        assert pid not in pool.pids


def test_a_worker_killed_among_short_calls_loses_one_transaction_at_most(runtime: Runtime):
    """Outcomes of short calls are sent together: those that were not sent yet are judged again."""
    with Pool(runtime, size=1) as pool:
        pool.judge(HONEST, [SMALL])
        (pid,) = pool.pids
        batch = [SMALL if number % 3 else WRONG for number in range(6_000)]
        killer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
        killer.start()
        verdicts = [outcome.verdict for outcome in pool.judge(HONEST, batch)]
        killer.join()
        assert pid not in pool.pids
        found = [type(verdict) for verdict in verdicts]
        assert found.count(Unavailable) <= 1
        expected = [Accepted if number % 3 else Rejected for number in range(6_000)]
        assert sum(a is not b for a, b in zip(found, expected, strict=True)) <= 1


def test_a_deadline_says_try_again_and_the_worker_goes_on(runtime: Runtime):
    with Pool(runtime, size=1, deadline=0.02) as pool:
        (pid,) = pool.pids
        late = pool.judge(Sandboxed(LOOP, 200_000_000), [SMALL] * 10)
        assert Unavailable in {type(outcome.verdict) for outcome in late}
        assert {type(outcome.verdict) for outcome in late} <= {Unavailable, OutOfGas}
        assert isinstance(pool.judge(HONEST, [SMALL])[0].verdict, Accepted | Unavailable)
        assert pool.pids == (pid,)


def test_a_worker_that_is_stopped_is_killed_and_replaced(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("contracts.sandbox.process._GRACE", 0.5)
    with Pool(runtime, size=1, deadline=0.5) as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        (outcome,) = pool.judge(HONEST, [SMALL])
        assert isinstance(outcome.verdict, Unavailable)
        assert isinstance(pool.judge(HONEST, [SMALL])[0].verdict, Accepted)
        assert pid not in pool.pids


def test_several_threads_share_a_pool(two: Pool):
    found: list[set[type]] = []

    def work() -> None:
        found.append({type(o.verdict) for o in two.judge(HONEST, [SMALL] * 50)})

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{Accepted}] * 6


def test_a_closed_pool_gives_no_verdict(runtime: Runtime):
    pool = Pool(runtime, size=1, spares=0)
    (pid,) = pool.pids
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.judge(HONEST, [SMALL])


def test_a_worker_without_its_runtime_does_not_start(runtime: Runtime):
    start = Start("sha256:" + "0" * 64, str(runtime.folder.parents[1]), 2, 5.0)
    with pytest.raises(SandboxUnavailable, match="did not start"):
        WorkerProcess(start)


def test_a_pool_says_when_no_worker_is_left(runtime: Runtime, monkeypatch: pytest.MonkeyPatch):
    with Pool(runtime, size=1, spares=0) as pool:
        assert pool.alive()
        monkeypatch.setattr(pool, "_new_worker", _no_worker)
        os.kill(pool.pids[0], signal.SIGKILL)
        judging = threading.Thread(target=pool.judge, args=(HONEST, [SMALL]), daemon=True)
        judging.start()
        _within(10.0, lambda: not pool.alive())
        monkeypatch.undo()
        _within(10.0, pool.alive)
        judging.join(30.0)
        assert isinstance(pool.judge(HONEST, [SMALL])[0].verdict, Accepted)
    assert not pool.alive()


def _no_worker(_number: int = 0) -> WorkerProcess:
    raise SandboxUnavailable("none can be started")


def _within(seconds: float, holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)
