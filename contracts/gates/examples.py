"""Gate `examples`: the contract does what its author shows, and the author shows every refusal.

Passes when every accepted example is accepted, every rejected one is rejected with its code,
every code in the source has an example, and every command of the manifest is accepted somewhere.
"""

import ast

import msgspec

from contracts.errors import LoadRefused
from contracts.gates.subjects import GateResult, Subject, code_of, verdict_of
from contracts.packages import SOURCE, Example
from ledger.verification import Accepted, OutOfGas, Rejected, Verdict
from policies.errors import Fault

NAME = "examples"


def run(subject: Subject) -> GateResult:
    """Judge every example, and look for what has none."""
    examples = subject.package.examples()
    faults = missing(subject, examples)
    try:
        instance = subject.load()
    except LoadRefused as refused:
        faults.append(Fault(SOURCE, f"does not load: {refused}"))
        return GateResult(NAME, False, "the contract does not load", tuple(faults))
    try:
        for number, example in enumerate(examples):
            subject.progress(NAME, number, len(examples))
            if fault := compare(example, verdict_of(instance, example.transaction)):
                faults.append(fault)
    finally:
        instance.close()
    accepted = sum(example.code is None for example in examples)
    return GateResult(
        NAME,
        not faults,
        f"{accepted} accepted and {len(examples) - accepted} rejected examples,"
        f" {len(faults)} fault(s)",
        tuple(faults),
        {"accepted": accepted, "rejected": len(examples) - accepted},
    )


def compare(example: Example, verdict: Verdict) -> Fault | None:
    """Return what is wrong with the verdict on an example, or None."""
    got = code_of(verdict)
    if got == example.code:
        return None
    wanted = "accepted" if example.code is None else f"rejected with {example.code}"
    return Fault(example.name, f"{_told(verdict)}; expected to be {wanted}")


def _told(verdict: Verdict) -> str:
    match verdict:
        case Accepted():
            return "is accepted"
        case Rejected():
            return f"is rejected with {verdict.code} at line {verdict.line}: {verdict.message}"
        case OutOfGas():
            return f"runs out of gas after {verdict.gas}"


def missing(subject: Subject, examples: list[Example]) -> list[Fault]:
    """Return a fault for each code without a rejected and each command without an accepted one."""
    shown = {example.code for example in examples}
    faults = [
        Fault(SOURCE, f"{code} has no example; add examples/rejected/{code}-<name>.json", line)
        for code, line in sorted(codes_in(subject.package.source).items())
        if code not in shown
    ]
    done = {
        command.get("transfer_type")
        for example in examples
        if example.code is None
        for command in msgspec.json.decode(example.transaction).get("commands", ())
    }
    faults += [
        Fault("contract.toml", f"no accepted example has a command of type {kind}")
        for kind in sorted(subject.package.manifest.commands)
        if kind not in done
    ]
    return faults


def codes_in(source: str) -> dict[str, int]:
    """Return every code that the source raises, with the first line that does."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and _is_rejected(node.func):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.setdefault(first.value, first.lineno)
    return found


def _is_rejected(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr == "Rejected"
    return isinstance(function, ast.Name) and function.id == "Rejected"
