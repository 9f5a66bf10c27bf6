"""The offline audit of a network's log, against nothing but its hashes and signature checks.

The floor hashes every leaf, folds the tree, and verifies each signature that the audit verifies,
with the keys and messages ready: no reading, decoding, judging, certificates or bookkeeping. It
hashes with the functions that the product itself hashes with, in one process, as an audit does
whose log is small; a large log is audited by two (`ledger.log.ahead`). Both are timed by the clock,
in turns. The processor time of all processes is stated, too, as a share of the floor's.

There are two logs: of decisions alone, and the same followed by what an operating network writes:
transactions, and among them what the service and members say meanwhile, so that most bundles of
256 entries hold several kinds.
"""

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography import x509

from contracts import evidence
from contracts.archives import read_folder
from contracts.packages import make_package
from governance.audit import audit, make_auditor, open_source
from governance.identity.announcements import AuthorityCertified, CertificateIssued
from ledger import statements
from ledger.commitment import log_commitment
from ledger.database import writing
from ledger.declarations import CUSTODY_KIND, KEYS_KIND
from ledger.keys import PublicKey, verify_signature
from ledger.log import merkle
from ledger.log.completeness import SEAL_KIND
from ledger.log.merkle import HASH_SIZE
from ledger.log.sequencer import LogEntry, append
from ledger.log.store import log_size
from ledger.receipts import RECEIPTS_KIND
from ledger.statements import read_envelope, read_statement
from tests.auditing.network import AuditedNetwork, lively, write_log

SHIPPED = Path(__file__).parents[2] / "contracts" / "shipped" / "beneficial_right"
MEMBERS = 20
OPERATION = (0, 1_000_000)
"""Entries after the decisions: none, and those of an operating network."""

BATCH = 10_000
SEAL_EVERY = 12_000
"""Entries from one seal to the next: a minute's at 200 a second."""

SAID_AMONG = 200
"""Of so many entries one commits to the second's read receipts; as many to a customer's keys, and
to who holds custody."""

ROUNDS = 7
TARGET = 0.7

Check = tuple[PublicKey, bytes, bytes]
Issued = tuple[x509.Certificate, x509.Certificate]


def run() -> dict[str, Any]:
    """Measure the audit of a quiet and of a busy network's log."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "network"
        home.mkdir()
        network = lively(home, make_package(read_folder(SHIPPED)))
        for place in range(MEMBERS):
            network.join(f"firm-{place}", "custodian")
        for count in OPERATION:
            _operate(network, count)
            rows.append(_measure(network, Path(folder) / f"log-{count}"))
        network.engine.dispose()
    share = rows[-1]["share_of_bare"]
    target = f"audit as a share of the bare hashes and signatures, at least {TARGET:g}"
    return {
        "rows": rows,
        "targets": [{"target": target, "measured": share, "met": share >= TARGET}],
    }


def _operate(network: AuditedNetwork, count: int) -> None:
    """Append what an operating network writes: `count` entries, mostly commitments."""
    rng = random.Random(count)
    said = (RECEIPTS_KIND, KEYS_KIND, CUSTODY_KIND)
    for _ in range(0, count, BATCH):
        with writing(network.engine) as session:
            start = log_size(session)
            entries = []
            for index in range(start, start + BATCH):
                value, drawn = rng.randbytes(HASH_SIZE), rng.randrange(SAID_AMONG)
                if index % SEAL_EVERY == 0:
                    entry = LogEntry(SEAL_KIND, _SEAL % (index, value.hex().encode()))
                elif drawn < len(said):
                    kind = said[drawn]
                    entry = LogEntry(kind, _SAID % (kind.encode(), value.hex().encode()))
                else:
                    entry = log_commitment(value)
                entries.append(entry)
            append(session, entries)


_SEAL = b'{"sekisho":"scopes/v1","through":%d,"root":"%b"}'
_SAID = b'{"sekisho":"statement/v1","kind":"%b","commitment":"%b"}'


def _measure(network: AuditedNetwork, folder: Path) -> dict[str, Any]:
    entries = [(kind, data) for _, kind, data in network.log()]
    place = write_log(folder, entries)
    source, anchors = open_source(str(place)), network.anchors()
    data = [entry for _, entry in entries]
    checks, issued = _signatures(network, data), _certificates(entries)
    audit(source, anchors)  # rule sets are examined once in a process
    whole, bare = [], []
    for _ in range(ROUNDS):
        whole.append(_time(lambda: audit(source, anchors)))
        bare.append(_time(lambda: _floor(data, checks, issued)))
    seconds, whole_cpu = map(statistics.median, zip(*whole, strict=True))
    floor, floor_cpu = map(statistics.median, zip(*bare, strict=True))
    return {
        "entries": len(data),
        "signatures": len(checks) + len(issued),
        "entries_per_s": len(data) / seconds,
        "bare_per_s": len(data) / floor,
        "share_of_bare": floor / seconds,
        "processor_share": floor_cpu / whole_cpu,
    }


def _time(act: Callable[[], object]) -> tuple[float, float]:
    """Return seconds by the clock, and of processor time, that of ended children included."""
    began, used = time.perf_counter(), sum(os.times()[:4])
    act()
    return time.perf_counter() - began, sum(os.times()[:4]) - used


def _floor(data: list[bytes], checks: list[Check], issued: list[Issued]) -> None:
    merkle.root_of(merkle.leaf_hashes(data))
    for key, signature, message in checks:
        verify_signature(key, signature, message)
    for certificate, issuer in issued:
        certificate.verify_directly_issued_by(issuer)


def _signatures(network: AuditedNetwork, data: list[bytes]) -> list[Check]:
    """Return every check of a statement's signature that an audit makes, noted during one."""
    made: list[Check] = []

    def note(key: PublicKey, signature: bytes, message: bytes) -> None:
        made.append((key, signature, message))

    auditor = make_auditor(network.anchors())
    with mock.patch.multiple(statements, verify_signature=note):  # noqa: SIM117 - two modules
        with mock.patch.multiple(evidence, verify_signature=note):
            for index, entry in enumerate(data):
                auditor.take(index, entry)
    return made


def _certificates(log: list[tuple[str, bytes]]) -> list[Issued]:
    """Return each certificate in the log with its issuer's."""
    authorities: dict[str, x509.Certificate] = {}
    issued = []
    for kind, data in log:
        if kind == "authority":
            body = read_statement(read_envelope(data), kind, AuthorityCertified).body
            authorities[body.name] = x509.load_der_x509_certificate(body.certificate)
        elif kind == "certificate":
            said = read_statement(read_envelope(data), kind, CertificateIssued).body
            certificate = x509.load_der_x509_certificate(said.certificate)
            issued.append((certificate, authorities[said.issuer]))
    return issued
