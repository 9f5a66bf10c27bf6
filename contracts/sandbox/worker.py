"""The process that judges: jailed, with one socket, a few loaded contracts and a spare instance.

Started as `python -I -m contracts.sandbox.worker DESCRIPTOR` by the pool. The main thread keeps
the clock of deadlines; everything else happens on one thread with a deep stack.
"""

import contextlib
import os
import select
import socket
import sys
import threading
import time
from collections import OrderedDict
from pathlib import Path

from contracts.errors import ContractError, LoadRefused, SandboxUnavailable
from contracts.sandbox import jail, protocol
from contracts.sandbox.engine import Instance
from contracts.sandbox.machine import DEEP_STACK, Body, Machine, tick_for_ever
from contracts.sandbox.memory import Reset, scanner
from contracts.sandbox.runtime import find
from contracts.sandbox.verdicts import Outcome, Unavailable

_IDLE = 20  # milliseconds without work after which a spare instance is made
_HOLD = 0.005  # seconds that an outcome may wait for others, to be sent with them
_EXERCISE = (  # every path once before the jail closes, so that nothing is imported inside
    "def verify(tx): pass",
    "def verify(tx): raise ValueError(1)",
    "def verify(tx):\n    while True: pass",
    "def verify(",
    "while True: pass",
)
_EMPTY = (
    '{"contract":{"name":"","version":""},"registered_at":"","inputs":[],"outputs":[],'
    '"commands":[],"signers":{"investors":[],"members":[]},'
    '"facts":{"session":"","rights":{},"cancelled":{}}}'
)


class Worker:
    """Serves one connection.

    Args:
        channel: to the pool.
        machine: the runtime.
        start: what the pool asked for.
    """

    def __init__(self, channel: protocol.Channel, machine: Machine, start: protocol.Start) -> None:
        self._channel = channel
        self._machine = machine
        self._capacity = start.capacity
        self._deadline = start.deadline
        self._loaded: OrderedDict[str, Instance] = OrderedDict()
        self._spare: Body | None = None

    def serve(self) -> None:
        """Answer until the pool is gone."""
        self._prepare_spare()
        while True:
            if self._spare is None:
                waiting = select.select([self._channel.connection], [], [], _IDLE / 1000)[0]
                if not waiting:
                    self._prepare_spare()
            message = self._channel.receive()
            if not isinstance(message, protocol.Judge):
                raise ConnectionError(f"a worker judges, it does not {type(message).__name__}")
            self._answer(message)

    def _prepare_spare(self) -> None:
        if self._machine.reset is not Reset.FRESH:
            with contextlib.suppress(SandboxUnavailable):  # it goes without: only a start is slower
                self._spare = self._machine.instantiate()
                self._spare.snapshot()

    def _answer(self, message: protocol.Judge) -> None:
        try:
            instance = self._instance(message)
        except LoadRefused as refused:
            return self._channel.send(protocol.NotLoaded(refused.verdict))
        except SandboxUnavailable as late:
            outcomes = (Outcome(Unavailable(str(late))),) * len(message.transactions)
            return self._channel.send(protocol.Judged(outcomes))
        if instance is None:
            return self._channel.send(protocol.Missing())
        return self._judge(instance, message)

    def _judge(self, instance: Instance, message: protocol.Judge) -> None:
        """Judge in order, and send the outcomes of short calls together.

        Sending each by itself wakes the pool each time, which on a shared core costs as much as
        half a small verification.
        """
        hold = 0.0 if message.at_once else _HOLD
        outcomes: list[Outcome] = []
        sent = time.monotonic()
        for transaction in message.transactions:
            outcomes.append(instance.judge(transaction, message.want_memory_digest))
            if time.monotonic() - sent >= hold:
                self._channel.send(protocol.Judged(tuple(outcomes)))
                outcomes.clear()
                sent = time.monotonic()
        if outcomes:
            self._channel.send(protocol.Judged(tuple(outcomes)))

    def _instance(self, message: protocol.Judge) -> Instance | None:
        """Return the loaded contract, loading it when its source came along."""
        found = self._loaded.get(message.contract)
        if found is not None:
            self._loaded.move_to_end(message.contract)
            return found
        if not message.source:
            return None
        while len(self._loaded) >= self._capacity:
            self._loaded.popitem(last=False)[1].close()
        spare, self._spare = self._spare, None
        instance = Instance(
            self._machine,
            message.source,
            message.gas_limit,
            deadline=self._deadline,
            spare=spare,
        )
        self._loaded[message.contract] = instance
        return instance


def _exercise(machine: Machine) -> None:
    for source in _EXERCISE:
        try:
            instance = Instance(machine, source, 10_000_000)
        except LoadRefused:
            continue
        for transaction in (_EMPTY, _EMPTY, ""):
            instance.judge(transaction)
        instance.close()


def _run(
    channel: protocol.Channel, machine: Machine, start: protocol.Start, held: list[jail.Layer]
) -> None:
    """Live on the deep thread, and end the process with it."""
    try:
        _exercise(machine)
        layers = (*held, jail.enter_threads())
        channel.send(protocol.Ready(layers))
        Worker(channel, machine, start).serve()
    except OSError:
        os._exit(0)  # the pool is gone, or it closed the connection: nobody is left to tell
    finally:
        os._exit(1)


def main() -> None:
    """Become a worker on the socket that the first argument names."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    channel = protocol.Channel(connection)
    start = channel.receive()
    if not isinstance(start, protocol.Start):
        raise ConnectionError("expected to be started")
    try:
        runtime = find(start.runtime_id, Path(start.cache))
        if runtime is None:
            raise FileNotFoundError(start.runtime_id)
        machine = Machine(runtime, ticking=False)
    except (ContractError, OSError) as error:
        channel.send(protocol.Failed(str(error)))
        return
    keep = {connection.fileno()}
    if machine.reset is Reset.SCAN:
        keep.add(scanner().descriptor)
    layers = list(jail.enter_alone(keep))
    threading.stack_size(DEEP_STACK)
    threading.Thread(target=_run, args=(channel, machine, start, layers), daemon=True).start()
    tick_for_ever(machine.engine)


if __name__ == "__main__":
    main()
