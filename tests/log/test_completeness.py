"""A member can tell whether it was shown every transaction in its scope."""

import base64
import hashlib
import random

import msgspec
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.errors import LogResourceMissing, LogWrong, ProofInvalid
from ledger.log.completeness import (
    NO_TRANSACTIONS,
    Scoped,
    ScopeProof,
    check_scope,
    extend,
    next_head,
    prove_own_scope,
    prove_scope,
    read_seal,
    seal,
)
from ledger.log.proofs import find_entry
from ledger.log.routes import ROUTES
from ledger.log.sequencer import LogEntry, append
from policies.actors import Actor
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.errors import Denied

SCOPES = [f"registrar:trust-{n}" for n in "abc"] + [f"custodian:firm-{n}" for n in "de"]


def shipped_rules() -> CompiledRules:
    return compile_rules(parse_rule_set(shipped_text()))


class Ledger:
    """A log with transactions, and what each member was shown of them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.shown: dict[str, list[tuple[int, bytes]]] = {scope: [] for scope in SCOPES}

    def commit(self, count: int, seed: int) -> None:
        """Commit transactions that touch one to three scopes each."""
        rng = random.Random(seed)
        txids = [hashlib.sha256(b"%d %d" % (seed, n)).digest() for n in range(count)]
        with writing(self.engine) as session:
            indexes = append(session, [LogEntry("transaction", txid) for txid in txids])
            scoped = [
                Scoped(txid, index, tuple(rng.sample(SCOPES, rng.randint(1, 3))))
                for txid, index in zip(txids, indexes, strict=True)
            ]
            extend(session, scoped)
        for transaction in scoped:
            for scope in transaction.scopes:
                self.shown[scope].append((transaction.entry_index, transaction.txid))

    def seal(self) -> int | None:
        with writing(self.engine) as session:
            return seal(session)

    def proof(self, scope: str) -> tuple[ScopeProof, bytes]:
        with reading(self.engine) as session:
            proof = prove_scope(session, scope)
            return proof, find_entry(session, proof.seal_index)


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    """Three commits with two seals, and a commit after the last seal."""
    made = Ledger(engine)
    for seed in range(3):
        made.commit(20, seed)
        if seed:
            assert made.seal() is not None
    made.commit(20, 3)
    return made


def test_what_was_shown_is_all_of_the_scope(ledger: Ledger) -> None:
    for scope, shown in ledger.shown.items():
        proof, entry = ledger.proof(scope)
        assert check_scope(proof, shown, entry).through == 61
        assert proof.count < len(shown)  # the commit after the seal is not covered


def test_a_withheld_added_or_moved_transaction_is_noticed(ledger: Ledger) -> None:
    proof, entry = ledger.proof(SCOPES[0])
    shown = ledger.shown[SCOPES[0]]
    forged = (shown[1][0], bytes(32))
    for wrong in (
        shown[1:],
        [*shown[:3], *shown[4:]],
        [shown[1], shown[0], *shown[2:]],
        [*shown[:2], forged, *shown[2:]],
        [shown[0], forged, *shown[2:]],
        [],
    ):
        with pytest.raises(LogWrong, match="transactions of registrar:trust-a were shown"):
            check_scope(proof, wrong, entry)


def test_a_proof_of_one_seal_does_not_hold_for_another(ledger: Ledger) -> None:
    proof, entry = ledger.proof(SCOPES[0])
    shown = ledger.shown[SCOPES[0]]
    ledger.seal()
    later, later_entry = ledger.proof(SCOPES[0])
    check_scope(later, shown, later_entry)
    with pytest.raises(LogWrong):
        check_scope(later, shown, entry)
    moved = msgspec.structs.replace(proof, place=(proof.place + 1) % proof.scopes)
    with pytest.raises(ProofInvalid):
        check_scope(moved, shown, entry)


def test_a_list_and_a_head_that_were_made_up_together_are_not_in_the_seal(ledger: Ledger) -> None:
    proof, entry = ledger.proof(SCOPES[0])
    short = ledger.shown[SCOPES[0]][:2]
    head = NO_TRANSACTIONS
    for position, (index, txid) in enumerate(short):
        head = next_head(SCOPES[0], head, position, index, txid)
    made_up = msgspec.structs.replace(proof, count=2, head=head)
    with pytest.raises(ProofInvalid):
        check_scope(made_up, short, entry)


def test_another_members_proof_does_not_pass_for_ones_own(ledger: Ledger) -> None:
    proof, entry = ledger.proof(SCOPES[1])
    with pytest.raises(LogWrong):
        check_scope(msgspec.structs.replace(proof, scope=SCOPES[0]), ledger.shown[SCOPES[0]], entry)


def test_nothing_new_is_not_sealed_again(ledger: Ledger) -> None:
    assert ledger.seal() is not None
    assert ledger.seal() is None


def test_a_member_gets_the_proof_of_its_own_scope_only(ledger: Ledger) -> None:
    rules = shipped_rules()
    owner = Actor("trust-a", frozenset({"registrar"}))
    with reading(ledger.engine) as session:
        assert prove_own_scope(session, owner, rules, SCOPES[0]) == prove_scope(session, SCOPES[0])
        with pytest.raises(LogResourceMissing):
            prove_own_scope(session, owner, rules, SCOPES[1])
        with pytest.raises(Denied):
            prove_own_scope(session, Actor("trust-a"), rules, SCOPES[0])


def test_the_route_gives_what_the_check_needs(ledger: Ledger) -> None:
    rules = shipped_rules()
    app = Litestar(
        ROUTES,
        dependencies={
            "database": Provide(lambda: ledger.engine, sync_to_thread=False),
            "actor": Provide(
                lambda: Actor("trust-a", frozenset({"registrar"})), sync_to_thread=False
            ),
            "rules": Provide(lambda: rules, sync_to_thread=False),
        },
    )
    with TestClient(app) as client:
        answer = client.get(f"/v1/log/scopes/{SCOPES[0]}").json()
    path = tuple(base64.b64decode(text) for text in answer.pop("path"))
    proof = ScopeProof(**{**answer, "head": bytes.fromhex(answer["head"])}, path=path)
    _, entry = ledger.proof(SCOPES[0])
    assert check_scope(proof, ledger.shown[SCOPES[0]], entry).through == 61


def test_a_scope_without_transactions_has_no_proof(ledger: Ledger) -> None:
    with pytest.raises(LogResourceMissing, match="registrar:nobody"):
        ledger.proof("registrar:nobody")


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"{}",
        b'{"sekisho":"scopes/v2","through":1,"root":"%064x"}' % 1,
        b'{"sekisho":"scopes/v1","through":1,"root":"00"}',
        b'{"sekisho":"scopes/v1","through":1,"root":"xy"}',
        b'{"sekisho":"scopes/v1", "through":1,"root":"%064x"}' % 1,
        b'{"sekisho":"scopes/v1","through":1,"root":"%064x","more":1}' % 1,
    ],
)
def test_only_the_canonical_seal_is_read(entry: bytes) -> None:
    with pytest.raises(LogWrong):
        read_seal(entry)
