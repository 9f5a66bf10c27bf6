"""A witness as a process of its own, and the witnesses that a publisher asks."""

from collections.abc import Sequence
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from litestar import Litestar

from governance.client.files import write_private
from governance.errors import FolderInvalid, SettingsInvalid
from governance.upgrading import upgrade_database
from ledger.database import connect
from ledger.errors import NoteInvalid
from ledger.keys import SoftwareSigner
from ledger.log.notes import NoteSigner, SignatureType, VerifierKey, parse_verifier_key
from ledger.log.witness import HttpWitness, WitnessServices
from ledger.log.witness_routes import witness_app
from policies.errors import Fault

KEY_FILE = "witness.key"
DATABASE_FILE = "witness.sqlite"
SEPARATOR = "|"
"""Between a witness's URL and its verifier key in the settings."""


def witness_signer(folder: Path, name: str) -> NoteSigner:
    """Return the signer of the witness in `folder`; its key is made at the first call.

    Raises:
        FolderInvalid: the key file holds another kind of key.
    """
    file = folder / KEY_FILE
    if not file.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = ed25519.Ed25519PrivateKey.generate()
        pem = fresh.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(file, pem)
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise FolderInvalid(f"{file} holds no Ed25519 key")
    return NoteSigner(name, SoftwareSigner(key))


def cosignature_key(signer: NoteSigner) -> VerifierKey:
    """Return the key that verifies the witness's cosignatures."""
    return signer.key(SignatureType.COSIGNATURE)


def build_witness(folder: Path, name: str, logs: Sequence[VerifierKey]) -> Litestar:
    """Return the application of the witness in `folder`, which watches `logs`."""
    signer = witness_signer(folder, name)
    engine = connect(f"sqlite:///{folder / DATABASE_FILE}")
    upgrade_database(engine)
    return witness_app(engine, WitnessServices(signer, {key.name: key for key in logs}))


def open_witnesses(entries: Sequence[str]) -> list[HttpWitness]:
    """Return the witnesses that the setting `witnesses` names: `URL|verifier key` each.

    Raises:
        SettingsInvalid: with every entry that cannot be read.
    """
    client = httpx.Client()
    found: list[HttpWitness] = []
    faults: list[Fault] = []
    for entry in entries:
        prefix, _, key = entry.partition(SEPARATOR)
        try:
            found.append(HttpWitness(prefix, parse_verifier_key(key), client))
        except NoteInvalid as error:
            faults.append(Fault("witnesses", f"{entry}: {error}"))
    if faults:
        raise SettingsInvalid("the witnesses cannot be read", tuple(faults))
    return found
