"""A member can tell whether it was shown every transaction in its scope."""

import hashlib
import random

import msgspec
import pytest
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.errors import LogResourceMissing, LogWrong, ProofInvalid
from ledger.log.completeness import (
    Scoped,
    ScopeProof,
    check_scope,
    extend,
    prove_scope,
    read_seal,
    scope_transactions,
    seal,
)
from ledger.log.proofs import find_entry
from ledger.log.sequencer import LogEntry, append

SCOPES = [f"registrar:trust-{n}" for n in "abc"] + [f"custodian:firm-{n}" for n in "de"]


def commit(engine: Engine, count: int, seed: int) -> None:
    """Commit transactions that touch one to three scopes each."""
    rng = random.Random(seed)
    with writing(engine) as session:
        txids = [hashlib.sha256(b"%d %d" % (seed, n)).digest() for n in range(count)]
        indexes = append(session, [LogEntry("transaction", txid) for txid in txids])
        extend(
            session,
            [
                Scoped(txid, index, tuple(rng.sample(SCOPES, rng.randint(1, 3))))
                for txid, index in zip(txids, indexes, strict=True)
            ],
        )


def sealed(engine: Engine, scope: str) -> tuple[ScopeProof, list[tuple[int, bytes]], bytes]:
    with reading(engine) as session:
        proof = prove_scope(session, scope)
        shown = scope_transactions(session, scope, 1_000)
        return proof, shown, find_entry(session, proof.seal_index)


@pytest.fixture
def log(engine: Engine) -> Engine:
    """Three commits with two seals, and a commit after the last seal."""
    for round_number in range(3):
        commit(engine, 20, round_number)
        with writing(engine) as session:
            if round_number:
                assert seal(session) is not None
    commit(engine, 20, 3)
    return engine


def test_what_was_shown_is_all_of_the_scope(log: Engine) -> None:
    for scope in SCOPES:
        proof, shown, entry = sealed(log, scope)
        assert check_scope(proof, shown, entry).through == 61
        assert proof.count < len(shown)  # the commit after the seal is not covered


def test_a_withheld_added_or_moved_transaction_is_noticed(log: Engine) -> None:
    proof, shown, entry = sealed(log, SCOPES[0])
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


def test_a_shorter_list_with_a_matching_head_is_not_in_the_seal(log: Engine) -> None:
    proof, shown, entry = sealed(log, SCOPES[0])
    with writing(log) as session:
        seal(session)
    later, _, _ = sealed(log, SCOPES[0])
    with pytest.raises(LogWrong):
        check_scope(later, shown, entry)
    moved = msgspec.structs.replace(proof, place=(proof.place + 1) % proof.scopes)
    with pytest.raises(ProofInvalid):
        check_scope(moved, shown, entry)


def test_another_members_proof_does_not_pass_for_ones_own(log: Engine) -> None:
    proof, _, entry = sealed(log, SCOPES[1])
    _, shown, _ = sealed(log, SCOPES[0])
    with pytest.raises(LogWrong):
        check_scope(msgspec.structs.replace(proof, scope=SCOPES[0]), shown, entry)


def test_nothing_new_is_not_sealed_again(log: Engine) -> None:
    with writing(log) as session:
        assert seal(session) is not None
        assert seal(session) is None


def test_an_unknown_scope_has_no_proof(log: Engine) -> None:
    with reading(log) as session, pytest.raises(LogResourceMissing, match="registrar:nobody"):
        prove_scope(session, "registrar:nobody")


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
