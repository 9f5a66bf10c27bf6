"""The services of this process: each package's, made from keys, database and one another."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from governance.access.statements import Desk
from governance.assembly.contract_effects import RegistryEffects
from governance.assembly.keys import SERVICE, ServiceKeys
from governance.assembly.membership_effects import GovernanceObserver, RegisterEffects
from governance.decisions.actions import RotateCaKey
from governance.decisions.effects import Decided, Effects
from governance.decisions.parameters import NetworkParameters
from governance.decisions.services import DecisionServices
from governance.decisions.store import founded, load_state
from governance.errors import AuthorityUnfit
from governance.identity import store as identity
from governance.identity.announcements import Herald
from governance.identity.authority import Authority
from governance.identity.profile import NODE_LIFETIME, CertificateKind
from governance.incidents.services import IncidentServices
from governance.settings import Settings
from ledger.hashing import content_digest
from policies.compilation import CompiledRules
from policies.errors import Fault
from policies.responsibility import shipped_matrix
from policies.review import examine_difference, examine_rules

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    """Return the time now: the only clock of the process."""
    return dt.datetime.now(dt.UTC)


class NetworkEffectsHere:
    """What decisions about the network's own rules do here.

    Rules, parameters and runtimes are read from the network's state wherever they are needed
    (`assembly.view`); nothing has to be pushed.
    """

    def examine_rule_set(self, current: CompiledRules, text: bytes, difference: str) -> list[Fault]:
        """Return every fault of a rule set's text, and every statement that it fails.

        For one without, that the proposal names another difference than there is.
        """
        return list(examine_rules(text) or examine_difference(current, text, difference))

    def adopt_rule_set(self, session: Session, digest: str, text: bytes, decided: Decided) -> None:
        """Nothing to do: the state names the rule set in force."""

    def rotate_ca_key(self, session: Session, action: RotateCaKey, decided: Decided) -> None:
        """Let the issuing authority that was decided on issue from now on.

        Raises:
            AuthorityUnfit: it was not certified with the offline root yet, or has expired.
        """
        for row in identity.authorities(session, "issuing", decided.at):
            if content_digest(row.der) == action.certificate:
                identity.put_in_force(session, row.name, decided.at)
                return
        raise AuthorityUnfit(
            "no issuing authority here has this certificate; certify it first with"
            " `sekisho governance certify-authority`"
        )

    def publish_parameters(self, session: Session, parameters: NetworkParameters) -> None:
        """Nothing to do: the signed parameters are stored with the decision."""


@dataclass(frozen=True)
class GovernanceServices:
    """What governs: who speaks, who issues, who decides."""

    observer: GovernanceObserver
    authority: Authority
    desk: Desk
    decisions: DecisionServices
    incidents: IncidentServices

    def observe(self) -> None:
        """From now on, tell decisions what memberships and certificates do."""
        self.observer.services = self.decisions


def certificate_days(session: Session, kind: CertificateKind) -> int:
    """Return how long a certificate lives, as the members have decided."""
    if kind is CertificateKind.SERVICE or not founded(session):
        return NODE_LIFETIME.days
    parameters = load_state(session).parameters
    if kind is CertificateKind.CLIENT:
        return parameters.client_certificate_days
    return parameters.node_certificate_days


def governance_services(
    settings: Settings, keys: ServiceKeys, engine: Engine, clock: Clock = utc_now
) -> GovernanceServices:
    """Return the services of governance, not yet observing."""
    observer = GovernanceObserver()
    signer = keys.files.signer(SERVICE)
    herald = Herald(settings.network, settings.platform_member, signer, (observer,))
    authority = Authority(keys.authority, herald, settings.url, keys.files, certificate_days)
    desk = Desk(engine, settings.network, clock)
    effects = Effects(RegisterEffects(authority), RegistryEffects(), NetworkEffectsHere())
    decisions = DecisionServices(herald, effects, desk)
    incidents = IncidentServices(herald, shipped_matrix(), desk)
    return GovernanceServices(observer, authority, desk, decisions, incidents)
