"""Certificates per second, through the whole of issuance: approve, reserve, lint, sign, store."""

import statistics
import tempfile
import time
from pathlib import Path

from governance.identity.authority import approve, issue
from governance.identity.keystores import KeyStore
from governance.identity.profile import CertificateKind, CertificateOrder
from governance.identity.tokens import Pkcs11KeyStore, Token
from ledger.database import writing
from ledger.keys import public_bytes
from tests.hsm import softhsm
from tests.membership.consortium import NETWORK, Consortium, new_database, new_key, sealed_store

COUNT = 100


def run(count: int = COUNT) -> dict[str, object]:
    """Issue `count` node certificates with a sealed-file key, and in SoftHSM where there is one."""
    found: dict[str, object] = {"certificates": count}
    with tempfile.TemporaryDirectory() as folder:
        found["file_key"] = _issue(Path(folder), sealed_store(Path(folder)), count)
    library = softhsm.library()
    if library is None:
        found["softhsm"] = softhsm.MISSING
        return found
    with tempfile.TemporaryDirectory() as folder:
        softhsm.configure(Path(folder) / "hsm")
        softhsm.new_token("benchmark")
        store = Pkcs11KeyStore(Token(library, "benchmark", softhsm.PIN))
        found["softhsm"] = _issue(Path(folder), store, count)
    return found


def _issue(folder: Path, keystore: KeyStore, count: int) -> dict[str, float]:
    consortium = Consortium(new_database(folder), keystore)
    orders = [_order(number) for number in range(count)]
    times = []
    for order in orders:
        started = time.perf_counter()
        with writing(consortium.engine) as session:
            issuance = approve(session, order, consortium.at)
        issue(consortium.engine, consortium.authority, issuance, consortium.at)
        times.append(time.perf_counter() - started)
    consortium.engine.dispose()
    return {
        "per_second": round(count / sum(times), 1),
        "median_ms": round(statistics.median(times) * 1000, 2),
        "p99_ms": round(sorted(times)[int(count * 0.99) - 1] * 1000, 2),
    }


def _order(number: int) -> CertificateOrder:
    return CertificateOrder(
        kind=CertificateKind.NODE,
        network=NETWORK,
        member_id="trust-a",
        node=f"node-{number}",
        legal_name="あおば信託銀行株式会社",
        roles=("registrar",),
        host="node.trust-a.example",
        spki=public_bytes(new_key().public_key()),
    )
