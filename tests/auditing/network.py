"""A whole network in little, with everything that an auditor looks at; and a forger of its log."""

import base64
import datetime as dt
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from contracts import deployment, evidence
from contracts.gates.requirements import shipped_requirements
from contracts.gates.subjects import GateResult
from contracts.jobs import EVIDENCE_KIND
from contracts.packages import Package
from contracts.submission import PACKAGE_KIND, ContractPackage, submit
from contracts.tables import EvidenceRow
from governance.anchors import Anchors
from governance.assembly.contract_effects import GatedObserver, RegistryEffects
from governance.assembly.membership_effects import GovernanceObserver, RegisterEffects
from governance.assembly.services import NetworkEffectsHere
from governance.decisions.actions import AdoptRuleSet, ApproveContract, ChangeParameters, Suspend
from governance.decisions.effects import Effects
from governance.decisions.genesis import first_parameters, found_network, shipped_voting_rules
from governance.decisions.services import DecisionServices
from governance.decisions.statements import FirstMember, Genesis, Vote
from governance.decisions.store import add_document
from governance.decisions.voting import Status
from governance.identity import store as identity
from governance.identity.announcements import Herald
from governance.identity.authority import Authority, issue_approved
from governance.identity.foundation import create_authority, trust_anchor
from governance.membership import admission
from governance.membership.members import Role
from governance.membership.statements import APPLICATION
from ledger.commitment import log_commitment
from ledger.database import Base, connect, protect_append_only, reading, writing
from ledger.declarations import SESSION_KIND, MarketSession
from ledger.hashing import content_digest
from ledger.keys import SoftwareSigner, public_bytes
from ledger.log.checkpoints import Publisher
from ledger.log.export import export
from ledger.log.notes import NoteSigner
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened
from policies.compilation import compile_rules
from policies.differences import compare_rules
from policies.engine import parse_rule_set, shipped_text
from tests.decisions.world import HOUR, NETWORK, START, World, rules, spki
from tests.membership.consortium import BASE_URL, application, sealed_store

RUNTIME = "sha256:" + "7" * 64
LOG_KEY = NoteSigner(f"{NETWORK}/log", SoftwareSigner(Ed25519PrivateKey.generate()))
AMENDED = shipped_text() + "\n# amended\n"
"""Another rule set with the same meaning and another digest."""


def database(path: Path) -> Engine:
    engine = connect(f"sqlite:///{path}")
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        protect_append_only(connection)
    return engine


class AuditedNetwork(World):
    """A world whose memberships, certificates and contracts are the real ones."""

    def __init__(self, folder: Path) -> None:
        self.engine = database(folder / "network.sqlite")
        self.at, self.days = START, 30
        self.keystore = sealed_store(folder)
        self.keystore.generate("service")
        self.service = self.keystore.signer("service")
        observer = GovernanceObserver()
        herald = Herald(NETWORK, "platform", self.service, (observer,))
        self.authority = Authority(self.keystore, herald, BASE_URL)
        effects = Effects(RegisterEffects(self.authority), RegistryEffects(), NetworkEffectsHere())
        self.services = DecisionServices(herald, effects, self)
        self.keys, self.signers, self.private = {}, [self.service], {}
        self.txids: list[bytes] = []
        self.founded_by = self._found()
        observer.services = self.services

    def submit_vote(self, opened: Opened[Vote]) -> Status:
        self.at += dt.timedelta(seconds=1)
        return super().submit_vote(opened)

    def _new_key(self, member: str) -> Ed25519PrivateKey:
        key = self.private[member] = Ed25519PrivateKey.generate()
        self.keys[member] = SoftwareSigner(key)
        self.signers.append(self.keys[member])
        return key

    def _found(self) -> Genesis:
        body = application("platform", self._new_key("platform"), Role.PLATFORM_ADMINISTRATOR)
        with writing(self.engine) as session:
            self.root = create_authority(session, self.authority, self.at)
            admission.found_membership(session, self.authority, body, self.at)
        issue_approved(self.engine, self.authority, self.at)
        with writing(self.engine) as session:
            genesis = self._genesis(session)
            found_network(session, self.services, self.keys["platform"], genesis, self.at)
        return genesis

    def _genesis(self, session: Session) -> Genesis:
        row = identity.certificates_of(session, "platform", "node-1")[0]
        own = x509.load_der_x509_certificate(row.der)
        digest = content_digest(shipped_text().encode())
        add_document(session, digest, shipped_text().encode(), "platform", self.at)
        authorities = [identity.latest_authority(session, kind) for kind in ("root", "issuing")]
        return Genesis(
            NETWORK,
            base64.b64encode(public_bytes(self.service.public_key())).decode(),
            FirstMember(
                "platform",
                "platform 株式会社",
                row.serial,
                spki(self.keys["platform"]),
                own.not_valid_before_utc,
                own.not_valid_after_utc,
                "node-1",
            ),
            *(base64.b64encode(a.der).decode() for a in authorities),
            first_parameters(NETWORK, "platform", digest, (RUNTIME,)),
            shipped_voting_rules(),
        )

    def join(self, member: str, role: str) -> None:
        key = self._new_key(member)
        body = application(member, key, Role(role))
        raw = self.sign(member, APPLICATION, body, key=self.keys[member])
        with writing(self.engine) as session:
            said = admission.open_application(raw)
            admission.apply_for_membership(session, self.authority, said, self.at)
        self.carry(next(iter(self.state().proposals)))
        issue_approved(self.engine, self.authority, self.at)
        self.pass_time(HOUR)

    def anchors(self) -> Anchors:
        with reading(self.engine) as session:
            root = trust_anchor(session).certificate
        genesis = next(data for _, kind, data in self.log() if kind == "genesis")
        return Anchors(
            NETWORK,
            str(LOG_KEY.key()),
            content_digest(genesis),
            root.public_bytes(serialization.Encoding.PEM).decode(),
        )

    def append(self, kind: str, data: bytes) -> None:
        with writing(self.engine) as session:
            append(session, [LogEntry(kind, data)])

    def transact(self, count: int) -> list[bytes]:
        txids = [secrets.token_bytes(32) for _ in range(count)]
        self.txids += txids
        with writing(self.engine) as session:
            append(session, [log_commitment(txid) for txid in txids])
        return txids

    def submit(self, author: str, package: Package, left_out: str = "") -> None:
        """Submit a package, and let gates say that it passed: real attestations, no gates run."""
        manifest = package.manifest
        body = ContractPackage(manifest.name, manifest.version, package.digest, RUNTIME)
        opened = self.read(self.sign(author, PACKAGE_KIND, body), ContractPackage)
        with writing(self.engine) as session:
            actor = self.actor(session, author)
            submit(session, rules(), actor, opened, package.archive(), [RUNTIME], self.at)
        table, requirements = shipped_requirements()
        conditions = evidence.Conditions(
            package.digest,
            manifest.name,
            manifest.version,
            RUNTIME,
            requirements,
            manifest.risk_class,
            None,
            None,
            1,
        )
        with writing(self.engine) as session:
            for gate in table.of(manifest.risk_class).gates:
                if gate == left_out:
                    continue
                made = evidence.attest(GateResult(gate, True, "passed"), conditions, self.service)
                session.add(
                    EvidenceRow(
                        digest=package.digest,
                        gate=gate,
                        passed=True,
                        payload_digest=made.payload_digest,
                        envelope=made.envelope,
                        at=self.at,
                    )
                )
                append(session, [LogEntry(EVIDENCE_KIND, made.envelope)])
            deployment.gates_passed(session, manifest.name, manifest.version, self.at)
            GatedObserver(self.services)(session, manifest.name, manifest.version, self.at)


def lively(folder: Path, package: Package) -> AuditedNetwork:
    """Return a network in which something of every kind has happened."""
    network = AuditedNetwork(folder)
    network.join("trust-a", "registrar")
    network.join("custody-a", "custodian")
    network.join("trust-b", "registrar")
    network.join("direct-a", "direct_securities_firm")
    said = MarketSession("open")
    network.append(SESSION_KIND, network.sign("platform", SESSION_KIND, said))
    network.transact(20)
    network.submit("trust-a", package)
    manifest = package.manifest
    approval = ApproveContract(name=manifest.name, version=manifest.version)
    network.carry(network.propose("trust-a", approval))
    network.pass_time(HOUR)
    parameters = network.state().parameters
    changed = msgspec.structs.replace(parameters, version=2, registration_window_seconds=60)
    network.carry(network.propose("platform", ChangeParameters(parameters=changed)))
    network.pass_time(30 * HOUR)
    digest = network.deposit("platform", AMENDED.encode())
    after = compile_rules(parse_rule_set(AMENDED))
    difference = compare_rules(rules(), after).digest
    action = AdoptRuleSet(rule_set=digest, difference=difference)
    network.carry(network.propose("platform", action))
    network.pass_time(100 * HOUR)
    network.carry(network.propose("platform", Suspend(member_id="direct-a", reason="a test")))
    network.pass_time(HOUR)
    network.transact(5)
    return network


def write_log(folder: Path, entries: Sequence[tuple[str, bytes]], at: dt.datetime = START) -> Path:
    """Write a log of these entries, signed with the log's key: what a forger can always do."""
    folder.mkdir()
    engine = connect(f"sqlite:///{folder / 'log.sqlite'}")
    tables = [t for t in Base.metadata.sorted_tables if t.name.startswith("log_")]
    Base.metadata.create_all(engine, tables=tables)
    with writing(engine) as session:
        append(session, [LogEntry(kind, data) for kind, data in entries])
    with Publisher(engine, LOG_KEY, folder / "state") as publisher:
        publisher.publish(at)
    with reading(engine) as session:
        export(session, folder / "log")
    engine.dispose()
    return folder / "log"
