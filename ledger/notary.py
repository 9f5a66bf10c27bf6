"""The notary: attests that what a transaction consumes was not consumed before.

It is handed a tear-off that shows a time window and nullifiers, and nothing else; its one table
holds nullifiers, TxIDs and times. It knows neither contents nor parties, and cannot link a
nullifier to the token that it consumes.
"""

import datetime as dt
from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.bulk import insert_rows
from ledger.components import TimeWindow
from ledger.errors import OutsideTimeWindow, StateSpent, TearOffInvalid
from ledger.keys import key_id
from ledger.lookups import find_rows, lookup
from ledger.signatures import Attester, Uniqueness
from ledger.statements import Signer
from ledger.tables import NullifierRow
from ledger.tearoffs import Covered, Listed, TearOff, open_tear_off
from ledger.transactions import COMMANDS, INPUTS, NULLIFIERS, OUTPUTS, PARAMETERS, WINDOW_COMPONENT

_TABLE = NullifierRow.__table__
_SPENT = lookup(_TABLE.c.nullifier, sa.select(_TABLE.c.nullifier).where)


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What a transaction asks of the notary, proved to belong to its TxID.

    Args:
        txid: whose.
        nullifiers: what it consumes.
        window: when it may be committed.
    """

    txid: bytes
    nullifiers: tuple[bytes, ...]
    window: TimeWindow


def open_view(view: TearOff) -> Asked:
    """Return what a transaction asks of the notary, of the tear-off that the notary is handed.

    Raises:
        TearOffInvalid: the view does not give its TxID, or shows more or less than it should.
    """
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
    return Asked(bytes.fromhex(view.txid), tuple(contents.nullifiers.values()), window)


class Notary(msgspec.Struct, frozen=True):
    """A notary that this process hosts: its member id and its node key."""

    member_id: str
    signer: Signer

    def attest(self, session: Session, asked: Sequence[Asked], at: dt.datetime) -> list[Uniqueness]:
        """Record what the transactions consume and attest each, all or none.

        Args:
            session: a session of the single writer.
            asked: what `open_view` made of the views that the notary was handed.
            at: now, UTC; recorded and signed.

        Raises:
            OutsideTimeWindow: a window does not admit `at`.
            StateSpent: a nullifier was recorded before, or comes twice.
        """
        for one in asked:
            if not one.window.from_time <= at < one.window.until_time:
                raise OutsideTimeWindow(
                    f"{at.isoformat()} is outside the transaction's time window"
                )
        hashes = [nullifier for one in asked for nullifier in one.nullifiers]
        if len(set(hashes)) != len(hashes) or find_spent(session, hashes):
            raise StateSpent("a token was consumed before")
        rows = [
            {"nullifier": nullifier, "txid": one.txid, "attested_at": at}
            for one in asked
            for nullifier in one.nullifiers
        ]
        insert_rows(session, NullifierRow, rows)
        name = key_id(self.signer.public_key())
        attester = Attester("notary", self.member_id, self.signer, name)
        return [Uniqueness(at, attester.sign(one.txid, at)) for one in asked]


def find_spent(session: Session, nullifiers: Iterable[bytes]) -> set[bytes]:
    """Return those of `nullifiers` that were recorded."""
    return {row[0] for row in find_rows(session, _SPENT, nullifiers)}
