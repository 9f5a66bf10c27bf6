"""What must be true of memberships and keys, in the fewest words: the model of `test_life`."""

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar

from governance.identity.profile import NODE_LIFETIME
from governance.membership.members import Role
from ledger.keys import PrivateKey

FOUNDER = "platform"


@dataclass(eq=False)
class Key:
    """A node's key: its certificates end with the last one; dead keys come back never."""

    member_id: str
    node: str
    private: PrivateKey
    ends: dt.datetime
    dead: bool = False


class Model:
    """Four organisations, `shop` acting through another."""

    ORGANISATIONS: ClassVar = {
        "custody-a": Role.CUSTODIAN,
        "trust-a": Role.REGISTRAR,
        "trust-b": Role.REGISTRAR,
        "shop": Role.INTERMEDIARY,
    }

    def __init__(self, at: dt.datetime) -> None:
        self.at = at
        self.states: dict[str, str] = {}
        self.sponsors = {"shop": "custody-a"}
        self.roles: dict[str, set[Role]] = {}
        self.nodes: dict[str, set[str]] = {}
        self.applied: dict[str, tuple[str, PrivateKey]] = {}
        self.keys: list[Key] = []
        self.waiting: list[tuple[str, str, PrivateKey, Key | None]] = []

    def is_in(self, member_id: str, *states: str) -> bool:
        return self.states.get(member_id) in states

    def sponsor(self, member_id: str) -> str | None:
        return self.sponsors.get(member_id)

    def sponsored(self, member_id: str) -> bool:
        """Whether the member needs no sponsor, or has an active one."""
        sponsor = self.sponsors.get(member_id)
        return sponsor is None or self.is_in(sponsor, "active")

    def stands(self, member_id: str) -> bool:
        """Whether the member may act now."""
        return self.is_in(member_id, "active") and self.sponsored(member_id)

    def may_apply(self, member_id: str) -> bool:
        free = self.states.get(member_id, "left") == "left" and member_id not in self.applied
        return free and self.sponsored(member_id)

    def may_sponsor(self, sponsor_id: str) -> bool:
        """Whether `shop` may change to this sponsor now."""
        return (
            self.is_in("shop", "active")
            and sponsor_id != "shop"
            and self.is_in(sponsor_id, "active")
        )

    def certified(self, key: Key) -> bool:
        return not key.dead and self.at < key.ends

    def speaks(self, key: Key) -> bool:
        return self.certified(key) and self.stands(key.member_id)

    def reads(self, key: Key) -> bool:
        """Whether the key gets a token: a suspended member reads its own past."""
        return self.certified(key) and self.is_in(key.member_id, "active", "suspended")

    def keys_of(self, member_id: str, node: str) -> list[Key]:
        return [key for key in self.keys if (key.member_id, key.node) == (member_id, node)]

    def may_recover(self, member_id: str, node: str, private: PrivateKey) -> bool:
        present = self.is_in(member_id, "active", "suspended")
        known = [key for key in self.keys if key.private is private]
        usable = all(not key.dead and not self.certified(key) for key in known)
        return present and node in self.nodes[member_id] and usable

    def admitted(self, member_id: str, key: PrivateKey) -> None:
        del self.applied[member_id]
        self.states[member_id] = "active"
        self.roles[member_id] = {self.ORGANISATIONS[member_id]}
        self.nodes[member_id] = {"node-1"}
        self.approved(member_id, "node-1", key)

    def approved(
        self, member_id: str, node: str, private: PrivateKey, supersedes: Key | None = None
    ) -> None:
        self.waiting.append((member_id, node, private, supersedes))

    def issued(self) -> None:
        """All that waits is certified, but for members on hold."""
        for order in [w for w in self.waiting if self.stands(w[0])]:
            self.waiting.remove(order)
            member_id, node, private, supersedes = order
            known = [key for key in self.keys if key.private is private]
            if known:
                known[0].ends = self.at + NODE_LIFETIME
            else:
                self.keys.append(Key(member_id, node, private, self.at + NODE_LIFETIME))
            if supersedes is not None:
                supersedes.dead = True

    def removed(self, member_id: str, node: str) -> None:
        self.nodes[member_id].discard(node)
        for key in self.keys_of(member_id, node):
            key.dead = True
        self.waiting = [w for w in self.waiting if w[:2] != (member_id, node)]

    def recovered(self, member_id: str, node: str, private: PrivateKey) -> None:
        """All other keys of the node are lost; what was about to be issued to them is not."""
        for key in self.keys_of(member_id, node):
            key.dead = key.dead or key.private is not private
        self.waiting = [w for w in self.waiting if w[:2] != (member_id, node) or w[2] is private]
        self.approved(member_id, node, private)

    def ended(self, member_id: str, state: str) -> None:
        self.states[member_id] = state
        for key in self.keys:
            key.dead = key.dead or key.member_id == member_id
        self.waiting = [w for w in self.waiting if w[0] != member_id]
