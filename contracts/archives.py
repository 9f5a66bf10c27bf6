"""Archives of contract packages: written deterministically, read as the work of a stranger.

An archive is a ZIP file whose entries are stored (not compressed), sorted by name, dated
1980-01-01, with no comments or extra fields. One set of files has exactly one archive: what was
read is written again and must come out byte for byte the same, so that no two readers can see
different files in it, and nothing in it can grow when opened.
"""

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from contracts.errors import PackageInvalid
from ledger.hashing import content_digest
from policies.errors import Fault

MAX_ARCHIVE = 4 << 20
"""Bytes of the largest archive that is looked at."""

MAX_FILES = 500
"""The most files in a package."""

MAX_FILE = 1 << 20
"""Bytes of the largest file in a package."""

IGNORED_FOLDERS = frozenset({"__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache"})
"""What tools leave behind in an author's folder; never part of a package."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = (stat.S_IFREG | 0o644) << 16
_UNIX = 3


def package_digest(files: Mapping[str, bytes]) -> str:
    """Return `sha256:<hex>` over the sorted list of `<file digest>  <name>` lines."""
    lines = [f"{content_digest(data)}  {name}\n" for name, data in sorted(files.items())]
    return content_digest("".join(lines).encode())


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """Return the one archive of `files`."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = _MODE
            archive.writestr(entry, data)
    return target.getvalue()


def read_archive(data: bytes) -> dict[str, bytes]:
    """Return the files of an archive that anybody may have made.

    Raises:
        PackageInvalid: too large, not an archive, an entry that is compressed, encrypted, a link,
            a folder, a duplicate or outside of the package, or bytes that are not canonical;
            with every fault.
    """
    faults: list[Fault] = []
    if len(data) > MAX_ARCHIVE:
        faults += [Fault("archive", f"has {len(data)} bytes; at most {MAX_ARCHIVE} are accepted")]
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if faults := [*faults, *_entry_faults(entries)]:
                _refuse(*faults)
            files = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, OSError) as error:
        raise PackageInvalid(
            "the archive cannot be read", (Fault("archive", f"is not a ZIP file: {error}"),)
        ) from error
    if write_archive(files) != data:
        _refuse(
            Fault(
                "archive",
                "is not in the canonical form (sorted stored entries, no dates, comments or"
                " extra bytes); make it with `sekisho contract submit`",
            )
        )
    return files


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a package folder on this machine.

    Raises:
        PackageInvalid: the folder is not one, or holds links, too many or too large files.
    """
    if not folder.is_dir():
        _refuse(Fault(str(folder), "is not a folder"))
    files: dict[str, bytes] = {}
    faults: list[Fault] = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if IGNORED_FOLDERS & set(relative.parts):
            continue
        name = relative.as_posix()
        if path.is_symlink():
            faults.append(Fault(name, "is a symbolic link; packages hold files only"))
        elif path.is_file():
            if (size := path.stat().st_size) > MAX_FILE:
                faults.append(Fault(name, f"has {size} bytes; at most {MAX_FILE} are accepted"))
            elif len(files) < MAX_FILES:
                files[name] = path.read_bytes()
            else:
                faults.append(Fault(name, f"is one file too many; at most {MAX_FILES}"))
    if faults:
        _refuse(*faults)
    return files


def _entry_faults(entries: list[zipfile.ZipInfo]) -> list[Fault]:
    faults: list[Fault] = []
    if len(entries) > MAX_FILES:
        faults.append(Fault("archive", f"holds {len(entries)} entries; at most {MAX_FILES}"))
    seen: set[str] = set()
    for entry in entries[: MAX_FILES + 1]:
        name = entry.filename
        if name.casefold() in seen:
            faults.append(Fault(name, "is in the archive twice (letter case does not count)"))
        seen.add(name.casefold())
        faults += [Fault(name, message) for message in _one_entry(entry)]
    if (total := sum(entry.file_size for entry in entries)) > MAX_ARCHIVE:
        faults.append(Fault("archive", f"would grow to {total} bytes; at most {MAX_ARCHIVE}"))
    return faults


def _one_entry(entry: zipfile.ZipInfo) -> list[str]:
    found: list[str] = []
    name = entry.filename
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in name or {"", ".", ".."} & set(parts[:-1]):
        found.append("is not a plain relative path; it would leave the package")
    elif parts[-1] in {"", ".", ".."}:
        found.append("is a folder, or leaves the package; list files only")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        what = "a symbolic link" if kind == stat.S_IFLNK else "not a plain file"
        found.append(f"is {what}; packages hold files only")
    if entry.flag_bits & 0x1:
        found.append("is encrypted")
    if entry.compress_type != zipfile.ZIP_STORED:
        found.append(f"is compressed ({entry.compress_size} to {entry.file_size} bytes); store it")
    if entry.file_size > MAX_FILE:
        found.append(f"has {entry.file_size} bytes; at most {MAX_FILE} are accepted")
    return found


def _refuse(*faults: Fault) -> None:
    raise PackageInvalid(f"the package has {len(faults)} fault(s)", tuple(faults))
