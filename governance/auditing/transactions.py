"""Transactions in the log: one commitment each, and one's own tear-offs behind them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from governance.auditing.certificates import Certificates
from governance.auditing.entries import TRANSACTION
from governance.errors import AnchorsInvalid, EntryWrong
from ledger.commitment import log_commitment
from ledger.errors import LedgerError
from ledger.signatures import TransactionSignature, check_signature
from ledger.tearoffs import open_tear_off
from ledger.views import TransactionView

PREFIX = b'{"sekisho":"transaction/v1"'
_SHORT = slice(len(PREFIX) + len(b',"commitment":"'), len(PREFIX) + len(b',"commitment":"') + 32)
"""Where an entry has the first 16 bytes of its commitment, in hex: enough to tell it apart."""


class Transactions:
    """Checks commitments, entry by entry.

    Args:
        own: transactions that a member was shown, by the log entry that commits to them.
    """

    def __init__(self, own: dict[bytes, TransactionView]) -> None:
        self._own = own
        self._seen: set[bytes] = set()
        self.placed: dict[int, TransactionView] = {}

    def take(self, index: int, data: bytes) -> None:
        """Take the commitment at `index`.

        Raises:
            EntryWrong: it is in no form that commitments have, or was there before.
        """
        found = TRANSACTION.fullmatch(data)
        if found is None:
            raise EntryWrong(f"entry {index} (transaction) is no commitment to a transaction")
        short = data[_SHORT]
        if short in self._seen:
            raise EntryWrong(f"entry {index} (transaction): the transaction was committed before")
        self._seen.add(short)
        if self._own and (view := self._own.get(data)) is not None:
            self.placed[index] = view

    def take_all(self, entries: Sequence[bytes]) -> bool:
        """Take entries that are all commitments, and new; return False, and take none, if not.

        As `take` for each, in half the time. Whoever brought transactions of its own is shown
        where they are by `take` only.
        """
        if self._own or not all(map(TRANSACTION.fullmatch, entries)):
            return False
        fresh = {data[_SHORT] for data in entries}
        if len(fresh) < len(entries) or not self._seen.isdisjoint(fresh):
            return False
        self._seen |= fresh
        return True

    def finish(self, certificates: Certificates) -> int:
        """Return how many of one's own transactions were found, all as they were shown.

        Raises:
            EntryWrong: one is missing or elsewhere, or a member's signature does not hold.
        """
        missing = len(self._own) - len(self.placed)
        if missing:
            there = {view.tear_off.txid for view in self.placed.values()}
            lost = next(v for v in self._own.values() if v.tear_off.txid not in there)
            raise EntryWrong(
                f"transaction {lost.tear_off.txid}, which was shown, is not in the log"
                f" ({missing} of {len(self._own)} are missing)"
            )
        for index, view in self.placed.items():
            _check(index, view, certificates)
        return len(self.placed)


def read_tear_offs(folder: Path | None) -> dict[bytes, TransactionView]:
    """Return the transactions in a folder, by the log entry that must commit to each.

    Args:
        folder: with answers of `GET /v1/ledger/transactions/{txid}`, a `.json` file each, as
            `sekisho ledger transaction --json` prints them.

    Raises:
        AnchorsInvalid: a file is no such answer.
        EntryWrong: a tear-off does not belong to its TxID.
    """
    return dict(_read(folder)) if folder else {}


def _read(folder: Path) -> Iterator[tuple[bytes, TransactionView]]:
    for file in sorted(folder.glob("*.json")):
        try:
            view = msgspec.json.decode(file.read_bytes(), type=TransactionView)
        except msgspec.MsgspecError as error:
            raise AnchorsInvalid(f"{file} holds no transaction: {error}") from error
        try:
            open_tear_off(view.tear_off)
        except LedgerError as error:
            raise EntryWrong(f"{file.name}: {error}") from error
        yield log_commitment(bytes.fromhex(view.tear_off.txid)).data, view


def _check(index: int, view: TransactionView, certificates: Certificates) -> None:
    """Check place and members' signatures; account keys are no certificates, and not checked."""
    if view.inclusion is not None and view.inclusion.log_index != index:
        raise EntryWrong(
            f"transaction {view.tear_off.txid} is at entry {index}; it was shown at"
            f" {view.inclusion.log_index}"
        )
    for signature in view.signatures:
        if signature.role == "creator":
            _check_signature(index, view, signature, certificates, notary=False)
    if view.attestations is not None:
        for signature in view.attestations.registrars:
            _check_signature(index, view, signature, certificates, notary=False)
        unique = view.attestations.notary.signature
        _check_signature(index, view, unique, certificates, notary=True)


def _check_signature(
    index: int,
    view: TransactionView,
    signature: TransactionSignature,
    certificates: Certificates,
    *,
    notary: bool,
) -> None:
    at = view.attestations.notary.attested_at if notary and view.attestations else None
    where = f"entry {index} (transaction {view.tear_off.txid})"
    for found in certificates.keys_of(signature.by, signature.key_id, index):
        if found.not_before <= view.committed_at < found.not_after:
            try:
                check_signature(signature, found.key, bytes.fromhex(view.tear_off.txid), at)
            except LedgerError as error:
                raise EntryWrong(f"{where}: the {signature.role}'s {error}") from error
            return
    raise EntryWrong(
        f"{where}: no key of {signature.by} was certified that signed as {signature.role}"
    )
