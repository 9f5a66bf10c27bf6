"""The first statement of a network: who starts it, with which keys, under which rules."""

import datetime as dt
import secrets

from sqlalchemy.orm import Session

from governance.decisions import folding
from governance.decisions.actions import KINDS
from governance.decisions.network import ROLES, NetworkState
from governance.decisions.parameters import NetworkParameters
from governance.decisions.recording import settle
from governance.decisions.services import DecisionServices
from governance.decisions.statements import GENESIS, Genesis
from governance.decisions.store import found_state, founded
from governance.decisions.voting_rules import VotingRules, read_voting_rules, shipped_text
from governance.errors import NetworkUnfounded
from ledger.log.sequencer import LogEntry, append
from ledger.statements import MAX_LIFETIME, Signer, Statement, sign_statement

LARGEST_TRANSACTION = 1 << 20
"""Bytes of the largest transaction in a new network."""

REGISTRATION_WINDOW = 24 * 3600
"""Seconds by which `registered_at` may differ from the notary's clock in a new network."""

CERTIFICATE_DAYS = 30
"""Life of a certificate in a new network, in days."""


def shipped_voting_rules() -> VotingRules:
    """Return the voting rules that a new network starts with."""
    return read_voting_rules(shipped_text(), KINDS, ROLES)


def first_parameters(
    network: str,
    notary: str,
    rule_set: str,
    runtimes: tuple[str, ...] = (),
    voting_rules: VotingRules | None = None,
) -> NetworkParameters:
    """Return version 1 of the parameters, as shipped.

    Args:
        network: the network's id.
        notary: the platform administrator's member id.
        rule_set: `sha256:<hex>` of the access rules.
        runtimes: ids of the accepted contract runtimes.
        voting_rules: those of the network; the shipped ones where not given.
    """
    return NetworkParameters(
        version=1,
        network=network,
        notary=notary,
        largest_transaction=LARGEST_TRANSACTION,
        runtimes=tuple(sorted(runtimes)),
        session_opens=dt.time(9),
        session_closes=dt.time(17),
        node_certificate_days=CERTIFICATE_DAYS,
        client_certificate_days=CERTIFICATE_DAYS,
        registration_window_seconds=REGISTRATION_WINDOW,
        witness_quorum=0,
        rule_set=rule_set,
        voting_rules=(voting_rules or shipped_voting_rules()).digest,
    )


def found_network(
    session: Session,
    services: DecisionServices,
    administrator: Signer,
    genesis: Genesis,
    at: dt.datetime,
) -> NetworkState:
    """Found the network: the genesis statement and the first parameters go into the log.

    Args:
        session: a session of `ledger.database.writing`.
        services: what decisions need; its herald signs, too.
        administrator: the first member's node key; it signs the genesis statement as well.
        genesis: what the network starts from.
        at: the time now.

    Raises:
        NetworkUnfounded: there is a network already, or the genesis contradicts itself.
    """
    if founded(session):
        raise NetworkUnfounded("the network was founded before")
    state = folding.found(genesis, at)
    statement = Statement(
        secrets.token_hex(16),
        genesis.network,
        genesis.administrator.member_id,
        at,
        at + MAX_LIFETIME,
        genesis,
    )
    envelope = sign_statement(GENESIS, statement, services.herald.signer, administrator)
    found_state(session, state, append(session, [LogEntry(GENESIS, envelope)])[0])
    return settle(session, services, at)
