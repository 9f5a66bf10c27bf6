"""HTTP: the rules in force, their matrix, a review before a vote, an explanation."""

import datetime as dt
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter
from sqlalchemy.engine import Engine

from governance.decisions.services import DecisionServices
from governance.policy import explaining
from governance.policy import reading as reading_receipts
from governance.policy.relations import Said, say_relations
from ledger.database import reading
from ledger.services import LedgerServices
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault
from policies.explanation import Explanation
from policies.matrix import Line
from policies.proofs import Proof
from policies.responsibility import Disagreement, Operation


class RulesInForce(msgspec.Struct, frozen=True):
    """A rule set: its digest, `sha256:` over the text's bytes, and the text."""

    digest: str
    text: str


class MatrixInForce(msgspec.Struct, frozen=True):
    """What a rule set comes to; what is in no line is denied."""

    rule_set: str
    lines: tuple[Line, ...]


class ProposedRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text to review."""

    text: str


class Review(msgspec.Struct, frozen=True):
    """The review of a proposed text.

    Args:
        difference: digest of what it reveals and hides, which a proposal to adopt it names.
        before: the rule set in force.
        after: the rule set proposed.
        reveals: what can be seen or done that could not, a line each.
        hides: what no longer can, a line each.
        proofs: one for each statement, with its counterexamples.
        disagreements: with the responsibility matrix.
        faults: why it cannot be adopted; empty when it can.
    """

    difference: str
    before: str
    after: str
    reveals: tuple[str, ...]
    hides: tuple[str, ...]
    proofs: tuple[Proof, ...]
    disagreements: tuple[Disagreement, ...]
    faults: tuple[Fault, ...]


@get(
    "/v1/policy/rules",
    opt={"authz": Action.POLICY_READ},
    sync_to_thread=True,
    tags=["policy"],
    summary="Get the rules in force",
)
def show_rules(
    actor: NamedDependency[Actor], rules: NamedDependency[CompiledRules]
) -> RulesInForce:
    """Return the text that every answer's digest names."""
    return RulesInForce(*explaining.read_rules(rules, actor))


@get(
    "/v1/policy/matrix",
    opt={"authz": Action.POLICY_READ},
    sync_to_thread=True,
    tags=["policy"],
    summary="Get what the rules come to, for every role",
)
def show_matrix(
    actor: NamedDependency[Actor], rules: NamedDependency[CompiledRules]
) -> MatrixInForce:
    """Return action, arm, fields, effect and roles."""
    return MatrixInForce(rules.digest, explaining.read_matrix(rules, actor))


@get(
    "/v1/policy/responsibility",
    opt={"authz": Action.POLICY_READ},
    sync_to_thread=True,
    tags=["policy"],
    summary="Get who answers for what",
)
def show_responsibility(
    actor: NamedDependency[Actor], rules: NamedDependency[CompiledRules]
) -> tuple[Operation, ...]:
    """Return every operation with its accountable role and deadlines."""
    return explaining.read_responsibility(rules, actor)


@post(
    "/v1/policy/reviews",
    opt={"authz": Action.POLICY_CHECK},
    status_code=200,
    sync_to_thread=True,
    tags=["policy"],
    summary="Review a proposed rule set",
)
def review_rules(
    data: JSONBody[ProposedRules],
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
) -> Review:
    """Return what it reveals and hides, what is proved of it; nothing is stored."""
    found = explaining.review(rules, actor, data.text)
    difference = found.difference
    return Review(
        difference.digest,
        difference.before,
        difference.after,
        tuple(str(change) for change in difference.reveals),
        tuple(str(change) for change in difference.hides),
        found.proofs,
        found.disagreements,
        found.faults,
    )


@get(
    "/v1/policy/explanation",
    opt={"authz": Action.POLICY_EXPLAIN},
    sync_to_thread=True,
    tags=["policy"],
    summary="Explain what a member may do, and why",
)
def explain_member(
    member: FromQuery[str],
    action: FromQuery[Action],
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
    name: Annotated[str | None, QueryParameter(name="id")] = None,
) -> Explanation:
    """Return the decision for the roles that the member holds now, with the rules that made it.

    With an `id`, also which arms admit that thing and how each of its fields is shown; no content.
    About itself every member may ask.
    """
    with reading(database) as session:
        return explaining.explain_member(session, rules, actor, member, action, name, ledger.notes)


@get(
    "/v1/policy/own-explanation",
    opt={"authz": Action.POLICY_READ},
    sync_to_thread=True,
    tags=["policy"],
    summary="Explain what you may do, and why",
)
def explain_own(
    action: FromQuery[Action],
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    name: Annotated[str | None, QueryParameter(name="id")] = None,
) -> Explanation:
    """Return the decision for the caller, as `/v1/policy/explanation` does for the auditor."""
    with reading(database) as session:
        return explaining.explain_own(session, rules, actor, action, name)


@get(
    "/v1/policy/relations",
    opt={"authz": Action.POLICY_EXPLAIN},
    sync_to_thread=True,
    tags=["policy"],
    summary="Say whom a thing names",
)
def show_relations(
    resource: FromQuery[str],
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
    decisions: NamedDependency[DecisionServices],
    at: NamedDependency[dt.datetime],
    name: Annotated[str, QueryParameter(name="id")],
) -> Said:
    """Return the network's signed word on it: with the log, who could see the thing, offline."""
    with reading(database) as session:
        return say_relations(
            session, rules, actor, (resource, name), decisions.herald, ledger.notes, at
        )


@get(
    "/v1/policy/read-receipts",
    opt={"authz": Action.READ_RECEIPT_READ},
    sync_to_thread=True,
    tags=["policy"],
    summary="List receipts of reads",
)
def list_read_receipts(
    actor: NamedDependency[Actor],
    database: NamedDependency[Engine],
    rules: NamedDependency[CompiledRules],
    cursor: FromQuery[int | None] = None,
    limit: FromQuery[int] = reading_receipts.MAX_RECEIPTS,
) -> reading_receipts.ReceiptPage:
    """Return who was shown what, as the signed statements to which the log commits."""
    after = -1 if cursor is None else cursor
    with reading(database) as session:
        return reading_receipts.read_receipts(session, rules, actor, after, limit)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_read_receipts,
    show_rules,
    show_matrix,
    show_responsibility,
    review_rules,
    explain_member,
    explain_own,
    show_relations,
)
