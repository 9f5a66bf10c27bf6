"""Gate `types`: the strict type checker is silent about `contract.py`.

The checker reads the source and `contracts.author`; nothing of the contract runs. It gets an
empty configuration, so that no file of the package can switch anything off.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from contracts.gates.subjects import GateResult, NodeUnavailable, Subject
from contracts.packages import SOURCE
from contracts.sandbox.runtime import default_cache
from contracts.sandbox.verdicts import showable
from policies.errors import Fault

NAME = "types"

LIMIT = 120
"""Seconds after which the checker is given up."""

MEMORY = 1 << 30
"""Bytes of memory that the checker may use; a contract needs a tenth of it."""

_LIMITED = (
    "import resource, runpy\n"
    "hard = resource.getrlimit(resource.RLIMIT_DATA)[1]\n"
    f"most = {MEMORY} if hard < 0 else min({MEMORY}, hard)\n"
    "resource.setrlimit(resource.RLIMIT_DATA, (most, most))\n"
    "runpy.run_module('mypy', run_name='__main__', alter_sys=True)\n"
)
_CONTRACTS = Path(__file__).parents[1]
_AUTHOR = _CONTRACTS / "author.py"
_LINE = re.compile(r"contract\.py:(\d+): (error|note): (.*)")
_STRICT = (
    "--strict",
    "--warn-unreachable",
    "--no-error-summary",
    "--no-color-output",
    "--hide-error-context",
    "--python-version=3.11",
    "--enable-error-code=exhaustive-match",
    "--enable-error-code=possibly-undefined",
    "--enable-error-code=redundant-expr",
    "--enable-error-code=truthy-bool",
    "--config-file=",
)
_SILENCER = re.compile(r"#\s*(type:\s*ignore|mypy:)")


def run(subject: Subject) -> GateResult:
    """Check a copy of the source in a folder of its own.

    Raises:
        NodeUnavailable: the checker could not run here.
    """
    source = subject.package.source
    faults = [
        Fault(SOURCE, "a comment silences the type checker; say the type instead", number)
        for number, line in enumerate(source.splitlines(), 1)
        if _SILENCER.search(line)
    ]
    faults += _check(source)
    return GateResult(
        NAME, not faults, f"{len(faults)} finding(s)", tuple(faults), {"findings": len(faults)}
    )


def _check(source: str) -> list[Fault]:
    with tempfile.TemporaryDirectory(prefix="sekisho-types-") as name:
        folder = Path(name)
        (folder / "contracts").mkdir()
        (folder / "contracts" / "__init__.py").touch()
        (folder / "contracts" / "author.py").write_bytes(_AUTHOR.read_bytes())
        (folder / SOURCE).write_text(source, encoding="utf-8")
        command = [sys.executable, "-c", _LIMITED, *_STRICT, f"--cache-dir={_cache()}", SOURCE]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter, fixed arguments
                command,
                cwd=folder,
                env={"PATH": os.defpath, "MYPYPATH": name},
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return [Fault(SOURCE, f"the type checker comes to no end within {LIMIT} s")]
        except OSError as error:
            raise NodeUnavailable(f"the type checker did not run: {error}") from error
    if done.returncode == -signal.SIGKILL:
        raise NodeUnavailable("the type checker was killed")
    found = [
        Fault(SOURCE, match[3], int(match[1]))
        for line in done.stdout.splitlines()
        if (match := _LINE.match(line)) and match[2] == "error"
    ]
    if done.returncode not in (0, 1) or (done.returncode and not found):
        said = (done.stdout + done.stderr).strip().rpartition("\n")[2]
        found.append(Fault(SOURCE, f"the type checker cannot read it: {showable(said, 300)}"))
    return found


def _cache() -> str:
    """Return a folder for what the checker learns about the standard library, or nowhere.

    It is this user's alone: what is in it decides what the checker says.
    """
    folder = default_cache() / "types"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return os.devnull
    return str(folder)
