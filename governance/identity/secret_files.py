"""A secret in a file of its owner's: as it is, or sealed by a key that never leaves a token.

Whatever the secret seals in turn (private keys, records) is then worth nothing without the token.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from governance.client.files import write_private
from governance.errors import KeyStoreUnusable
from governance.identity.keystores import KeyStore
from governance.identity.sealing import MasterKey

FORMAT = "sekisho-sealed-secret/v1"


class SealedSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A secret that a token's key has sealed, bound to `name`."""

    format: str
    name: str
    sealed: bytes


@dataclass(frozen=True)
class TokenPlace:
    """Where a PKCS#11 token is.

    Args:
        library: path of its PKCS#11 library.
        label: the token's label.
        pin_file: holds its user PIN.
    """

    library: str
    label: str
    pin_file: str

    def pin(self) -> str:
        """Return the PIN.

        Raises:
            KeyStoreUnusable: its file cannot be read.
        """
        try:
            return Path(self.pin_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise KeyStoreUnusable(f"the PIN of token {self.label} cannot be read") from error

    def store(self) -> KeyStore:
        """Return the key store in the token.

        Raises:
            KeyStoreUnusable: `python-pkcs11` is not installed, or the token does not open.
        """
        with _extra():
            from governance.identity.tokens import Pkcs11KeyStore, Token  # noqa: PLC0415
        return Pkcs11KeyStore(Token(self.library, self.label, self.pin()))

    def master(self) -> MasterKey:
        """Return the master key in the token, made there at the first use.

        Raises:
            KeyStoreUnusable: `python-pkcs11` is not installed, or the token does not open.
        """
        with _extra():
            from governance.identity.tokens import Pkcs11MasterKey, Token  # noqa: PLC0415
        return Pkcs11MasterKey(Token(self.library, self.label, self.pin()))


@contextmanager
def _extra() -> Iterator[None]:
    """Say plainly that an optional dependency is not there."""
    try:
        yield
    except ImportError as error:
        raise KeyStoreUnusable("PKCS#11 needs python-pkcs11: install sekisho[hsm]") from error


def write_secret(path: Path, secret: bytes, place: TokenPlace | None) -> None:
    """Write a secret, sealed by the token at `place` if there is one.

    Raises:
        KeyStoreUnusable: the token does not open.
    """
    if place is None:
        write_private(path, secret)
        return
    sealed = place.master().seal(secret, path.name)
    write_private(path, msgspec.json.encode(SealedSecret(FORMAT, path.name, sealed)))


def read_secret(path: Path, place: TokenPlace | None) -> bytes:
    """Return the secret in a file.

    Raises:
        KeyStoreUnusable: it cannot be read, is sealed and no token is named, or is not sealed
            though one is.
    """
    try:
        data = path.read_bytes().strip()
    except OSError as error:
        raise KeyStoreUnusable(
            f"the master key cannot be read: {error}; without it no sealed key opens"
        ) from error
    try:
        document = msgspec.json.decode(data, type=SealedSecret)
    except msgspec.MsgspecError:
        if place is not None:
            raise KeyStoreUnusable(f"{path.name} is not sealed by the token") from None
        return data
    if place is None:
        raise KeyStoreUnusable(f"{path.name} is sealed by a token: set pkcs11_master")
    return place.master().unseal(document.sealed, document.name)


def is_sealed(path: Path) -> bool:
    """Return whether the file's secret is sealed by a token."""
    try:
        msgspec.json.decode(path.read_bytes(), type=SealedSecret)
    except msgspec.MsgspecError:
        return False
    return True
