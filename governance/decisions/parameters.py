"""Network parameters: what every node must agree on, versioned and signed.

Every transaction names the version that it was made under. A change of rule set, voting rules
or runtimes is a change of parameters too, so the version alone says which rules were in force.
"""

import datetime as dt
import re
from functools import cached_property

import msgspec

from ledger.hashing import content_digest
from policies.errors import Fault

MAX_TRANSACTION_BYTES = 10 * 1024 * 1024
"""The largest that `largest_transaction` may be."""

MAX_CERTIFICATE_DAYS = 397
"""The longest certificate life that may be set; the shipped one is 30 days."""

MAX_WINDOW_SECONDS = 50 * 366 * 24 * 3600
"""The longest registration window: a network that loads its history takes up old transfers."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class NetworkParameters(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """One version of the parameters.

    Args:
        version: counted from 1 without gaps.
        network: the network's id; never changes.
        notary: the member that operates the notary.
        largest_transaction: in bytes.
        runtimes: ids of the contract runtimes that are accepted, sorted.
        session_opens: from when on transfers are registered on a business day, JST.
        session_closes: until when.
        node_certificate_days: life of a node's certificate.
        client_certificate_days: life of an API client's certificate.
        registration_window_seconds: how far `registered_at` may be from the notary's clock.
        witness_quorum: cosignatures that a checkpoint needs; 0 for none.
        rule_set: digest of the access rules in force.
        voting_rules: digest of the voting rules in force.
    """

    version: int
    network: str
    notary: str
    largest_transaction: int
    runtimes: tuple[str, ...]
    session_opens: dt.time
    session_closes: dt.time
    node_certificate_days: int
    client_certificate_days: int
    registration_window_seconds: int
    witness_quorum: int
    rule_set: str
    voting_rules: str

    @cached_property
    def digest(self) -> str:
        """`sha256:<hex>` of the parameters' bytes."""
        return content_digest(msgspec.json.encode(self))


def check_parameters(parameters: NetworkParameters) -> list[Fault]:
    """Return every fault that `parameters` have by themselves."""
    bounds = (
        ("version", parameters.version, 1, 1 << 31),
        ("largest_transaction", parameters.largest_transaction, 1024, MAX_TRANSACTION_BYTES),
        ("node_certificate_days", parameters.node_certificate_days, 1, MAX_CERTIFICATE_DAYS),
        ("client_certificate_days", parameters.client_certificate_days, 1, MAX_CERTIFICATE_DAYS),
        (
            "registration_window_seconds",
            parameters.registration_window_seconds,
            1,
            MAX_WINDOW_SECONDS,
        ),
        ("witness_quorum", parameters.witness_quorum, 0, 64),
    )
    faults = [
        Fault(f"parameters.{name}", f"{value}; expected {low} to {high}")
        for name, value, low, high in bounds
        if not low <= value <= high
    ]
    if tuple(sorted(set(parameters.runtimes))) != parameters.runtimes:
        faults.append(Fault("parameters.runtimes", "expected sorted, each once"))
    if parameters.session_opens >= parameters.session_closes:
        faults.append(Fault("parameters.session_opens", "expected before session_closes"))
    faults += [
        Fault(f"parameters.{name}", "expected sha256: and 64 hex digits")
        for name in ("rule_set", "voting_rules")
        if not _DIGEST.fullmatch(getattr(parameters, name))
    ]
    return faults


def check_succession(now: NetworkParameters, following: NetworkParameters) -> list[Fault]:
    """Return what keeps `following` from being the version after `now`, by a vote on it alone."""
    faults = []
    if following.version != now.version + 1:
        faults.append(Fault("parameters.version", f"expected {now.version + 1}"))
    fixed = (
        ("network", "never changes"),
        ("rule_set", "changes by adopt_rule_set"),
        ("voting_rules", "changes by change_voting_rules"),
    )
    faults += [
        Fault(f"parameters.{name}", why)
        for name, why in fixed
        if getattr(following, name) != getattr(now, name)
    ]
    return faults
