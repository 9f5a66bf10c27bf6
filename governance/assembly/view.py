"""The network as this process sees it now: rules, parameters, hosted keys; half a second old.

Every process reads the same database; what a decision changes acts everywhere within half a
second, without a bus between processes.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

import sqlalchemy as sa
from cryptography import x509
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from contracts.in_force import standing
from governance.decisions.network import NetworkState
from governance.decisions.parameters import NetworkParameters
from governance.decisions.store import document, load_state
from governance.identity.keystores import KeyStore
from governance.membership.key_cache import KeyCache
from governance.membership.renewals import hosted_key_name
from governance.membership.tables import NodeRow
from ledger.database import reading
from ledger.keys import PublicKey, accept_public_key, key_id
from ledger.network import LedgerParameters
from ledger.standing import Standing
from ledger.statements import Signer
from ledger.verification import ContractVersion
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set

FRESH_SECONDS = 0.5
"""How long what was read is believed."""

KEPT_KEYS = 4_096
"""Certified keys kept parsed: more than a network has nodes."""

Value = TypeVar("Value")


class Fresh(Generic[Value]):
    """A value that is read again when it is older than half a second."""

    def __init__(self, read: Callable[[], Value]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._kept: tuple[float, Value] | None = None

    def get(self) -> Value:
        """Return the value, at most half a second old."""
        believed = self.believed()
        if believed is not None:
            return believed
        with self._lock:
            now = time.monotonic()
            kept = self._kept
            if kept is None or now - kept[0] > FRESH_SECONDS:
                self._kept = kept = (time.monotonic(), self._read())
            return kept[1]

    def believed(self) -> Value | None:
        """Return the value if it is at most half a second old, else None; without a wait."""
        kept = self._kept
        return kept[1] if kept and time.monotonic() - kept[0] <= FRESH_SECONDS else None


class NetworkView:
    """What is in force now, for everything that asks on the hot path."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._state = Fresh(self._load)
        self._rules: CompiledRules | None = None

    def state(self) -> NetworkState:
        """Return the network's state."""
        return self._state.get()

    @property
    def parameters(self) -> NetworkParameters:
        """The network parameters in force."""
        return self.state().parameters

    def rules(self) -> CompiledRules:
        """Return the rules in force; compiled once for each rule set."""
        wanted = self.parameters.rule_set
        rules = self._rules
        if rules is None or rules.digest != wanted:
            with reading(self._engine) as session:
                text = document(session, wanted).decode()
            self._rules = rules = compile_rules(parse_rule_set(text))
        return rules

    def believed_rules(self) -> CompiledRules | None:
        """Return what `rules` returned within the last half second, or None; without a wait."""
        state, rules = self._state.believed(), self._rules
        if state is None or rules is None or rules.digest != state.parameters.rule_set:
            return None
        return rules

    @property
    def last_rules(self) -> CompiledRules | None:
        """The rules that were in force when somebody last asked."""
        return self._rules

    def current(self, at: dt.datetime) -> LedgerParameters:  # noqa: ARG002 - the protocol's signature
        """Return the parameters that the ledger obeys (`ledger.network.ParameterSource`)."""
        now = self.parameters
        return LedgerParameters(
            network=now.network,
            version=now.version,
            notary=now.notary,
            registration_window=now.registration_window_seconds,
        )

    def runtimes(self, session: Session) -> tuple[str, ...]:
        """Return the ids of the runtimes that the network has registered."""
        return load_state(session).parameters.runtimes

    def _load(self) -> NetworkState:
        with reading(self._engine) as session:
            return load_state(session)


class CertifiedNodeKeys:
    """The certified keys of members' nodes (`ledger.network.NodeKeys`)."""

    def __init__(self, engine: Engine) -> None:
        self._cache = KeyCache(engine)

    def keys_of(self, member_id: str, key_id: str, at: dt.datetime) -> PublicKey | None:
        """Return the key with this id if it is a valid node key of an active member."""
        found = self._cache.certified_key(key_id, at)
        if found is None or found.member_id != member_id:
            return None
        return _certified(found.certificate)


@lru_cache(maxsize=KEPT_KEYS)
def _certified(certificate: bytes) -> PublicKey:
    return accept_public_key(x509.load_der_x509_certificate(certificate).public_key())


class HostedNodes:
    """The keys of the nodes that this network hosts (`ledger.network.HostedSigners`)."""

    def __init__(self, engine: Engine, keys: KeyStore) -> None:
        self._engine = engine
        self._keys = keys
        self._cache = KeyCache(engine)
        self._names = Fresh(self._load)
        self._signers: dict[str, Signer] = {}

    def hosted_signer(self, member_id: str) -> Signer | None:
        """Return the signer of a member's hosted node while its key is certified, or None."""
        for name in self._names.get().get(member_id, ()):
            if name not in self._signers:
                self._signers[name] = self._keys.signer(name)
            signer = self._signers[name]
            found = self._cache.certified_key(key_id(signer.public_key()), dt.datetime.now(dt.UTC))
            if found is not None and found.member_id == member_id:
                return signer
        return None

    def _load(self) -> dict[str, list[str]]:
        held = set(self._keys.names())
        query = sa.select(NodeRow.member_id, NodeRow.name).where(NodeRow.removed_at.is_(None))
        hosted: dict[str, list[str]] = {}
        with reading(self._engine) as session:
            for member_id, node in session.execute(query):
                name = hosted_key_name(member_id, node)
                if name in held:
                    hosted.setdefault(member_id, []).append(name)
        return hosted


class VersionsInForce:
    """Which contract versions may judge (`ledger.network.ContractsInForce`)."""

    def standing(self, session: Session, version: ContractVersion, at: dt.datetime) -> Standing:
        """Return what exactly this version may judge now."""
        return standing(session, version, at)
