"""The network map, fetched and verified without trusting the server that sent it.

The folder keeps the newest map that was accepted: an older one is refused from then on.
"""

import datetime as dt

import msgspec
from cryptography import x509

from governance.client.anchors import read_anchors
from governance.client.connection import Connection
from governance.client.files import write_private
from governance.decisions.parameters import NetworkParameters
from governance.decisions.statements import PARAMETERS
from governance.errors import NetworkMapUntrusted
from governance.identity.network_map import NETWORK_MAP, NetworkMap, verify_network_map
from ledger.errors import LedgerError
from ledger.hashing import content_digest
from ledger.statements import read_envelope, read_statement

MAP_FILE = "map.json"


def fetch_map(connection: Connection, at: dt.datetime) -> NetworkMap:
    """Return the network map, verified against the root that the folder has pinned; keep it.

    Args:
        connection: of a member with a folder.
        at: now.

    Raises:
        NetworkMapUntrusted: saying what does not hold.
        AnchorsInvalid: nothing is pinned in the folder.
    """
    folder = connection.own_folder().path
    anchors = read_anchors(folder)
    root = x509.load_pem_x509_certificate(anchors.root_certificate.encode())
    envelope = connection.get_bytes("/v1/network/map")
    found = verify_network_map(envelope, root, at, _newest_seen(connection))
    if found.network != anchors.network:
        raise NetworkMapUntrusted(f"the map is of {found.network}, pinned is {anchors.network}")
    write_private(folder / MAP_FILE, envelope)
    return found


def fetch_parameters(connection: Connection, found: NetworkMap) -> NetworkParameters:
    """Return the network parameters that a verified map vouches for by their digest.

    Raises:
        NetworkMapUntrusted: the server sent others.
    """
    envelope = connection.get_bytes(f"/v1/parameters?version={found.parameters}")
    if content_digest(envelope) != found.parameters_digest:
        raise NetworkMapUntrusted("the parameters are not those that the network map names")
    try:
        return read_statement(read_envelope(envelope), PARAMETERS, NetworkParameters).body
    except LedgerError as error:
        raise NetworkMapUntrusted(f"the parameters cannot be read: {error}") from error


def _newest_seen(connection: Connection) -> int:
    """Return the version of the map that is kept; it was verified before it was written."""
    path = connection.own_folder().path / MAP_FILE
    if not path.exists():
        return 0
    try:
        kept = read_statement(read_envelope(path.read_bytes()), NETWORK_MAP, NetworkMap)
    except (LedgerError, OSError, msgspec.MsgspecError) as error:
        raise NetworkMapUntrusted(f"{path} cannot be read: {error}; remove it to go on") from error
    return kept.body.version
