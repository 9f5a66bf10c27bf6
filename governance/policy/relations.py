"""Who could see a thing on a day: the rules and roles of that day, and whom the thing names.

Rules and roles follow from the log alone. Whom a thing names (its registrar, the custodians of its
sides) is no public matter: the network says it, signed, to who may explain (`relations`), and the
answer is then found offline.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from sqlalchemy.orm import Session

from governance.decisions.network import NetworkState
from governance.decisions.store import load_state
from governance.identity.announcements import Herald
from governance.policy.explaining import OPEN_ARMS, actor_of, noted_name
from ledger.errors import NotFound
from ledger.explaining import KNOWN, find_arms
from ledger.log.store import log_size
from ledger.reads import Notes
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.explanation import explain_thing

RELATIONS_KIND = "relations"
Ways = tuple[tuple[str, ...], ...]
"""For each row of a thing, the arms that admit it."""


class Relations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `relations`: whom a thing names.

    Args:
        resource: such as `transfer`.
        id: which one.
        log_size: how many entries the log had when this was so.
        members: for each member that it names, the arms that admit its rows, whatever the rules.
    """

    resource: str
    id: str
    log_size: int
    members: dict[str, Ways]


class Said(msgspec.Struct, frozen=True):
    """A statement of the network, as the text of its envelope."""

    envelope: str


class Moment(msgspec.Struct, frozen=True):
    """The network from a log entry on."""

    index: int
    state: NetworkState


class Could(msgspec.Struct, frozen=True):
    """A member could see the thing: how, by which rules, from which log entry on.

    Args:
        member_id: who.
        from_index: the entry from which on it was so.
        rule_set: digest of the rules then in force.
        arms: through which.
        clear: fields shown as they are.
        pseudonym: fields shown under another name.
        rules: the rules behind it, with their lines.
    """

    member_id: str
    from_index: int
    rule_set: str
    arms: tuple[str, ...]
    clear: tuple[str, ...]
    pseudonym: tuple[str, ...]
    rules: tuple[str, ...]


def say_relations(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    asked: tuple[str, str],
    herald: Herald,
    notes: Notes,
    at: dt.datetime,
) -> Said:
    """Return a signed statement of whom a thing, a resource and an id, names now.

    Raises:
        Denied: the actor may not explain.
        NotFound: the ledger has no such kind of thing.
    """
    decision = rules.decide(actor, Action.POLICY_EXPLAIN)
    resource, name = asked
    if resource not in KNOWN:
        raise NotFound(f"the ledger has no {resource} with an id")
    notes.take(actor.member_id, decision, [noted_name(resource, name)])
    members = {}
    for member_id in sorted(load_state(session).members):
        ways = (way - OPEN_ARMS for way in find_arms(session, resource, name, member_id))
        if named := tuple(sorted(tuple(sorted(way)) for way in ways if way)):
            members[member_id] = named
    body = Relations(resource, name, log_size(session), members)
    return Said(herald.sign(RELATIONS_KIND, body, at).decode())


class Day:
    """Collects the moments of one day in Japan, or of the log's end, from an audit's entries.

    Args:
        day: which; None for the end of the log.
        zone: whose day it is.
    """

    def __init__(self, day: dt.date | None, zone: dt.tzinfo) -> None:
        self._day, self._zone = day, zone
        self._before: Moment | None = None
        self._within: list[Moment] = []

    def take(self, index: int, state: NetworkState) -> None:
        """Take the network after the entry at `index`."""
        day = state.at.astimezone(self._zone).date()
        moment = Moment(index, state)
        if self._day is None or day < self._day:
            if self._before is None or _sight(self._before.state) != _sight(state):
                self._before = moment
        elif day == self._day:
            last = self._within[-1] if self._within else self._before
            if last is None or _sight(last.state) != _sight(state):
                self._within.append(moment)

    def moments(self) -> list[Moment]:
        """Return what was in force at some time of the day, oldest first."""
        return [*([self._before] if self._before else []), *self._within]


def _sight(state: NetworkState) -> object:
    """Return what of a state decides who sees what."""
    roles = {name: (m.roles, m.status, state.acting(name)) for name, m in state.members.items()}
    return state.parameters.rule_set, roles


def who_could(
    moments: Iterable[Moment],
    rules_of: Callable[[str], CompiledRules | None],
    resource: str,
    name: str,
    relations: Relations | None,
) -> Iterator[Could]:
    """Yield who could see a thing, moment by moment, as far as the rules' texts are there.

    Without relations each arm is taken to name its member: who could see it at all, whosever it is.
    """
    for moment in moments:
        rules = rules_of(moment.state.parameters.rule_set)
        if rules is None:
            continue
        for member_id in sorted(moment.state.members):
            yield from _could(rules, moment, member_id, (resource, name), relations)


def _could(
    rules: CompiledRules,
    moment: Moment,
    member_id: str,
    asked: tuple[str, str],
    relations: Relations | None,
) -> Iterator[Could]:
    resource, name = asked
    actor = actor_of(moment.state, member_id)
    ways = _ways(rules, resource, member_id, relations)
    thing = explain_thing(rules, actor, f"{resource}:read", name, ways)
    for row in thing.rows:
        yield Could(
            member_id, moment.index, rules.digest, row.arms, row.clear, row.pseudonym, row.rules
        )


def _ways(
    rules: CompiledRules, resource: str, member_id: str, relations: Relations | None
) -> list[frozenset[str]]:
    if relations is None:
        arms: Mapping[str, tuple[str, ...]] = rules.rule_set.vocabulary.resources[resource].scopes
        return [frozenset(arm for names in arms.values() for arm in names)]
    named: Ways = relations.members.get(member_id, ((),))
    return [frozenset(way) | OPEN_ARMS for way in named]
