"""Ways to break a running server, and how to wait until it has recovered by itself."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx

from ledger.database import connect, reading
from ledger.log.store import last_checkpoint, log_size
from tests.http.network import Served
from tests.load.traffic import Traffic

TIMES = int(os.environ.get("SEKISHO_FAULTS", "5"))
"""How many times each thing is broken; the issue of a long run is 100."""

PAUSE = (0.0, 0.5)
"""Seconds from the first payments after a fault to the next fault, at random."""

RECOVERY = 180.0
"""Seconds within which every client pays again after a fault, on a busy machine."""

READY_IN_A_ROW = 10
"""Answers, each on a new connection: every API process has a say."""

Breaker = Callable[[Served], None]


def descendants(pid: int) -> list[int]:
    """Return the processes below one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def sandboxes(served: Served) -> list[int]:
    """Return the sandbox processes of every API process."""
    return [pid for worker in served.process.workers() for pid in descendants(worker)]


def send_signal(number: signal.Signals, found: list[int]) -> int | None:
    """Send a signal to one of these processes; return its id."""
    if found:
        with suppress(ProcessLookupError):
            os.kill(victim := random.choice(found), number)
            return victim
    return None


def kill_worker(served: Served) -> None:
    """An API process dies, with the committer, and perhaps the publisher, in it."""
    send_signal(signal.SIGKILL, served.process.workers())


def kill_publisher(served: Served) -> None:
    """The API process dies that publishes the log; another takes its turn."""
    give_up = time.monotonic() + RECOVERY
    while not (found := publishers(served)):
        assert time.monotonic() < give_up, "nobody publishes the log any more"
        time.sleep(0.05)
    send_signal(signal.SIGKILL, found)


def publishers(served: Served) -> list[int]:
    """Return which of the API processes hold the lock of the log's publisher: one at most."""
    lock = (served.settings.data_dir / "log" / "last-checkpoint.lock").stat().st_ino
    held = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    holders = {int(words[-4]) for words in held if words[-3].endswith(f":{lock}")}
    return [pid for pid in served.process.workers() if pid in holders]


def kill_supervisor(served: Served) -> None:
    """The process dies that replaces the others; they end by themselves, it is started again."""
    supervisor = served.process._process
    assert supervisor is not None
    supervisor.kill()
    supervisor.wait()
    served.process.start()


def kill_sandbox(served: Served) -> None:
    """A sandbox process dies."""
    send_signal(signal.SIGKILL, sandboxes(served))


def freeze_sandbox(served: Served) -> None:
    """A sandbox process is stuck: it takes work and never answers; its deadline kills it."""
    send_signal(signal.SIGSTOP, sandboxes(served))


def slow_sandbox(served: Served) -> None:
    """A sandbox process is slow: it stops for a moment, and goes on."""
    victim = send_signal(signal.SIGSTOP, sandboxes(served))
    time.sleep(0.4)
    if victim is not None:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGCONT)


def kill_everything(served: Served) -> None:
    """Every process of the server dies at once, as in a power cut; it is started again."""
    served.process.kill()
    served.process.start()


def stop_and_start(served: Served) -> None:
    """The server is stopped in good order under load: nothing committed stays unpublished."""
    served.process.stop()
    engine = connect(served.settings.database)
    with reading(engine) as session:
        shown = last_checkpoint(session)
        assert shown is not None
        assert shown.size == log_size(session)
    engine.dispose()
    served.process.start()


def break_under_load(
    served: Served, breaker: Breaker, times: int = TIMES, forgiven: tuple[str, ...] = ()
) -> Traffic:
    """Break something many times under traffic; check that nothing is lost, nothing is twice."""
    with Traffic(served, forgiven=forgiven) as traffic:
        for _ in range(times):
            time.sleep(random.uniform(*PAUSE))
            breaker(served)
            wait_until_all_pay(traffic)
        wait_until_ready(served)
    traffic.check()
    return traffic


def wait_until_all_pay(traffic: Traffic) -> None:
    """Wait until every client got a receipt since now, so that the next fault meets all at work."""
    give_up = time.monotonic() + RECOVERY
    for lane in traffic.lanes:
        before = len(lane.tally.acknowledged)
        while len(lane.tally.acknowledged) == before:
            assert lane.failure is None, lane.failure
            assert time.monotonic() < give_up, f"{lane.name} does not pay any more"
            time.sleep(0.02)


def wait_until_ready(served: Served) -> None:
    """Wait until every process answers that it is ready."""
    good, give_up = 0, time.monotonic() + RECOVERY
    while good < READY_IN_A_ROW:
        assert time.monotonic() < give_up, "the server does not become ready"
        with suppress(httpx.TransportError):
            answer = httpx.get(f"{served.settings.url}/health/ready", timeout=10.0)
            good = good + 1 if answer.status_code == httpx.codes.OK else 0
        time.sleep(0.05)
