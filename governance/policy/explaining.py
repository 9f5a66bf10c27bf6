"""Use cases over the rules in force: read, review, explain."""

from collections.abc import Collection, Iterable

import msgspec
from sqlalchemy.orm import Session

from governance.decisions.network import MemberStatus, NetworkState
from governance.decisions.store import load_state
from governance.errors import MemberUnknown
from ledger.explaining import KNOWN, find_arms
from ledger.reads import Notes
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules, Decision
from policies.explanation import Explanation, ThingExplained, explain, explain_thing
from policies.matrix import Line, make_matrix
from policies.resources import VOCABULARY
from policies.responsibility import Operation, shipped_matrix
from policies.review import RuleReview, review_rules

OPEN_ARMS = frozenset({"everything", "governance_log"})
"""Arms that admit whatever there is, for the network's own resources."""


def read_rules(rules: CompiledRules, actor: Actor) -> tuple[str, str]:
    """Return the digest and the text of the rules in force.

    Raises:
        Denied: the actor may not.
    """
    rules.decide(actor, Action.POLICY_READ)
    return rules.digest, rules.rule_set.text


def read_matrix(rules: CompiledRules, actor: Actor) -> tuple[Line, ...]:
    """Return the matrix of the rules in force.

    Raises:
        Denied: the actor may not.
    """
    rules.decide(actor, Action.POLICY_READ)
    return make_matrix(rules)


def read_responsibility(rules: CompiledRules, actor: Actor) -> tuple[Operation, ...]:
    """Return the responsibility matrix.

    Raises:
        Denied: the actor may not.
    """
    rules.decide(actor, Action.POLICY_READ)
    return tuple(shipped_matrix().operations.values())


def review(rules: CompiledRules, actor: Actor, text: str) -> RuleReview:
    """Return the review of a proposed rule set against the rules in force.

    Raises:
        Denied: the actor may not.
        RulesMalformed: the text is not a rule set.
    """
    rules.decide(actor, Action.POLICY_CHECK)
    return review_rules(rules, text)


def explain_member(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    member_id: str,
    action: Action,
    name: str | None = None,
    notes: Notes | None = None,
) -> Explanation:
    """Return what the rules in force say of a member, with the roles that it holds now, and why.

    A suspended member, or one whose sponsor is, reads its own past; one that ended holds no roles.
    About itself every member may ask. That somebody asked about a thing of another is noted like a
    read of it.

    Args:
        session: where to read.
        rules: the rules in force.
        actor: who asks.
        member_id: about whom.
        action: about what.
        name: about which thing, by its id; None for the rules alone.
        notes: takes who asked about which thing.

    Raises:
        Denied: the actor may not ask.
        MemberUnknown: there is no such member.
    """
    if member_id == actor.member_id:
        return explain_own(session, rules, actor, action, name)
    decision = rules.decide(actor, Action.POLICY_EXPLAIN)
    whom = actor_of(load_state(session), member_id)
    if name is not None and notes is not None:
        notes.take(actor.member_id, decision, [noted_name(action.resource, name)])
    return _explain(session, rules, whom, action, name)


def explain_own(
    session: Session, rules: CompiledRules, actor: Actor, action: Action, name: str | None = None
) -> Explanation:
    """Return what the rules in force say of the actor itself, and why.

    Raises:
        Denied: the actor may not read the rules.
    """
    rules.decide(actor, Action.POLICY_READ)
    return _explain(session, rules, actor, action, name)


def noted_name(resource: str, name: str) -> str:
    """Return the name under which a question about a thing is noted."""
    return f"{resource}/{name}"


def actor_of(state: NetworkState, member_id: str) -> Actor:
    """Return a member with the roles that it holds in a state of the network.

    Raises:
        MemberUnknown: there is no such member.
    """
    member = state.members.get(member_id)
    if member is None:
        raise MemberUnknown(f"no member {member_id}")
    ended = member.status in (MemberStatus.REVOKED, MemberStatus.LEFT)
    roles = frozenset[str]() if ended else member.roles
    return Actor(member_id, roles, member.sponsor, not ended and not state.acting(member_id))


def _explain(
    session: Session, rules: CompiledRules, whom: Actor, action: Action, name: str | None
) -> Explanation:
    explained = explain(rules, whom, action)
    if name is None:
        return explained
    if action.resource in KNOWN:
        ways: Iterable[Collection[str]] = find_arms(session, action.resource, name, whom.member_id)
        thing = explain_thing(rules, whom, action, name, ways)
    else:
        thing = _elsewhere(rules, whom, action, name)
    return msgspec.structs.replace(explained, thing=thing)


def _elsewhere(rules: CompiledRules, whom: Actor, action: Action, name: str) -> ThingExplained:
    """Explain what is no row of the ledger: the network's own, or one company's own."""
    answer = rules.answer(whom, action)
    if not isinstance(answer, Decision) or OPEN_ARMS.intersection(answer.arms):
        return explain_thing(rules, whom, action, name, [OPEN_ARMS])
    scopes = ", ".join(VOCABULARY.resources[action.resource].scopes)
    reason = f"{whom.member_id} alone knows whether it has this: rules admit {scopes}"
    return ThingExplained(name, reason, ())
