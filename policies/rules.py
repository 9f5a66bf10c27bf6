"""A rule set as data: what each rule says, and the text that it was read from."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from policies.resources import Vocabulary


class Effect(StrEnum):
    """How a field is shown."""

    CLEAR = "clear"
    PSEUDONYM = "pseudonym"
    HIDDEN = "hidden"

    @property
    def clarity(self) -> int:
        """How much it shows: 2 for clear, 1 for a pseudonym, 0 for the row's existence only."""
        return _CLARITY[self]


_CLARITY = {Effect.CLEAR: 2, Effect.PSEUDONYM: 1, Effect.HIDDEN: 0}

DENY = "deny"
ALLOW = "allow"
FIELD_EFFECTS = frozenset({*map(str, Effect), DENY})
"""The effects of rules that speak of fields."""

PLAIN_EFFECTS = frozenset({ALLOW, DENY})
"""The effects of rules that say yes or no."""

EVERY_FIELD = "*"
EVERY_SCOPE = "*"
"""In a rule that denies: every scope that the resource has."""


class Rule(msgspec.Struct, frozen=True):
    """One `p` row, read and found sound.

    Args:
        line: where it stands in the text, counted from 1.
        text: the row with single spaces, as decisions quote it.
        role: a role or a group of roles, without prefix.
        resource: what it is about.
        verb: what may be done.
        scope: the scope or the arm as written.
        arms: the arms that it covers.
        fields: the fields that it names, all of them for `*`; empty where there are none.
        effect: how it shows the fields; None for a plain allow and for a deny.
        denies: whether it takes away.
    """

    line: int
    text: str
    role: str
    resource: str
    verb: str
    scope: str
    arms: tuple[str, ...]
    fields: tuple[str, ...]
    effect: Effect | None
    denies: bool

    @property
    def action(self) -> str:
        """`resource:verb`."""
        return f"{self.resource}:{self.verb}"

    @property
    def reference(self) -> str:
        """How decisions name it: its line and its text."""
        return f"line {self.line}: {self.text}"


class RuleSet(msgspec.Struct, frozen=True):
    """Rules that hold together; immutable, and named by what it says.

    Args:
        digest: `sha256:` and the hash of the text's UTF-8 bytes.
        text: the text exactly as it was adopted.
        rules: every `p` row in order.
        rows: the Casbin rows, `p` without its letter, as Casbin holds them.
        inherits: for each role or group, itself and every group whose rules it also has.
        vocabulary: what it was checked against.
    """

    digest: str
    text: str
    rules: tuple[Rule, ...]
    rows: tuple[tuple[str, ...], ...]
    inherits: Mapping[str, frozenset[str]]
    vocabulary: Vocabulary
