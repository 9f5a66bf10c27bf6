"""Ways to break a running server, and how to wait until it has recovered by itself."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx

from tests.http.network import Served
from tests.load.traffic import Traffic

TIMES = int(os.environ.get("SEKISHO_FAULTS", "5"))
"""How many times each thing is broken; the issue of a long run is 100."""

PAUSE = (0.2, 1.0)
"""Seconds between two faults, at random."""

RECOVERY = 60.0
"""Seconds within which a server is ready again after the last fault."""

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


def break_under_load(
    served: Served, breaker: Breaker, times: int = TIMES, forgiven: tuple[str, ...] = ()
) -> Traffic:
    """Break something many times under traffic; check that nothing is lost, nothing is twice."""
    with Traffic(served, forgiven=forgiven) as traffic:
        for _ in range(times):
            time.sleep(random.uniform(*PAUSE))
            before = len(traffic.acknowledged)
            breaker(served)
        wait_until_ready(served)
        give_up = time.monotonic() + RECOVERY
        while len(traffic.acknowledged) <= before:
            assert time.monotonic() < give_up, "no payment goes through any more"
            time.sleep(0.1)
    traffic.check()
    return traffic


def wait_until_ready(served: Served) -> None:
    """Wait until every process answers that it is ready."""
    good, give_up = 0, time.monotonic() + RECOVERY
    while good < READY_IN_A_ROW:
        assert time.monotonic() < give_up, "the server does not become ready"
        with suppress(httpx.TransportError):
            answer = httpx.get(f"{served.settings.url}/health/ready", timeout=10.0)
            good = good + 1 if answer.status_code == httpx.codes.OK else 0
        time.sleep(0.05)
