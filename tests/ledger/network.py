"""A small network for the ledger's tests: real keys, real rules, a contract in plain Python."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ledger import declarations as d
from ledger import relations as r
from ledger.commitment import Judges, Receipt
from ledger.components import Contract, Network
from ledger.composition import Composer, Instruction, Signed, Wallet
from ledger.database import writing
from ledger.keys import PublicKey, SoftwareSigner, key_id, public_bytes
from ledger.network import LedgerParameters
from ledger.notary import Notary
from ledger.standing import Standing
from ledger.statements import (
    Opened,
    Signer,
    Statement,
    open_statement,
    read_envelope,
    read_statement,
    sign_statement,
)
from ledger.submission import Submissions
from ledger.verification import (
    Accepted,
    ContractVersion,
    Rejected,
    Unavailable,
    Verdict,
    VerificationRequest,
)
from policies.actors import Actor
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text

NOW = dt.datetime(2025, 9, 1, 3, 0, tzinfo=dt.UTC)
CONTRACT = Contract("beneficial_right", "1.0.0", "sha256:" + "ab" * 32)
MEMBERS = {
    "platform": "platform_administrator",
    "trust-a": "registrar",
    "trust-b": "registrar",
    "custody-a": "custodian",
    "custody-b": "custodian",
    "direct-a": "direct_securities_firm",
    "entrusted-a": "entrusted_securities_firm",
    "fund-a": "fundraiser",
    "am-a": "asset_manager",
    "auditor": "auditor",
}


def new_signer() -> SoftwareSigner:
    return SoftwareSigner(ec.generate_private_key(ec.SECP256R1()))


class ConservingContract:
    """Judges like the shipped contract in what these tests need: conservation per right."""

    def __init__(self) -> None:
        self.seen: list[dict] = []

    def verify(self, batch: Sequence[VerificationRequest]) -> list[Verdict | Unavailable]:
        return [self._judge(json.loads(request.transaction)) for request in batch]

    def _judge(self, tx: dict) -> Verdict:
        self.seen.append(tx)
        net: Counter = Counter()
        for token in tx["outputs"]:
            net[token["token_id"], token["investor_id"]] += token["quantity"]
        for token in tx["inputs"]:
            net[token["token_id"], token["investor_id"]] -= token["quantity"]
        for command in tx["commands"]:
            right = command["beneficial_right_id"]
            if command["to_investor_id"]:
                net[right, command["to_investor_id"]] -= command["quantity"]
            if command["from_investor_id"]:
                net[right, command["from_investor_id"]] += command["quantity"]
            facts = tx["facts"]["rights"][right]
            issues = command["transfer_type"] == "issue"
            total = facts["issued_quantity"] + command["quantity"] * issues
            if total > facts["established_quantity"]:
                return Rejected("over_issue", "more than was established", 1, 10)
        if any(net.values()):
            return Rejected("not_conserved", "tokens do not match the commands", 1, 10)
        return Accepted(100)


class EveryContract:
    """One version is in force; `standings` may say otherwise of it, or of another."""

    def __init__(self) -> None:
        self.standings = {
            ContractVersion(CONTRACT.name, CONTRACT.version, CONTRACT.digest): Standing.IN_FORCE
        }

    def standing(self, _session: Session, version: ContractVersion, _at: dt.datetime) -> Standing:
        return self.standings.get(version, Standing.UNKNOWN)


@dataclass
class Keys:
    signers: dict[str, SoftwareSigner] = field(
        default_factory=lambda: {name: new_signer() for name in MEMBERS}
    )
    known: dict[tuple[str, str], PublicKey | None] = field(default_factory=dict)

    def keys_of(self, member_id: str, key_id_: str, _at: dt.datetime) -> PublicKey | None:
        if (member_id, key_id_) not in self.known:
            signer = self.signers.get(member_id)
            key = signer.public_key() if signer else None
            self.known[member_id, key_id_] = key if key and key_id(key) == key_id_ else None
        return self.known[member_id, key_id_]

    def hosted_signer(self, member_id: str) -> Signer | None:
        return self.signers.get(member_id)


class Parameters:
    def current(self, _at: dt.datetime) -> LedgerParameters:
        return LedgerParameters("test-net", 1, "platform", 3600 * 24 * 365)


class TestNetwork:
    """Everything that the ledger is handed, and short ways to say what members say."""

    __test__ = False

    def __init__(self, engine: Engine, **options: int) -> None:
        self.engine = engine
        self.now = NOW
        self.keys = Keys()
        self.rules: CompiledRules = compile_rules(parse_rule_set(shipped_text()))
        self.contract = ConservingContract()
        self.accounts: dict[str, SoftwareSigner] = {}
        self.wallet = Wallet()
        self.trades = 0
        self.contracts = EveryContract()
        judges = Judges(
            self.contract,
            self.contracts,
            Notary("platform", self.keys.signers["platform"]),
            self.keys,
        )
        self.judges = judges
        self.submissions = Submissions(
            engine, judges, self.keys, Parameters(), lambda: self.now, **options
        )

    def actor(self, member: str) -> Actor:
        return Actor(member, frozenset({MEMBERS[member]}))

    def opened(self, member: str, kind: str, body: msgspec.Struct) -> Opened[Any]:
        signer = self.keys.signers[member]
        self.trades += 1
        statement = Statement(
            f"statement-{self.trades:012d}",
            "test-net",
            member,
            self.now,
            self.now + dt.timedelta(hours=1),
            body,
        )
        raw = sign_statement(kind, statement, signer)
        envelope = read_envelope(raw)
        read = read_statement(envelope, kind, type(body))
        return open_statement(envelope, raw, read, signer.public_key())

    def say(self, member: str, kind: str, body: msgspec.Struct) -> r.Registered:
        use, timed = {
            d.RIGHT_KIND: (r.register_right, False),
            d.KEYS_KIND: (r.register_account_keys, True),
            d.CUSTODY_KIND: (r.register_custody, True),
            d.RELEASE_KIND: (r.release_custody, False),
            d.CONTROL_KIND: (r.set_transfer_control, False),
            d.SESSION_KIND: (r.set_market_session, True),
        }[kind]
        at = (self.now,) if timed else ()
        with writing(self.engine) as session:
            return use(
                session, self.actor(member), self.rules, self.opened(member, kind, body), *at
            )

    def right(self, right: str, registrar: str = "trust-a", quantity: int = 1_000_000) -> None:
        body = d.BeneficialRight(
            right, "受益権", "real_estate", "fund-a", "am-a", CONTRACT.name, quantity, "TC-1",
            "CTL-" + right,
        )  # fmt: skip
        self.say(registrar, d.RIGHT_KIND, body)

    def customer(self, custodian: str, *investors: str, holder: str = "") -> None:
        items = tuple(d.CustodyItem(i, holder or custodian) for i in investors)
        self.say(custodian, d.CUSTODY_KIND, d.CustodyTaken(items))
        self.new_keys(custodian, *investors)

    def new_keys(self, custodian: str, *investors: str) -> None:
        self.accounts |= {i: new_signer() for i in investors}
        keys = tuple(
            d.AccountKey(i, public_bytes(self.accounts[i].public_key())) for i in investors
        )
        self.say(custodian, d.KEYS_KIND, d.AccountKeys(keys))

    def session(self, status: str = "open") -> None:
        self.say("platform", d.SESSION_KIND, d.MarketSession(status))

    def composer(self, creator: str) -> Composer:
        return Composer(
            Network("test-net", 1), CONTRACT, "platform", creator, self.keys.signers[creator],
            self.accounts.__getitem__, lambda: self.now,
        )  # fmt: skip

    def instruction(
        self, right: str, source: str, target: str, quantity: int, **more: Any
    ) -> Instruction:
        self.trades += 1
        kind = "transfer" if source and target else "issue" if target else "redeem"
        values = {
            "trade_id": f"TRD{self.trades:08d}",
            "beneficial_right_id": right,
            "from_investor_id": source,
            "to_investor_id": target,
            "quantity": quantity,
            "settlement_date": dt.date(2025, 9, 3),
            "transfer_type": kind,
            "cancels_trade_id": "",
            "registered_at": self.now,
            "issuer_info": "TC-1",
        }
        return Instruction(**(values | more))

    def signed(
        self, creator: str, right: str, source: str, target: str, quantity: int, **more: Any
    ) -> Signed:
        instruction = self.instruction(right, source, target, quantity, **more)
        return self.composer(creator).execute(self.wallet, instruction)

    def submit(self, creator: str, data: bytes):
        return self.submissions.submit(self.actor(creator), self.rules, data)

    def do(
        self, creator: str, right: str, source: str, target: str, quantity: int, **more: Any
    ) -> Receipt:
        return self.submit(
            creator, self.signed(creator, right, source, target, quantity, **more).data
        )


def standard(engine: Engine, **options: int) -> TestNetwork:
    """Two rights, two custodians with two customers each, the session open."""
    network = TestNetwork(engine, **options)
    network.right("BR001", "trust-a")
    network.right("BR002", "trust-b")
    network.customer("custody-a", "INV001", "INV002", holder="entrusted-a")
    network.customer("direct-a", "INV003", "INV004")
    network.session()
    return network
