"""Recompute the network and every decision from the log alone, and compare.

1. The first governance entry is the genesis statement; both its signatures are checked.
2. Each member's statement is opened with the certified key that its author had, and judged by
   the same pure functions that the server used, at the time of the receipt that follows it.
3. Whatever is due by then must be the next entry, and must be exactly what was recorded.
4. The first entry for which that does not hold is named.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

import msgspec

from governance.decisions import facts, folding
from governance.decisions.network import NetworkState
from governance.decisions.parameters import NetworkParameters
from governance.decisions.statements import (
    GENESIS,
    MEMBER_KINDS,
    RECEIPT,
    SERVICE_KINDS,
    Decision,
    Elapsed,
    FactSaid,
    Genesis,
    Halt,
    Proposal,
    ProposalHalted,
    Receipt,
    Vote,
    Withdrawal,
)
from governance.errors import GovernanceError, ReplayDiffers
from ledger.errors import LedgerError
from ledger.hashing import content_digest
from ledger.keys import PublicKey, key_id, load_public_key
from ledger.statements import (
    Envelope,
    Opened,
    Statement,
    open_statement,
    read_envelope,
    read_statement,
)

Body = TypeVar("Body", bound=msgspec.Struct)

GOVERNANCE_KINDS = frozenset({*MEMBER_KINDS, *SERVICE_KINDS})
"""The kinds of statements about the network."""

KEPT_KEYS = 4096
"""Keys kept ready after they were read once: a member signs many statements with one."""


class Recomputed(msgspec.Struct, frozen=True):
    """A decision that was recomputed: its place in the log and what it says."""

    log_index: int
    at: dt.datetime
    decision: Decision


class Replay:
    """Folds log entries one by one.

    Feed it every entry of the log in order; what is not governance is passed over. `finish`
    says that nothing was left half-said.

    Args:
        genesis: `sha256:<hex>` of the genesis envelope to trust; None trusts the log's first.
    """

    def __init__(self, genesis: str | None = None) -> None:
        self._genesis = genesis
        self._state: NetworkState | None = None
        self._held: tuple[int, Envelope, bytes] | None = None
        self._judged = ""
        self.decisions: list[Recomputed] = []

    @property
    def state(self) -> NetworkState:
        """The network as of the newest entry.

        Raises:
            ReplayDiffers: no genesis statement came yet.
        """
        if self._state is None:
            raise ReplayDiffers("the log has no genesis statement")
        return self._state

    def feed(self, index: int, data: bytes) -> None:
        """Take the entry at `index`.

        Raises:
            ReplayDiffers: it is not what must stand there; the message names the entry.
        """
        envelope = _governance(data)
        if envelope is not None:
            self.feed_opened(index, envelope, data)

    def feed_opened(self, index: int, envelope: Envelope, data: bytes) -> None:
        """Take the statement about the network at `index`, whose envelope is read already.

        Raises:
            ReplayDiffers: it is not what must stand there; the message names the entry.
        """
        self._judged = f"entry {index} ({envelope.kind})"
        try:
            self._take(index, envelope, data)
        except ReplayDiffers as error:
            raise ReplayDiffers(f"{self._judged}: {error}") from error
        except (GovernanceError, LedgerError) as error:
            raise ReplayDiffers(f"{self._judged} should not have been accepted: {error}") from error

    def finish(self) -> NetworkState:
        """Return the network at the end of the log.

        Raises:
            ReplayDiffers: a member's statement without a receipt stands at the end, or
                something that was due at the last entry is missing.
        """
        if self._held is not None:
            raise ReplayDiffers(f"entry {self._held[0]} has no receipt")
        _nothing_due(self.state, self.state.at)
        return self.state

    def _take(self, index: int, envelope: Envelope, data: bytes) -> None:
        if self._state is None:
            self._state = self._found(envelope, data)
        elif envelope.kind == GENESIS:
            raise ReplayDiffers("a network has one genesis statement")
        elif self._held is not None and envelope.kind != RECEIPT:
            raise ReplayDiffers(f"entry {self._held[0]} has no receipt")
        elif envelope.kind in MEMBER_KINDS:
            self._held = (index, envelope, data)
        else:
            self._state = self._take_service(index, envelope, data, self._state)

    def _found(self, envelope: Envelope, data: bytes) -> NetworkState:
        if envelope.kind != GENESIS:
            raise ReplayDiffers("the first statement must be the genesis statement")
        if self._genesis not in (None, content_digest(data)):
            raise ReplayDiffers(f"the genesis statement is {content_digest(data)}")
        statement = read_statement(envelope, GENESIS, Genesis)
        body = statement.body
        for key in (body.service_key, body.administrator.public_key):
            open_with(envelope, data, statement, key)
        return folding.found(body, statement.issued_at)

    def _take_service(
        self, index: int, envelope: Envelope, data: bytes, state: NetworkState
    ) -> NetworkState:
        match envelope.kind:
            case "receipt":
                receipt, at = _open(state, envelope, data, Receipt)
                return self._take_received(receipt, at, state)
            case "fact":
                said, at = _open(state, envelope, data, FactSaid)
                if isinstance(said.fact, Elapsed):
                    return _take_due(state, said.fact, at)
                if isinstance(said.fact, Halt):
                    _halted(state, said.fact, at)
                else:
                    _nothing_due(state, at)
                return facts.observe(state, said.fact, at)
            case "decision":
                decision, at = _open(state, envelope, data, Decision)
                after = _take_due(state, decision, at)
                self.decisions.append(Recomputed(index, at, decision))
                return after
            case _:
                parameters, at = _open(state, envelope, data, NetworkParameters)
                return _take_due(state, parameters, at)

    def _take_received(
        self, receipt: Receipt, at: dt.datetime, state: NetworkState
    ) -> NetworkState:
        if self._held is None:
            raise ReplayDiffers("a receipt for nothing")
        index, envelope, data = self._held
        self._held = None
        if receipt.statement != content_digest(data):
            raise ReplayDiffers("the receipt is for another statement")
        _nothing_due(state, at)
        self._judged = f"entry {index} ({envelope.kind})"
        match envelope.kind:
            case "proposal":
                return folding.open_proposal(state, _said(state, envelope, data, Proposal), at)[0]
            case "vote":
                return folding.cast_vote(state, _said(state, envelope, data, Vote), at)
            case _:
                return folding.withdraw(state, _said(state, envelope, data, Withdrawal), at)


def replay(entries: Iterable[tuple[int, bytes]], genesis: str | None = None) -> Replay:
    """Return what all `entries`, `(index, leaf bytes)` in order, come to.

    Raises:
        ReplayDiffers: naming the first entry that differs.
    """
    running = Replay(genesis)
    for index, data in entries:
        running.feed(index, data)
    running.finish()
    return running


def _governance(data: bytes) -> Envelope | None:
    """Return the envelope in `data` if it is a statement about the network."""
    if data.startswith(b'{"sekisho"'):
        return None
    try:
        envelope = read_envelope(data)
    except LedgerError:
        return None
    return envelope if envelope.kind in GOVERNANCE_KINDS else None


@lru_cache(maxsize=KEPT_KEYS)
def read_key(public_key: str) -> PublicKey:
    """Return the key in base64 of its DER, as the network's state and facts have it.

    Raises:
        ReplayDiffers: it is not base64.
        StatementMalformed: it is no key of an accepted kind.
    """
    try:
        return load_public_key(base64.b64decode(public_key, validate=True))
    except binascii.Error as error:
        raise ReplayDiffers("a public key is not base64") from error


@lru_cache(maxsize=KEPT_KEYS)
def _id_of(public_key: str) -> str:
    return key_id(read_key(public_key))


def open_with(
    envelope: Envelope, data: bytes, statement: Statement[Body], public_key: str
) -> Opened[Body]:
    """Return a statement as opened by a key of the network's state (see `open_statement`).

    Raises:
        ReplayDiffers: the key cannot be read.
        LedgerError: it did not sign, or the signature does not hold.
    """
    key = read_key(public_key)
    return open_statement(envelope, data, statement, key, _id_of(public_key))


def _open(
    state: NetworkState, envelope: Envelope, data: bytes, body: type[Body]
) -> tuple[Body, dt.datetime]:
    """Return what the service says and when; its clock never goes back."""
    statement = read_statement(envelope, envelope.kind, body)
    known = [s.keyid for s in envelope.signatures if s.keyid in state.service_keys]
    if not known or statement.network != state.network:
        raise ReplayDiffers("not signed by the service of this network")
    open_with(envelope, data, statement, state.service_keys[known[0]])
    if statement.issued_at < state.at:
        raise ReplayDiffers(f"said at {statement.issued_at}, after an entry of {state.at}")
    return statement.body, statement.issued_at


def _said(state: NetworkState, envelope: Envelope, data: bytes, body: type[Body]) -> Opened[Body]:
    """Return a member's statement, opened with a key that the network knows."""
    statement = read_statement(envelope, envelope.kind, body)
    member = state.members.get(statement.author)
    keys = dict(state.service_keys)
    if member is not None:
        keys |= {c.key_id: c.public_key for c in member.certificates}
    known = [s.keyid for s in envelope.signatures if s.keyid in keys]
    if not known:
        raise ReplayDiffers(f"not signed by a key of {statement.author}")
    return open_with(envelope, data, statement, keys[known[0]])


def _nothing_due(state: NetworkState, at: dt.datetime) -> None:
    step = folding.due(state, at)
    if step is not None:
        missing = type(step.body).__name__
        raise ReplayDiffers(f"before it, at {at.isoformat()}, a {missing} was due: {step.body}")


def _halted(state: NetworkState, halt: Halt, at: dt.datetime) -> None:
    """Return if what the service halted was the very thing that was due."""
    step = folding.due(state, at)
    if step is None:
        raise ReplayDiffers("nothing was due that could be halted")
    body = step.body
    if isinstance(halt, ProposalHalted):
        same = isinstance(body, Decision) and body.proposal == halt.proposal and bool(step.applied)
    else:
        same = isinstance(body, Elapsed) and (body.name, body.version) == (halt.name, halt.version)
    if not same:
        raise ReplayDiffers(f"halted {halt}; due was {body}")


def _take_due(
    state: NetworkState, recorded: Decision | Elapsed | NetworkParameters, at: dt.datetime
) -> NetworkState:
    step = folding.due(state, at)
    if step is None:
        raise ReplayDiffers("nothing was due")
    if step.body != recorded:
        raise ReplayDiffers(f"recorded {recorded}; recomputed {step.body}")
    return step.after
