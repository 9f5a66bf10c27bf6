"""A network to decide in: real keys, a real log, a clock that the test moves."""

import base64
import datetime as dt
import secrets
from contextlib import AbstractContextManager
from functools import cache
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from governance.decisions.actions import Action, binding_names
from governance.decisions.counting import vote
from governance.decisions.effects import Decided, Effects
from governance.decisions.genesis import first_parameters, found_network, shipped_voting_rules
from governance.decisions.network import NetworkState, bindings
from governance.decisions.proposing import deposit, propose, propose_admission, withdraw
from governance.decisions.recording import record_facts, settle
from governance.decisions.replay import Replay, replay
from governance.decisions.services import DecisionServices
from governance.decisions.statements import (
    DECISION,
    ApplicationReceived,
    CertificateIssued,
    ContractGated,
    ContractUsed,
    Decision,
    Fact,
    FirstMember,
    Genesis,
    Proposal,
    Vote,
    Withdrawal,
)
from governance.decisions.store import load_state, proposal_row
from governance.decisions.voting import Status, stale, standing
from governance.identity.announcements import Herald
from ledger.database import reading, writing
from ledger.hashing import content_digest
from ledger.keys import SoftwareSigner, key_id, public_bytes
from ledger.log.store import log_size, read_entries
from ledger.statements import (
    Opened,
    Statement,
    open_statement,
    read_envelope,
    read_statement,
    sign_statement,
)
from policies.actors import Actor
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.errors import Fault

NETWORK = "kiso"
START = dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
Body = TypeVar("Body", bound=msgspec.Struct)


@cache
def rules() -> CompiledRules:
    return compile_rules(parse_rule_set(shipped_text()))


def new_key() -> SoftwareSigner:
    return SoftwareSigner(Ed25519PrivateKey.generate())


def spki(signer: SoftwareSigner) -> str:
    return base64.b64encode(public_bytes(signer.public_key())).decode()


class Notebook:
    """Effects that write down what they were told to do, in order."""

    def __init__(self) -> None:
        self.done: list[tuple[str, object]] = []
        self.failing = ""
        self.refusal: Exception = RuntimeError("the tables failed")

    def __getattr__(self, name: str) -> object:
        def note(_session: Session, *told: object) -> None:
            if self.failing == name:
                raise self.refusal
            self.done.append((name, told[0]))

        return note

    def adopt_rule_set(self, _session: Session, digest: str, text: bytes, _: Decided) -> None:
        assert content_digest(text) == digest
        self.done.append(("adopt_rule_set", digest))

    def examine(self, _session: Session, _action: object) -> list[Fault]:
        return []

    def examine_rule_set(self, _current: object, text: bytes, _difference: str) -> list[Fault]:
        return [] if text.startswith(b"p,") else [Fault("rule_set", "not rules")]


class World:
    """A network with one platform administrator, and helpers to let more happen in it."""

    def __init__(self, engine: Engine, at: dt.datetime = START, days: int = 30) -> None:
        self.engine = engine
        self.at = at
        self.days = days
        self.notebook = Notebook()
        self.keys: dict[str, SoftwareSigner] = {"platform": new_key()}
        self.service = new_key()
        self.signers = [self.keys["platform"], self.service]
        self.services = DecisionServices(
            Herald(NETWORK, "platform", self.service),
            Effects(self.notebook, self.notebook, self.notebook),  # type: ignore[arg-type]  # it takes any call
            self,
        )
        self.founded_by = self._found()

    def _found(self) -> Genesis:
        digest = parse_rule_set(shipped_text()).digest
        first = FirstMember(
            "platform",
            "合同会社プラットフォーム管理",
            "01",
            spki(self.keys["platform"]),
            self.at,
            self.at + self.days * DAY,
            "node",
        )
        genesis = Genesis(
            NETWORK,
            spki(self.service),
            first,
            base64.b64encode(b"root").decode(),
            base64.b64encode(b"issuing").decode(),
            first_parameters(NETWORK, "platform", digest, ("runtime-1",)),
            shipped_voting_rules(),
        )
        with writing(self.engine) as session:
            found_network(session, self.services, self.keys["platform"], genesis, self.at)
        return genesis

    # what happens

    def pass_time(self, span: dt.timedelta) -> None:
        """Let time pass, then let the background task run."""
        self.at += span
        with writing(self.engine) as session:
            settle(session, self.services, self.at)

    def report(self, *facts: Fact) -> None:
        with writing(self.engine) as session:
            record_facts(session, self.services, facts, self.at)

    def apply(self, member: str, *roles: str, sponsor: str | None = None) -> str:
        application = ApplicationReceived(
            member, f"{member} K.K.", frozenset(roles), sponsor, content_digest(member.encode())
        )
        with writing(self.engine) as session:
            return propose_admission(session, self.services, application, self.at)

    def certify(
        self,
        member: str,
        days: int | None = None,
        key: SoftwareSigner | None = None,
        node: str = "node",
    ) -> None:
        self.keys[member] = key or new_key()
        self.signers.append(self.keys[member])
        end = self.at + (self.days if days is None else days) * DAY
        serial = secrets.token_hex(8)
        held = spki(self.keys[member])
        self.report(CertificateIssued(member, serial, held, self.at, end, node))

    def join(self, member: str, *roles: str, days: int | None = None) -> None:
        """Admit `member`, approved by whoever is needed, and give it a certificate."""
        proposal = self.apply(member, *roles)
        self.carry(proposal)
        self.certify(member, days)

    def gate(
        self, name: str, version: str, owner: str, evidence: str = "e1", base: str = ""
    ) -> None:
        package = content_digest(f"{name}@{version}".encode())
        self.report(ContractGated(name, version, owner, package, evidence, "runtime-1", base))

    def use(self, name: str, registrar: str) -> None:
        self.report(ContractUsed(name, registrar))

    def propose(
        self, author: str, *actions: Action, binds: dict[str, str] | None = None, reason: str = ""
    ) -> str:
        if binds is None:
            now = bindings(self.state())
            names = [name for action in actions for name in binding_names(action)]
            binds = {name: now.get(name, "gone") for name in names}
        opened = self.read(
            self.sign(author, "proposal", Proposal(actions, binds, reason)), Proposal
        )
        return self.submit_proposal(opened)

    def submit_proposal(self, opened: Opened[Proposal]) -> str:
        with writing(self.engine) as session:
            actor = self.actor(session, opened.statement.author)
            return propose(session, self.services, rules(), actor, opened, self.at)

    def vote(
        self, author: str, role: str, proposal: str, *, approve: bool = True, reason: str = ""
    ) -> Status:
        body = Vote(proposal, role, approve, reason)
        return self.submit_vote(self.read(self.sign(author, "vote", body), Vote))

    def submit_vote(self, opened: Opened[Vote]) -> Status:
        with writing(self.engine) as session:
            actor = self.actor(session, opened.statement.author)
            return vote(session, self.services, rules(), actor, opened, self.at)

    def withdraw(self, author: str, proposal: str) -> None:
        signed = self.sign(author, "withdrawal", Withdrawal(proposal, "second thoughts"))
        with writing(self.engine) as session:
            actor = self.actor(session, author)
            opened = self.read(signed, Withdrawal)
            withdraw(session, self.services, rules(), actor, opened, self.at)

    def deposit(self, author: str, text: bytes) -> str:
        with writing(self.engine) as session:
            return deposit(session, rules(), self.actor(session, author), text, self.at)

    def carry(self, proposal: str) -> None:
        """Let everybody who is able approve, until it is decided."""
        for member in self.state().members.values():
            for role in sorted(member.roles):
                if self.status(proposal) is not Status.OPEN:
                    return
                if member.able(self.at) and self._wanted(proposal, member.id, role):
                    self.vote(member.id, role, proposal)

    def _wanted(self, proposal: str, member: str, role: str) -> bool:
        state = self.state()
        found = state.proposals[proposal]
        voted = any(
            (b.member_id, b.role) == (member, role) and not stale(state, found.actions, b, self.at)
            for b in found.ballots
        )
        return not voted and not standing(state, found.actions, state.members[member], role)

    # what is said

    def sign(
        self,
        author: str,
        kind: str,
        body: msgspec.Struct,
        *,
        key: SoftwareSigner | None = None,
        issued_at: dt.datetime | None = None,
    ) -> bytes:
        at = issued_at or self.at
        statement = Statement(secrets.token_hex(16), NETWORK, author, at, at + DAY, body)
        return sign_statement(kind, statement, key or self._valid_key(author))

    def _valid_key(self, author: str) -> SoftwareSigner:
        """The newest key that is certified now, or else the newest."""
        member = self.state().members.get(author)
        certificates = member.certificates if member else ()
        valid = {c.key_id for c in certificates if c.valid(self.at)}
        usable = [k for k in self.signers if key_id(k.public_key()) in valid]
        return usable[-1] if usable else self.keys[author]

    def read(self, data: bytes, body: type[Body]) -> Opened[Body]:
        """Open a statement as the edge does, with the keys that this world knows."""
        envelope = read_envelope(data)
        statement = read_statement(envelope, envelope.kind, body)
        wanted = envelope.signatures[0].keyid
        signer = next(k for k in self.signers if key_id(k.public_key()) == wanted)
        return open_statement(envelope, data, statement, signer.public_key())

    def open(self, raw: bytes, kind: str, body: type[Body]) -> tuple[Actor, Opened[Body]]:
        opened = self.read(raw, body)
        assert opened.kind == kind
        with reading(self.engine) as session:
            return self.actor(session, opened.statement.author), opened

    def writing(self, _opened: Opened[Body]) -> AbstractContextManager[Session]:
        """As the edge does; that it judges anew is the edge's to show."""
        return writing(self.engine)

    def actor(self, session: Session, member_id: str) -> Actor:
        member = load_state(session).members.get(member_id)
        return Actor(member_id, member.roles if member else frozenset({"registrar"}))

    # what is so

    def state(self) -> NetworkState:
        with reading(self.engine) as session:
            return load_state(session)

    def status(self, proposal: str) -> Status:
        with reading(self.engine) as session:
            return Status(proposal_row(session, proposal).status)

    def decision(self, proposal: str) -> Decision:
        with reading(self.engine) as session:
            data = proposal_row(session, proposal).decision
        assert data is not None
        return read_statement(read_envelope(data), DECISION, Decision).body

    def log(self) -> list[tuple[int, str, bytes]]:
        with reading(self.engine) as session:
            return list(read_entries(session, 0, log_size(session)))

    def replayed(self) -> Replay:
        """Replay the log; its network must be the server's, byte for byte."""
        again = replay((index, data) for index, _, data in self.log())
        assert again.state.encode() == self.state().encode()
        return again
