"""Each layer of the jail that says it holds does hold: shown by trying what it forbids."""

import signal
import subprocess
import sys

import pytest

from contracts.sandbox.jail import Layer
from contracts.sandbox.pool import Pool, jail_report
from contracts.sandbox.runtime import Runtime

NAMES = (
    "environment",
    "descriptors",
    "resource limits",
    "no new privileges",
    "namespaces",
    "landlock",
    "system calls",
)

_JAILED = """\
import ctypes, fcntl, json, mmap, os, signal, socket, sys
from contracts.sandbox import jail
libc = ctypes.CDLL(None)
out = os.dup(1)
layers = {{layer.name: layer.holds for layer in jail.enter_alone({{out}})}}
if {calls}:
    layers['system calls'] = jail.enter_threads().holds
os.write(out, json.dumps(layers).encode() + b'\\n')
try:
    {attempt}
    os.write(out, b'done')
except BaseException as error:
    os.write(out, type(error).__name__.encode())
os._exit(0)
"""


def attempt(program: str, *, calls: bool) -> tuple[int, str, dict[str, bool]]:
    """Try something inside a jail; return how it ended, what it said, and the layers."""
    import json

    done = subprocess.run(
        [sys.executable, "-c", _JAILED.format(attempt=program, calls=calls)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    first, _, said = done.stdout.partition("\n")
    return done.returncode, said, json.loads(first)


def test_the_report_names_every_layer(runtime: Runtime):
    layers = jail_report(runtime)
    assert tuple(layer.name for layer in layers) == NAMES
    assert all(layer.detail for layer in layers)
    always = {"environment", "descriptors", "resource limits"}
    assert always <= {layer.name for layer in layers if layer.holds}


def test_a_pool_says_how_good_its_jail_is(pool: Pool):
    assert all(isinstance(layer, Layer) for layer in pool.layers)


FORBIDDEN = {
    "open a file": ("landlock", "open('/etc/passwd')"),
    "make a file": ("landlock", "open('/var/tmp/sekisho-canary', 'w')"),
    "list a folder": ("landlock", "os.listdir('/')"),
    "see a network": (
        "namespaces",
        "s = socket.socket(); s.settimeout(1); s.connect(('127.0.0.1', 22))",
    ),
    "get memory without end": ("resource limits", "b = mmap.mmap(-1, 64 << 30)"),
    "many descriptors": ("resource limits", "[os.dup(out) for _ in range(2000)]"),
}


@pytest.mark.parametrize(("layer", "program"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_a_layer_forbids_fails(layer: str, program: str):
    ended, said, layers = attempt(program, calls=False)
    if not layers[layer]:
        pytest.skip(f"{layer} does not hold on this machine")
    assert ended == 0
    assert said in {
        "PermissionError",
        "OSError",
        "ConnectionRefusedError",
        "MemoryError",
        "FileNotFoundError",
    }


DEADLY = {
    "a socket": "socket.socket()",
    "a process": "os.fork()",
    "another program": "os.execv('/bin/true', ['true'])",
    "a signal": "os.kill(os.getppid(), signal.SIGUSR1)",
    "executable memory": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
    "memory made executable": (
        "m = mmap.mmap(-1, 4096); a = ctypes.addressof(ctypes.c_char.from_buffer(m));"
        " libc.mprotect(ctypes.c_void_p(a), 4096, 5)"
    ),
    "another namespace": "libc.unshare(0x20000)",
    "a trace": "libc.ptrace(0, 0, 0, 0)",
    "a rename": "os.rename('/a', '/b')",
    "another ioctl": "fcntl.ioctl(out, 0x5413, b'12345678')",
}


@pytest.mark.parametrize("program", DEADLY.values(), ids=DEADLY)
def test_a_forbidden_system_call_ends_the_process(program: str):
    ended, said, layers = attempt(program, calls=True)
    if not layers["system calls"]:
        pytest.skip("libseccomp is not installed")
    assert said == ""
    assert ended == -signal.SIGSYS


def test_the_environment_and_the_descriptors_are_gone():
    said = attempt("os.write(out, repr((dict(os.environ), os.getcwd())).encode())", calls=False)[1]
    assert said.startswith("({}, '/')")
    said = attempt(
        "os.write(out, str([n for n in range(3, 200) if n != out and"
        " not libc.fcntl(n, 1) == -1]).encode())",
        calls=False,
    )[1]
    assert said.startswith("[]")


def test_harmless_work_goes_on_inside():
    ended, said, _ = attempt("bytearray(1 << 24); sorted(range(1000))", calls=True)
    assert (ended, said) == (0, "done")
