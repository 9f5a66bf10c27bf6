"""Runs an author's properties in a process of their own and answers its questions."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from contracts.gates.corpus import accepted_examples
from contracts.gates.property_process import (
    FILE,
    Answer,
    Ask,
    Done,
    PropertyResult,
    Start,
    receive,
    send,
)
from contracts.gates.subjects import NodeUnavailable
from contracts.packages import Package

LIMIT = 180.0
"""Seconds that all properties of a package may take together."""

MAX_QUESTIONS = 200_000
"""The most transactions that properties may have judged in one run."""

ENDING_SECONDS = 5.0
"""How long a process whose socket is closed may take to be gone."""


def run_properties(
    package: Package,
    judge: Callable[[str], str | None],
    *,
    seed: int,
    count: int,
    limit: float = LIMIT,
) -> tuple[PropertyResult, ...]:
    """Return how each property fared.

    Args:
        package: whose `properties.py` runs.
        judge: returns the code of the verdict on a transaction; None for accepted.
        seed: what Hypothesis draws from.
        count: how many examples it makes for each property.
        limit: seconds; a run that takes longer has failed.

    Raises:
        NodeUnavailable: the process was killed, by the system or by somebody: this says nothing
            about the package.
    """
    start = Start(
        source=package.properties,
        examples=tuple(accepted_examples(package)),
        effects=dict(package.manifest.commands),
        seed=seed,
        count=count,
    )
    ours, theirs = socket.socketpair()
    with ours:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
            [sys.executable, "-I", "-m", "contracts.gates.property_process", str(theirs.fileno())],
            env={"PYTHONHASHSEED": "0", "PATH": os.defpath},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        try:
            return _serve(ours, start, judge, time.monotonic() + limit)
        except OSError as error:
            if _was_killed(process, error):
                raise NodeUnavailable("the process of the properties was killed") from error
            said = f"did not come to an end: {type(error).__name__}: {error}"
            return (PropertyResult(FILE, False, said),)
        finally:
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()


def _was_killed(process: subprocess.Popen[bytes], error: OSError) -> bool:
    """Whether somebody else killed it; its jail ends it by other signals."""
    if isinstance(error, TimeoutError):
        return False
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(ENDING_SECONDS) == -signal.SIGKILL
    return False


def _serve(
    connection: socket.socket,
    start: Start,
    judge: Callable[[str], str | None],
    until: float,
) -> tuple[PropertyResult, ...]:
    connection.settimeout(max(0.01, until - time.monotonic()))
    send(connection, start)
    for _ in range(MAX_QUESTIONS):
        connection.settimeout(max(0.01, until - time.monotonic()))
        message = receive(connection)
        if isinstance(message, Done):
            return message.results
        if not isinstance(message, Ask):
            raise ConnectionError("it said something that is no question")
        send(connection, Answer(judge(message.transaction)))
    raise ConnectionError(f"more than {MAX_QUESTIONS} transactions were judged")
