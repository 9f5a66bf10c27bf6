"""The entries of a log by their form: envelopes, and three records that are no statements."""

import re

import msgspec

from contracts.evidence import PAYLOAD_TYPE as EVIDENCE_TYPE
from contracts.jobs import EVIDENCE_KIND
from governance.errors import EntryWrong
from governance.membership.statements import GROUP_CHANGE
from ledger.declarations import (
    CONTROL_KIND,
    CUSTODY_KIND,
    KEYS_KIND,
    RELEASE_KIND,
    RIGHT_KIND,
)
from ledger.errors import LedgerError
from ledger.receipts import RECEIPTS_KIND
from ledger.records.erasure import KIND as ERASURE_KIND
from ledger.statements import Envelope, read_envelope

TRANSACTION = re.compile(rb'\{"sekisho":"transaction/v1","commitment":"([0-9a-f]{64})"\}')
"""The one spelling of a transaction's commitment."""

COMMITTED = re.compile(
    rb'\{"sekisho":"statement/v1","kind":"([a-z][a-z-]{0,63})","commitment":"([0-9a-f]{64})"\}'
)
"""The one spelling of a commitment to a statement that not every member may read."""

COMMITTED_KINDS = frozenset(
    {RIGHT_KIND, KEYS_KIND, CUSTODY_KIND, RELEASE_KIND, CONTROL_KIND}
    | {GROUP_CHANGE, ERASURE_KIND, RECEIPTS_KIND, EVIDENCE_KIND}
)
"""The statements of which the log holds a commitment only; evidence where it is too large."""

SCOPES = b'{"sekisho":"scopes/v1"'
OURS = b'{"sekisho"'
"""What begins so is a record of the service's own; everything else is an envelope."""

_PREFIX = re.compile(r"application/vnd\.sekisho\.([a-z][a-z-]{0,63})\.v1\+json")


class Entry(msgspec.Struct, frozen=True):
    """One entry that is no transaction.

    Args:
        index: its place in the log.
        kind: the statement's kind; `scopes` for a seal.
        data: the exact bytes.
        envelope: what they hold; None for a commitment or a seal.
        commitment: in hex, of a commitment; else empty.
    """

    index: int
    kind: str
    data: bytes
    envelope: Envelope | None = None
    commitment: str = ""


def read_entry(index: int, data: bytes) -> Entry:
    """Return the entry at `index`, parsed as far as its form goes.

    Raises:
        EntryWrong: it has none of the forms that entries have.
    """
    if data.startswith(SCOPES):
        return Entry(index, "scopes", data)
    if data.startswith(OURS):
        found = COMMITTED.fullmatch(data)
        kind = found[1].decode() if found else ""
        if found is None or kind not in COMMITTED_KINDS:
            raise EntryWrong(f"entry {index} is neither a statement nor a known commitment")
        return Entry(index, kind, data, None, found[2].decode())
    try:
        envelope = read_envelope(data)
    except LedgerError as error:
        raise EntryWrong(f"entry {index} is no statement: {error}") from error
    if envelope.payloadType == EVIDENCE_TYPE:
        return Entry(index, EVIDENCE_KIND, data, envelope)
    named = _PREFIX.fullmatch(envelope.payloadType)
    if named is None:
        raise EntryWrong(f"entry {index} has the unknown type {envelope.payloadType!r}")
    return Entry(index, named[1], data, envelope)
