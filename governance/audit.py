"""The offline audit: everything that the log says, derived anew from its bytes.

Needs the log's files (a URL, a directory, an export) and the *anchors* that a member pinned when
it joined; asks no server to be honest. It shares the pure rules with the server and none of the
code that decided there. What it checks beside the tree is in `auditing`.
"""

import weakref
from pathlib import Path

import httpx
import msgspec
from cryptography import x509

from governance.anchors import Anchors
from governance.auditing.auditor import Auditor, Listener
from governance.auditing.documents import Documents
from governance.auditing.entries import TRANSACTION, read_entry
from governance.auditing.transactions import Transactions, read_tear_offs
from governance.decisions.network import NetworkState
from governance.errors import AnchorsInvalid, EntryWrong, ReplayDiffers
from ledger.errors import LogResourceMissing, NoteInvalid
from ledger.log.ahead import verified_bundles
from ledger.log.notes import VerifierKey, parse_verifier_key
from ledger.log.reader import Progress, Reader
from ledger.log.sources import TIMEOUT, DirectorySource, Source, UrlSource


class AuditReport(msgspec.Struct, frozen=True):
    """What the audit found to be true.

    Args:
        origin: the log's name.
        size: entries, all verified.
        root: hex.
        kinds: how many entries of each kind.
        decisions: how many were recomputed with the same outcome.
        rule_sets: digest of each rule set that was in force → whether its text was examined.
        requirements: digest of what gates of contracts required → whether it was applied anew.
        own_transactions: how many of one's own transactions were found where they belong.
        state: the network as of the last entry audited.
    """

    origin: str
    size: int
    root: str
    kinds: dict[str, int]
    decisions: int
    rule_sets: dict[str, str]
    requirements: dict[str, str]
    own_transactions: int
    state: NetworkState


def open_source(place: str) -> Source:
    """Return the log at `place`: a server's URL, or a directory."""
    if place.startswith(("http://", "https://")):
        prefix = place.rstrip("/")
        prefix = prefix if prefix.endswith("/log") else prefix + "/log"
        client = httpx.Client(timeout=TIMEOUT)
        source = UrlSource(prefix, client)
        weakref.finalize(source, client.close)
        return source
    return DirectorySource(Path(place))


def open_reader(source: Source, anchors: Anchors) -> Reader:
    """Return a reader that believes these anchors only.

    Raises:
        AnchorsInvalid: a key or certificate among them cannot be read.
    """
    try:
        x509.load_pem_x509_certificate(anchors.root_certificate.encode())
        witnesses = [parse_verifier_key(key) for key in anchors.witnesses]
        log_key: VerifierKey = parse_verifier_key(anchors.log_key)
    except (NoteInvalid, ValueError) as error:
        raise AnchorsInvalid(f"the pinned anchors cannot be read: {error}") from error
    return Reader(source, log_key, witnesses, anchors.quorum)


def audit(
    source: Source,
    anchors: Anchors,
    *,
    at_index: int | None = None,
    progress: Progress | None = None,
    documents: Path | None = None,
    tear_offs: Path | None = None,
) -> AuditReport:
    """Verify the whole log, and derive the network from it.

    Args:
        source: where the log's files are.
        anchors: what is trusted.
        at_index: derive the network as of this entry, inclusive; the last one if omitted.
        progress: told how far it is.
        documents: folder of documents that the log names by digest (`auditing.documents`).
        tear_offs: folder of transactions that one was shown (`auditing.transactions`).

    Raises:
        LogWrong, LogResourceMissing: a file or entry is not what the checkpoint promises.
        ReplayDiffers: a decision is not what follows from the entries before it.
        EntryWrong: an entry says what its author could not say, or what is not so.
    """
    reader = open_reader(source, anchors)
    opened = reader.checkpoint()
    size = opened.checkpoint.size
    if at_index is not None and at_index >= size:
        raise LogResourceMissing(f"entry {at_index} is not among the {size} published ones")
    auditor = make_auditor(anchors, documents, tear_offs)
    then: NetworkState | None = None
    for first, entries in verified_bundles(reader, opened.checkpoint, progress):
        if at_index is None or not first <= at_index < first + len(entries):
            auditor.take_all(first, entries)
            continue
        auditor.take_all(first, entries[: at_index + 1 - first])
        then = auditor.replay.state
        auditor.take_all(at_index + 1, entries[at_index + 1 - first :])
    last = auditor.finish()
    if last.network != anchors.network:
        raise ReplayDiffers(f"the log is {last.network}'s, not {anchors.network}'s")
    return AuditReport(
        origin=opened.checkpoint.origin,
        size=size,
        root=opened.checkpoint.root.hex(),
        kinds=dict(sorted(auditor.kinds.items())),
        decisions=len(auditor.replay.decisions),
        rule_sets={
            **dict.fromkeys(auditor.rule_sets.checked, "examined"),
            **dict.fromkeys(auditor.rule_sets.missing, "text not given"),
        },
        requirements={
            digest: "applied" if known else "text not given"
            for digest, known in auditor.contracts.requirements.items()
        },
        own_transactions=auditor.transactions.finish(auditor.certificates),
        state=then or last,
    )


def make_auditor(
    anchors: Anchors,
    documents: Path | None = None,
    tear_offs: Path | None = None,
    listener: Listener | None = None,
) -> Auditor:
    """Return an auditor that believes these anchors.

    Raises:
        AnchorsInvalid: the root certificate, or a tear-off, cannot be read.
        EntryWrong: a document or a tear-off is not what it is called.
    """
    try:
        root = x509.load_pem_x509_certificate(anchors.root_certificate.encode())
    except ValueError as error:
        raise AnchorsInvalid(f"the pinned root certificate cannot be read: {error}") from error
    transactions = Transactions(read_tear_offs(tear_offs))
    return Auditor(anchors.genesis, root, Documents(documents), transactions, listener)


def entry_kind(entry: bytes) -> str:
    """Return what kind of entry these bytes are; `unknown` where they do not say."""
    if TRANSACTION.fullmatch(entry):
        return "transaction"
    try:
        return read_entry(0, entry).kind
    except EntryWrong:
        return "unknown"
