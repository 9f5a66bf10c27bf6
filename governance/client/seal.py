"""What seals the private keys in a member's folder: a passphrase, or a key in a PKCS#11 token.

The passphrase is in SEKISHO_PASSPHRASE. With SEKISHO_PKCS11_MASTER the folder has a secret of
its own, sealed by the token that SEKISHO_PKCS11_MODULE, …_TOKEN and …_PIN_FILE name, which is asked
once for each process.
"""

import os
import secrets
from functools import cache
from pathlib import Path

from governance.errors import KeyStoreUnusable

PASSPHRASE = "SEKISHO_PASSPHRASE"  # noqa: S105 - the variable's name
TOKEN = "SEKISHO_PKCS11_"  # noqa: S105 - how the variables' names begin
SECRET_FILE = "folder.secret"  # noqa: S105 - a file's name
SECRET_BYTES = 32


def folder_secret(folder: Path) -> bytes | None:
    """Return what seals the keys in `folder`; None if nothing does.

    Raises:
        KeyStoreUnusable: a token is to be asked, and does not open.
    """
    passphrase = os.environ.get(PASSPHRASE)
    if passphrase:
        return passphrase.encode()
    if os.environ.get(TOKEN + "MASTER", "").lower() not in {"1", "true", "yes", "on"}:
        return None
    place = tuple(os.environ.get(TOKEN + name, "") for name in ("MODULE", "TOKEN", "PIN_FILE"))
    if not all(place):
        raise KeyStoreUnusable(f"{TOKEN}MASTER needs {TOKEN}MODULE, …_TOKEN and …_PIN_FILE")
    return _from_token(folder / SECRET_FILE, *place)


@cache
def _from_token(file: Path, library: str, label: str, pin_file: str) -> bytes:
    from governance.identity.secret_files import (  # noqa: PLC0415 - an optional dependency's
        TokenPlace,
        read_secret,
        write_secret,
    )

    place = TokenPlace(library, label, pin_file)
    if not file.exists():
        write_secret(file, secrets.token_hex(SECRET_BYTES).encode(), place)
    return read_secret(file, place)
