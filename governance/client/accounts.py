"""A custodian's account keys: one for each investor, in one sealed file of its folder.

The file holds P-256 scalars by investor id, sealed with AES-256-GCM under a key derived by scrypt
from what seals the folder (`governance.client.seal`): a passphrase or a token; without either, from
a random secret beside it that only this user may read, which is good enough for an evaluation and
for nothing else.
"""

import base64
import secrets
from collections.abc import Iterable
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from governance.client.files import write_private
from governance.client.seal import folder_secret
from governance.errors import FolderInvalid
from governance.identity.sealing import SecretMasterKey
from ledger.keys import SoftwareSigner, public_bytes

ACCOUNTS_FILE = "accounts.sealed"
SECRET_FILE = "accounts.secret"  # noqa: S105 - a file's name
PURPOSE = "sekisho-account-keys/v1"
SCALAR_SIZE = 32


class AccountKeys:
    """The account keys in a member's folder.

    Raises:
        KeyStoreUnusable: the file is sealed with another passphrase, or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / ACCOUNTS_FILE
        self._master = SecretMasterKey.open(folder / "accounts.json", _secret(folder))
        self._scalars: dict[str, bytes] = {}
        self._signers: dict[str, SoftwareSigner] = {}
        if self._file.exists():
            opened = self._master.unseal(self._file.read_bytes(), PURPOSE)
            self._scalars = msgspec.msgpack.decode(opened, type=dict[str, bytes])

    def make(self, investors: Iterable[str]) -> list[tuple[str, str]]:
        """Make a key for each investor that has none; keep them.

        Returns:
            Investor id and base64 of the DER public key, for every investor asked for.
        """
        wanted = list(investors)
        for investor in wanted:
            if investor not in self._scalars:
                key = ec.generate_private_key(ec.SECP256R1())
                scalar = key.private_numbers().private_value
                self._scalars[investor] = scalar.to_bytes(SCALAR_SIZE, "big")
        plain = msgspec.msgpack.encode(self._scalars)
        write_private(self._file, self._master.seal(plain, PURPOSE))
        return [(investor, self._public(investor)) for investor in wanted]

    def rotate(self, investor: str) -> tuple[str, str]:
        """Replace an investor's key; return its id and the new public key, base64 of the DER."""
        self._scalars.pop(investor, None)
        self._signers.pop(investor, None)
        return self.make([investor])[0]

    def signer(self, investor: str) -> SoftwareSigner:
        """Return the signer of an investor's account key.

        Raises:
            FolderInvalid: this folder holds no key of that investor.
        """
        if investor not in self._signers:
            if investor not in self._scalars:
                raise FolderInvalid(f"{self._file.parent} holds no account key of {investor}")
            value = int.from_bytes(self._scalars[investor], "big")
            self._signers[investor] = SoftwareSigner(ec.derive_private_key(value, ec.SECP256R1()))
        return self._signers[investor]

    def __contains__(self, investor: object) -> bool:
        """Say whether there is a key of this investor."""
        return investor in self._scalars

    def _public(self, investor: str) -> str:
        return base64.b64encode(public_bytes(self.signer(investor).public_key())).decode()


def _secret(folder: Path) -> bytes:
    secret = folder_secret(folder)
    if secret:
        return secret
    file = folder / SECRET_FILE
    if not file.exists():
        write_private(file, secrets.token_hex(32).encode())
    return file.read_bytes()
