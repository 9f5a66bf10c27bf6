"""The auditor: hands each entry to the checkers that it concerns, the replay first.

Entries before the genesis statement are the authority's; they are judged with the service key
that the genesis statement names, which is pinned.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cryptography import x509

from contracts.jobs import EVIDENCE_KIND
from contracts.submission import PACKAGE_KIND
from governance.auditing import sayings
from governance.auditing.certificates import Certificates
from governance.auditing.documents import Documents, RuleSets
from governance.auditing.entries import COMMITTED_KINDS, Entry, read_entry
from governance.auditing.evidence import Contracts
from governance.auditing.transactions import PREFIX, Transactions
from governance.decisions import statements as said
from governance.decisions.actions import AdoptRuleSet
from governance.decisions.network import NetworkState
from governance.decisions.replay import GOVERNANCE_KINDS, Replay, read_key
from governance.errors import EntryWrong
from governance.identity import announcements as announced
from ledger.errors import LedgerError
from ledger.keys import PublicKey
from ledger.log.completeness import read_seal
from ledger.log.tiles import Bundle
from ledger.statements import Envelope, read_statement

MOST_BEFORE_GENESIS = 64
"""Entries that may precede the genesis statement: the authority's and the first certificates."""

PLAIN_COMMITMENTS = COMMITTED_KINDS - {EVIDENCE_KIND}
"""The commitments of which an audit sees nothing but their form."""

AUTHORITY, CERTIFICATE, REVOCATION = "authority", "certificate", "revocation"
Listener = Callable[[Entry, NetworkState], None]


class Auditor:
    """Judges the entries of one log in order; `finish` says that nothing was left open.

    Args:
        genesis: `sha256:<hex>` of the genesis envelope.
        root: the pinned root certificate.
        documents: texts and attestations that the log names by digest.
        transactions: the checker of transactions, with one's own.
        listener: told of every entry that is no transaction, with the network after it.
    """

    def __init__(
        self,
        genesis: str,
        root: x509.Certificate,
        documents: Documents,
        transactions: Transactions,
        listener: Listener | None = None,
    ) -> None:
        self.replay = Replay(genesis)
        self.certificates = Certificates(root)
        self.contracts = Contracts(documents)
        self.rule_sets = RuleSets(documents)
        self.transactions = transactions
        self.kinds: Counter[str] = Counter()
        self._sayings = sayings.Sayings(self.certificates)
        self._before: list[Entry] | None = []
        self._listener = listener
        self._count = 0

    def take(self, index: int, data: bytes) -> None:
        """Take the entry at `index`.

        Raises:
            EntryWrong, ReplayDiffers: it is not what must stand there; the message names it.
        """
        if data.startswith(PREFIX):
            if self._before is not None:
                raise EntryWrong(f"entry {index}: a transaction before the genesis statement")
            self.transactions.take(index, data)
            self._count += 1
            return
        entry = read_entry(index, data)
        self.kinds[entry.kind] += 1
        if self._before is not None and entry.kind != said.GENESIS:
            self._before.append(entry)
            if len(self._before) > MOST_BEFORE_GENESIS:
                raise EntryWrong(f"entry {index}: no genesis statement came before it")
            return
        self._judge(entry)
        if self._listener is not None:
            self._listener(entry, self.replay.state)

    def take_all(self, first: int, entries: Sequence[bytes]) -> None:
        """Take the entries from index `first` on, as `take` each.

        Raises:
            EntryWrong, ReplayDiffers: one is not what must stand there; the message names it.
        """
        if self._before is not None or not isinstance(entries, Bundle):
            rest = [(first, entries)]
        elif taken := self.transactions.take_bundle(entries):
            self._count += taken
            others = (run for run in entries.runs if run.step != Transactions.step)
            rest = [(first + run.first, entries.entries_of(run)) for run in others]
        else:
            rest = [(first, entries)]
        for start, some in rest:
            for index, data in enumerate(some, start):
                self.take(index, data)

    def finish(self) -> NetworkState:
        """Return the network at the end of the log.

        Raises:
            EntryWrong, ReplayDiffers: something is missing at the end.
        """
        if self._count:
            self.kinds["transaction"] = self._count
        state = self.replay.finish()
        self.certificates.finish()
        return state

    def _judge(self, entry: Entry) -> None:
        """Judge an entry on the network before it, which it may change."""
        envelope = entry.envelope
        if envelope is None and entry.kind in PLAIN_COMMITMENTS:
            return  # it is judged by who may read what is behind it
        with _naming(entry):
            if envelope is not None and entry.kind in GOVERNANCE_KINDS:
                self._check_author(entry, envelope)
                self.replay.feed_opened(entry.index, envelope, entry.data)
            state = self.replay.state
            self.certificates.follow(state)
        if self._before is not None:
            self._check_earlier(self._before)
        with _naming(entry):
            self._check(entry, state)

    def _check_earlier(self, before: Sequence[Entry]) -> None:
        """Judge what stood before the genesis statement, once that is there."""
        self._before = None
        for entry in before:
            with _naming(entry):
                if entry.kind not in (AUTHORITY, CERTIFICATE, REVOCATION):
                    raise EntryWrong("it stands before the genesis statement")
                self._check(entry, self.replay.state)

    def _check_author(self, entry: Entry, envelope: Envelope) -> None:
        if entry.kind in said.MEMBER_KINDS:
            self._sayings.take_governance(entry, envelope, self.replay.state)

    def _check(self, entry: Entry, state: NetworkState) -> None:
        """Hand an entry to whom it concerns beside the replay."""
        envelope = entry.envelope
        if entry.kind == "scopes":
            if read_seal(entry.data).through != entry.index:
                raise EntryWrong("the seal does not cover the entries up to itself")
        elif entry.kind == EVIDENCE_KIND:
            self.contracts.attest(entry, _service(state))
        elif envelope is None:
            raise EntryWrong("no commitment of this kind is known")
        elif entry.kind in said.MEMBER_KINDS:
            self._check_proposal(entry, envelope, state)
        elif entry.kind in said.SERVICE_KINDS:
            self._check_governance(entry, envelope, state)
        elif entry.kind in (AUTHORITY, CERTIFICATE, REVOCATION):
            self._check_identity(entry, envelope, state)
        elif entry.kind in sayings.BODIES:
            statement = self._sayings.take(entry, envelope, state)
            if entry.kind == PACKAGE_KIND:
                self.contracts.submit(statement.author, statement.body, state)
        else:
            raise EntryWrong("no statement of this kind is known")

    def _check_proposal(self, entry: Entry, envelope: Envelope, state: NetworkState) -> None:
        """Check what the replay, which judges members' statements, has no documents for."""
        if entry.kind == said.PROPOSAL:
            for action in read_statement(envelope, entry.kind, said.Proposal).body.actions:
                if isinstance(action, AdoptRuleSet):
                    self.rule_sets.propose(state.parameters.rule_set, action)

    def _check_governance(self, entry: Entry, envelope: Envelope, state: NetworkState) -> None:
        if entry.kind == said.GENESIS:
            self.certificates.found(read_statement(envelope, entry.kind, said.Genesis).body)
        elif entry.kind == said.FACT:
            self._check_fact(read_statement(envelope, entry.kind, said.FactSaid).body.fact)
        if entry.kind != said.RECEIPT:
            self.rule_sets.adopt(entry.index, state.parameters.rule_set)

    def _check_fact(self, fact: said.Fact) -> None:
        match fact:
            case said.CertificateIssued():
                self.certificates.report(fact)
            case said.CertificateRevoked():
                self.certificates.report_revoked(fact)
            case said.ContractGated():
                self.contracts.gate(fact)
            case _:
                pass  # the replay judges it

    def _check_identity(self, entry: Entry, envelope: Envelope, state: NetworkState) -> None:
        open_said = sayings.open_said
        match entry.kind:
            case "authority":
                self.certificates.certify(
                    open_said(entry, envelope, state, announced.AuthorityCertified)[0]
                )
            case "certificate":
                body, _ = open_said(entry, envelope, state, announced.CertificateIssued)
                self.certificates.issue(entry.index, body, state)
            case _:
                body, _ = open_said(entry, envelope, state, announced.CertificateRevoked)
                self.certificates.revoke(entry.index, body)


@contextmanager
def _naming(entry: Entry) -> Iterator[None]:
    """Name the entry in what is raised about it; the replay names it by itself."""
    try:
        yield
    except (EntryWrong, LedgerError) as error:
        raise EntryWrong(f"entry {entry.index} ({entry.kind}): {error}") from error


def _service(state: NetworkState) -> PublicKey:
    """Return the key with which the service speaks; the genesis statement names one."""
    (text,) = state.service_keys.values()
    return read_key(text)
