import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.archives import MAX_FILE, package_digest, read_archive, read_folder, write_archive
from contracts.errors import PackageInvalid
from contracts.packages import Package, make_package, open_package

Files = dict[str, bytes]


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], compress: bool = False) -> bytes:
    target = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(target, "w", kind) as archive:
        for name, data in entries:
            archive.writestr(name, data, kind)
    return target.getvalue()


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry, target.encode()


BAD_ARCHIVES: dict[str, tuple[bytes, str, str]] = {
    "not a zip": (b"hello", "archive", "is not a ZIP file"),
    "zip bomb": (zipped(("contract.py", b"0" * 50_000_000), compress=True), "contract.py", "store"),
    "stored but compressed": (zipped(("a.py", b"x" * 99), compress=True), "a.py", "is compressed"),
    "up and out": (zipped(("../../etc/passwd", b"x")), "../../etc/passwd", "leave the package"),
    "absolute": (zipped(("/etc/passwd", b"x")), "/etc/passwd", "leave the package"),
    "drive": (zipped(("C:/x.py", b"x")), "C:/x.py", "leave the package"),
    "dots at the end": (zipped(("examples/..", b"x")), "examples/..", "leaves the package"),
    "folder": (zipped(("examples/", b"")), "examples/", "is a folder"),
    "link": (zipped(link("contract.py", "/etc/passwd")), "contract.py", "is a symbolic link"),
    "case twin": (zipped(("A.py", b"1"), ("a.py", b"2")), "a.py", "twice"),
    "10 MB file": (zipped(("contract.py", b"#" * 10_000_000)), "archive", "bytes; at most"),
    "large file": (zipped(("contract.py", b"#" * (MAX_FILE + 1))), "contract.py", "at most"),
    "unsorted": (zipped(("b.py", b"1"), ("a.py", b"2")), "archive", "canonical"),
    "comment after": (zipped(("a.py", b"1")) + b"tail", "archive", ""),
    "truncated": (zipped(("a.py", b"1"))[:-10], "archive", "is not a ZIP file"),
    "many entries": (zipped(*((f"{n}.py", b"") for n in range(501))), "archive", "entries"),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_a_bad_archive_is_refused_with_the_entry_named(case: str):
    data, where, said = BAD_ARCHIVES[case]
    with pytest.raises(PackageInvalid) as caught:
        read_archive(data)
    assert any(fault.where == where and said in fault.message for fault in caught.value.faults)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused():
    with pytest.raises(PackageInvalid) as caught:
        read_archive(zipped(("a.py", b"1"), ("a.py", b"2")))
    assert "twice" in caught.value.faults[0].message


def test_all_bad_entries_are_reported_at_once():
    data = zipped(("../a.py", b"1"), ("/b.py", b"2"), link("c.py", "d"))
    with pytest.raises(PackageInvalid) as caught:
        read_archive(data)
    assert {fault.where for fault in caught.value.faults} == {"../a.py", "/b.py", "c.py"}


def edit(name: str, change: Callable[[bytes], bytes | None]) -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        changed = change(files[name]) if name in files else change(b"")
        if changed is None:
            del files[name]
        else:
            files[name] = changed

    return apply


def put(name: str, text: str | bytes) -> Callable[[Files], None]:
    return edit(name, lambda _: text.encode() if isinstance(text, str) else text)


def swap(name: str, old: str, new: str) -> Callable[[Files], None]:
    def change(data: bytes) -> bytes:
        assert old.encode() in data
        return data.replace(old.encode(), new.encode())

    return edit(name, change)


BAD_FILES: dict[str, tuple[Callable[[Files], None], str, int | None, str]] = {
    "no contract": (edit("contract.py", lambda _: None), "contract.py", None, "is missing"),
    "no properties": (edit("properties.py", lambda _: None), "properties.py", None, "missing"),
    "stray file": (put("setup.py", "1"), "setup.py", None, "does not belong"),
    "stray example": (put("examples/accepted/X.json", "{}"), "examples/accepted/X.json", None, ""),
    "no code": (put("examples/rejected/bad.json", "{}"), "examples/rejected/bad.json", None, ""),
    "not UTF-8": (put("contract.py", b"# ok\n# \xff\n"), "contract.py", 2, "is not UTF-8"),
    "NUL": (put("contract.py", "# ok\n\0\n"), "contract.py", 2, "NUL"),
    "too large": (put("contract.py", "#\n" * 300_000), "contract.py", 131_073, "at most"),
    "nested brackets": (put("contract.py", "\nx = " + "(" * 150), "contract.py", 2, "nest"),
    "many brackets": (put("contract.py", "x = " + "[" * 90_000), "contract.py", 1, "nest"),
    "long chain": (put("contract.py", "x = " + "+".join("1" * 5_000)), "contract.py", 1, "nest"),
    "long unary": (
        put("contract.py", "\nx = " + "-" * 90_000 + "1"),
        "contract.py",
        2,
        "nests too deep",
    ),
    "deep blocks": (
        put("contract.py", "".join(" " * n + "if 1:\n" for n in range(30)) + " " * 30 + "1"),
        "contract.py",
        22,
        "blocks nest",
    ),
    "syntax": (put("contract.py", "def verify(tx):\n  return )\n"), "contract.py", 2, "not Python"),
    "not TOML": (put("contract.toml", 'name = "x"\nname = \n'), "contract.toml", 2, "not TOML"),
    "bad version": (swap("contract.toml", '"1.0.0"', '"1.0"'), "contract.toml", 2, "version"),
    "unknown key": (swap("contract.toml", "owner", "ownr"), "contract.toml", 3, "not a key"),
    "key missing": (swap("contract.toml", "owner", "ownr"), "contract.toml", None, "`owner` is"),
    "bad class": (swap("contract.toml", '"high"', '"none"'), "contract.toml", 4, "risk_class"),
    "too much gas": (swap("contract.toml", "50_000_000", "999_999_999"), "contract.toml", 7, "gas"),
    "bad effect": (
        swap("contract.toml", '"moves"', '"doubles"'),
        "contract.toml",
        16,
        "`commands.transfer`",
    ),
    "not JSON": (put("examples/accepted/a.json", "{\n\n]"), "examples/accepted/a.json", 3, "JSON"),
    "deep JSON": (put("examples/accepted/a.json", "[" * 99), "examples/accepted/a.json", 1, "nest"),
    "JSON list": (put("examples/accepted/a.json", "[]"), "examples/accepted/a.json", 1, "obj"),
    "no transaction": (
        put("examples/accepted/a.json", "{}"),
        "examples/accepted/a.json",
        1,
        "miss",
    ),
    "a text as quantity": (
        swap("examples/accepted/issue.json", '"quantity": 120000', '"quantity": "all"'),
        "examples/accepted/issue.json",
        12,
        "Expected `int`, got `str`",
    ),
    "largest twice wrong": (
        swap("contract.toml", "outputs = 200", "outputs = 0"),
        "contract.toml",
        11,
        "`largest_transaction.outputs`",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_with_file_and_line(case: str, package: Package):
    change, where, line, said = BAD_FILES[case]
    files = dict(package.files)
    change(files)
    with pytest.raises(PackageInvalid) as caught:
        make_package(files)
    found = [(fault.where, fault.line, fault.message) for fault in caught.value.faults]
    assert any(w == where and n == line and said in m for w, n, m in found), found


def test_faults_of_several_files_come_together(package: Package):
    files = dict(package.files)
    for change in ("not UTF-8", "bad version", "stray file", "not JSON"):
        BAD_FILES[change][0](files)
    with pytest.raises(PackageInvalid) as caught:
        make_package(files)
    wheres = {fault.where for fault in caught.value.faults}
    assert wheres == {"contract.py", "contract.toml", "setup.py", "examples/accepted/a.json"}


def test_an_archive_is_a_function_of_its_files(package: Package):
    turned = dict(reversed(package.files.items()))
    assert write_archive(turned) == package.archive()
    assert package_digest(turned) == package.digest
    assert open_package(package.archive()) == package


def test_the_digest_follows_names_and_contents(package: Package):
    files = dict(package.files)
    files["README.md"] += b"\n"
    assert package_digest(files) != package.digest


def test_a_folder_with_a_link_is_refused(tmp_path: Path, package: Package):
    for name, data in package.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert make_package(read_folder(tmp_path)) == package
    (tmp_path / "examples" / "accepted" / "link.json").symlink_to(tmp_path / "contract.py")
    with pytest.raises(PackageInvalid, match="fault"):
        read_folder(tmp_path)
