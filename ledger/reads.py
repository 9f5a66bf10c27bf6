"""Notes of who read what, until they are said in the log (`ledger.receipts`)."""

import threading
from collections.abc import Iterable

import msgspec

from ledger.hashing import tagged_hash
from policies.compilation import Decision

NAMED_BY = {
    "transfer": "transfer_txid",
    "transaction": "txid",
    "token": "token_txid",
    "register": "beneficial_right_id",
    "holding": "investor_id",
    "custody": "investor_id",
    "account_key": "investor_id",
}
"""Resources whose reading is noted, and the field that names what was read, where it is clear."""

MAX_NAMES = 10_000
"""Hashes in one statement: half of the largest envelope."""


class Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one member read by the same rules.

    Args:
        member_id: who read.
        action: `resource:read`.
        rule_set: the digest of the rule set.
        rules: the rules that allowed it, with their lines.
        names: `name_hash` of each thing that was shown, in hex, sorted.
    """

    member_id: str
    action: str
    rule_set: str
    rules: tuple[str, ...]
    names: tuple[str, ...]


def name_hash(resource: str, name: str) -> str:
    """Return the hash, in hex, by which a receipt names a thing."""
    return tagged_hash("read", resource.encode(), name.encode()).hex()


class Notes:
    """The notes of one process that are not in the log yet; safe to be shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[tuple[str, Decision], set[tuple[str, str]]] = {}

    def take(self, member_id: str, decision: Decision, names: Iterable[str]) -> None:
        """Note that `member_id` was shown what `names` name, of the decision's resource."""
        resource = decision.action.partition(":")[0]
        shown = {(resource, name) for name in names}
        if shown:
            with self._lock:
                self._names.setdefault((member_id, decision), set()).update(shown)

    def drain(self) -> list[Read]:
        """Return what was noted since the last time."""
        with self._lock:
            names, self._names = self._names, {}
        reads = []
        for (member_id, decision), shown in names.items():
            hashes = sorted(name_hash(*name) for name in shown)
            reads += [
                Read(
                    member_id,
                    decision.action,
                    decision.rule_set,
                    decision.rules,
                    tuple(hashes[start : start + MAX_NAMES]),
                )
                for start in range(0, len(hashes), MAX_NAMES)
            ]
        return reads
