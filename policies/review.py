"""What is checked and shown before a vote on rules: faults, difference, proofs, responsibility.

A proposed text is refused when it is not a rule set or when a statement fails. What it reveals and
hides, and where it disagrees with the responsibility matrix, is for the voters to judge; the
difference's digest is what the proposal names.
"""

import msgspec

from policies.compilation import CompiledRules, compile_rules
from policies.differences import Difference, compare_rules
from policies.engine import parse_rule_set
from policies.errors import Fault, RulesMalformed
from policies.proofs import Counterexample, Proof, prove_statements
from policies.responsibility import (
    Disagreement,
    ResponsibilityMatrix,
    compare_responsibility,
    shipped_matrix,
)
from policies.statements import Statements, shipped_statements


class RuleReview(msgspec.Struct, frozen=True):
    """Everything that is known of a proposed rule set before the vote.

    Args:
        difference: what it reveals and hides against the rules in force.
        proofs: one for each statement.
        disagreements: with the responsibility matrix.
    """

    difference: Difference
    proofs: tuple[Proof, ...]
    disagreements: tuple[Disagreement, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Why it cannot be adopted: each failing statement with its counterexample."""
        return _failures(self.proofs)


def review_rules(
    current: CompiledRules,
    text: str,
    statements: Statements | None = None,
    matrix: ResponsibilityMatrix | None = None,
) -> RuleReview:
    """Return the review of `text` against the rules in force.

    Args:
        current: the rules in force.
        text: the proposed rule set.
        statements: what to prove; those that the product ships with unless given.
        matrix: whom to hold responsible; the one that the product ships with unless given.

    Raises:
        RulesMalformed: the text is not a rule set; every fault at once.
    """
    proposed = compile_rules(parse_rule_set(text, current.rule_set.vocabulary))
    return RuleReview(
        compare_rules(current, proposed),
        prove_statements(proposed, statements or shipped_statements()),
        compare_responsibility(matrix or shipped_matrix(), proposed),
    )


def examine_rules(text: bytes) -> tuple[Fault, ...]:
    """Return why a proposed text cannot be adopted, whatever is in force; nothing when it can.

    Every fault of the text, or each shipped statement that fails with its counterexample.
    """
    try:
        proposed = compile_rules(parse_rule_set(text.decode()))
    except UnicodeDecodeError as error:
        return (Fault("rules", f"not UTF-8 at byte {error.start}"),)
    except RulesMalformed as error:
        return error.faults
    return _failures(prove_statements(proposed, shipped_statements()))


def examine_difference(current: CompiledRules, text: bytes, digest: str) -> tuple[Fault, ...]:
    """Return that a sound text's difference from the rules in force has another digest, if so."""
    found = compare_rules(current, compile_rules(parse_rule_set(text.decode()))).digest
    if digest == found:
        return ()
    message = f"not what it reveals and hides against the rules in force, which is {found}"
    return (Fault("difference", message),)


def _failures(proofs: tuple[Proof, ...]) -> tuple[Fault, ...]:
    return tuple(
        Fault(f"statement {proof.statement}", _failure(proof, example))
        for proof in proofs
        for example in proof.counterexamples
    )


def _failure(proof: Proof, example: Counterexample) -> str:
    if not example.rules:
        return f"{proof.text} No rule lets {example.role} do {example.action}."
    place = f"{example.field} of {example.action} through {example.arm} ({example.effect})"
    return f"{proof.text} But {example.role} has {place}, by {'; '.join(example.rules)}"
