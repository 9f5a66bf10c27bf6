"""Committed transactions as their contract saw them, for judging a new version by the old ones."""

from collections.abc import Iterator

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.gateway import STAMP
from ledger.tables import TransactionRow
from ledger.transactions import contract_view, decode_transaction

CHUNK = 500
"""Transactions held in memory at a time."""


def read_history(session: Session, contract: str, version: str) -> Iterator[tuple[str, str]]:
    """Yield the TxID, in hex, and the JSON that the contract judged, oldest first.

    For the network's own use, never for a member: it shows everything.

    Args:
        session: where to read.
        contract: the contract's name.
        version: the version that judged.
    """
    t = TransactionRow
    query = (
        sa.select(t.txid, t.body, t.facts)
        .where(t.contract == contract, t.contract_version == version)
        .order_by(t.position)
    )
    options = {**STAMP, "yield_per": CHUNK}
    for row in session.execute(query, execution_options=options):
        transaction = decode_transaction(row.body)
        text = contract_view(transaction, transaction.owners, msgspec.Raw(row.facts))
        yield row.txid.hex(), text
