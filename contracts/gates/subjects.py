"""What a gate judges, what it judges by, and what it answers."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from contracts.gates.requirements import Requirements
from contracts.packages import Package
from contracts.sandbox.engine import Instance, load
from contracts.sandbox.machine import Generator, Machine
from contracts.sandbox.runtime import Runtime
from ledger.verification import Accepted, OutOfGas, Rejected, Unavailable, Verdict
from policies.errors import Fault

Json = dict[str, Any]
Progress = Callable[[str, int, int], None]
"""Is told the gate's name, how much is done, and how much there is."""

OUT_OF_GAS = "OUT_OF_GAS"
"""What `code_of` calls the verdict of a contract that used up its gas."""


class Recorded(msgspec.Struct, frozen=True):
    """A transaction of the ledger: its TxID (hex) and its JSON as the predecessor saw it."""

    txid: str
    transaction: str


History = Callable[[], Iterator[Recorded]]
"""Returns all recorded transactions of the predecessor, oldest first."""


class GateResult(msgspec.Struct, frozen=True):
    """What a gate answers.

    Args:
        gate: the gate's name.
        passed: whether the version may go on.
        summary: one sentence for people.
        faults: every reason why it may not.
        details: numbers and examples; the same for the same inputs on every machine.
    """

    gate: str
    passed: bool
    summary: str
    faults: tuple[Fault, ...] = ()
    details: dict[str, Any] = {}


class NodeUnavailable(Exception):
    """This node could not judge in time: the gate has no result and is to be run again."""


class GasSpent(Exception):
    """A gate has used all the gas that it may use on one package."""


class GasMeter:
    """Adds up what a gate uses on one package, so that none keeps the registry busy for ever.

    Args:
        most: units of wasm fuel; no limit if None.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._used = 0
        self._lock = threading.Lock()

    def add(self, gas: int) -> None:
        """Note gas that was used.

        Raises:
            GasSpent: it is more than the gate may use.
        """
        with self._lock:
            self._used += gas
        if self._most is not None and self._used > self._most:
            raise GasSpent(f"it would use more than {self._most} gas; make the contract cheap")


@dataclass(frozen=True)
class Subject:
    """A package on its way through the gates.

    Args:
        package: what is judged.
        runtime: under which it runs.
        machines: one `Machine` for each code generator, made at the first use.
        requirements: those of its risk class.
        seed: what everything generated follows from.
        predecessor: the package in force, if there is one.
        history: recorded transactions of the predecessor.
        progress: is told how far a gate is.
        meter: limits the gas of one gate.
    """

    package: Package
    runtime: Runtime
    machines: "Machines"
    requirements: Requirements
    seed: int = 0
    predecessor: Package | None = None
    history: History = field(default=lambda: iter(()))
    progress: Progress = field(default=lambda _gate, _done, _total: None)
    meter: GasMeter = field(default_factory=GasMeter)

    def load(self, source: str | None = None, *, generator: Generator | None = None) -> Instance:
        """Load the package's contract, or another source, under the package's gas limit.

        Raises:
            LoadRefused: the source does not load.
            GasSpent: all the gas that the gate may use is used up.
        """
        machine = self.machines.of(self.runtime, generator or Generator.OPTIMISED)
        text = self.package.source if source is None else source
        instance = load(machine, text, self.package.manifest.gas_limit, used=self.meter.add)
        self.meter.add(instance.load_gas)
        return instance


class Machines:
    """Machines by runtime and code generator, kept: making one takes time."""

    def __init__(self, progress: Callable[[str], None] | None = None) -> None:
        self._made: dict[tuple[str, Generator], Machine] = {}
        self._progress = progress

    def of(self, runtime: Runtime, generator: Generator) -> Machine:
        """Return the machine."""
        key = (runtime.id, generator)
        if key not in self._made:
            self._made[key] = Machine(runtime, generator, progress=self._progress)
        return self._made[key]

    def close(self) -> None:
        """Stop every machine."""
        for machine in self._made.values():
            machine.close()
        self._made.clear()


def verdict_of(instance: Instance, transaction: str) -> Verdict:
    """Return the verdict.

    Raises:
        NodeUnavailable: this node could not judge.
    """
    verdict = instance.verify(transaction).verdict
    if isinstance(verdict, Unavailable):
        raise NodeUnavailable(verdict.reason)
    return verdict


def code_of(verdict: Verdict) -> str | None:
    """Return None for accepted, the rejection's code, or `OUT_OF_GAS`."""
    match verdict:
        case Accepted():
            return None
        case Rejected():
            return verdict.code
        case OutOfGas():
            return OUT_OF_GAS


def judged(instance: Instance, transaction: str) -> str | None:
    """Return the code of the verdict on `transaction`; None means accepted."""
    return code_of(verdict_of(instance, transaction))
