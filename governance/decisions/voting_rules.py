"""Voting rules as data: per kind of action, whose approval it takes, and how much of it.

A rule set names *procedures* and says which one each kind of action follows. A procedure has
seats; a seat is filled by organisations that hold a role. Rules that leave a kind of action
without a procedure, or that a single organisation could satisfy without saying so, are refused.
"""

import tomllib
from functools import cached_property
from importlib import resources
from typing import Literal

import msgspec

from governance.errors import VotingRulesInvalid
from ledger.hashing import content_digest
from policies.errors import Fault

CONTRACT_USERS = "contract_users"
_REGISTRARS = frozenset({"registrar"})
"""The registrars whose rights use the contract; every registrar for a contract without any."""

Count = Literal["one", "majority", "two_thirds", "all"]
MAX_HOURS = 24 * 90
"""Hours of the longest expiry, veto window or freeze: ninety days."""


class Seat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One seat of a procedure.

    Args:
        name: what the seat is called; a procedure has each name once.
        of: a role, a group of roles, or `contract_users`.
        count: how many organisations of the electorate must approve.
        as_far_as: what happens when there are too few: empty, the seat cannot be filled;
            `existing`, as many as are enrolled will do; `able`, as many as hold a valid key.
        other_than: another seat of the procedure whose approvals do not count for this one.
        not_owner: the organisation that owns the contract has no vote here.
        not_subject: the organisation that the action is about has no vote here.
    """

    name: str
    of: str
    count: Count = "one"
    as_far_as: Literal["", "existing", "able"] = ""
    other_than: str = ""
    not_owner: bool = False
    not_subject: bool = False


class Procedure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a kind of action is decided.

    Args:
        seats: all must be filled.
        proposers: roles, groups, `subject` or `owner`: who may open a proposal.
        expires_after_hours: how long it stays open.
        veto_hours: how long, once carried, it may still be rejected before it takes effect.
        reject_at: organisations whose rejection ends it; 0 leaves it to arithmetic alone: a
            proposal is rejected when rejections make some seat impossible to fill.
        alone: says openly that one organisation may suffice.
    """

    seats: tuple[Seat, ...]
    proposers: tuple[str, ...]
    expires_after_hours: int
    veto_hours: int = 0
    reject_at: int = 0
    alone: bool = False


class VotingRules(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """The voting rules of a network.

    Args:
        groups: names of sets of roles.
        procedures: by name.
        actions: kind of action → name of its procedure.
        freeze_hours: how long an emergency freeze holds without being confirmed.
    """

    groups: dict[str, tuple[str, ...]]
    procedures: dict[str, Procedure]
    actions: dict[str, str]
    freeze_hours: int

    @cached_property
    def digest(self) -> str:
        """`sha256:<hex>` of the rules' canonical bytes: keys sorted, no white space."""
        return content_digest(msgspec.json.encode(self, order="deterministic"))

    def procedure(self, kind: str) -> Procedure:
        """Return the procedure of a kind of action; `check_voting_rules` made sure of it."""
        return self.procedures[self.actions[kind]]

    def roles(self, name: str) -> frozenset[str]:
        """Return the roles that a seat's `of` or a proposer's name stands for."""
        if name == CONTRACT_USERS:
            return _REGISTRARS
        known = self._groups.get(name)
        return frozenset({name}) if known is None else known

    @cached_property
    def _groups(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(roles) for name, roles in self.groups.items()}


def read_voting_rules(text: str, kinds: frozenset[str], roles: frozenset[str]) -> VotingRules:
    """Return the rules written in TOML.

    Args:
        text: the TOML.
        kinds: every kind of action there is; each needs a procedure.
        roles: every role there is.

    Raises:
        VotingRulesInvalid: with all faults.
    """
    try:
        rules = msgspec.convert(tomllib.loads(text), VotingRules)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise VotingRulesInvalid(f"the voting rules cannot be read: {error}") from error
    faults = tuple(check_voting_rules(rules, kinds, roles))
    if faults:
        raise VotingRulesInvalid("; ".join(map(str, faults)), faults)
    return rules


def shipped_text() -> str:
    """Return the TOML of the rules that a new network starts with."""
    return (resources.files("governance.decisions") / "voting_rules.toml").read_text("utf-8")


def check_voting_rules(
    rules: VotingRules, kinds: frozenset[str], roles: frozenset[str]
) -> list[Fault]:
    """Return every fault of `rules`."""
    faults = [
        Fault(f"actions.{kind}", "no procedure") for kind in sorted(kinds - set(rules.actions))
    ]
    for kind, name in sorted(rules.actions.items()):
        if kind not in kinds:
            faults.append(Fault(f"actions.{kind}", "no such kind of action"))
        if name not in rules.procedures:
            faults.append(Fault(f"actions.{kind}", f"no procedure {name!r}"))
    for group, members in sorted(rules.groups.items()):
        if not members or not roles.issuperset(members) or group in roles | {CONTRACT_USERS}:
            faults.append(Fault(f"groups.{group}", "expected roles, and a name of its own"))
    if not 0 < rules.freeze_hours <= MAX_HOURS:
        faults.append(Fault("freeze_hours", f"{rules.freeze_hours}; expected 1 to {MAX_HOURS}"))
    known = roles | set(rules.groups)
    for name, procedure in sorted(rules.procedures.items()):
        faults += _check_procedure(f"procedures.{name}", procedure, known)
    return faults


def _check_procedure(where: str, procedure: Procedure, known: frozenset[str]) -> list[Fault]:
    faults = []
    if not 0 < procedure.expires_after_hours <= MAX_HOURS:
        faults.append(Fault(f"{where}.expires_after_hours", f"expected 1 to {MAX_HOURS}"))
    if not 0 <= procedure.veto_hours <= MAX_HOURS or procedure.reject_at < 0:
        faults.append(
            Fault(f"{where}.veto_hours", f"expected 0 to {MAX_HOURS}, and reject_at >= 0")
        )
    if procedure.veto_hours and not procedure.reject_at:
        faults.append(Fault(f"{where}.reject_at", "a veto window needs a reject threshold"))
    if not procedure.proposers or not known.issuperset(
        {*procedure.proposers} - {"subject", "owner"}
    ):
        faults.append(Fault(f"{where}.proposers", "expected roles, groups, subject or owner"))
    names = [seat.name for seat in procedure.seats]
    if not names or len(set(names)) != len(names):
        faults.append(Fault(f"{where}.seats", "expected at least one, each with its own name"))
    for seat in procedure.seats:
        faults += _check_seat(f"{where}.seats.{seat.name}", seat, procedure, known)
    if not procedure.alone and not _takes_two(procedure):
        faults.append(
            Fault(where, "one organisation could decide alone; say so with `alone = true`")
        )
    return faults


def _check_seat(where: str, seat: Seat, procedure: Procedure, known: frozenset[str]) -> list[Fault]:
    faults = []
    if seat.of not in known | {CONTRACT_USERS}:
        faults.append(Fault(f"{where}.of", f"{seat.of!r} is no role or group"))
    if seat.other_than:
        others = [s for s in procedure.seats if s.name == seat.other_than]
        if not others or others[0].other_than or others[0].count != "one" or seat.count != "one":
            faults.append(
                Fault(
                    f"{where}.other_than", "expected the name of a seat of count one, and count one"
                )
            )
    return faults


def _takes_two(procedure: Procedure) -> bool:
    """Say whether the seats ask for two organisations wherever there are two."""
    seats = procedure.seats
    if any(seat.other_than for seat in seats):
        return True
    return len({seat.of for seat in seats}) > 1 or any(seat.count != "one" for seat in seats)
