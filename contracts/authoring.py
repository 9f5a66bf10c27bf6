"""The author's tools: begin a contract, check it as the registry will, see what a change changes.

new("my_token", Path("my_token"), owner="trust-a")
report = check(Path("my_token"))
print(report.text())
"""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from contracts.archives import read_folder
from contracts.errors import PackageInvalid, RuntimeUnknown
from contracts.gates import behaviour, examples, form, lint, properties
from contracts.gates.comparison import Difference
from contracts.gates.requirements import Requirements, shipped_requirements
from contracts.gates.subjects import GateResult, Machines, Progress, Recorded, Subject
from contracts.gating import GATES, passed, run_gates
from contracts.jobs import seed_of
from contracts.manifest import Manifest
from contracts.packages import Package, make_package
from contracts.packages import form as form_of
from contracts.sandbox import runtime as runtimes
from contracts.sandbox.runtime import Runtime
from policies.errors import Fault

TEMPLATE = Path(__file__).parent / "shipped" / "beneficial_right"
SHIPPED = Path(__file__).parent / "shipped"


def _silent(_gate: str, _done: int, _total: int) -> None:
    return None


class Report(msgspec.Struct, frozen=True):
    """What the gates say about a package folder.

    Args:
        name: the contract's name; empty if the manifest cannot be read.
        version: the version.
        digest: the package digest; empty if the package is not in form.
        results: one for each gate that ran, in order.
        passed: whether the registry would let it through.
    """

    name: str
    version: str
    digest: str
    results: tuple[GateResult, ...]
    passed: bool

    def text(self) -> str:
        """Return the report for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.name or 'package'} {self.version} {self.digest}".rstrip()
        for result in self.results:
            yield f"  {'pass' if result.passed else 'FAIL'}  {result.gate:<12} {result.summary}"
            yield from (f"        {fault}" for fault in result.faults)
            yield from (f"        survivor: {each}" for each in _survivors(result))
        yield "every gate passed" if self.passed else "the registry would refuse this version"


class DifferenceReport(msgspec.Struct, frozen=True):
    """What changes from one package to another.

    Args:
        old: digest of the old package.
        new: digest of the new package.
        manifest: one sentence for each key of the manifest that differs.
        source: the unified diff of `contract.py`, line by line.
        behaviour: every way in which verdicts differ, with example transactions.
        compared: how many transactions both have judged.
    """

    old: str
    new: str
    manifest: tuple[str, ...]
    source: tuple[str, ...]
    behaviour: tuple[Difference, ...]
    compared: int

    def text(self) -> str:
        """Return the report for people who do not program: behaviour first."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"from {self.old}"
        yield f"to   {self.new}"
        yield ""
        yield f"Behaviour, on {self.compared:,} transactions that both versions have judged:"
        if not self.behaviour:
            yield "  every one of them is judged alike"
        for difference in self.behaviour:
            yield from (f"  {line}" for line in difference.lines())
        yield ""
        yield "Manifest:"
        yield from (f"  {line}" for line in self.manifest or ("the same",))
        yield ""
        yield "Source:"
        yield from (f"  {line}" for line in self.source or ("the same",))


def new(name: str, directory: Path, owner: str = "my-company") -> list[Path]:
    """Write a package that passes every gate, to be changed; return its files.

    It is the shipped contract for beneficial rights under another name.

    Args:
        name: the contract's name: lower-case words with underscores.
        directory: a folder that does not exist, or is empty.
        owner: the member that will answer for the contract.

    Raises:
        PackageInvalid: the name or owner is not one, or the folder holds something.
    """
    if directory.exists() and any(directory.iterdir()):
        fault = Fault(str(directory), "is not empty; choose another folder")
        raise PackageInvalid("a package begins in an empty folder", (fault,))
    files = {path: _renamed(text, name, owner) for path, text in read_folder(TEMPLATE).items()}
    make_package(files)
    written = []
    for relative, data in files.items():
        path = directory / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written.append(path)
    return written


def check(
    directory: Path,
    progress: Progress = _silent,
    *,
    predecessor: Path | None = None,
    runtime: Runtime | None = None,
    machines: Machines | None = None,
    recorded: Iterable[Recorded] = (),
) -> Report:
    """Run exactly the gates that the registry runs.

    Args:
        directory: the package folder.
        progress: is told gate, done and total.
        predecessor: the folder of the version in force, for replay and behaviour.
        runtime: the network's runtime; this machine's own if None.
        machines: to use again; made and closed here if None.
        recorded: recorded transactions of the predecessor.
    """
    files, broken = _read(directory)
    if broken is not None:
        return broken
    package = make_package(files)
    base = None if predecessor is None else make_package(read_folder(predecessor))
    record = tuple(recorded)
    with _Bench(package, progress, base, runtime, machines, record) as subject:
        results = list(run_gates(subject))
        return _report(package, results, good=passed(subject, results))


def run_tests(
    directory: Path,
    progress: Progress = _silent,
    *,
    runtime: Runtime | None = None,
    machines: Machines | None = None,
) -> Report:
    """Run the quick part: form, lint, examples and properties."""
    files, broken = _read(directory)
    if broken is not None:
        return broken
    package = make_package(files)
    with _Bench(package, progress, None, runtime, machines) as subject:
        results = []
        for gate in (form, lint, examples, properties):
            result = GATES[gate.NAME](subject)
            results.append(result)
            if gate is examples and not result.passed:
                break
        return _report(package, results, good=all(result.passed for result in results))


def diff(
    old: Path,
    changed: Path,
    progress: Progress = _silent,
    *,
    runtime: Runtime | None = None,
    machines: Machines | None = None,
) -> DifferenceReport:
    """Return what changes from one package folder to another: behaviour, manifest, source.

    Raises:
        PackageInvalid: one of them is not in form.
    """
    before, after = make_package(read_folder(old)), make_package(read_folder(changed))
    with _Bench(after, progress, before, runtime, machines) as subject:
        result = behaviour.run(subject)
    return DifferenceReport(
        old=before.digest,
        new=after.digest,
        manifest=tuple(_manifest_changes(before.manifest, after.manifest)),
        source=tuple(
            difflib.unified_diff(
                before.source.splitlines(),
                after.source.splitlines(),
                f"{before.manifest.version}/contract.py",
                f"{after.manifest.version}/contract.py",
                lineterm="",
            )
        ),
        behaviour=tuple(
            msgspec.convert(result.details.get("differences", []), type=list[Difference])
        ),
        compared=result.details["compared"],
    )


def read_package(directory: Path) -> Package:
    """Return the package in a folder.

    Raises:
        PackageInvalid: it has faults; every one is named.
    """
    return make_package(read_folder(directory))


class _Bench:
    """Makes a subject with the runtime of this machine, and stops what it has started."""

    def __init__(
        self,
        package: Package,
        progress: Progress,
        predecessor: Package | None,
        runtime: Runtime | None,
        machines: Machines | None,
        recorded: tuple[Recorded, ...] = (),
    ) -> None:
        used = runtime or runtimes.obtain(progress=lambda told: progress(told, 0, 0))
        self._own = Machines(lambda told: progress(told, 0, 0)) if machines is None else None
        self._subject = Subject(
            package=package,
            runtime=used,
            machines=machines or self._own or Machines(),
            requirements=requirements_of(package.manifest),
            seed=seed_of(package.digest),
            predecessor=predecessor,
            history=lambda: iter(recorded),
            progress=progress,
        )

    def __enter__(self) -> Subject:
        return self._subject

    def __exit__(self, *_error: object) -> None:
        if self._own is not None:
            self._own.close()


def requirements_of(manifest: Manifest) -> Requirements:
    """Return what a package with this manifest has to pass."""
    return shipped_requirements()[0].of(manifest.risk_class)


def installed_runtime(identity: str) -> Runtime:
    """Return the runtime with this id from this machine's cache.

    Raises:
        RuntimeUnknown: it is not there.
    """
    found = runtimes.find(identity)
    if found is None:
        raise RuntimeUnknown(
            f"runtime {identity} is not on this machine; `sekisho contract fetch-runtime` gets it"
        )
    return found


def _read(directory: Path) -> tuple[dict[str, bytes], Report | None]:
    """Return the files, or a report that says why they are not a package."""
    try:
        files = read_folder(directory)
        manifest, faults = form_of(files)
    except PackageInvalid as error:
        manifest, faults, files = None, list(error.faults), {}
    if manifest is not None and not faults:
        return files, None
    result = GateResult(form.NAME, False, f"{len(faults)} fault(s)", tuple(faults))
    name, version = (manifest.name, manifest.version) if manifest else ("", "")
    return {}, Report(name, version, "", (result,), False)


def _report(package: Package, results: list[GateResult], *, good: bool) -> Report:
    manifest = package.manifest
    return Report(manifest.name, manifest.version, package.digest, tuple(results), good)


def _survivors(result: GateResult) -> list[str]:
    """Return surviving mutants that are no fault: enough others were killed."""
    return [] if result.faults else list(result.details.get("survivors", []))


def _renamed(data: bytes, name: str, owner: str) -> bytes:
    text = data.decode().replace("beneficial_right", name)
    # `beneficial_right_id` is a field of the ledger, and keeps its name.
    text = text.replace(f"{name}_id", "beneficial_right_id")
    return text.replace('owner = "platform"', f'owner = "{owner}"').encode()


def _manifest_changes(old: Manifest, changed: Manifest) -> Iterator[str]:
    for field in Manifest.__struct_fields__:
        before, after = getattr(old, field), getattr(changed, field)
        if before != after:
            yield f"{field}: {_plain(before)} became {_plain(after)}"


def _plain(value: object) -> str:
    return msgspec.json.encode(value).decode()
