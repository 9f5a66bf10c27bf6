"""Running the gates of a package, in order, each to its result.

The first gates are cheap and everything after them depends on them: a package that is not in
form, or whose contract does not load, goes no further. Otherwise every gate runs, so that an
author sees everything at once.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType

from contracts.evidence import GateStatement
from contracts.gates import (
    behaviour,
    bounds,
    determinism,
    examples,
    form,
    lint,
    mutation,
    properties,
    replay,
    types,
)
from contracts.gates.subjects import GasMeter, GasSpent, GateResult, NodeUnavailable, Subject
from contracts.sandbox.verdicts import showable
from policies.errors import Fault

Gate = Callable[[Subject], GateResult]


def _gates(*modules: ModuleType) -> Mapping[str, Gate]:
    return {module.NAME: module.run for module in modules}


GATES: Mapping[str, Gate] = _gates(
    form,
    lint,
    types,
    examples,
    determinism,
    bounds,
    properties,
    mutation,
    replay,
    behaviour,
)
"""Every gate by its name."""

STOP_AFTER = frozenset({"form", "examples"})
"""If one of these fails, the gates after it say nothing of worth and do not run."""


def run_gates(
    subject: Subject, *, known: Mapping[str, GateStatement] | None = None
) -> Iterator[GateResult]:
    """Yield the result of each gate that the risk class asks for, as it comes.

    Args:
        subject: the package and what it is judged by.
        known: what gates found before under the same conditions; they do not run again.

    Raises:
        NodeUnavailable: this machine could not judge; run again.
    """
    stopped = False
    for name in subject.requirements.gates:
        if stopped:
            return
        subject.progress(name, 0, 0)
        if known is not None and name in known:
            result = _found(known[name])
        else:
            result = run_gate(name, subject)
        stopped = name in STOP_AFTER and not result.passed
        yield result


def run_gate(name: str, subject: Subject) -> GateResult:
    """Run one gate, within its gas; a package that a gate cannot digest does not pass it.

    Raises:
        NodeUnavailable: this machine could not judge; run again.
    """
    metered = dataclasses.replace(subject, meter=GasMeter(subject.requirements.gas_at_most))
    try:
        return GATES[name](metered)
    except (NodeUnavailable, OSError):
        raise
    except GasSpent as spent:
        return GateResult(name, False, str(spent), (Fault("package", str(spent)),))
    except Exception as error:  # noqa: BLE001 - a stranger's package may bring up anything
        said = f"the gate cannot judge this package: {type(error).__name__}: {error}"
        return GateResult(name, False, "cannot be judged", (Fault("package", showable(said)),))


def passed(subject: Subject, results: list[GateResult]) -> bool:
    """Return whether every gate that is asked for has run and passed."""
    good = {result.gate for result in results if result.passed}
    return set(subject.requirements.gates) <= good


def _found(statement: GateStatement) -> GateResult:
    made = statement.predicate
    return GateResult(made.gate, made.passed, made.summary, made.faults, made.details)
