"""Contract packages: a folder of files that becomes a `Package` only if all of it is in form.

A package holds exactly these files: `contract.toml`, `contract.py`, `README.md`,
`properties.py`, `examples/accepted/*.json` and `examples/rejected/<CODE>-*.json`. Form is judged
without running or importing anything; every fault is reported at once, with file and line.
"""

import ast
import io
import re
import tokenize
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from contracts.archives import package_digest, read_archive, write_archive
from contracts.errors import PackageInvalid
from contracts.manifest import MANIFEST, Manifest, read_manifest
from contracts.shapes import TransactionShape
from policies.errors import Fault

SOURCE = "contract.py"
PROPERTIES = "properties.py"
README = "README.md"

MAX_SOURCE = 256 << 10
"""Bytes of the largest Python file in a package."""

MAX_NESTING = 40
"""How deep brackets may nest in a Python file; CPython's parser gives up at 200."""

MAX_INDENT = 20
"""How deep blocks may nest in a Python file."""

MAX_CHAIN = 100
"""How deep the syntax tree of a Python file may be: long operator chains nest, too. What copies and
writes syntax trees, as the mutation gate does, takes some eight calls for each level."""

MAX_EXAMPLE_NESTING = 12
"""How deep an example's JSON may nest; a transaction needs six levels."""

CODE_PATTERN = r"E_[A-Z0-9]+(?:_[A-Z0-9]+)*"
_ACCEPTED = re.compile(r"examples/accepted/([a-z0-9][a-z0-9_-]{0,79})\.json")
_REJECTED = re.compile(rf"examples/rejected/({CODE_PATTERN})-([a-z0-9][a-z0-9_-]{{0,79}})\.json")
_REQUIRED = (MANIFEST, SOURCE, PROPERTIES, README)


class Example(NamedTuple):
    """One example transaction.

    Args:
        name: the file's name in the package.
        code: the code with which it must be rejected; None if it must be accepted.
        transaction: the transaction as JSON text.
    """

    name: str
    code: str | None
    transaction: str


class Package(msgspec.Struct, frozen=True):
    """A package in form.

    Args:
        manifest: what `contract.toml` says.
        files: every file by name.
        digest: the package digest, `sha256:<hex>`.
    """

    manifest: Manifest
    files: dict[str, bytes]
    digest: str

    @property
    def source(self) -> str:
        """The text of `contract.py`."""
        return self.files[SOURCE].decode()

    @property
    def properties(self) -> str:
        """The text of `properties.py`."""
        return self.files[PROPERTIES].decode()

    def archive(self) -> bytes:
        """Return the one archive of this package."""
        return write_archive(self.files)

    def examples(self) -> list[Example]:
        """Return the examples, accepted ones first, each group by name."""
        found = [
            Example(name, None if match is None else match[1], data.decode())
            for name, data in sorted(self.files.items())
            if (match := _REJECTED.fullmatch(name)) or _ACCEPTED.fullmatch(name)
        ]
        return sorted(found, key=lambda example: (example.code is not None, example.name))


def open_package(archive: bytes) -> Package:
    """Return the package in `archive`.

    Raises:
        PackageInvalid: with every fault.
    """
    return make_package(read_archive(archive))


def make_package(files: Mapping[str, bytes]) -> Package:
    """Return the package that `files` are.

    Raises:
        PackageInvalid: with every fault.
    """
    manifest, faults = form(files)
    if manifest is None or faults:
        raise PackageInvalid(f"the package has {len(faults)} fault(s)", tuple(faults))
    return Package(manifest, dict(files), package_digest(files))


def form(files: Mapping[str, bytes]) -> tuple[Manifest | None, list[Fault]]:
    """Return the manifest if it can be read, and every fault of form in `files`."""
    faults = [Fault(name, "is missing") for name in _REQUIRED if name not in files]
    manifest: Manifest | None = None
    for name, data in sorted(files.items()):
        if not _known(name):
            faults.append(Fault(name, "does not belong in a package; see the author's guide"))
            continue
        text, broken = _text(name, data)
        if text is None:
            faults += broken
        elif name == MANIFEST:
            manifest, found = read_manifest(text)
            faults += found
        elif name.endswith(".py"):
            faults += _python_faults(name, text)
        elif name.endswith(".json"):
            faults += _example_faults(name, text)
    return manifest, faults


def _known(name: str) -> bool:
    return name in _REQUIRED or bool(_ACCEPTED.fullmatch(name) or _REJECTED.fullmatch(name))


def _text(name: str, data: bytes) -> tuple[str | None, list[Fault]]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [Fault(name, f"is not UTF-8: byte {error.start} is {error.reason}", line)]
    if (place := text.find("\x00")) >= 0:
        return None, [Fault(name, "holds a NUL character", text.count("\n", 0, place) + 1)]
    return text, []


def _python_faults(name: str, text: str) -> list[Fault]:
    size = len(text.encode())
    if size > MAX_SOURCE:
        line = text.encode()[:MAX_SOURCE].count(b"\n") + 1
        return [Fault(name, f"has {size} bytes; at most {MAX_SOURCE} are accepted", line)]
    if faults := _nesting_faults(name, text):
        return faults
    try:
        tree = ast.parse(text, name)
    except SyntaxError as error:
        return [Fault(name, f"is not Python: {error.msg}", error.lineno)]
    except (RecursionError, MemoryError, ValueError) as error:
        said = f"cannot be parsed, it nests too deeply: {type(error).__name__}"
        return [Fault(name, said, _longest_line(text))]
    depth, line = _deepest(tree)
    if depth > MAX_CHAIN:
        message = f"expressions nest {depth} deep, for instance in a chain; at most {MAX_CHAIN}"
        return [Fault(name, message, line)]
    return []


def _longest_line(text: str) -> int:
    lines = text.splitlines() or [""]
    return 1 + max(range(len(lines)), key=lambda place: len(lines[place]))


def _nesting_faults(name: str, text: str) -> list[Fault]:
    depth = indent = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.OP and token.string in "([{":
                depth += 1
            elif token.type == tokenize.OP and token.string in ")]}":
                depth -= 1
            elif token.type == tokenize.INDENT:
                indent += 1
            elif token.type == tokenize.DEDENT:
                indent -= 1
            if depth > MAX_NESTING:
                message = f"brackets nest more than {MAX_NESTING} deep"
                return [Fault(name, message, token.start[0])]
            if indent > MAX_INDENT:
                message = f"blocks nest more than {MAX_INDENT} deep"
                return [Fault(name, message, token.start[0])]
    except tokenize.TokenError:
        return []  # brackets left open at the end: the parser says it better
    except SyntaxError as error:
        return [Fault(name, f"is not Python: {error.msg}", error.lineno)]
    return []


def _deepest(tree: ast.AST) -> tuple[int, int]:
    """Return how deep the tree is, and the line of what is deepest."""
    deepest, line = 0, 1
    stack = [(tree, 1, 1)]
    while stack:
        node, depth, above = stack.pop()
        here = getattr(node, "lineno", above)
        if depth > deepest:
            deepest, line = depth, here
        stack.extend((child, depth + 1, here) for child in ast.iter_child_nodes(node))
    return deepest, line


def _example_faults(name: str, text: str) -> list[Fault]:
    depth = 0
    for number, row in enumerate(text.splitlines(), 1):
        for character in row:
            depth += (character in "[{") - (character in "]}")
            if depth > MAX_EXAMPLE_NESTING:
                message = f"nests more than {MAX_EXAMPLE_NESTING} deep"
                return [Fault(name, message, number)]
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        found = re.search(r"byte (\d+)", str(error))
        line = text.encode().count(b"\n", 0, int(found[1])) + 1 if found else None
        return [Fault(name, f"is not JSON: {error}", line or 1)]
    if not isinstance(document, dict):
        return [Fault(name, "is not a JSON object", 1)]
    try:
        msgspec.convert(document, TransactionShape)
    except msgspec.ValidationError as error:
        return [Fault(name, f"is not a transaction: {error}", _line_of_path(text, str(error)))]
    return []


def _line_of_path(text: str, said: str) -> int | None:
    """Return the first line that has the last key that an error names, as near as one can say."""
    keys = re.findall(r"[`.]([a-z_]+)", said.replace("`$", "`"))
    lines = text.splitlines()
    for key in reversed(keys):
        for number, row in enumerate(lines, 1):
            if f'"{key}"' in row:
                return number
    return 1
