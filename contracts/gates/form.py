"""Gate `form`: the package is complete, its manifest valid, its files readable and in bounds."""

from contracts.gates.subjects import GateResult, Subject
from contracts.packages import form

NAME = "form"


def run(subject: Subject) -> GateResult:
    """Judge the files again, as they are stored."""
    package = subject.package
    _, faults = form(package.files)
    size = sum(len(data) for data in package.files.values())
    return GateResult(
        NAME,
        not faults,
        f"{len(package.files)} files, {size} bytes, {len(faults)} fault(s)",
        tuple(faults),
        {"files": len(package.files), "bytes": size, "digest": package.digest},
    )
