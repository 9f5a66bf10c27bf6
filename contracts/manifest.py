"""`contract.toml`: what a contract package says about itself."""

import re
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from policies.errors import Fault

MANIFEST = "contract.toml"

MAX_GAS = 200_000_000
"""The highest gas limit of a verification, in units of wasm fuel (design: contracts)."""

DEFAULT_GAS = 50_000_000
"""The gas limit where the manifest names none, in units of wasm fuel."""

MAX_STATES = 1_000
"""The most inputs, outputs or commands that a manifest may declare for one transaction."""

RiskClass = Literal["low", "standard", "high"]
Effect = Literal["creates", "destroys", "moves", "keeps"]
"""What a command does to the quantity of its right: makes it, ends it, moves it between two
investors, or leaves every holding as it is."""

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{1,62}$")]
MemberId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{1,62}$")]
VERSION_PATTERN = r"^(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})$"
VersionText = Annotated[str, Meta(pattern=VERSION_PATTERN)]
Count = Annotated[int, Meta(ge=1, le=MAX_STATES)]
Reason = Annotated[str, Meta(max_length=2_000)]


class LargestTransaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The largest transaction that the contract is made for, in numbers of components."""

    inputs: Count
    outputs: Count
    commands: Count


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of behaviour against the predecessor that the author announces.

    An empty text announces nothing: a difference of that sort then fails the gate.
    """

    newly_accepted: Reason = ""
    newly_rejected: Reason = ""
    other_code: Reason = ""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `contract.toml` holds.

    Args:
        name: the contract's name, for ever.
        version: three numbers; versions of a name only rise.
        owner: the member that answers for the contract.
        risk_class: which gate requirements apply.
        description: one line for those who vote.
        largest_transaction: what the bounds gate measures up to.
        state_types: the kinds of token that it governs.
        commands: each transfer type that it accepts, with its effect on quantities.
        gas_limit: fuel of one verification.
        changes: what the author announces as changed.
    """

    name: Name
    version: VersionText
    owner: MemberId
    risk_class: RiskClass
    description: Annotated[str, Meta(min_length=1, max_length=500)]
    largest_transaction: LargestTransaction
    state_types: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=50)]
    commands: Annotated[dict[Name, Effect], Meta(min_length=1, max_length=50)]
    gas_limit: Annotated[int, Meta(ge=1_000_000, le=MAX_GAS)] = DEFAULT_GAS
    changes: Changes = Changes()


def is_version(version: str) -> bool:
    """Return whether a text is a version at all."""
    return re.fullmatch(VERSION_PATTERN, version) is not None


def version_key(version: str) -> tuple[int, ...]:
    """Return what versions are compared by."""
    return tuple(int(part) for part in version.split("."))


def read_manifest(text: str) -> tuple[Manifest | None, list[Fault]]:
    """Return the manifest, or every fault of its text with its line."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"line (\d+)", str(error))
        return None, [Fault(MANIFEST, f"is not TOML: {error}", int(found[1]) if found else None)]
    faults = _unknown_keys(text, document)
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Manifest):
        if field.name not in document:
            if field.required:
                faults.append(Fault(MANIFEST, f"`{field.name}` is missing"))
            continue
        value = document[field.name]
        try:
            values[field.name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            faults += _field_faults(text, field.name, value, field.type, error)
    return (None, faults) if faults else (Manifest(**values), [])


_HINTS = {
    "name": "two or more lower-case letters, digits and underscores, a letter first",
    "version": "three numbers, such as 1.2.0",
    "owner": "a member id: lower-case letters, digits and hyphens, a letter first",
    "state_types": "names of two or more lower-case letters, digits and underscores",
}


def _field_faults(text: str, name: str, value: object, kind: Any, error: Exception) -> list[Fault]:
    """Return every fault of one key; of a table, that of each entry by itself."""
    entries = value if isinstance(value, dict) else {}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    else:
        types = dict.fromkeys(entries, Effect) if name == "commands" else {}
    faults = []
    for key, entry in entries.items():
        try:
            msgspec.convert(entry, types[key])
        except KeyError:
            faults.append(Fault(MANIFEST, f"`{name}.{key}` is no key", line_of(text, key)))
        except msgspec.ValidationError as wrong:
            faults.append(Fault(MANIFEST, f"`{name}.{key}`: {wrong}", line_of(text, key)))
    said = _HINTS.get(name, "") if "regex" in str(error) else ""
    message = f"`{name}`: expected {said}" if said else f"`{name}`: {error}"
    return faults or [Fault(MANIFEST, message, line_of(text, name))]


def _unknown_keys(text: str, document: Mapping[str, object]) -> list[Fault]:
    known = {field.name for field in msgspec.structs.fields(Manifest)}
    return [
        Fault(MANIFEST, f"`{key}` is not a key of a manifest", line_of(text, key))
        for key in document
        if key not in known
    ]


def line_of(text: str, key: str) -> int | None:
    """Return the line on which a key of the manifest stands."""
    pattern = re.compile(rf"^\s*\[?\s*{re.escape(key)}\s*[\]=.]")
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.match(line):
            return number
    return None
