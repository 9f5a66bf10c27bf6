"""Commits a batch of transactions, with what they mean to the log, in one database transaction.

1. Load what the batch touches. 2. Check each against what earlier ones leave. 3. Ask the contract
for its verdict. 4. Where one falls, judge again what comes after it. 5. Let the notary attest and
record what is consumed, and each registrar attest. 6. Write rows and log commitments.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
from sqlalchemy.orm import Session

from ledger import effects, store
from ledger import errors as e
from ledger import working as w
from ledger.bulk import insert_rows
from ledger.components import Contract
from ledger.hashing import tagged_hash
from ledger.keys import key_id
from ledger.log.completeness import extend
from ledger.log.sequencer import LogEntry, append
from ledger.network import ContractsInForce, HostedSigners, LedgerParameters
from ledger.notary import Notary
from ledger.signatures import Attester, TransactionSignature, Uniqueness
from ledger.standing import Standing, check_standing
from ledger.tables import ChangeRow, TransactionRow, TransferRow, UnspentRow
from ledger.transactions import Transaction, contract_view
from ledger.verification import (
    Accepted,
    ContractVersion,
    OutOfGas,
    Rejected,
    Unavailable,
    VerificationRequest,
    Verifier,
)

TRANSACTION_ENTRY = "transaction"
"""The kind of a log entry that commits to a transaction."""

CLOCK_SKEW = dt.timedelta(seconds=30)
"""How far a transfer's time of registration may lie ahead of this process's clock."""


class Attestations(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What the notary and the registrars of its rights say of a transaction."""

    notary: Uniqueness
    registrars: tuple[TransactionSignature, ...]


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What the creator gets for a committed transaction; the same however often it is sent.

    Args:
        txid: in hex.
        log_index: of its commitment in the log.
        committed_at: UTC.
        attestations: of the notary and of the registrars.
    """

    txid: str
    log_index: int
    committed_at: dt.datetime
    attestations: Attestations


class Judges(msgspec.Struct, frozen=True):
    """Who has a say in a commit, besides the ledger itself."""

    verifier: Verifier
    contracts: ContractsInForce
    notary: Notary
    signers: HostedSigners


Outcome = Receipt | e.LedgerError


class _Judged(msgspec.Struct, frozen=True, gc=False):
    candidate: w.Candidate
    facts: bytes
    gas: int
    effects: w.Effects


def log_commitment(txid: bytes) -> LogEntry:
    """Return the log entry of a transaction: it names it only to who knows the TxID."""
    commitment = tagged_hash("log/transaction", txid).hex()
    data = f'{{"sekisho":"transaction/v1","commitment":"{commitment}"}}'
    return LogEntry(TRANSACTION_ENTRY, data.encode())


def commit_batch(
    session: Session,
    batch: Sequence[w.Candidate],
    judges: Judges,
    parameters: LedgerParameters,
    at: dt.datetime,
) -> list[Outcome]:
    """Commit the transactions of `batch` that hold, in order; return an outcome for each.

    Args:
        session: a session of the single writer; the caller commits it.
        batch: candidates, of which later ones may spend what earlier ones create.
        judges: contract, notary and registrars.
        parameters: the network parameters in force.
        at: now, UTC.
    """
    outcomes: dict[bytes, Outcome] = {
        txid: receipt_of(row)
        for txid, row in store.find_committed(session, [c.transaction.txid for c in batch]).items()
    }
    fresh = {c.transaction.txid: c for c in batch if c.transaction.txid not in outcomes}
    base = store.load_working(session, list(fresh.values()))
    made = {t.hex(): _version(c.transaction.contract) for t, c in fresh.items()}
    court = _Court(session, judges, parameters, at, made)
    judged, state = _judge(base, list(fresh.values()), outcomes, court)
    outcomes.update(_write(session, base, state, judged, court))
    return [outcomes[c.transaction.txid] for c in batch]


def receipt_of(row: store.Committed) -> Receipt:
    """Return the receipt of a committed transaction."""
    attestations = msgspec.json.decode(row.attestations, type=Attestations)
    return Receipt(row.txid.hex(), row.log_index, row.committed_at, attestations)


def _judge(
    base: w.Working,
    pending: list[w.Candidate],
    outcomes: dict[bytes, Outcome],
    court: "_Court",
) -> tuple[list[_Judged], w.Working]:
    """Return what is accepted and the state after it; put refusals into `outcomes`.

    A verdict is a pure function of its request, so it is asked for once: a transaction after a
    refused one is judged again only if what it is told has changed.
    """
    verdicts: dict[VerificationRequest, Accepted | e.LedgerError] = {}
    while True:
        state = base.copy()
        judged: list[_Judged] = []
        asked: list[VerificationRequest] = []
        for candidate in pending:
            try:
                court.check(candidate.transaction)
                state.check(candidate)
                court.attesters(state, candidate.transaction)
            except e.LedgerError as error:
                outcomes[candidate.transaction.txid] = error
                continue
            facts = state.facts(candidate.transaction)
            asked.append(_request(candidate, facts))
            judged.append(_Judged(candidate, facts, 0, state.apply(candidate.transaction)))
        _ask(court.judges.verifier, asked, verdicts)
        refused = [
            (item, verdict)
            for item, request in zip(judged, asked, strict=True)
            if isinstance(verdict := verdicts[request], e.LedgerError)
        ]
        if not refused:
            return list(_with_gas(judged, asked, verdicts)), state
        first, verdict = refused[0]
        outcomes[first.candidate.transaction.txid] = verdict
        pending = [j.candidate for j in judged if j is not first]


def _with_gas(
    judged: list[_Judged],
    asked: list[VerificationRequest],
    verdicts: dict[VerificationRequest, Accepted | e.LedgerError],
) -> Iterator[_Judged]:
    for item, request in zip(judged, asked, strict=True):
        verdict = verdicts[request]
        gas = verdict.gas if isinstance(verdict, Accepted) else 0
        yield msgspec.structs.replace(item, gas=gas)


class _Court(msgspec.Struct):
    """Who judges a batch, when, and under which parameters."""

    session: Session
    judges: Judges
    parameters: LedgerParameters
    at: dt.datetime
    made: dict[str, ContractVersion]
    standing: dict[ContractVersion, Standing] = {}
    hosted: dict[str, Attester] = {}

    def check(self, transaction: Transaction) -> None:
        """Return if the transaction is made for here and now."""
        self._check_network(transaction)
        self._check_times(transaction)
        version = _version(transaction.contract)
        if version not in self.standing:
            stands = self.judges.contracts.standing(self.session, version, self.at)
            self.standing[version] = stands
        check_standing(self.standing[version], transaction, self._made_under)

    def _made_under(self, txids: Collection[str]) -> Mapping[str, ContractVersion]:
        """Return under which version each transaction of the ledger or of this batch was made."""
        before = store.find_versions(self.session, [bytes.fromhex(txid) for txid in txids])
        here = {txid: self.made[txid] for txid in txids if txid in self.made}
        return here | {txid.hex(): version for txid, version in before.items()}

    def attesters(self, state: w.Working, transaction: Transaction) -> list[Attester]:
        """Return the registrars of the transaction's rights, each found once for a batch.

        Raises:
            RegistrarUnavailable: the node of one is not hosted here.
        """
        names = sorted({state.rights[right].registrar for right in transaction.rights})
        for name in names:
            if name not in self.hosted:
                signer = self.judges.signers.hosted_signer(name)
                if signer is None:
                    raise e.RegistrarUnavailable(f"the node of {name} is not hosted here")
                known = key_id(signer.public_key())
                self.hosted[name] = Attester("registrar", name, signer, known)
        return [self.hosted[name] for name in names]

    def _check_network(self, transaction: Transaction) -> None:
        network, parameters = transaction.network, self.parameters
        if (network.network, network.parameters) != (parameters.network, parameters.version):
            raise e.ForeignParameters(
                f"made for {network.network} under parameters {network.parameters};"
                f" in force are {parameters.network}, {parameters.version}"
            )
        if transaction.notary != parameters.notary:
            raise e.ForeignParameters(f"the notary is {parameters.notary}")

    def _check_times(self, transaction: Transaction) -> None:
        window, at = transaction.window, self.at
        if not window.from_time <= at < window.until_time:
            raise e.OutsideTimeWindow(f"{at.isoformat()} is outside the transaction's time window")
        earliest = at - dt.timedelta(seconds=self.parameters.registration_window)
        for transfer in transaction.commands:
            if not earliest <= transfer.registered_at <= at + CLOCK_SKEW:
                raise e.OutsideTimeWindow(
                    f"{transfer.trade_id} was registered at {transfer.registered_at.isoformat()};"
                    f" expected from {earliest.isoformat()} until now"
                )


def _version(contract: Contract) -> ContractVersion:
    return ContractVersion(contract.name, contract.version, contract.digest)


def _request(candidate: w.Candidate, facts: bytes) -> VerificationRequest:
    transaction = candidate.transaction
    text = contract_view(transaction, list(candidate.account_keys), msgspec.Raw(facts))
    return VerificationRequest(_version(transaction.contract), text)


def _ask(
    verifier: Verifier,
    asked: list[VerificationRequest],
    verdicts: dict[VerificationRequest, Accepted | e.LedgerError],
) -> None:
    new = [request for request in dict.fromkeys(asked) if request not in verdicts]
    if not new:
        return
    for request, verdict in zip(new, verifier.verify(new), strict=True):
        match verdict:
            case Accepted():
                verdicts[request] = verdict
            case Rejected(code, message):
                verdicts[request] = e.ContractRejected(message, code)
            case OutOfGas(gas):
                message = f"the contract used up its gas ({gas})"
                verdicts[request] = e.ContractRejected(message, "out_of_gas")
            case Unavailable(reason):
                verdicts[request] = e.VerifierUnavailable(reason)


def _write(
    session: Session,
    base: w.Working,
    state: w.Working,
    judged: Sequence[_Judged],
    court: _Court,
) -> dict[bytes, Outcome]:
    if not judged:
        return {}
    at = court.at
    transactions = [item.candidate.transaction for item in judged]
    asked = [item.candidate.asked for item in judged]
    uniqueness = court.judges.notary.attest(session, asked, at)
    attested = [
        Attestations(unique, tuple(a.sign(t.txid) for a in court.attesters(state, t)))
        for unique, t in zip(uniqueness, transactions, strict=True)
    ]
    indexes = append(session, [log_commitment(t.txid) for t in transactions])
    first = store.next_position(session)
    rows = [
        {
            "position": first + place,
            "txid": item.candidate.transaction.txid,
            "log_index": indexes[place],
            "creator": item.candidate.transaction.creator,
            "contract": item.candidate.transaction.contract.name,
            "contract_version": item.candidate.transaction.contract.version,
            "committed_at": at,
            "body": item.candidate.body,
            "signatures": item.candidate.signatures,
            "attestations": msgspec.json.encode(attested[place]),
            "facts": item.facts,
            "gas": item.gas,
        }
        for place, item in enumerate(judged)
    ]
    insert_rows(session, TransactionRow, rows)
    _write_effects(session, base, state, judged, indexes)
    return {
        t.txid: Receipt(t.txid.hex(), indexes[place], at, attested[place])
        for place, t in enumerate(transactions)
    }


def _write_effects(
    session: Session,
    base: w.Working,
    state: w.Working,
    judged: Sequence[_Judged],
    indexes: Sequence[int],
) -> None:
    spent = [row for item in judged for row in item.effects.spent]
    kept = {token.row for token in state.unspent.values()}
    effects.remove_spent(session, [r for r in spent if r < base.next_row])
    pairs = [(item.candidate.transaction, item.effects) for item in judged]
    created = [
        effects.unspent_row(transaction, token, state)
        for transaction, done in pairs
        for token in done.created
        if token[0] in kept
    ]
    insert_rows(session, UnspentRow, created)
    transfers = [
        effects.transfer_row(transaction, place, effect, state)
        for transaction, done in pairs
        for place, effect in enumerate(done.transfers)
    ]
    insert_rows(session, TransferRow, transfers)
    extend(session, effects.scoped(transfers, [t.txid for t, _ in pairs], indexes))
    changes = [
        effects.change_row(change, index)
        for (_, done), index in zip(pairs, indexes, strict=True)
        for change in done.changes
    ]
    insert_rows(session, ChangeRow, changes)
    touched = {(row["beneficial_right_id"], row["investor_id"]) for row in changes}
    effects.write_holdings(session, {key: state.holdings[key] for key in touched})
    touched_rights = {right for t, _ in pairs for right in t.rights}
    effects.write_rights(session, {right: state.rights[right] for right in touched_rights})
