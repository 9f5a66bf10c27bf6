"""What each risk class has to pass, read from `requirements.toml`."""

from pathlib import Path

import msgspec

from contracts.manifest import RiskClass
from ledger.hashing import content_digest

_FILE = Path(__file__).with_name("requirements.toml")


class Requirements(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a version has to pass.

    Args:
        gates: names of the gates, in the order in which they run.
        determinism_transactions: how many transactions are judged again and again.
        determinism_repeats: how often, for each way of running them.
        property_examples: how many transactions Hypothesis makes for each property.
        generated_transactions: how many the platform's own properties are tried on.
        mutants_killed_percent: how many mutants have to be noticed, in percent.
        mutants_at_most: how many mutants are tried; more are thinned out evenly.
        behaviour_transactions: on how many generated transactions two versions are compared.
        gas_at_most: wasm fuel that one gate may use.
    """

    gates: tuple[str, ...]
    determinism_transactions: int
    determinism_repeats: int
    property_examples: int
    generated_transactions: int
    mutants_killed_percent: int
    mutants_at_most: int
    behaviour_transactions: int
    gas_at_most: int


class RequirementTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The requirements of every risk class."""

    low: Requirements
    standard: Requirements
    high: Requirements

    def of(self, risk_class: RiskClass) -> Requirements:
        """Return the requirements of one risk class."""
        match risk_class:
            case "low":
                return self.low
            case "standard":
                return self.standard
            case "high":
                return self.high


def shipped_requirements() -> tuple[RequirementTable, str]:
    """Return the shipped table and the digest of its file."""
    data = _FILE.read_bytes()
    return msgspec.toml.decode(data, type=RequirementTable), content_digest(data)
