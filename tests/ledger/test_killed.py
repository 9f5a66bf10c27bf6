"""Killed at random moments under load: what was acknowledged is there, once; nothing half-done."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ledger.commitment import TRANSACTION_ENTRY, log_commitment
from ledger.database import reading
from ledger.gateway import STAMP
from ledger.log.completeness import NO_TRANSACTIONS, next_head
from ledger.log.tables import EntryRow, ScopeHeadRow
from ledger.register import register_at_index, register_now
from ledger.tables import (
    ChangeRow,
    HoldingRow,
    NullifierRow,
    RightRow,
    TransactionRow,
    TransferRow,
    UnspentRow,
)
from ledger.transactions import decode_transaction

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SEKISHO_KILLS", "50"))
"""How often each database's writer is killed."""

MOST_RECEIPTS = 60
"""Receipts after which it is killed at the latest; the first ones are for what is sent again."""


def run_and_kill(url: str, sent: Path, rng: random.Random) -> list[tuple[str, int]]:
    """Start a submitter, kill it some time after some receipts; return them."""
    command = [sys.executable, "-m", "tests.ledger.submitter", url, str(sent)]
    process = subprocess.Popen(
        [*command, str(rng.randrange(1 << 30))], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    first = "".join(process.stdout.readline() for _ in range(rng.randint(1, MOST_RECEIPTS)))
    time.sleep(rng.uniform(0, 0.05))
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    lines = [line for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]
    return [(txid, int(index)) for txid, index in map(str.split, lines)]


def check(session: Session, acknowledged: dict[str, int]) -> None:
    """Check that the ledger holds all that was acknowledged, and is of one piece."""

    def every(query: sa.Select) -> list:
        return session.execute(query, execution_options=STAMP).all()

    x = TransactionRow
    stored = every(sa.select(x.position, x.txid, x.log_index, x.body).order_by(x.position))
    assert [row.position for row in stored] == list(range(1, len(stored) + 1))
    indexes = {row.txid.hex(): row.log_index for row in stored}
    assert acknowledged.items() <= indexes.items()
    g = EntryRow
    entries = every(sa.select(g.entry_index, g.data).where(g.kind == TRANSACTION_ENTRY))
    assert {row.entry_index: row.data for row in entries} == {
        row.log_index: log_commitment(row.txid).data for row in stored
    }
    tokens: dict[tuple[str, int], tuple[str, int]] = {}
    nullifiers: dict[bytes, bytes] = {}
    for row in stored:
        transaction = decode_transaction(row.body)
        for given in transaction.inputs:
            del tokens[given.txid, given.index]  # fails where a token is spent twice
        for place, token in enumerate(transaction.outputs):
            tokens[row.txid.hex(), place] = token.investor_id, token.quantity
        nullifiers |= {bytes.fromhex(n): row.txid for n in transaction.nullifiers}
    u, n = UnspentRow, NullifierRow
    kept = every(sa.select(u.token_txid, u.output_index, u.investor_id, u.quantity))
    assert {(k.token_txid.hex(), k.output_index): (k[2], k[3]) for k in kept} == tokens
    assert dict(tuple(r) for r in every(sa.select(n.nullifier, n.txid))) == nullifiers
    t = TransferRow
    moved = Counter(row[0] for row in every(sa.select(t.transfer_txid)))
    assert moved == Counter(row.txid for row in stored)
    check_holdings(session, tokens)
    check_scopes(session, every(sa.select(t.registrar, t.transfer_txid)), indexes)


def check_holdings(session: Session, tokens: dict[tuple[str, int], tuple[str, int]]) -> None:
    """Check holdings, the register and the right's quantities against the tokens."""
    held: Counter[str] = Counter()
    for investor, quantity in tokens.values():
        held[investor] += quantity
    h, r, c = HoldingRow, RightRow, ChangeRow
    rows = session.execute(sa.select(h.investor_id, h.quantity), execution_options=STAMP)
    assert dict(tuple(row) for row in rows) == held
    now = register_now(session, "BR001")
    assert now.holdings == held
    query = sa.select(r.issued_quantity, r.outstanding_quantity, r.changes)
    issued, outstanding, changes = session.execute(query, execution_options=STAMP).one()
    assert issued == outstanding == now.total
    last = session.execute(sa.select(sa.func.max(c.change)), execution_options=STAMP).scalar_one()
    assert changes == last
    assert register_at_index(session, "BR001", now.log_index or 0).holdings == held


def check_scopes(session: Session, rows: list, indexes: dict[str, int]) -> None:
    """Check the registrar's running hash against all of its transactions."""
    shown = sorted((indexes[row.transfer_txid.hex()], row.transfer_txid) for row in rows)
    head = NO_TRANSACTIONS
    for place, (index, txid) in enumerate(shown):
        head = next_head("registrar:trust-a", head, place, index, txid)
    stored = session.get(ScopeHeadRow, "registrar:trust-a")
    assert stored is not None
    assert (stored.count, stored.head) == (len(shown), head)


@pytest.mark.faults
def test_a_killed_writer_loses_nothing(engine: Engine, database_url: str, tmp_path: Path):
    rng = random.Random(20250901)
    sent = tmp_path / "sent"
    acknowledged: dict[str, int] = {}
    for _ in range(KILLS):
        for txid, index in run_and_kill(database_url, sent, rng):
            assert acknowledged.setdefault(txid, index) == index
        with reading(engine) as session:
            check(session, acknowledged)
    assert len(acknowledged) > KILLS
