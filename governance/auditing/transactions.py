"""Transactions in the log: one commitment each, and one's own tear-offs behind them."""

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from governance.auditing.certificates import Certificates
from governance.auditing.entries import TRANSACTION
from governance.errors import AnchorsInvalid, EntryWrong
from ledger.commitment import log_commitment
from ledger.errors import LedgerError
from ledger.hashing import HASH_SIZE
from ledger.log.merkle import leaf_hash
from ledger.log.tiles import LENGTH, TILE_WIDTH, Bundle
from ledger.owners import check_owners
from ledger.signatures import TransactionSignature, check_signature
from ledger.tearoffs import open_tear_off
from ledger.views import TransactionView

PREFIX = b'{"sekisho":"transaction/v1"'
_LENGTH = len(PREFIX) + len(b',"commitment":""}') + 2 * HASH_SIZE
_STEP = _LENGTH + LENGTH
_BLANK = _LENGTH.to_bytes(LENGTH, "big") + PREFIX + b',"commitment":"%b"}' % (b"0" * 2 * HASH_SIZE)
"""A commitment as it stands in a bundle, which gives the length of each entry first: all zeroes."""

_DIGITS = b"0123456789abcdef"
_TO_ZERO = bytes.maketrans(_DIGITS, b"0" * len(_DIGITS))
_LETTERS = [
    (place, _BLANK[place : place + 1])
    for place in range(_BLANK.index(b':"0'))
    if _BLANK[place] in _DIGITS
]
"""Where letters of the form itself could be digits, such as the `e` of its first word."""

_BLANKS = _BLANK.translate(_TO_ZERO) * TILE_WIDTH


class Transactions:
    """Checks commitments, entry by entry.

    Args:
        own: transactions that a member was shown, by the log entry that commits to them.
    """

    step = _STEP
    """Bytes from one commitment to the next, in a bundle."""

    def __init__(self, own: dict[bytes, TransactionView]) -> None:
        self._own = own
        self._seen: set[int] = set()
        self._all = bytearray()  # leaf hashes, 32 bytes each
        self.placed: dict[int, TransactionView] = {}

    def take(self, index: int, data: bytes) -> None:
        """Take the commitment at `index`.

        Raises:
            EntryWrong: it is in no form that commitments have, or was there before.
        """
        found = TRANSACTION.fullmatch(data)
        if found is None:
            raise EntryWrong(f"entry {index} (transaction) is no commitment to a transaction")
        hashed = leaf_hash(data)
        (word,) = _first_words(hashed)
        if word in self._seen and self._holds(hashed):
            raise EntryWrong(f"entry {index} (transaction): the transaction was committed before")
        self._seen.add(word)
        self._all += hashed
        self._place(index, data)

    def take_bundle(self, bundle: Bundle) -> int:
        """Take the commitments of a bundle; return how many, or 0 if they are not all new.

        As `take` for each, in a fraction of the time: they are compared as a whole, their digits
        taken for zeroes, then the few letters of the form that could be digits.
        """
        runs = [run for run in bundle.runs if run.step == _STEP]
        count = sum(run.width for run in runs)
        data = b"".join([bundle.data[run.offset : run.end] for run in runs])
        if data.translate(_TO_ZERO) != _BLANKS[: len(data)]:
            return 0
        for place, letter in _LETTERS:
            if data[place::_STEP] != letter * count:
                return 0
        hashes = bundle.leaf_hashes()
        hashed = b"".join([b"".join(hashes[r.first : r.first + r.width]) for r in runs])
        known = len(self._seen)
        self._seen.update(_first_words(hashed))
        if len(self._seen) != known + count:
            return 0  # by words alone; `take` compares the hashes whole
        self._all += hashed
        if self._own:
            for run in runs:
                for index, entry in enumerate(bundle.entries_of(run), bundle.start + run.first):
                    self._place(index, entry)
        return count

    def _holds(self, hashed: bytes) -> bool:
        """Say whether an entry with this leaf hash came before."""
        place = self._all.find(hashed)
        while place % HASH_SIZE and place >= 0:
            place = self._all.find(hashed, place + 1)
        return place >= 0

    def _place(self, index: int, data: bytes) -> None:
        if self._own and (view := self._own.get(data)) is not None:
            self.placed[index] = view

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


def _first_words(hashes: bytes) -> tuple[int, ...]:
    """Return the first 64 bits of each hash."""
    return _words(len(hashes) // HASH_SIZE).unpack(hashes)


@cache
def _words(count: int) -> struct.Struct:
    return struct.Struct("<" + f"Q{HASH_SIZE - 8}x" * count)


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
    """Check its place, members' signatures by certified keys, owners' by the keys of the time."""
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
    if view.signatures:
        try:
            check_owners(view, index)
        except LedgerError as error:
            raise EntryWrong(
                f"entry {index} (transaction {view.tear_off.txid}): {error}"
            ) from error


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
