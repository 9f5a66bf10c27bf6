"""Contracts in the log: what is voted on was submitted by its author and passed its gates.

An approval binds digests that a fact brought to the network's state. The package is its author's
statement, the evidence the service's attestations: both are entries, from which the fact follows.
"""

import msgspec

from contracts.errors import ContractError
from contracts.evidence import read_attestation, statement_in
from contracts.gates.requirements import (
    Requirements,
    RequirementTable,
    shipped_requirements,
)
from contracts.submission import ContractPackage
from governance.auditing.documents import Documents, evidence_of
from governance.auditing.entries import Entry
from governance.decisions.actions import contract_key
from governance.decisions.network import NetworkState
from governance.decisions.statements import ContractGated
from governance.errors import EntryWrong
from ledger.errors import LedgerError
from ledger.hashing import content_digest
from ledger.keys import PublicKey


class _Found(msgspec.Struct, frozen=True):
    """What one gate found: its payload's digest, its answer, and by which requirements."""

    digest: str
    passed: bool
    requirements: str
    risk_class: str


class _Package(msgspec.Struct, frozen=True):
    author: str
    digest: str
    runtime: str


class Contracts:
    """Packages and attestations, entry by entry.

    Args:
        documents: where attestations are that were too large for an entry, and requirements.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._packages: dict[str, _Package] = {}
        self._found: dict[str, dict[str, _Found]] = {}
        self.requirements: dict[str, bool] = {}
        """Digest of each table of requirements that a gate applied → whether it was looked into."""
        self._elsewhere: list[int] = []

    def submit(self, author: str, body: ContractPackage, state: NetworkState) -> None:
        """Take a member's statement about a package.

        Raises:
            EntryWrong: the version is another package's, or the runtime is not registered.
        """
        key = contract_key(body.name, body.version)
        if key in self._packages:
            raise EntryWrong(f"{key} was submitted before; a version never changes")
        if body.runtime not in state.parameters.runtimes:
            raise EntryWrong(f"the runtime {body.runtime} is not registered")
        self._packages[key] = _Package(author, body.digest, body.runtime)

    def attest(self, entry: Entry, service: PublicKey) -> None:
        """Take an attestation of a gate.

        Raises:
            EntryWrong: the service did not sign it, or it is about no package that was submitted.
        """
        envelope = evidence_of(entry, self._documents)
        if envelope is None:
            self._elsewhere.append(entry.index)
            return
        try:
            about = statement_in(envelope).subject
            package = self._about(about[0].name if about else "")
            attestation = read_attestation(envelope, service, package.digest)
        except (ContractError, LedgerError, msgspec.MsgspecError) as error:
            raise EntryWrong(str(error)) from error
        predicate = attestation.statement.predicate
        if predicate.runtime != package.runtime:
            raise EntryWrong(f"the gate ran under {predicate.runtime}, not {package.runtime}")
        gates = self._found.setdefault(package.digest, {})
        gates[predicate.gate] = _Found(
            attestation.payload_digest,
            predicate.passed,
            predicate.requirements,
            predicate.risk_class,
        )

    def gate(self, fact: ContractGated) -> None:
        """Take the fact that a version passed its gates.

        Raises:
            EntryWrong: it was not submitted so, a gate failed, or the evidence is not in the log.
        """
        key = contract_key(fact.name, fact.version)
        package = self._about(key)
        says = fact.owner, fact.package, fact.runtime
        if says != (package.author, package.digest, package.runtime):
            raise EntryWrong(f"{key} was not submitted so by {fact.owner}")
        if fact.base and fact.base not in {p.digest for p in self._packages.values()}:
            raise EntryWrong(f"{key} was compared with {fact.base}, which nobody submitted")
        gates = self._found.get(package.digest, {})
        failed = sorted(name for name, found in gates.items() if not found.passed)
        if failed:
            raise EntryWrong(f"{key} failed its gates {', '.join(failed)}")
        lines = "".join(f"{name} {found.digest}\n" for name, found in sorted(gates.items()))
        if not gates or fact.evidence != content_digest(lines.encode()):
            raise EntryWrong(f"the evidence for {key} is not in the log{self._hint()}")
        self._check_class(key, package, gates)

    def _check_class(self, key: str, package: _Package, gates: dict[str, _Found]) -> None:
        """Return if the gates are all that one risk class asks for, by one table."""
        if len({(found.requirements, found.risk_class) for found in gates.values()}) > 1:
            raise EntryWrong(f"the gates of {key} applied different requirements or risk classes")
        asked = next(iter(gates.values()))
        archive = self._documents.package(package.digest)
        if archive is not None and archive.manifest.risk_class != asked.risk_class:
            raise EntryWrong(
                f"{key} is of class {archive.manifest.risk_class}; its gates applied"
                f" {asked.risk_class}"
            )
        table = self._table(asked.requirements)
        self.requirements[asked.requirements] = table is not None
        if table is None:
            return
        wanted = getattr(table, asked.risk_class, None)
        if not isinstance(wanted, Requirements):
            raise EntryWrong(f"{key} is of the unknown risk class {asked.risk_class!r}")
        missing = sorted(set(wanted.gates) - set(gates))
        if missing:
            raise EntryWrong(
                f"{key}, of class {asked.risk_class}, passed no gate {', '.join(missing)}"
            )

    def _table(self, digest: str) -> RequirementTable | None:
        shipped, known = shipped_requirements()
        if digest == known:
            return shipped
        text = self._documents.find(digest)
        if text is None:
            if self._documents.given:
                raise EntryWrong(f"the requirements {digest} are not among the documents given")
            return None
        try:
            return msgspec.toml.decode(text, type=RequirementTable)
        except msgspec.MsgspecError as error:
            raise EntryWrong(f"the requirements {digest} cannot be read: {error}") from error

    def _hint(self) -> str:
        if not self._elsewhere:
            return ""
        places = ", ".join(map(str, self._elsewhere))
        return f"; entries {places} hold commitments only: give their attestations as documents"

    def _about(self, key: str) -> _Package:
        package = self._packages.get(key)
        if package is None:
            raise EntryWrong(f"no package of {key or 'that name'} was submitted")
        return package
