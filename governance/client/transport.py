"""What a member's connection shows of itself in TLS, and whom it believes.

Over HTTPS the authorities of this machine are believed, and the root that the member has pinned;
the folder's own certificate is shown to a server that asks for one (mutual TLS).
"""

import datetime as dt
import ssl
from functools import cache

import httpx
from cryptography import x509

from governance.client.folder import MemberFolder
from governance.client.seal import PASSPHRASE, folder_secret
from governance.errors import FolderInvalid
from ledger.keys import accept_public_key, key_id

ROOT_FILE = "root.crt"
"""The root certificate among a folder's anchors, in a file of its own."""


def stamp(server: str, folder: MemberFolder | None) -> int:
    """Return when the certificate that is shown to `server` was written; 0 if none is."""
    if folder is None or not server.startswith("https:") or folder.certificate is None:
        return 0
    return (folder.path / "node.crt").stat().st_mtime_ns


def trust(server: str, folder: MemberFolder | None) -> ssl.SSLContext:
    """Return whom a connection believes, with the folder's certificate to show.

    Raises:
        FolderInvalid: key and certificate in the folder do not open, or do not fit.
    """
    if folder is None or not server.startswith("https:"):
        return _machine()
    context = httpx.create_ssl_context()
    root = folder.path / ROOT_FILE
    secret = folder_secret(folder.path) or b""
    try:
        if root.exists():
            context.load_verify_locations(cafile=root)
        if _is_good(folder.certificate, folder.key_id):
            chain, key = folder.path / "node.crt", folder.path / "node.key"
            context.load_cert_chain(chain, key, lambda: secret)
    except (OSError, ssl.SSLError) as error:
        raise FolderInvalid(
            f"{folder.path}: key and certificate do not open for TLS ({error});"
            f" is {PASSPHRASE} set as it was when the key was made?"
        ) from error
    return context


def _is_good(chain: str | None, own_key: str) -> bool:
    """Return whether there is a certificate to show: of the own key, and not expired."""
    if chain is None:
        return False
    own = x509.load_pem_x509_certificate(chain.encode())
    of_key = key_id(accept_public_key(own.public_key())) == own_key
    return of_key and dt.datetime.now(dt.UTC) < own.not_valid_after_utc


@cache
def _machine() -> ssl.SSLContext:
    """Return the authorities that this machine trusts; reading them takes 20 ms, so once."""
    return httpx.create_ssl_context()
