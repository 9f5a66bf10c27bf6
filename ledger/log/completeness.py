"""Completeness: a registrar or custodian proves that it was shown all of its scope.

A *scope* is what one member may see, such as `registrar:trust-a`. With each commit the ledger
extends a running hash over the transactions in every scope that they touch. From time to time a
log entry seals all scopes under one Merkle root:

    {"sekisho":"scopes/v1","through":<size of the log that it covers>,"root":"<hex>"}

A member recomputes its running hash from the transactions it was shown and checks it against the
seal: one missing, added or reordered transaction gives another hash. The seal tells nothing about
the other scopes but their number's logarithm: heads are hashes over transaction ids, which hide.

What it shows is that there is one list for each scope, the same for the member, the auditor and
every later day. That a transaction is listed in the right scopes follows from its content: whoever
may see it (each party to it, and the auditor) can tell which scopes it belongs to.
"""

from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import LogResourceMissing, LogWrong
from ledger.hashing import tagged_hash
from ledger.log import merkle
from ledger.log.sequencer import LogEntry, append
from ledger.log.store import log_size
from ledger.log.tables import ScopeHeadRow, ScopeSealRow
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules

SEAL_KIND = "scopes"
_SEAL = "scopes/v1"
NO_TRANSACTIONS = bytes(merkle.HASH_SIZE)
"""The running hash of a scope before its first transaction."""


_HEADS = f"SELECT scope, count, head FROM {ScopeHeadRow.__tablename__} WHERE scope IN"  # noqa: S608 - constants only
_MOVE = (
    f"INSERT INTO {ScopeHeadRow.__tablename__} (scope, count, head) VALUES (?, ?, ?)"  # noqa: S608 - constants only
    " ON CONFLICT (scope) DO UPDATE SET count = excluded.count, head = excluded.head"
)
"""Both as the drivers take them: every submission waits for them, often for two rows."""


class Scoped(msgspec.Struct, frozen=True):
    """A committed transaction and the scopes that it touches.

    Args:
        txid: its id, 32 bytes.
        entry_index: the index of its commitment in the log.
        scopes: each once.
    """

    txid: bytes
    entry_index: int
    scopes: tuple[str, ...]


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The log entry that seals all scopes.

    Args:
        sekisho: `scopes/v1`.
        through: the log's size when it was sealed: transactions at smaller indexes are covered.
        root: Merkle root over the scopes' leaves, hex.
    """

    sekisho: str
    through: int
    root: str


class ScopeProof(msgspec.Struct, frozen=True):
    """Shows one scope's head in a seal.

    Args:
        scope: the scope.
        count: how many transactions it has.
        head: the running hash over them.
        seal_index: the index of the seal in the log.
        place: the scope's place among all scopes of the seal.
        scopes: how many scopes the seal covers.
        path: the inclusion path, the scope's sibling first.
    """

    scope: str
    count: int
    head: bytes
    seal_index: int
    place: int
    scopes: int
    path: tuple[bytes, ...]


def extend(session: Session, transactions: Sequence[Scoped]) -> None:
    """Add committed transactions to their scopes; call it in the transaction that commits them.

    Args:
        session: a session of `ledger.database.writing`.
        transactions: in the order of the log; at most a few hundred scopes.
    """
    names = sorted({scope for transaction in transactions for scope in transaction.scopes})
    if not names:
        return
    heads = dict.fromkeys(names, (0, NO_TRANSACTIONS))
    connection = session.connection()
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    marks = ", ".join([mark] * len(names))
    for scope, count, head in connection.exec_driver_sql(f"{_HEADS} ({marks})", tuple(names)):
        heads[scope] = count, head
    for transaction in transactions:
        for scope in transaction.scopes:
            count, head = heads[scope]
            index, txid = transaction.entry_index, transaction.txid
            heads[scope] = count + 1, next_head(scope, head, count, index, txid)
    rows = [(scope, *moved) for scope, moved in heads.items()]
    connection.exec_driver_sql(_MOVE.replace("?", mark), rows)


def next_head(scope: str, head: bytes, position: int, entry_index: int, txid: bytes) -> bytes:
    """Return the running hash of `scope` after one more transaction."""
    return tagged_hash(
        "log/scope",
        scope.encode(),
        head,
        position.to_bytes(8, "big"),
        entry_index.to_bytes(8, "big"),
        txid,
    )


def seal(session: Session) -> int | None:
    """Append a seal over all scopes to the log; return its index, or None if nothing moved.

    Args:
        session: a session of `ledger.database.writing`.
    """
    rows = session.scalars(sa.select(ScopeHeadRow))
    heads = sorted((row.scope, row.count, row.head) for row in rows)
    last = session.scalar(sa.select(sa.func.max(ScopeSealRow.entry_index)))
    if not heads or (last is not None and _sealed(session, last) == heads):
        return None
    content = Seal(_SEAL, log_size(session), seal_root(heads).hex())
    (index,) = append(session, [LogEntry(SEAL_KIND, msgspec.json.encode(content))])
    session.execute(
        sa.insert(ScopeSealRow),
        [{"entry_index": index, "scope": s, "count": c, "head": h} for s, c, h in heads],
    )
    return index


def seal_root(heads: Iterable[tuple[str, int, bytes]]) -> bytes:
    """Return the Merkle root over `(scope, count, head)`, which are sorted by scope."""
    return merkle.root_of([merkle.leaf_hash(_leaf(*head)) for head in heads])


def prove_scope(session: Session, scope: str) -> ScopeProof:
    """Return the proof of `scope` in the newest seal.

    Raises:
        LogResourceMissing: no seal covers the scope.
    """
    last = session.scalar(
        sa.select(sa.func.max(ScopeSealRow.entry_index)).where(ScopeSealRow.scope == scope)
    )
    if last is None:
        raise LogResourceMissing(f"no seal covers scope {scope!r} yet")
    heads = _sealed(session, last)
    place = [name for name, _, _ in heads].index(scope)
    hashes = [merkle.leaf_hash(_leaf(*head)) for head in heads]
    path = merkle.inclusion_proof(_ListNodes(hashes), place, len(hashes))
    _, count, head = heads[place]
    return ScopeProof(scope, count, head, last, place, len(heads), tuple(path))


def prove_own_scope(session: Session, actor: Actor, rules: CompiledRules, scope: str) -> ScopeProof:
    """Return the proof of a scope to the member that it belongs to.

    Args:
        session: a session on the log's database.
        actor: who asks.
        rules: the rules in force.
        scope: `<role>:<member id>`.

    Raises:
        Denied: the actor may not read the log.
        LogResourceMissing: no seal covers the scope, or it is another member's.
    """
    rules.decide(actor, Action.LOG_READ)
    if scope.partition(":")[2] != actor.member_id:
        raise LogResourceMissing(f"no seal covers scope {scope!r} yet")
    return prove_scope(session, scope)


def check_scope(proof: ScopeProof, shown: Sequence[tuple[int, bytes]], seal_entry: bytes) -> Seal:
    """Return the seal, if the transactions shown are all of the scope that it covers.

    Args:
        proof: the scope's proof.
        shown: `(entry_index, txid)` of every transaction that the member was shown, in order;
            those after the seal are left out of account.
        seal_entry: the entry at `proof.seal_index`, verified against a checkpoint by the caller.

    Raises:
        LogWrong: the entry is no seal, or a transaction is missing, added or out of order.
        ProofInvalid: the proof does not lead to the seal's root.
    """
    sealed = read_seal(seal_entry)
    covered = [(index, txid) for index, txid in shown if index < sealed.through]
    head = NO_TRANSACTIONS
    for position, (index, txid) in enumerate(covered):
        head = next_head(proof.scope, head, position, index, txid)
    if (len(covered), head) != (proof.count, proof.head):
        raise LogWrong(
            f"{len(covered)} transactions of {proof.scope} were shown up to entry"
            f" {sealed.through}; the seal at entry {proof.seal_index} covers {proof.count},"
            " and not the same"
        )
    leaf = merkle.leaf_hash(_leaf(proof.scope, proof.count, proof.head))
    root = bytes.fromhex(sealed.root)
    merkle.verify_inclusion(leaf, proof.place, proof.scopes, proof.path, root)
    return sealed


def read_seal(entry: bytes) -> Seal:
    """Return the seal in a log entry.

    Raises:
        LogWrong: it is not one, or not in its one spelling.
    """
    try:
        content = msgspec.json.decode(entry, type=Seal)
        root = bytes.fromhex(content.root)
    except (msgspec.MsgspecError, ValueError) as error:
        raise LogWrong(f"the entry is not a seal: {error}") from error
    if (
        content.sekisho != _SEAL
        or msgspec.json.encode(content) != entry
        or len(root) != merkle.HASH_SIZE
    ):
        raise LogWrong(f"the entry is not a {_SEAL} in canonical form")
    return content


class _ListNodes:
    """The tree over a short list of leaf hashes."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self._hashes = hashes

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree (see `merkle.Nodes`)."""
        return merkle.root_of(self._hashes[index << height : (index + 1) << height])


def _sealed(session: Session, index: int) -> list[tuple[str, int, bytes]]:
    rows = session.execute(
        sa.select(ScopeSealRow.scope, ScopeSealRow.count, ScopeSealRow.head).where(
            ScopeSealRow.entry_index == index
        )
    )
    return sorted((scope, count, head) for scope, count, head in rows)


def _leaf(scope: str, count: int, head: bytes) -> bytes:
    return tagged_hash("log/scope-head", scope.encode(), count.to_bytes(8, "big"), head)
