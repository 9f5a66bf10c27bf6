"""The way back in for a platform administrator whose keys are lost or have expired.

The administrator's hosted node has a key of its own here, which the service renews by itself. With
it, whoever runs the server's machine says what the administrator would say: that a new key, which
was asked for as any recovery is, is to be certified. The others' votes are needed as always.
"""

import datetime as dt
import secrets
from typing import TypeVar

import msgspec
from sqlalchemy.engine import Engine

from governance.assembly.keys import open_keys
from governance.assembly.services import GovernanceServices, governance_services, utc_now
from governance.assembly.view import HostedNodes, NetworkView
from governance.decisions.actions import RecoverKey, binding_names
from governance.decisions.counting import vote
from governance.decisions.network import bindings
from governance.decisions.proposing import propose
from governance.decisions.statements import PROPOSAL, VOTE, Proposal, Vote
from governance.decisions.store import load_state
from governance.decisions.voting import Status
from governance.errors import KeyNotCertified
from governance.identity.authority import resume
from governance.membership.members import Role
from governance.membership.renewals import renew_hosted
from governance.operations.databases import open_database
from governance.settings import Settings
from ledger.database import reading, writing
from ledger.statements import Opened, Signer, Statement, sign_statement
from policies.actors import Actor

LIFETIME = dt.timedelta(minutes=10)

Body = TypeVar("Body", bound=msgspec.Struct)


def renew_own(engine: Engine, services: GovernanceServices) -> None:
    """Renew the certificates of hosted nodes and of the service that are due, or have expired.

    Called before a process opens the network: after a long silence nothing else would.
    """
    at = utc_now()
    with writing(engine) as session:
        renew_hosted(session, services.authority, at)
    resume(engine, services.authority, at)


def recover_administrator(settings: Settings, key_id: str, reason: str) -> Status:
    """Propose, in the platform administrator's name, to certify the key `key_id`, and approve it.

    Args:
        settings: of this machine's server.
        key_id: of the key for which `sekisho member recover` has asked.
        reason: what those who vote read.

    Returns:
        Where the proposal stands: approved, unless others have to vote too.

    Raises:
        KeyNotCertified: no hosted node of the administrator has its key here.
        And what proposing and voting raise.
    """
    engine = open_database(settings)
    try:
        services = governance_services(settings, keys := open_keys(settings), engine)
        services.observe()
        renew_own(engine, services)
        member_id = settings.platform_member
        signer = HostedNodes(engine, keys.files).hosted_signer(member_id)
        if signer is None:
            raise KeyNotCertified(f"no hosted node of {member_id} has a certified key here")
        speak = _Voice(settings, services, signer)
        rules = NetworkView(engine).rules()
        with reading(engine) as session:
            now = bindings(load_state(session))
        action = RecoverKey(member_id=member_id, key_id=key_id, reason=reason)
        binds = {name: now[name] for name in binding_names(action) if name in now}
        actor, said = speak.say(PROPOSAL, Proposal((action,), binds, reason))
        with services.desk.writing(said) as session:
            proposal = propose(session, services.decisions, rules, actor, said, utc_now())
        role = Role.PLATFORM_ADMINISTRATOR
        actor, approval = speak.say(VOTE, Vote(proposal, role, approve=True, reason=reason))
        with services.desk.writing(approval) as session:
            return vote(session, services.decisions, rules, actor, approval, utc_now())
    finally:
        engine.dispose()


class _Voice:
    """Signs with the hosted node's key, and opens what it signed as the edge does."""

    def __init__(self, settings: Settings, services: GovernanceServices, signer: Signer) -> None:
        self._settings = settings
        self._services = services
        self._signer = signer

    def say(self, kind: str, body: Body) -> tuple[Actor, Opened[Body]]:
        at = utc_now()
        author, network = self._settings.platform_member, self._settings.network
        said = Statement(secrets.token_hex(16), network, author, at, at + LIFETIME, body)
        return self._services.desk.open(sign_statement(kind, said, self._signer), kind, type(body))
