"""The runtime is named by what decides a verdict, and checked before it is used."""

import re
import shutil
from pathlib import Path

import msgspec
import pytest

from contracts.errors import RuntimeInvalid, RuntimeUnknown
from contracts.sandbox import runtime as runtimes
from contracts.sandbox.limits import LIMITS, Limits
from contracts.sandbox.machine import FUNCTIONS, Generator, Machine
from contracts.sandbox.runtime import Runtime


def test_the_artifact_imports_nothing(machine: Machine):
    type_of = machine._component.type  # of the native code, made from the artifact
    assert list(type_of.imports(machine.engine)) == []
    assert set(FUNCTIONS) <= set(type_of.exports(machine.engine))


def test_it_is_built_once(runtime: Runtime):
    said: list[str] = []
    assert runtimes.obtain(progress=said.append) == runtime
    assert said == []


def test_the_id_depends_on_all_that_decides(runtime: Runtime, monkeypatch: pytest.MonkeyPatch):
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", runtime.id)
    seen = {runtime.id, runtimes.runtime_id("sha256:other")}
    for field in Limits.__struct_fields__:
        changed = msgspec.structs.replace(LIMITS, **{field: getattr(LIMITS, field) + 1})
        monkeypatch.setattr(runtimes, "LIMITS", changed)
        seen.add(runtimes.runtime_id(runtime.artifact_digest))
    monkeypatch.setattr(runtimes, "LIMITS", LIMITS)
    monkeypatch.setattr(runtimes.importlib.metadata, "version", lambda _name: "0")
    seen.add(runtimes.runtime_id(runtime.artifact_digest))
    assert len(seen) == 3 + len(Limits.__struct_fields__)


def test_an_artifact_that_is_received_is_kept_under_its_id(runtime: Runtime, tmp_path: Path):
    data = runtime.artifact.read_bytes()
    there = runtimes.adopt(data, tmp_path, expected_id=runtime.id)
    assert there.id == runtime.id
    assert runtimes.find(runtime.id, tmp_path) == there


def test_an_artifact_that_is_another_is_refused(runtime: Runtime, tmp_path: Path):
    data = runtime.artifact.read_bytes() + b"\0"
    with pytest.raises(RuntimeInvalid, match="expected " + runtime.id):
        runtimes.adopt(data, tmp_path, expected_id=runtime.id)
    assert runtimes.find(runtime.id, tmp_path) is None


def test_an_artifact_that_was_changed_in_the_cache_is_noticed(runtime: Runtime, tmp_path: Path):
    there = runtimes.adopt(runtime.artifact.read_bytes(), tmp_path)
    with there.artifact.open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff\xfe")
    with pytest.raises(RuntimeInvalid, match="it was changed"):
        runtimes.find(runtime.id, tmp_path)


@pytest.mark.parametrize("name", ["", "sha256:", "sha256:../../x", "sha256:" + "G" * 64, "x" * 64])
def test_what_is_no_id_is_refused(name: str, tmp_path: Path):
    with pytest.raises(RuntimeUnknown):
        runtimes.find(name, tmp_path)


def test_native_code_that_was_changed_is_made_again(
    runtime: Runtime, machine: Machine, tmp_path: Path
):
    there = runtimes.adopt(runtime.artifact.read_bytes(), tmp_path)
    (made,) = runtime.folder.glob(f"{Generator.OPTIMISED}-*.native")
    made_of: list[int] = []

    def compile_artifact(artifact: bytes) -> bytes:
        made_of.append(len(artifact))
        return made.read_bytes()

    for _ in range(2):
        path = runtimes.native_code(there, "trial", compile_artifact)
    assert len(made_of) == 1
    path.write_bytes(b"\x7fELF changed")
    assert runtimes.native_code(there, "trial", compile_artifact).read_bytes() == made.read_bytes()
    assert len(made_of) == 2
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SEKISHO_CACHE", str(tmp_path))
    assert runtimes.default_cache() == tmp_path
    monkeypatch.delenv("SEKISHO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert runtimes.default_cache() == tmp_path / "sekisho"
