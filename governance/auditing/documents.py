"""Documents that the log names by digest.

Texts of rule sets, packages of contracts, requirements of their gates, evidence that is too large
for an entry.
"""

from contextlib import suppress
from functools import cache
from pathlib import Path

from contracts.errors import ContractError
from contracts.packages import Package, open_package
from governance.auditing.entries import Entry
from governance.decisions.actions import AdoptRuleSet
from governance.errors import EntryWrong
from ledger.hashing import content_digest, tagged_hash
from policies.compilation import compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.errors import Fault, PolicyError
from policies.review import examine_difference, examine_rules


class Documents:
    """Documents by digest: the rules that are shipped, and those of a folder.

    Args:
        folder: with a file for each document; a file named after a digest in hex, whatever its
            suffix, must have it. None for the shipped ones alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.given = folder is not None
        self._texts: dict[str, bytes] = {}
        self._commitments: dict[str, bytes] = {}
        self._packages: dict[str, Package] = {}
        self._add(shipped_text().encode())
        for file in sorted(folder.iterdir()) if folder else ():
            if file.is_file():
                digest = self._add(file.read_bytes())
                self._check_name(file, digest)

    def find(self, digest: str) -> bytes | None:
        """Return the document with this digest, `sha256:<hex>`."""
        return self._texts.get(digest)

    def committed(self, commitment: str) -> bytes | None:
        """Return the statement behind a commitment of the log, in hex."""
        return self._commitments.get(commitment)

    def package(self, digest: str) -> Package | None:
        """Return the package with this digest, if its archive is there."""
        return self._packages.get(digest)

    def _add(self, data: bytes) -> str:
        digest = content_digest(data)
        if data.startswith(_ZIP):
            with suppress(ContractError):  # some other archive, which nothing will ask for
                package = open_package(data)
                self._packages[package.digest] = package
        self._texts[digest] = data
        self._commitments[tagged_hash("log/statement", data).hex()] = data
        return digest

    def _check_name(self, file: Path, digest: str) -> None:
        stem = file.name.partition(".")[0].removeprefix("sha256-").removeprefix("sha256:")
        named = len(stem) == len(digest.removeprefix("sha256:")) and not set(stem) - _HEX
        if named and digest != f"sha256:{stem}":
            raise EntryWrong(f"{file.name} is not the document with that digest: it has {digest}")


@cache
def _faults_of(text: bytes) -> tuple[Fault, ...]:
    return tuple(examine_rules(text))


@cache
def _faults_between(in_force: bytes, text: bytes, difference: str) -> tuple[Fault, ...]:
    current = compile_rules(parse_rule_set(in_force.decode()))
    return tuple(examine_difference(current, text, difference))


_HEX = set("0123456789abcdef")
_ZIP = b"PK\x03\x04"
"""How an archive begins."""


class RuleSets:
    """Checks each rule set that is proposed, and each that comes into force.

    Args:
        documents: where their texts are.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self.checked: dict[str, int] = {}
        self.missing: dict[str, int] = {}

    def propose(self, in_force: str, action: AdoptRuleSet) -> None:
        """Take what is proposed; what voters are told that it reveals and hides must be so.

        Where one of the two texts is not to be had, `adopt` says so once it is in force.

        Raises:
            EntryWrong: its text is no rule set, or differs otherwise from the rules in force.
        """
        before, text = self._documents.find(in_force), self._documents.find(action.rule_set)
        if before is None or text is None:
            return
        try:
            faults = _faults_between(before, text, action.difference)
        except (PolicyError, UnicodeDecodeError) as error:
            raise EntryWrong(f"the rule set {action.rule_set} cannot be read: {error}") from error
        if faults:
            raise EntryWrong(f"the difference {action.difference} is {faults[0].message}")

    def adopt(self, index: int, digest: str) -> None:
        """Take the rule set in force from entry `index` on.

        Raises:
            EntryWrong: its text is not to be had although documents were given, or has faults.
        """
        if digest in self.checked or digest in self.missing:
            return
        text = self._documents.find(digest)
        if text is None:
            self.missing[digest] = index
            if self._documents.given:
                raise EntryWrong(f"the rule set {digest} is not among the documents given")
            return
        self.checked[digest] = index
        try:
            faults = _faults_of(text)
        except PolicyError as error:
            raise EntryWrong(f"the rule set {digest} cannot be read: {error}") from error
        if faults:
            raise EntryWrong(f"the rule set {digest} has faults: {faults[0]}")


def evidence_of(entry: Entry, documents: Documents) -> bytes | None:
    """Return the attestation in an entry, or behind its commitment if the document is there."""
    return entry.data if entry.envelope is not None else documents.committed(entry.commitment)
