"""What members pin of this network, as the server states it."""

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sqlalchemy.orm import Session

from governance.anchors import Anchors
from governance.assembly.keys import LOG, ServiceKeys
from governance.decisions.statements import GENESIS
from governance.errors import NetworkUnfounded
from governance.identity.foundation import trust_anchor
from governance.settings import Settings
from ledger.hashing import content_digest
from ledger.log.notes import NoteSigner
from ledger.log.store import read_entries

BEFORE_GENESIS = 64
"""Entries among which the genesis statement is: only the authority's certificates precede it."""


def log_origin(network: str) -> str:
    """Return the origin of a network's log: its name, and the path below it."""
    return f"{network}/log"


def log_signer(settings: Settings, keys: ServiceKeys) -> NoteSigner:
    """Return the signer of the log's checkpoints."""
    return NoteSigner(log_origin(settings.network), keys.files.signer(LOG))


def network_anchors(session: Session, settings: Settings, keys: ServiceKeys) -> Anchors:
    """Return what members pin.

    Raises:
        NetworkUnfounded: there is no genesis statement yet.
    """
    first = read_entries(session, 0, BEFORE_GENESIS)
    genesis = next((data for _, kind, data in first if kind == GENESIS), None)
    if genesis is None:
        raise NetworkUnfounded("the network has no genesis statement yet")
    root: x509.Certificate = trust_anchor(session).certificate
    return Anchors(
        network=settings.network,
        log_key=str(log_signer(settings, keys).key()),
        genesis=content_digest(genesis),
        root_certificate=root.public_bytes(serialization.Encoding.PEM).decode(),
    )
