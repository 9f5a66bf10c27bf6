"""The notary: attests that what a transaction consumes was not consumed before.

It is handed a tear-off that shows a time window and nullifiers, and nothing else; its one table
holds nullifiers, TxIDs and times. It knows neither contents nor parties, and cannot link a
nullifier to the token that it consumes.
"""

import datetime as dt
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.bulk import insert_rows
from ledger.components import TimeWindow
from ledger.errors import OutsideTimeWindow, StateSpent, TearOffInvalid
from ledger.gateway import STAMP
from ledger.keys import key_id
from ledger.signatures import Attester, Uniqueness
from ledger.statements import Signer
from ledger.tables import NullifierRow
from ledger.tearoffs import Covered, Listed, TearOff, open_tear_off
from ledger.transactions import COMMANDS, INPUTS, NULLIFIERS, OUTPUTS, PARAMETERS, WINDOW_COMPONENT

MAX_NAMES = 10_000
"""Hashes looked up in one statement, far below the parameters that both databases take."""

_TABLE = NullifierRow.__table__
_SPENT = sa.select(_TABLE.c.nullifier).where(
    _TABLE.c.nullifier.in_(sa.bindparam("names", expanding=True))
)


class Notary(msgspec.Struct, frozen=True):
    """A notary that this process hosts: its member id and its node key."""

    member_id: str
    signer: Signer

    def attest(
        self, session: Session, views: Sequence[TearOff], at: dt.datetime
    ) -> list[Uniqueness]:
        """Record what the transactions consume and attest each, all or none.

        Args:
            session: a session of the single writer.
            views: what the transactions show the notary.
            at: now, UTC; recorded and signed.

        Raises:
            TearOffInvalid: a view does not give its TxID, or shows more or less than it should.
            OutsideTimeWindow: a window does not admit `at`.
            StateSpent: a nullifier was recorded before, or comes twice.
        """
        consumed = [(n, bytes.fromhex(view.txid)) for view in views for n in _admit(view, at)]
        hashes = [nullifier for nullifier, _ in consumed]
        if len(set(hashes)) != len(hashes) or find_spent(session, hashes):
            raise StateSpent("a token was consumed before")
        rows = [{"nullifier": n, "txid": txid, "attested_at": at} for n, txid in consumed]
        insert_rows(session, NullifierRow, rows)
        name = key_id(self.signer.public_key())
        attester = Attester("notary", self.member_id, self.signer, name)
        return [Uniqueness(at, attester.sign(bytes.fromhex(view.txid), at)) for view in views]


def find_spent(session: Session, nullifiers: Sequence[bytes]) -> set[bytes]:
    """Return those of `nullifiers` that were recorded."""
    found: set[bytes] = set()
    for start in range(0, len(nullifiers), MAX_NAMES):
        part = nullifiers[start : start + MAX_NAMES]
        rows = session.connection().execute(_SPENT, {"names": part}, execution_options=STAMP)
        found.update(rows.scalars())
    return found


def _admit(view: TearOff, at: dt.datetime) -> list[bytes]:
    contents = open_tear_off(view)
    group = view.groups[NULLIFIERS]
    window = contents.parameters.get(WINDOW_COMPONENT)
    shut = all(isinstance(view.groups[n], Covered) for n in (INPUTS, OUTPUTS, COMMANDS))
    if (
        not shut
        or len(contents.parameters) != 1
        or not isinstance(window, TimeWindow)
        or not isinstance(group, Listed)
        or len(contents.nullifiers) != len(group.places)
        or not isinstance(view.groups[PARAMETERS], Listed)
    ):
        raise TearOffInvalid("the notary takes the time window and every nullifier, nothing else")
    if not window.from_time <= at < window.until_time:
        raise OutsideTimeWindow(f"{at.isoformat()} is outside the transaction's time window")
    return list(contents.nullifiers.values())
