"""The network can always govern itself.

A transition may not make undecidable what was decidable before it. A kind of action is
*decidable* when it would be carried if every able organisation (active, with a certificate that
is valid then) approved it, organisations counting once and the owner of a contract not at all
for its own code. Actions about contracts are judged for a new contract and for each contract
that is there; the others once for each kind.

The member that the parameters name as notary stays an active platform administrator: the service
speaks in its name. Another one takes over by a change of parameters before it can go.

The rule is relative on purpose: at genesis there is the platform administrator alone and no
contract can be approved yet, since there is no registrar. That is no fault; losing the last
registrar later is. Time itself is no transition: `forecast` says when it would cost a quorum.
"""

import datetime as dt
from collections.abc import Hashable, Iterator
from functools import cache, cached_property, lru_cache

import msgspec

from governance.decisions.actions import (
    ACTION_TYPES,
    Action,
    AdoptRuleSet,
    ChangeParameters,
    ChangeVotingRules,
    ContractAction,
    MemberAction,
    RegisterRuntime,
    RotateCaKey,
    contract_key,
    kind,
    kind_of,
)
from governance.decisions.network import (
    ADMINISTRATOR,
    ContractStatus,
    Member,
    MemberStatus,
    NetworkState,
)
from governance.decisions.tallies import decidable

NOTARISING = "notarise"
"""Not voted on, yet needed to decide anything: the service speaks in the notary's name."""


class Shortfall(msgspec.Struct, frozen=True):
    """A moment at which expiring certificates make actions undecidable.

    Args:
        at: from when on.
        actions: what can no longer be decided then.
        remind: the members whose certificate ends at that moment, by id.
    """

    at: dt.datetime
    actions: tuple[str, ...]
    remind: tuple[str, ...]


class _Judged:
    """A network at a moment; it is another one only where something that decidability hangs on is.

    Most statements change nothing of that: what was found out for one network holds for the next.
    """

    def __init__(self, state: NetworkState, at: dt.datetime) -> None:
        self.state, self.at = state, at

    @cached_property
    def _depends_on(self) -> Hashable:
        state = self.state
        return (
            state.voting_rules.digest,
            state.parameters.notary,
            state.able(self.at),
            frozenset((m.id, m.roles, m.status, m.enrolled) for m in state.members.values()),
            frozenset(state.contract_users.items()),
            frozenset((c.name, c.version, c.owner, c.status) for c in state.contracts.values()),
        )

    def __eq__(self, other: object) -> bool:
        """Say whether `other` can decide the same."""
        return isinstance(other, _Judged) and self._depends_on == other._depends_on

    def __hash__(self) -> int:
        """Return the hash of what decidability hangs on."""
        return hash(self._depends_on)


def undecidable(state: NetworkState, at: dt.datetime) -> frozenset[str]:
    """Return what able organisations cannot decide at `at`, by kind and contract."""
    return _undecidable(_Judged(state, at))


@lru_cache(maxsize=8)
def _undecidable(judged: _Judged) -> frozenset[str]:
    state, at = judged.state, judged.at
    found: dict[tuple[str, Hashable], bool] = {}
    lost = set()
    for name, action in _instances(state):
        about = (action.name, action.version) if isinstance(action, ContractAction) else None
        votes = state.voting_rules.actions[kind(action)], about  # two kinds may be voted on alike
        if votes not in found:
            found[votes] = decidable(state, action, at)
        if not found[votes]:
            lost.add(name)
    return frozenset(lost if _has_notary(state) else lost | {NOTARISING})


def stranded(before: NetworkState, after: NetworkState, at: dt.datetime) -> tuple[str, ...]:
    """Return what was decidable in `before` and is not in `after`, sorted."""
    if _Judged(before, at) == _Judged(after, at):
        return ()
    lost = undecidable(after, at)
    if not lost:
        return ()
    known = frozenset(name for name, _ in _instances(before)) | {NOTARISING}
    return tuple(sorted((lost & known) - undecidable(before, at)))


def forecast(state: NetworkState, at: dt.datetime, until: dt.datetime) -> list[Shortfall]:
    """Return the moments in `at < t <= until` at which expiries would cost a quorum.

    Nothing else is assumed to change: no renewal, no new member.
    """
    ends: dict[dt.datetime, set[str]] = {}
    for member in state.members.values():
        end = _able_until(member, at)
        if end is not None and at < end <= until:
            ends.setdefault(end, set()).add(member.id)
    found = []
    lost = undecidable(state, at)
    for moment, members in sorted(ends.items()):
        now = undecidable(state, moment)
        if now - lost:
            found.append(Shortfall(moment, tuple(sorted(now - lost)), tuple(sorted(members))))
        lost = now
    return found


def _has_notary(state: NetworkState) -> bool:
    """Say whether the member in whose name the service speaks is an administrator still."""
    notary = state.members.get(state.parameters.notary)
    active = notary is not None and notary.status is MemberStatus.ACTIVE
    return active and notary is not None and ADMINISTRATOR in notary.roles


def _able_until(member: Member, at: dt.datetime) -> dt.datetime | None:
    """Return when the last certificate that is valid at `at` ends, following overlaps."""
    if member.status is not MemberStatus.ACTIVE:
        return None
    end = at
    for certificate in sorted(member.certificates, key=lambda c: c.not_before):
        if certificate.revoked_at is None and certificate.valid(end):
            end = max(end, certificate.not_after)
    return end if end > at else None


def _instances(state: NetworkState) -> Iterator[tuple[str, Action]]:
    """Yield one action of each kind, named; of those about contracts, one for each contract."""
    there = [c for c in state.contracts.values() if c.status is not ContractStatus.RETIRED]
    for action_type in ACTION_TYPES:
        if not issubclass(action_type, ContractAction):
            sample = _sample(state, action_type)
            yield kind(sample), sample
            continue
        yield kind_of(action_type), _about_contract(action_type, "", "")
        for contract in there:
            key = contract_key(contract.name, contract.version)
            action = _about_contract(action_type, contract.name, contract.version)
            yield f"{kind_of(action_type)} {key}", action


def _about_contract(action_type: type[Action], name: str, version: str) -> Action:
    return _build(action_type, {"name": name, "version": version})


def _sample(state: NetworkState, action_type: type[Action]) -> Action:
    if issubclass(action_type, MemberAction):
        return _build(action_type, {})
    samples: tuple[Action, ...] = (
        RegisterRuntime(runtime=""),
        AdoptRuleSet(rule_set="", difference=""),
        ChangeParameters(parameters=state.parameters),
        ChangeVotingRules(voting_rules=state.voting_rules),
        RotateCaKey(certificate=""),
    )
    return next(sample for sample in samples if isinstance(sample, action_type))


@cache
def _texts(action_type: type[Action]) -> tuple[str, ...]:
    fields = msgspec.structs.fields(action_type)
    return tuple(field.encode_name for field in fields if field.type is str)


def _build(action_type: type[Action], values: dict[str, str]) -> Action:
    """Return an action whose text fields are `values`, or empty: about nothing there is."""
    texts = _texts(action_type)
    return action_type(**{name: values.get(name, "") for name in texts})  # type: ignore[arg-type]  # text fields only
