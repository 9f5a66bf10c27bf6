"""The keys of the service: where they lie, and what they are called.

The authority's key may live in a PKCS#11 token. The service key (statements), the log key
(checkpoints, Ed25519) and the keys of hosted nodes are sealed files; the master key seals them.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

from governance.client.folder import write_private
from governance.errors import KeyStoreUnusable
from governance.identity.keystores import KeyKind, KeyStore, SealedKeyStore
from governance.identity.sealing import SecretMasterKey
from governance.settings import Settings
from ledger.keys import PublicKey

SERVICE = "service"
LOG = "log"
NOTARY = "notary"
MASTER_BYTES = 32


@dataclass(frozen=True)
class ServiceKeys:
    """The open key stores.

    Args:
        authority: holds the issuing keys; a token where one is configured.
        files: holds all other keys, sealed.
        master: seals records as well.
    """

    authority: KeyStore
    files: SealedKeyStore
    master: SecretMasterKey
    secret: bytes


def open_keys(settings: Settings) -> ServiceKeys:
    """Return the key stores of this process.

    Raises:
        KeyStoreUnusable: no master key, a wrong one, or no token.
    """
    secret = read_master_secret(settings.master_key)
    files = SealedKeyStore.open(settings.keys_dir, secret)
    master = SecretMasterKey.open(settings.keys_dir / "master.json", secret)
    if not settings.pkcs11_module:
        return ServiceKeys(files, files, master, secret)
    from governance.identity.tokens import (  # noqa: PLC0415 - the extra `sekisho[hsm]`
        Pkcs11KeyStore,
        Token,
    )

    pin = Path(settings.pkcs11_pin_file).read_text(encoding="utf-8").strip()
    token = Token(settings.pkcs11_module, settings.pkcs11_token, pin)
    return ServiceKeys(Pkcs11KeyStore(token), files, master, secret)


def read_master_secret(path: Path) -> bytes:
    """Return the secret in the master key's file.

    Raises:
        KeyStoreUnusable: it cannot be read.
    """
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise KeyStoreUnusable(
            f"the master key cannot be read: {error}; without it no sealed key opens"
        ) from error


def make_master_secret(path: Path) -> bool:
    """Write a new random master key, unless there is one; return whether one was made."""
    if path.exists():
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, secrets.token_hex(MASTER_BYTES).encode())
    return True


def own_key(store: KeyStore, name: str, kind: KeyKind = KeyKind.P256) -> PublicKey:
    """Return the public half of a key of the service, made at the first call."""
    if name not in store.names():
        return store.generate(name, kind)
    return store.public_key(name)
