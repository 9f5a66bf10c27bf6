"""Takes transactions in: checks them in the caller's thread, commits them in batches in one other.

Form and signatures are checked by whoever calls, in parallel. What holds goes into a bounded
queue; one thread takes what has gathered and commits it in one database transaction (group
commit), and each caller gets its receipt once that is durable. A full queue is an error at once,
never a wait. Sending the same transaction again gives the same receipt.
"""

import itertools
import logging
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache
from types import TracebackType
from typing import Self

import msgspec
from sqlalchemy.engine import Engine

from ledger import errors as e
from ledger import store
from ledger.commitment import Judges, Outcome, Receipt, commit_batch
from ledger.database import may_pass, reading, writing
from ledger.keys import PublicKey, load_public_key
from ledger.network import Clock, NodeKeys, ParameterSource
from ledger.notary import open_view
from ledger.signatures import Submission, TransactionSignature, check_signature
from ledger.tearoffs import notary_view
from ledger.transactions import MAX_TRANSACTION, Transaction, decode_transaction
from ledger.working import Candidate
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault

MAX_SUBMISSION = 2 * MAX_TRANSACTION
"""Bytes of the largest submission that is looked at: the transaction and its signatures."""

MAX_QUEUE = 4_096
"""Transactions that wait to be committed: a few seconds' work, so that a wait stays short."""

MAX_BATCH = 256
"""Transactions committed at once: more would not make the commit cheaper for each."""

LOT = 200
"""Transactions of one request that are queued at once, while the next are being checked."""

PATIENCE = 60.0
"""Seconds that a caller waits for its receipt; after that it may ask again with the same TxID."""

KEPT_KEYS = 16_384
"""Account keys kept parsed, so that each is parsed once and not for every signature."""

_log = logging.getLogger(__name__)


class _Waiting:
    """A candidate with the place where its caller waits."""

    __slots__ = ("candidate", "future")

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.future: Future[Outcome] = Future()


class Submissions:
    """The way in for transactions; a context manager that ends its thread.

    Args:
        engine: the ledger's database.
        judges: contract, notary and registrars.
        node_keys: the certified node keys.
        parameters: the network parameters in force.
        clock: the time.
        max_queue: transactions that may wait.
    """

    def __init__(
        self,
        engine: Engine,
        judges: Judges,
        node_keys: NodeKeys,
        parameters: ParameterSource,
        clock: Clock,
        max_queue: int = MAX_QUEUE,
    ) -> None:
        self._engine = engine
        self._judges = judges
        self._node_keys = node_keys
        self._parameters = parameters
        self._clock = clock
        self._max_queue = max_queue
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ledger-committer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit what waits and end the thread."""
        self.close()

    def close(self) -> None:
        """Take nothing more, commit what waits, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def waiting(self) -> int:
        """Return how many transactions wait to be committed."""
        return len(self._queue)

    def submit(self, actor: Actor, rules: CompiledRules, data: bytes) -> Receipt:
        """Return the receipt of the submission in `data`, once it is durable.

        Raises:
            Denied: no rule lets the actor submit.
            LedgerError: the class says what stands against it; nothing was stored.
        """
        (outcome,) = self.submit_many(actor, rules, [data])
        if isinstance(outcome, e.LedgerError):
            raise outcome
        return outcome

    def submit_many(
        self, actor: Actor, rules: CompiledRules, items: Sequence[bytes]
    ) -> list[Outcome]:
        """Return an outcome for each submission of `items`, in order.

        A later item may spend what an earlier one creates.

        Raises:
            Denied: no rule lets the actor submit.
        """
        arms = frozenset(rules.decide(actor, Action.TRANSACTION_SUBMIT).arms)
        checked = self._check(actor, arms, items)
        waiting = self._enqueue(checked)
        return [p if isinstance(p, e.LedgerError) else _await(p) for p in waiting]

    def _check(
        self, actor: Actor, arms: frozenset[str], items: Sequence[bytes]
    ) -> Iterator[Candidate | e.LedgerError]:
        read = [_read(item) for item in items]
        owners = {o for r in read if not isinstance(r, e.LedgerError) for o in r.transaction.owners}
        with reading(self._engine) as session:
            keys = store.current_keys(session, owners)
        for item in read:
            try:
                if isinstance(item, e.LedgerError):
                    raise item
                yield self._check_signatures(item, actor, arms, keys)
            except e.LedgerError as error:
                yield error

    def _check_signatures(
        self,
        item: "_Read",
        actor: Actor,
        arms: frozenset[str],
        keys: Mapping[str, tuple[str, bytes]],
    ) -> Candidate:
        transaction = item.transaction
        self._check_creator(item, actor)
        signed = {s.by: s for s in item.signatures if s.role == "account"}
        used = {}
        for owner in transaction.owners:
            signature, key = signed.get(owner), keys.get(owner)
            if signature is None or key is None or signature.key_id != key[0]:
                raise e.AccountKeyWrong(f"no signature by the account key of {owner}")
            check_signature(signature, _account_key(key[1]), transaction.txid)
            used[owner] = signature.key_id
        if signed.keys() - used.keys() or len(item.signatures) != len(used) + 1:
            raise e.TransactionMalformed(
                "signatures: expected one of the creator and one of each owner of an input",
                (Fault("signatures", f"{len(item.signatures)} given, {len(used) + 1} expected"),),
            )
        signatures = msgspec.json.encode(item.signatures)
        asked = open_view(notary_view(transaction))
        return Candidate(transaction, item.body, signatures, used, arms, asked)

    def _check_creator(self, item: "_Read", actor: Actor) -> None:
        creator, txid = item.transaction.creator, item.transaction.txid
        if creator != actor.member_id:
            raise e.CreatorUnknown(f"{actor.member_id} may not submit what {creator} created")
        found = [s for s in item.signatures if s.role == "creator" and s.by == creator]
        if len(found) != 1:
            raise e.CreatorUnknown(f"expected one signature by a node key of {creator}")
        key = self._node_keys.keys_of(creator, found[0].key_id, self._clock())
        if key is None:
            raise e.CreatorUnknown(f"{found[0].key_id} is not a valid node key of {creator}")
        check_signature(found[0], key, txid)

    def _enqueue(
        self, checked: Iterator[Candidate | e.LedgerError]
    ) -> list[_Waiting | e.LedgerError]:
        """Queue what was checked, a lot at a time: a commit costs nearly the same for many."""
        places: list[_Waiting | e.LedgerError] = []
        while lot := list(itertools.islice(checked, LOT)):
            places += self._enqueue_lot(lot)
        return places

    def _enqueue_lot(
        self, lot: Sequence[Candidate | e.LedgerError]
    ) -> Iterator[_Waiting | e.LedgerError]:
        with self._changed:
            for item in lot:
                if isinstance(item, e.LedgerError):
                    yield item
                elif self._closed or len(self._queue) >= self._max_queue:
                    yield e.Busy("the queue of submissions is full; send it again later")
                else:
                    self._queue.append(waiting := _Waiting(item))
                    yield waiting
            self._changed.notify()

    def _run(self) -> None:
        while batch := self._take():
            outcomes = self._try([waiting.candidate for waiting in batch])
            for waiting, outcome in zip(batch, outcomes, strict=True):
                waiting.future.set_result(outcome)

    def _try(self, batch: list[Candidate]) -> list[Outcome]:
        """Commit a batch; if that fails as a whole, try each alone: one must not stop the rest.

        Where the database itself is away, each alone would only wait as long again.
        """
        try:
            return self._commit(batch)
        except Exception as error:  # noqa: BLE001 - whatever it was, callers wait, the thread goes on
            _log.exception("a batch of %d transactions was not committed", len(batch))
            alone = len(batch) > 1 and not may_pass(error)
        if alone:
            return [outcome for candidate in batch for outcome in self._try([candidate])]
        unsure = e.CommitFailed("the database did not confirm; send it again to find out")
        return [unsure] * len(batch)

    def _take(self) -> list[_Waiting]:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            return [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]

    def _commit(self, batch: list[Candidate]) -> list[Outcome]:
        at = self._clock()
        with writing(self._engine) as session:
            parameters = self._parameters.current(at)
            return commit_batch(session, batch, self._judges, parameters, at)


@lru_cache(maxsize=KEPT_KEYS)
def _account_key(spki: bytes) -> PublicKey:
    return load_public_key(spki)


class _Read(msgspec.Struct, frozen=True, gc=False):
    transaction: Transaction
    body: bytes
    signatures: tuple[TransactionSignature, ...]


def _read(data: bytes) -> _Read | e.LedgerError:
    if len(data) > MAX_SUBMISSION:
        return e.TransactionMalformed(
            f"the submission has {len(data)} bytes; at most {MAX_SUBMISSION}"
        )
    try:
        submission = msgspec.json.decode(data, type=Submission)
        body = bytes(submission.transaction)
        return _Read(decode_transaction(body), body, submission.signatures)
    except e.TransactionMalformed as error:
        return error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        fault = Fault("submission", str(error))
        return e.TransactionMalformed(f"not a submission: {error}", (fault,))


def _await(waiting: _Waiting) -> Outcome:
    try:
        return waiting.future.result(PATIENCE)
    except TimeoutError:
        return e.CommitFailed("no receipt in time; send it again to find out")
