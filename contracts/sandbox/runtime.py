"""The runtime: one WebAssembly artifact that everybody who judges has to share, by digest.

Building it twice does not give the same bytes, so it is built once and distributed. Its id is
the SHA-256 of what decides a verdict: the artifact, the version of wasmtime, and the limits of
gas, memory and stack. Native code made from it is kept beside it, per machine, and its digest
is checked before it is run.

    <cache>/runtimes/<id>/artifact.wasm
    <cache>/runtimes/<id>/<generator>-<machine>.native and .native.digest
    <cache>/built/<digest of the guest's sources>    holds the id that was built from them
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from contracts.errors import RuntimeInvalid, RuntimeNotBuilt, RuntimeUnknown
from contracts.sandbox.limits import LIMITS

Progress = Callable[[str], None]
_GUEST = Path(__file__).parent / "guest"
_PROGRAM = ("contract.wit", "interpreter.py", "preparation.py", "judging.py")
_AUTHOR = Path(__file__).parents[1] / "author.py"
_BUILD_SECONDS = 600  # a build takes about 10 s; slower than this it hangs
_BUILDER = "import sys, componentize_py; sys.exit(componentize_py.script())"


class Runtime(msgspec.Struct, frozen=True):
    """A runtime that lies on this machine, its digest checked.

    Args:
        id: `sha256:<hex>`: names the runtime in every contract version.
        artifact_digest: `sha256:<hex>` of the artifact.
        folder: where the artifact and the native code made from it lie.
    """

    id: str
    artifact_digest: str
    folder: Path

    @property
    def artifact(self) -> Path:
        """The WebAssembly component."""
        return self.folder / "artifact.wasm"


def default_cache() -> Path:
    """Return `$SEKISHO_CACHE`, or the user's cache folder of the platform."""
    if named := os.environ.get("SEKISHO_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sekisho"


def digest_of(data: bytes) -> str:
    """Return `sha256:<hex>`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of_file(path: Path) -> str:
    """Return `sha256:<hex>` of a file's bytes."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def runtime_id(artifact_digest: str) -> str:
    """Return the id of the runtime that has this artifact, on this version of wasmtime."""
    named = {
        "artifact": artifact_digest,
        "wasmtime": importlib.metadata.version("wasmtime"),
        "limits": msgspec.to_builtins(LIMITS),
    }
    return digest_of(b"sekisho/runtime/v1\0" + msgspec.json.encode(named, order="sorted"))


def obtain(cache: Path | None = None, progress: Progress | None = None) -> Runtime:
    """Return the runtime of this version of the product, building it when it is not there.

    A build takes about ten seconds and needs no network; it happens once per cache folder,
    whoever asks first, while other processes wait.

    Args:
        cache: the folder to keep it in; `default_cache()` when None.
        progress: is told in a sentence what takes time.

    Raises:
        RuntimeNotBuilt: the build failed; the message holds the end of its output.
        RuntimeInvalid: what lies in the cache is not what its name says.
    """
    cache = cache or default_cache()
    sources = _digest_of_sources().removeprefix("sha256:")
    built = cache / "built" / sources
    if found := _built(built, cache):
        return found
    with _locked(cache):
        if found := _built(built, cache):  # by whoever held the lock
            return found
        if progress:
            progress("building the contract sandbox, once on this machine (about 10 s)")
        runtime = adopt(_build(), cache)
        _write(built, runtime.id.encode())
        return runtime


def _built(note: Path, cache: Path) -> Runtime | None:
    return find(note.read_text().strip(), cache) if note.is_file() else None


def adopt(artifact: bytes, cache: Path | None = None, expected_id: str | None = None) -> Runtime:
    """Keep an artifact, built here or received, and return it as a runtime.

    Raises:
        RuntimeInvalid: its id is not `expected_id`: other bytes, another version of wasmtime,
            or other limits.
    """
    digest = digest_of(artifact)
    identity = runtime_id(digest)
    if expected_id is not None and identity != expected_id:
        raise RuntimeInvalid(
            f"the artifact {digest} makes runtime {identity} with wasmtime"
            f" {importlib.metadata.version('wasmtime')}, expected {expected_id}"
        )
    folder = _folder(identity, cache or default_cache())
    _write(folder / "artifact.wasm", artifact)
    return Runtime(identity, digest, folder)


def find(identity: str, cache: Path | None = None) -> Runtime | None:
    """Return the runtime of that id from the cache, its digest checked; None when not there.

    Raises:
        RuntimeInvalid: the artifact in the cache does not make that runtime.
    """
    folder = _folder(identity, cache or default_cache())
    artifact = folder / "artifact.wasm"
    if not artifact.is_file():
        return None
    digest = digest_of_file(artifact)
    if runtime_id(digest) != identity:
        raise RuntimeInvalid(
            f"{artifact} makes runtime {runtime_id(digest)}, expected {identity}:"
            " it was changed, or wasmtime was; remove the folder or install the other version"
        )
    return Runtime(identity, digest, folder)


def native_code(
    runtime: Runtime, generator: str, compile_artifact: Callable[[bytes], bytes]
) -> Path:
    """Return native code for the artifact, compiled once per machine and generator.

    Args:
        runtime: what to compile.
        generator: the name of the code generator.
        compile_artifact: makes native code from the artifact; takes about 10 s.
    """
    machine = hashlib.sha256(f"{platform.machine()} {_processor()}".encode()).hexdigest()[:16]
    path = runtime.folder / f"{generator}-{machine}.native"
    note = path.with_suffix(".native.digest")
    if _unchanged(path, note):
        return path
    with _locked(runtime.folder):
        if _unchanged(path, note):  # made by whoever held the lock
            return path
        native = compile_artifact(runtime.artifact.read_bytes())
        _write(path, native)
        _write(note, digest_of(native).encode())
        return path


def _unchanged(path: Path, note: Path) -> bool:
    return path.is_file() and note.is_file() and digest_of_file(path) == note.read_text()


def _processor() -> str:
    """Return what decides which instructions native code may use."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _folder(identity: str, cache: Path) -> Path:
    name = identity.removeprefix("sha256:")
    if len(name) != 64 or not set(name) <= set("0123456789abcdef"):  # noqa: PLR2004 -- SHA-256 in hex
        raise RuntimeUnknown(f"{identity[:80]!r} is not a runtime id: expected sha256:<64 hex>")
    return cache / "runtimes" / name


def _digest_of_sources() -> str:
    """Return a digest of all that goes into a build."""
    parts = [importlib.metadata.version("componentize-py").encode()]
    parts.extend((_GUEST / name).read_bytes() for name in _PROGRAM)
    parts.append(_AUTHOR.read_bytes())
    parts.append(runtime_id("").encode())
    return digest_of(b"\0".join(digest_of(part).encode() for part in parts))


def _build() -> bytes:
    with tempfile.TemporaryDirectory(prefix="sekisho-runtime-") as name:
        stage = Path(name)
        (stage / "contracts").mkdir()
        (stage / "contracts" / "__init__.py").touch()
        shutil.copy(_AUTHOR, stage / "contracts" / "author.py")
        for source in _PROGRAM:
            shutil.copy(_GUEST / source, stage / source)
        command = [sys.executable, "-I", "-c", _BUILDER, "-d", "contract.wit", "-w", "contract"]
        command += ["componentize", "--stub-wasi", "interpreter", "-p", ".", "-o", "out.wasm"]
        try:
            done = subprocess.run(  # noqa: S603 -- our own interpreter, fixed arguments
                command,
                cwd=stage,
                env={"PATH": os.defpath},
                capture_output=True,
                timeout=_BUILD_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RuntimeNotBuilt(f"the sandbox could not be built: {error}") from error
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace")[-2_000:]
            raise RuntimeNotBuilt(f"componentize-py ended with {done.returncode}: {said}")
        return (stage / "out.wasm").read_bytes()


def _write(path: Path, data: bytes) -> None:
    """Write a whole file or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one process builds, the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
