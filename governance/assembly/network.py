"""One open network: everything that routes and background work share in this process."""

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from contracts.artifacts import find_runtime, keep_registered
from contracts.errors import ContractError
from contracts.in_force import approved, runtimes_in_use
from contracts.sandbox.pools import Approved, Pools, SandboxVerifier
from contracts.sandbox.runtime import Runtime
from contracts.services import ContractServices
from governance.access.tokens import Tokens
from governance.assembly.contract_effects import (
    GatedObserver,
    ReopenedObserver,
    RightsObserver,
)
from governance.assembly.faults import CountingVerifier
from governance.assembly.keys import ServiceKeys, open_keys
from governance.assembly.services import GovernanceServices, governance_services, utc_now
from governance.assembly.view import CertifiedNodeKeys, HostedNodes, NetworkView, VersionsInForce
from governance.decisions.store import load_state, parameters_envelope
from governance.errors import NetworkUnfounded
from governance.membership.services import MembershipServices
from governance.operations.databases import open_database
from governance.operations.replica import Replica
from governance.problems import describe
from governance.requests import RateLimit
from governance.settings import Settings
from ledger.commitment import Judges
from ledger.database import reading, writing
from ledger.gateway import Gateway
from ledger.hashing import content_digest, tagged_hash
from ledger.notary import Notary
from ledger.pseudonyms import Pseudonyms
from ledger.records.directory import LedgerDirectory
from ledger.records.encryption import SoftwareMasterKey
from ledger.records.services import RecordServices
from ledger.services import LedgerServices
from ledger.submission import Submissions
from ledger.verification import ContractVersion

_log = structlog.get_logger()


@dataclass(frozen=True)
class Network:
    """The open network; a context manager."""

    settings: Settings
    keys: ServiceKeys
    database: Engine
    view: NetworkView
    governance: GovernanceServices
    tokens: Tokens
    rates: RateLimit
    contracts: ContractServices
    ledger: LedgerServices
    membership: MembershipServices
    records: RecordServices
    pools: Pools
    replica: Replica

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Commit what waits; stop the sandbox; close the database."""
        self.ledger.submissions.close()
        self.pools.close()
        self.replica.close()
        self.database.dispose()


def open_network(settings: Settings) -> Network:
    """Open the network in `settings.data_dir`.

    Raises:
        NetworkUnfounded: there is none, or its notary has no key here.
        KeyStoreUnusable: the keys do not open.
    """
    keys = open_keys(settings)
    engine = open_database(settings)
    try:
        return _assemble(settings, keys, engine)
    except BaseException:
        engine.dispose()
        raise


def _assemble(settings: Settings, keys: ServiceKeys, engine: Engine) -> Network:
    copy = open_database(settings, settings.replica_url) if settings.replica_url else None
    replica = Replica(engine, copy)
    rates = RateLimit(settings.rate_limit)
    governance = governance_services(settings, keys, engine)
    governance.desk.admit = rates.take
    governance.observe()
    view = NetworkView(engine)
    hosted = HostedNodes(engine, keys.files)
    workers = settings.verification_workers or os.cpu_count() or 1
    pools = Pools(_runtimes(engine), workers)
    submissions = _submissions(engine, view, hosted, pools)
    _make_ready(engine, view, pools)
    pseudonyms = Pseudonyms(tagged_hash("pseudonym/secret", keys.secret))
    return Network(
        settings=settings,
        keys=keys,
        database=engine,
        view=view,
        governance=governance,
        tokens=Tokens(engine, settings.network, utc_now, rates.take),
        rates=rates,
        contracts=ContractServices(
            desk=governance.desk,
            runtimes=view.runtimes,
            signer=governance.authority.herald.signer,
            gated=GatedObserver(governance.decisions),
            reopened=ReopenedObserver(governance.decisions),
        ),
        ledger=LedgerServices(
            desk=governance.desk,
            submissions=submissions,
            gateway=Gateway(pseudonyms),
            signers=hosted,
            describe=describe,
            rights_changed=RightsObserver(governance.decisions),
            queried=replica.choose,
        ),
        membership=MembershipServices(governance.authority, governance.desk, _signed_parameters),
        records=RecordServices(
            SoftwareMasterKey(tagged_hash("records/master", keys.secret)), LedgerDirectory()
        ),
        pools=pools,
        replica=replica,
    )


def _submissions(
    engine: Engine, view: NetworkView, hosted: HostedNodes, pools: Pools
) -> Submissions:
    """Return the way into the ledger: what judges a transaction, and who signs for it here."""
    member = view.parameters.notary
    signer = hosted.hosted_signer(member)
    if signer is None:
        raise NetworkUnfounded(f"the notary's key of {member} is not certified")
    judges = Judges(
        verifier=CountingVerifier(SandboxVerifier(pools, _approved(engine))),
        contracts=VersionsInForce(),
        notary=Notary(member, signer),
        signers=hosted,
    )
    return Submissions(engine, judges, CertifiedNodeKeys(engine), view, utc_now)


def _signed_parameters(session: Session, _at: dt.datetime) -> tuple[int, str]:
    """Return the version and the digest of the signed parameters in force."""
    version = load_state(session).announced
    return version, content_digest(parameters_envelope(session, version))


def _make_ready(engine: Engine, view: NetworkView, pools: Pools) -> None:
    """Keep the artifacts of registered runtimes, and start workers for those in use.

    A runtime that this machine cannot have stops only the versions on it: their transactions get
    "try again".
    """
    with writing(engine) as session:
        registered = view.runtimes(session)
        keep_registered(session, registered, view.parameters.notary, utc_now())
        used = runtimes_in_use(session) or registered
    for runtime in used:
        try:
            pools.prepare(runtime)
        except ContractError as error:
            _log.warning("runtime cannot be used here", runtime=runtime, reason=str(error))


def _runtimes(engine: Engine) -> Callable[[str], Runtime | None]:
    """Return a look-up of runtimes, in this machine's cache and then in the database."""

    def look_up(runtime: str) -> Runtime | None:
        with reading(engine) as session:
            return find_runtime(session, runtime)

    return look_up


def _approved(engine: Engine) -> Callable[[ContractVersion], Approved]:
    """Return a look-up of what was approved that asks the database once for each version."""
    found: dict[ContractVersion, Approved] = {}

    def look_up(version: ContractVersion) -> Approved:
        if version not in found:
            with reading(engine) as session:
                found[version] = approved(session, version)
        return found[version]

    return look_up
