"""Use cases over the rules in force: read, review, explain."""

from sqlalchemy.orm import Session

from governance.decisions.network import MemberStatus
from governance.decisions.store import load_state
from governance.errors import MemberUnknown
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.explanation import Explanation, explain
from policies.matrix import Line, make_matrix
from policies.responsibility import Operation, shipped_matrix
from policies.review import RuleReview, review_rules


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
    session: Session, rules: CompiledRules, actor: Actor, member_id: str, action: Action
) -> Explanation:
    """Return what the rules in force say of a member, with the roles that it holds now, and why.

    A suspended member, or one whose sponsor is, reads its own past; one that ended holds no roles.

    Raises:
        Denied: the actor may not ask.
        MemberUnknown: there is no such member.
    """
    rules.decide(actor, Action.POLICY_EXPLAIN)
    state = load_state(session)
    member = state.members.get(member_id)
    if member is None:
        raise MemberUnknown(f"no member {member_id}")
    ended = member.status in (MemberStatus.REVOKED, MemberStatus.LEFT)
    roles = frozenset[str]() if ended else member.roles
    suspended = not ended and not state.acting(member_id)
    return explain(rules, Actor(member_id, roles, member.sponsor, suspended), action)
