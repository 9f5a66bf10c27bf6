"""Proofs for offline use, made from a log's own files; whether a member was shown everything."""

import base64
from collections.abc import Callable, Iterator

import msgspec

from governance.audit import entry_kind
from governance.client.connection import Connection
from governance.client.ledgering import PAGE
from governance.decisions.actions import Action, ApproveContract, contract_key
from governance.decisions.folding import payload_digest
from governance.decisions.statements import DECISION, PROPOSAL, Decision, Proposal
from governance.identity.announcements import CertificateIssued
from ledger.commitment import log_commitment
from ledger.errors import LogResourceMissing
from ledger.log import merkle
from ledger.log.completeness import ScopeProof, Seal, check_scope
from ledger.log.heads import OpenedCheckpoint
from ledger.log.proofs import InclusionProof
from ledger.log.reader import Progress, Reader
from ledger.statements import read_envelope, read_statement

Wanted = Callable[[bytes], bool]


def prove_entry(reader: Reader, opened: OpenedCheckpoint, index: int) -> InclusionProof:
    """Return the proof of entry `index`, with the entry, under a verified checkpoint.

    Raises:
        LogResourceMissing: the checkpoint does not reach it.
        LogWrong: the log's files do not lead to the signed root.
    """
    size = opened.checkpoint.size
    if index >= size:
        raise LogResourceMissing(f"entry {index} is not among the {size} published ones")
    _, data = next(reader.entries(opened.checkpoint, index))
    nodes = reader.nodes(opened.checkpoint)
    hashes = tuple(merkle.inclusion_proof(nodes, index, size))
    return InclusionProof(index, hashes, opened.signed.note, data)


def find(
    reader: Reader, opened: OpenedCheckpoint, wanted: Wanted, progress: Progress | None = None
) -> int:
    """Return the index of the first entry that is wanted; all before it are verified.

    Raises:
        LogResourceMissing: there is none.
    """
    for index, data in reader.entries(opened.checkpoint, 0, progress):
        if wanted(data):
            return index
    raise LogResourceMissing("no entry of the published log is what was asked for")


def transaction_entry(txid: str) -> Wanted:
    """Return what tells the commitment to the transaction with this TxID, in hex."""
    expected = log_commitment(bytes.fromhex(txid)).data
    return lambda data: data == expected


def certificate_entry(serial: str) -> Wanted:
    """Return what tells the certificate with this serial number, in hex."""

    def tells(data: bytes) -> bool:
        if entry_kind(data) != "certificate":
            return False
        envelope = read_envelope(data)
        return read_statement(envelope, "certificate", CertificateIssued).body.serial == serial

    return tells


def decision_entry(proposal: str) -> Wanted:
    """Return what tells the decision on the proposal with this digest."""

    def tells(data: bytes) -> bool:
        if entry_kind(data) != DECISION:
            return False
        return read_statement(read_envelope(data), DECISION, Decision).body.proposal == proposal

    return tells


class ContractEntry:
    """Tells the decision that approved a contract version: fed every entry, in order.

    Args:
        key: `name@version`.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._proposals: set[str] = set()

    def __call__(self, data: bytes) -> bool:
        """Return whether this is the decision."""
        match entry_kind(data):
            case "proposal":
                body = read_statement(read_envelope(data), PROPOSAL, Proposal).body
                if any(self._approves(action) for action in body.actions):
                    self._proposals.add(payload_digest(data))
                return False
            case "decision":
                said = read_statement(read_envelope(data), DECISION, Decision).body
                return said.proposal in self._proposals and said.outcome == "approved"
            case _:
                return False

    def _approves(self, action: Action) -> bool:
        match action:
            case ApproveContract(name=name, version=version):
                return contract_key(name, version) == self._key
            case _:
                return False


def fetch_scope_proof(connection: Connection, scope: str) -> ScopeProof:
    """Return the server's proof of the member's own scope, not yet checked."""
    found = connection.get(f"/v1/log/scopes/{scope}")
    found["head"] = bytes.fromhex(found["head"])
    found["path"] = tuple(base64.b64decode(text) for text in found["path"])
    return msgspec.convert(found, ScopeProof)


def shown_transactions(connection: Connection) -> Iterator[str]:
    """Yield the TxID, in hex, of every transaction of which a transfer was shown, each once."""
    seen: set[str] = set()
    for transfer in connection.pages("/v1/ledger/transfers", limit=PAGE):
        txid = transfer.get("transfer_txid")
        if txid and txid not in seen:
            seen.add(txid)
            yield txid


def check_complete(
    reader: Reader,
    opened: OpenedCheckpoint,
    proof: ScopeProof,
    txids: Iterator[str],
    progress: Progress | None = None,
) -> Seal:
    """Return the seal up to which the member was shown every transaction of its scope.

    Args:
        reader: of the log.
        opened: a verified checkpoint.
        proof: the scope's proof.
        txids: what the member was shown, in hex.
        progress: told how far it is.

    Raises:
        LogWrong: a transaction is missing, or was added, or is not in the log.
        ProofInvalid: the proof does not lead to the seal.
        LogResourceMissing: the seal is not published yet.
    """
    if proof.seal_index >= opened.checkpoint.size:
        raise LogResourceMissing(f"the seal, entry {proof.seal_index}, is not published yet")
    wanted = {log_commitment(bytes.fromhex(txid)).data: bytes.fromhex(txid) for txid in txids}
    shown: list[tuple[int, bytes]] = []
    seal = b""
    for index, data in reader.entries(opened.checkpoint, 0, progress):
        txid = wanted.get(data)
        if txid is not None:
            shown.append((index, txid))
        if index == proof.seal_index:
            seal = data
    return check_scope(proof, shown, seal)
