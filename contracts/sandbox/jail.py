"""Takes everything from a process but its memory and one socket, as far as the machine allows.

A second wall behind WebAssembly: it is for the day on which wasmtime itself has a fault. Every
layer is tried, none is required, and each says whether it holds. The order matters: user
namespaces want a single thread, the system call filter wants to come last.
"""

import contextlib
import ctypes
import ctypes.util
import errno
import importlib
import os
import resource
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import msgspec

from contracts.sandbox.limits import LIMITS

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_DUMPABLE = 4
_CLONE_NEWUTS, _CLONE_NEWIPC = 0x04000000, 0x08000000
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446  # the same on every architecture
_LANDLOCK_VERSION = 1  # flag: ask for the version of the interface
_LANDLOCK_FILES_V1 = (1 << 13) - 1  # every right over files of version 1
_LANDLOCK_FILES = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # rights over files by version, else 16
_LANDLOCK_NET_SINCE, _LANDLOCK_SCOPE_SINCE = 4, 6
_LANDLOCK_NET = 0b11  # bind and connect
_LANDLOCK_SCOPE = 0b11  # abstract sockets and signals
_PAGEMAP_SCAN = 0xC0606610
_PROT_EXEC = 4
WORKER_MEMORY = 8 << 30  # bytes; stacks of 512 MiB are reserved, and hardly used
_OPEN_FILES = 256
_ALLOWED_CALLS = (
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "exit",
    "exit_group",
    "fstat",
    "ftruncate",
    "futex",
    "getpid",
    "getrusage",
    "gettid",
    "gettimeofday",
    "lseek",
    "madvise",
    "memfd_create",
    "mremap",
    "munmap",
    "nanosleep",
    "poll",
    "ppoll",
    "pwrite64",
    "read",
    "readv",
    "recvfrom",
    "recvmsg",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_yield",
    "select",
    "pselect6",
    "sendmsg",
    "sendto",
    "sigaltstack",
    "write",
    "writev",
)

_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def _library_by_name() -> Iterator[None]:
    """Keep pyseccomp from running a compiler to find its library."""
    find = ctypes.util.find_library
    known = {"seccomp": "libseccomp.so.2"}
    ctypes.util.find_library = lambda name: known.get(name)  # noqa: PLW0108 -- it is typed so
    try:
        yield
    finally:
        ctypes.util.find_library = find


def _import_seccomp() -> ModuleType | None:
    try:
        with _library_by_name():
            return importlib.import_module("pyseccomp")
    except (ImportError, OSError, RuntimeError):
        return None


_seccomp = _import_seccomp()  # while files can still be opened


class Layer(msgspec.Struct, frozen=True):
    """One layer of the jail: whether it holds on this machine, and how or why not."""

    name: str
    holds: bool
    detail: str


def _layer(name: str, attempt: Callable[[], str]) -> Layer:
    try:
        return Layer(name, True, attempt())
    except (OSError, ImportError, AttributeError, ValueError, RuntimeError) as error:
        return Layer(name, False, str(error) or type(error).__name__)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def enter_alone(keep: set[int], memory: int = WORKER_MEMORY) -> tuple[Layer, ...]:
    """Raise the layers that want a single thread; threads made later inherit them.

    Args:
        keep: the descriptors that stay open.
        memory: bytes of private memory.
    """
    return (
        _layer("environment", _empty_environment),
        _layer("descriptors", lambda: _close_descriptors(keep)),
        _layer("resource limits", lambda: _limit_resources(memory)),
        _layer("no new privileges", _refuse_privileges),
        _layer("namespaces", _leave_namespaces),
        _layer("landlock", _lock_files),
    )


def enter_threads() -> Layer:
    """Raise the layer that holds for all threads from now on: the system call filter."""
    return _layer("system calls", _filter_calls)


def _empty_environment() -> str:
    os.environ.clear()
    os.chdir("/")
    return "empty"


def _close_descriptors(keep: set[int]) -> str:
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    kept = keep | {0, 1, 2}
    for entry in list(Path("/proc/self/fd").iterdir()):
        if int(entry.name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(entry.name))
    return f"{len(keep)} kept"


def _limit_resources(memory: int) -> str:
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, LIMITS.memory),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (wanted, wanted))
    return f"{memory >> 30} GiB of memory, {_OPEN_FILES} descriptors, no core dumps"


def _refuse_privileges() -> str:
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "PR_SET_DUMPABLE")
    return "set, and not to be traced"


def _leave_namespaces() -> str:
    own = _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS
    if _libc.unshare(_CLONE_NEWUSER | own) == 0:
        return "own user, network, IPC and host name"
    _checked(_libc.unshare(own), "unshare")
    return "own network, IPC and host name"


def _lock_files() -> str:
    """Landlock without a single rule: no file can be opened, no port used."""
    version = _checked(
        _libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION), "landlock"
    )
    files = (1 << _LANDLOCK_FILES.get(version, 16)) - 1
    network = _LANDLOCK_NET if version >= _LANDLOCK_NET_SINCE else 0
    scope = _LANDLOCK_SCOPE if version >= _LANDLOCK_SCOPE_SINCE else 0
    attributes = struct.pack("QQQ", files, network, scope)
    size = 24 if scope else 16 if network else 8
    ruleset = _checked(
        _libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0), "landlock"
    )
    try:
        _checked(_libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0), "landlock")
    finally:
        os.close(ruleset)
    return f"no files, version {version} of the interface"


def _filter_calls() -> str:
    if sys.platform != "linux":
        raise OSError(f"{sys.platform} has no seccomp")
    if _seccomp is None:
        raise OSError("libseccomp is not installed")
    pyseccomp = _seccomp
    allow = pyseccomp.SyscallFilter(pyseccomp.KILL_PROCESS)
    allow.set_attr(pyseccomp.Attr.CTL_TSYNC, 1)
    for name in _ALLOWED_CALLS:
        with contextlib.suppress(OSError):  # not a call of this architecture
            allow.add_rule(pyseccomp.ALLOW, name)
    for name in ("mmap", "mprotect"):
        not_executable = pyseccomp.Arg(2, pyseccomp.MASKED_EQ, _PROT_EXEC, 0)
        allow.add_rule(pyseccomp.ALLOW, name, not_executable)
    allow.add_rule(pyseccomp.ALLOW, "ioctl", pyseccomp.Arg(1, pyseccomp.EQ, _PAGEMAP_SCAN))
    for name in ("open", "openat"):  # malloc asks /proc about overcommit, and can do without
        with contextlib.suppress(OSError):
            allow.add_rule(pyseccomp.ERRNO(errno.EACCES), name)
    allow.load()
    return f"{len(_ALLOWED_CALLS) + 3} allowed, no new executable memory"
