"""One worker process, seen from the pool: started, asked, watched, killed."""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import msgspec

from contracts.errors import SandboxUnavailable
from contracts.sandbox import protocol
from contracts.sandbox.jail import Layer
from contracts.sandbox.verdicts import Outcome

_START_SECONDS = 60.0
_GRACE = 2.0  # seconds over the deadline before a silent worker is killed
_COMPLAINT_LIMIT = 2_000  # bytes of what a worker that did not start has written


class WorkerLost(Exception):
    """The worker died, overran, or said something that is not an answer."""


class WorkerProcess:
    """A worker process.

    Args:
        start: what it is to become.

    Raises:
        SandboxUnavailable: it did not come up.
    """

    def __init__(self, start: protocol.Start) -> None:
        self._start = start
        self._held: OrderedDict[str, None] = OrderedDict()  # what it should have loaded
        ours, theirs = socket.socketpair()
        ours.settimeout(_START_SECONDS)
        self._channel = protocol.Channel(ours)
        with tempfile.TemporaryFile() as complaint, theirs:
            self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter, fixed arguments
                [sys.executable, "-I", "-m", "contracts.sandbox.worker", str(theirs.fileno())],
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaint,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
            theirs.close()
            self.layers = self._greet(complaint.fileno())
        ours.settimeout(start.deadline + _GRACE)

    def _greet(self, complaint: int) -> tuple[Layer, ...]:
        try:
            self._channel.send(self._start)
            answer = self._channel.receive()
        except OSError as error:
            self.kill()
            with open(complaint, "rb", closefd=False) as file:
                file.seek(0)
                said = file.read()[-_COMPLAINT_LIMIT:].decode(errors="replace")
            raise SandboxUnavailable(f"a worker did not start: {error} {said}") from error
        if isinstance(answer, protocol.Ready):
            return answer.layers
        self.kill()
        reason = answer.reason if isinstance(answer, protocol.Failed) else type(answer).__name__
        raise SandboxUnavailable(f"a worker did not start: {reason}")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def holds(self, contract: str) -> bool:
        """Return whether it should have that contract loaded."""
        return contract in self._held

    def judge(
        self,
        contract: str,
        gas_limit: int,
        source: str,
        transactions: Sequence[str],
        *,
        want_memory_digest: bool = False,
        at_once: bool = False,
    ) -> Iterator[Sequence[Outcome]]:
        """Yield one outcome for each transaction, some together, as they come.

        Raises:
            WorkerLost: it is gone; the transaction that is next got no answer.
        """
        known = contract in self._held
        ask = protocol.Judge(
            contract,
            gas_limit,
            "" if known else source,
            tuple(transactions),
            want_memory_digest,
            at_once,
        )
        try:
            self._channel.send(ask)
            first = self._channel.receive()
            if isinstance(first, protocol.Missing) and known:
                self._channel.send(msgspec.structs.replace(ask, source=source))
                first = self._channel.receive()
            yield from self._outcomes(first, contract, len(transactions))
        except OSError as error:
            raise WorkerLost(str(error) or type(error).__name__) from error

    def _outcomes(
        self, first: protocol.Message, contract: str, count: int
    ) -> Iterator[Sequence[Outcome]]:
        answer = first
        if isinstance(answer, protocol.NotLoaded):
            yield [Outcome(answer.verdict)] * count
            return
        self._remember(contract)
        while count:
            if not isinstance(answer, protocol.Judged) or not 0 < len(answer.outcomes) <= count:
                raise WorkerLost(f"expected outcomes, got {type(answer).__name__}")
            yield answer.outcomes
            count -= len(answer.outcomes)
            if count:
                answer = self._channel.receive()

    def _remember(self, contract: str) -> None:
        self._held[contract] = None
        self._held.move_to_end(contract)
        while len(self._held) > self._start.capacity:
            self._held.popitem(last=False)

    def alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self._channel.connection.close()
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it end by itself, kill it if it does not."""
        with contextlib.suppress(OSError):
            self._channel.connection.shutdown(socket.SHUT_RDWR)
        until = time.monotonic() + _GRACE
        while self.alive() and time.monotonic() < until:
            time.sleep(0.005)
        self.kill()
