"""Certificates per second, through the whole of issuance: approve, reserve, lint, sign, store."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from governance.identity.authority import approve, issue
from governance.identity.keystores import KeyStore
from governance.identity.profile import CertificateKind, CertificateOrder
from governance.identity.tokens import Pkcs11KeyStore, Token
from ledger.database import writing
from ledger.keys import public_bytes
from tests.hsm import softhsm
from tests.membership.consortium import NETWORK, Consortium, new_database, new_key, sealed_store

COUNT = 100


def run(count: int = COUNT) -> dict[str, Any]:
    """Issue `count` node certificates with each kind of authority key, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        networks = {"sealed file": _network(Path(folder) / "file", sealed_store(Path(folder)))}
        library = softhsm.library()
        if library is not None:
            softhsm.configure(Path(folder) / "hsm")
            softhsm.new_token("benchmark")
            token = Pkcs11KeyStore(Token(library, "benchmark", softhsm.PIN))
            networks["SoftHSM 2"] = _network(Path(folder) / "token", token)
        times: dict[str, list[float]] = {name: [] for name in networks}
        for number in range(count):
            for name, network in networks.items():
                times[name].append(_issue(network, number))
        for network in networks.values():
            network.engine.dispose()
    answer: dict[str, Any] = {"rows": [_row(name, taken) for name, taken in times.items()]}
    if library is None:
        answer["left_out"] = softhsm.MISSING
    return answer


def _network(folder: Path, keystore: KeyStore) -> Consortium:
    folder.mkdir()
    return Consortium(new_database(folder), keystore)


def _issue(consortium: Consortium, number: int) -> float:
    order = _order(number)
    started = time.perf_counter()
    with writing(consortium.engine) as session:
        issuance = approve(session, order, consortium.at)
    issue(consortium.engine, consortium.authority, issuance, consortium.at)
    return time.perf_counter() - started


def _row(name: str, times: list[float]) -> dict[str, Any]:
    return {
        "authority key": name,
        "certificates": len(times),
        "per second": len(times) / sum(times),
        "median ms": statistics.median(times) * 1000,
        "p99 ms": sorted(times)[int(len(times) * 0.99) - 1] * 1000,
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
