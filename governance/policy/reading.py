"""Who was shown a thing, by which rules: what receipts of reads say, and the log behind them."""

import datetime as dt
from collections.abc import Iterable

import msgspec
from sqlalchemy.orm import Session

from governance.errors import ReceiptsWrong
from governance.policy.explaining import noted_name
from ledger.reads import name_hash
from ledger.receipts import RECEIPTS_KIND, Kept, ReadReceipts, list_receipts
from ledger.relations import statement_commitment
from ledger.statements import read_envelope, read_statement
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

MAX_RECEIPTS = 200
"""Statements in one answer: each may fill an envelope."""

JAPAN = dt.timezone(dt.timedelta(hours=9))


class ReceiptPage(msgspec.Struct, frozen=True):
    """Receipts in the order of the log; `next` is the cursor of those that follow, if any do."""

    items: tuple[Kept, ...]
    next: int | None


class Sighting(msgspec.Struct, frozen=True):
    """Somebody saw the thing: when at the latest, by which rules, said where in the log."""

    member_id: str
    action: str
    until: dt.datetime
    rule_set: str
    rules: tuple[str, ...]
    log_index: int


def read_receipts(
    session: Session, rules: CompiledRules, actor: Actor, after: int, limit: int
) -> ReceiptPage:
    """Return receipts after a log index.

    Raises:
        Denied: the actor may not.
    """
    rules.decide(actor, Action.READ_RECEIPT_READ)
    most = max(1, min(limit, MAX_RECEIPTS))
    found = list_receipts(session, after, most + 1)
    items = tuple(found[:most])
    return ReceiptPage(items, items[-1].log_index if len(found) > most else None)


def find_sightings(
    receipts: Iterable[Kept], resource: str, name: str, day: dt.date | None = None
) -> list[Sighting]:
    """Return who was shown a thing, as receipts say; on one day in Japan, or ever.

    Who had its visibility explained (`policy:explain`) is among them.

    Whoever asks compares each receipt with the log first (`check_commitment`).

    Args:
        receipts: statements, as the server or an export gives them.
        resource: as in `ledger.reads.NAMED_BY`.
        name: the thing's id.
        day: the day on which it was shown.
    """
    wanted = {
        resource: name_hash(resource, name),
        "policy": name_hash("policy", noted_name(resource, name)),
    }
    sightings = []
    for kept in receipts:
        envelope = read_envelope(kept.envelope.encode())
        body = read_statement(envelope, RECEIPTS_KIND, ReadReceipts).body
        if day is not None and day not in {m.astimezone(JAPAN).date() for m in _span(body)}:
            continue
        sightings += [
            Sighting(r.member_id, r.action, body.until, r.rule_set, r.rules, kept.log_index)
            for r in body.reads
            if wanted.get(r.action.partition(":")[0]) in r.names
        ]
    return sightings


def _span(body: ReadReceipts) -> tuple[dt.datetime, dt.datetime]:
    return body.since, body.until


def check_commitment(kept: Kept, entry: bytes) -> None:
    """Return if the log's entry commits to this receipt.

    Raises:
        ReceiptsWrong: it does not.
    """
    commitment = statement_commitment(kept.envelope.encode()).hex()
    expected = f'{{"sekisho":"statement/v1","kind":"{RECEIPTS_KIND}","commitment":"{commitment}"}}'
    if entry != expected.encode():
        raise ReceiptsWrong(f"entry {kept.log_index} of the log does not commit to this receipt")
