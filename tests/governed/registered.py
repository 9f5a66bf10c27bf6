"""A network that decides about a real registry: real keys, log and gates' records, a set clock."""

import dataclasses

import msgspec
from sqlalchemy.engine import Engine

from contracts import deployment, store
from contracts.balloting import voted_on
from contracts.deployment import PACKAGE_KIND, ContractPackage
from contracts.packages import Package
from contracts.rechecking import RECHECK_KIND, ContractRecheck, recheck
from contracts.services import ContractServices
from contracts.tables import EvidenceRow
from governance.assembly.contract_effects import GatedObserver, RegistryEffects, ReopenedObserver
from governance.decisions.actions import Action, ApproveContract
from ledger.database import reading, writing
from ledger.hashing import content_digest
from tests.decisions.world import World, rules

NAME = "beneficial_right"
RUNTIME = "runtime-1"


class Registered(World):
    """The world, with the registry's own effects instead of a notebook for contracts."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        effects = dataclasses.replace(self.services.effects, contracts=RegistryEffects())
        self.services = dataclasses.replace(self.services, effects=effects)
        self.registry = ContractServices(
            desk=self,
            runtimes=lambda _: {RUNTIME},
            signer=self.service,
            gated=GatedObserver(self.services),
            reopened=ReopenedObserver(self.services),
        )
        for member, role in (
            ("trust-a", "registrar"),
            ("trust-b", "registrar"),
            ("custody-a", "custodian"),
            ("custody-b", "custodian"),
        ):
            self.join(member, role)

    def submit(self, package: Package, author: str = "trust-a") -> None:
        manifest = package.manifest
        body = ContractPackage(manifest.name, manifest.version, package.digest, RUNTIME)
        opened = self.read(self.sign(author, PACKAGE_KIND, body), ContractPackage)
        with writing(self.engine) as session:
            actor = self.actor(session, author)
            archive = package.archive()
            deployment.submit(session, rules(), actor, opened, archive, {RUNTIME}, self.at)

    def attested(self, version: str, finding: str) -> None:
        """Let the registry hold an attestation; nobody is told."""
        with writing(self.engine) as session:
            row = store.version_row(session, NAME, version)
            payload = content_digest(f"{version} {finding}".encode())
            session.add(
                EvidenceRow(
                    digest=row.digest,
                    gate="lint",
                    passed=True,
                    payload_digest=payload,
                    envelope=b"{}",
                    at=self.at,
                )
            )

    def pass_gates(self, version: str, finding: str = "clean") -> None:
        """Do what the worker does when every gate has passed."""
        self.attested(version, finding)
        with writing(self.engine) as session:
            row = store.version_row(session, NAME, version)
            store.job_row(session, row.digest).status = "passed"
            deployment.gates_passed(session, NAME, version, self.at)
            self.registry.gated(session, NAME, version, self.at)

    def deploy(self, package: Package) -> None:
        """Submit a version, let it pass, and have it approved."""
        version = package.manifest.version
        self.submit(package)
        self.pass_gates(version)
        proposal = self.propose("trust-a", ApproveContract(name=NAME, version=version))
        self.carry(proposal)
        assert self.version(version).state == "active"

    def decided(self, *actions: Action) -> str:
        """Propose as the administrator, have everybody approve, return the proposal."""
        proposal = self.propose("platform", *actions)
        self.carry(proposal)
        return proposal

    def recheck(self, author: str, version: str) -> None:
        body = ContractRecheck(NAME, version, "the tools are new")
        opened = self.read(self.sign(author, RECHECK_KIND, body), ContractRecheck)
        with writing(self.engine) as session:
            actor = self.actor(session, author)
            recheck(session, self.registry, rules(), actor, opened, self.at)

    def version(self, version: str) -> store.VersionRow:
        with reading(self.engine) as session:
            row = store.version_row(session, NAME, version)
            session.expunge(row)
        return row

    def bound(self, proposal: str, version: str) -> dict[str, str | None]:
        with reading(self.engine) as session:
            found = voted_on(session, proposal, NAME, version)
        return msgspec.structs.asdict(found)

    def reasons(self, proposal: str) -> str:
        return "; ".join(self.decision(proposal).reasons)
