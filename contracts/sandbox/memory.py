"""Linear memory that can be put back to a snapshot, byte for byte.

The memory of a sandbox starts as plain memory. A snapshot writes it to an anonymous file (memfd)
and maps the file privately in its place: what a call writes lands on private copies of pages.
To go back, the pages that were written are found and copied from the file, in one of two ways,
best first:

1. `PAGEMAP_SCAN` (Linux 6.7) lists exactly the written pages; each is copied back in place,
   which is cheap because the pages stay mapped. A page becomes private only by a page fault of
   the thread that writes it; while that thread's count of faults stands still, the list that
   was found last is complete, and the scan is left out.
2. `MADV_DONTNEED` drops every private page; the next access maps the file's page again.

Where neither works a caller has to make a new instance for every call.
"""

import ctypes
import enum
import fcntl
import hashlib
import mmap
import os
import resource
import struct
import sys
import threading

PAGE = mmap.PAGESIZE
_PAGEMAP_SCAN = 0xC0606610  # _IOWR('f', 16, struct pm_scan_arg), include/uapi/linux/fs.h
_PAGE_IS_FILE = 1 << 2
_PAGE_IS_PRESENT = 1 << 3
_PAGE_IS_SWAPPED = 1 << 4
_SCAN_REGIONS = 2048  # answers of one scan; a fuller one falls back to MADV_DONTNEED
_COPY_LIMIT = 4 << 20  # bytes; with more written, dropping pages is cheaper than copying
_WRITE_CHUNK = 4 << 20  # bytes
_PROT_NONE, _PROT_READ, _PROT_WRITE = 0, 1, 2
_MAP_SHARED, _MAP_PRIVATE, _MAP_FIXED, _MAP_ANONYMOUS, _MAP_NORESERVE = 1, 2, 0x10, 0x20, 0x4000
_MADV_DONTNEED = 4
_MAP_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Reset(enum.StrEnum):
    """How memory goes back to its snapshot, best first."""

    SCAN = "pagemap-scan"
    DROP = "madvise-dontneed"
    FRESH = "fresh-instance"


def _map(address: int | None, size: int, protection: int, flags: int, descriptor: int) -> int:
    got = _libc.mmap(address, size, protection, flags, descriptor, 0)
    if got is None or got == _MAP_FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(got)


def _view(address: int, size: int) -> memoryview:
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


class _Scanner:
    """The open page map of this process, asked which pages of a range were written."""

    def __init__(self) -> None:
        self.descriptor = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)

    def written(self, start: int, end: int) -> list[tuple[int, int]] | None:
        """Return the written ranges as offsets from `start`, None when there are too many."""
        regions = (ctypes.c_uint64 * (3 * _SCAN_REGIONS))()
        argument = bytearray(
            struct.pack(
                "12Q",
                96,  # size of the structure
                0,  # flags
                start,
                end,
                0,  # where the walk ended, an answer
                ctypes.addressof(regions),
                _SCAN_REGIONS,
                0,  # no limit of pages
                _PAGE_IS_FILE,  # inverted: private copies are not the file's pages
                _PAGE_IS_FILE,
                _PAGE_IS_PRESENT | _PAGE_IS_SWAPPED,
                _PAGE_IS_PRESENT,
            )
        )
        count = fcntl.ioctl(self.descriptor, _PAGEMAP_SCAN, argument, True)
        if count >= _SCAN_REGIONS:
            return None
        found = regions[: 3 * count]
        return [(found[i] - start, found[i + 1] - start) for i in range(0, 3 * count, 3)]


def _faults() -> tuple[int, int]:
    """Return the calling thread and how many page faults it has had."""
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return threading.get_ident(), usage.ru_minflt + usage.ru_majflt


class LinearMemory:
    """One linear memory: reserved address space, of which a growing part may be used.

    Args:
        minimum: bytes in use at first.
        reserved: bytes of address space to reserve, with its guard.
        limit: bytes that it may grow to.
        reset: how to go back; `FRESH` cannot be asked of a memory.
    """

    def __init__(self, minimum: int, reserved: int, limit: int, reset: Reset) -> None:
        self.size = minimum
        self.limit = limit
        self._reserved = reserved
        self._reset = reset
        self._snapshot_size: int | None = None
        # The written ranges and what belongs there, and when they were found: the thread, its
        # count of page faults.
        self._known: list[tuple[slice, memoryview]] | None = None
        self._known_at = (0, 0)
        self._shared = 0
        self._descriptor = os.memfd_create("sekisho-memory", os.MFD_CLOEXEC)
        os.ftruncate(self._descriptor, limit)
        flags = _MAP_PRIVATE | _MAP_ANONYMOUS | _MAP_NORESERVE
        self.base = _map(None, reserved, _PROT_NONE, flags, -1)
        self._use(0, minimum)

    def _use(self, start: int, end: int) -> None:
        flags = _MAP_PRIVATE | _MAP_ANONYMOUS | _MAP_NORESERVE | _MAP_FIXED
        _map(self.base + start, end - start, _PROT_READ | _PROT_WRITE, flags, -1)

    def grow(self, size: int) -> bool:
        """Use `size` bytes from now on; false when that is over the limit."""
        if size > self.limit:
            return False
        if size > self.size:
            try:
                self._use(self.size, size)
            except OSError:
                return False
            self.size = size
        return True

    def snapshot(self) -> None:
        """Make what the memory holds now the state that `reset` returns to."""
        with _view(self.base, self.size) as memory:
            for start, end in self._unsaved():
                for offset in range(start, end, _WRITE_CHUNK):
                    chunk = memory[offset : min(end, offset + _WRITE_CHUNK)]
                    done = 0
                    while done < len(chunk):
                        done += os.pwrite(self._descriptor, chunk[done:], offset + done)
        flags = _MAP_PRIVATE | _MAP_FIXED | _MAP_NORESERVE
        _map(self.base, self.size, _PROT_READ | _PROT_WRITE, flags, self._descriptor)
        self._known = None
        if self._snapshot_size != self.size:
            self._unshare()
            self._shared = _map(None, self.size, _PROT_READ, _MAP_SHARED, self._descriptor)
            self._saved = _view(self._shared, self.size)
            self._memory = _view(self.base, self.size)
        self._snapshot_size = self.size

    def _unsaved(self) -> list[tuple[int, int]]:
        if self._reset is Reset.SCAN:
            written = scanner().written(self.base, self.base + self.size)
            if written is not None:
                return written
        return [(0, self.size)]

    def _drop(self) -> None:
        self._known = None
        if _libc.madvise(self.base, self.size, _MADV_DONTNEED):
            raise OSError(ctypes.get_errno(), "madvise(MADV_DONTNEED) failed")

    def reset(self) -> bool:
        """Go back to the snapshot; false when the memory has grown and has to be given up.

        The thread that resets has to be the one that wrote.
        """
        if self.size != self._snapshot_size:
            return False
        written = self._written() if self._reset is Reset.SCAN else None
        if written is None:
            self._drop()
            return True
        memory = self._memory
        for place, saved in written:
            memory[place] = saved
        return True

    def _written(self) -> list[tuple[slice, memoryview]] | None:
        """Return the written ranges and what they held, None when to drop them is better."""
        faults = _faults()
        if self._known is None or faults != self._known_at:
            found = scanner().written(self.base, self.base + self.size)
            few = found is not None and sum(e - s for s, e in found) <= _COPY_LIMIT
            saved = self._saved
            self._known = [(slice(s, e), saved[s:e]) for s, e in found or ()] if few else None
            self._known_at = faults
        return self._known

    def written(self) -> int:
        """Return how many bytes lie on private pages, to measure; needs `SCAN`."""
        return sum(e - s for s, e in scanner().written(self.base, self.base + self.size) or [])

    def contents(self) -> bytes:
        """Return all bytes in use, to compare."""
        return ctypes.string_at(self.base, self.size)

    def saved(self) -> bytes:
        """Return all bytes of the snapshot, to compare."""
        return ctypes.string_at(self._shared, self._snapshot_size or 0)

    def digest(self) -> str:
        """Return `sha256:<hex>` over all bytes in use."""
        with _view(self.base, self.size) as memory:
            return "sha256:" + hashlib.sha256(memory).hexdigest()

    def _unshare(self) -> None:
        if self._shared and self._snapshot_size is not None:
            self._known = None  # its views are of what goes away here
            self._saved.release()
            self._memory.release()
            _libc.munmap(self._shared, self._snapshot_size)
            self._shared = 0

    def close(self) -> None:
        """Give the address space and the file back."""
        self._unshare()
        _libc.munmap(self.base, self._reserved)
        os.close(self._descriptor)


_scanner: _Scanner | None = None


def scanner() -> _Scanner:
    """Return this process's scanner, opening the page map at the first call."""
    global _scanner  # noqa: PLW0603 -- one descriptor per process, opened before it is jailed
    if _scanner is None:
        _scanner = _Scanner()
    return _scanner


def best_reset() -> Reset:
    """Return the best way that works on this machine, found by trying."""
    if sys.platform != "linux" or not hasattr(os, "memfd_create"):
        return Reset.FRESH
    try:
        trial = LinearMemory(2 * PAGE, 4 * PAGE, 4 * PAGE, Reset.SCAN)
    except OSError:
        return Reset.FRESH
    try:
        trial.snapshot()
        for way in (Reset.SCAN, Reset.DROP):
            trial._reset = way  # noqa: SLF001 -- the trial is of this module
            if _works(trial):
                return way
        return Reset.FRESH
    finally:
        trial.close()


def _works(memory: LinearMemory) -> bool:
    ctypes.memset(memory.base + PAGE, 1, PAGE)
    try:
        return memory.reset() and memory.contents() == bytes(memory.size)
    except OSError:
        return False
