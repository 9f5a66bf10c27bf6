"""The keys of the service: where they lie, and what they are called.

The authority's key may live in a PKCS#11 token. The service key (statements), the log key
(checkpoints, Ed25519) and the keys of hosted nodes are sealed files; the master key seals them, and
may itself be sealed by a key in the token.
"""

import secrets
from dataclasses import dataclass

from governance.errors import KeyStoreUnusable
from governance.identity.keystores import KeyKind, KeyStore, SealedKeyStore
from governance.identity.sealing import SecretMasterKey
from governance.identity.secret_files import TokenPlace, is_sealed, read_secret, write_secret
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
    secret = read_secret(settings.master_key, master_place(settings))
    files = SealedKeyStore.open(settings.keys_dir, secret)
    master = SecretMasterKey.open(settings.keys_dir / "master.json", secret)
    if not settings.pkcs11_module:
        return ServiceKeys(files, files, master, secret)
    return ServiceKeys(_place(settings).store(), files, master, secret)


def master_place(settings: Settings) -> TokenPlace | None:
    """Return the token whose key seals the master key's file; None if it stands there as it is.

    Raises:
        KeyStoreUnusable: it is to be sealed by a token, and none is named.
    """
    if not settings.pkcs11_master:
        return None
    if not settings.pkcs11_module:
        raise KeyStoreUnusable("pkcs11_master needs a token: set pkcs11_module")
    return _place(settings)


def _place(settings: Settings) -> TokenPlace:
    return TokenPlace(settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin_file)


def make_master_secret(settings: Settings) -> bool:
    """Write a new random master key, unless there is one; return whether anything was written.

    One that stands there as it is gets sealed where a token is to seal it from now on.
    """
    path, place = settings.master_key, master_place(settings)
    if path.exists():
        if place is None or is_sealed(path):
            return False
        write_secret(path, read_secret(path, None), place)
        return True
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(path, secrets.token_hex(MASTER_BYTES).encode(), place)
    return True


def own_key(store: KeyStore, name: str, kind: KeyKind = KeyKind.P256) -> PublicKey:
    """Return the public half of a key of the service, made at the first call."""
    if name not in store.names():
        return store.generate(name, kind)
    return store.public_key(name)
