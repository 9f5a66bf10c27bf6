"""Makes versions of the shipped contract, statements about them, and actors."""

import datetime as dt

from cryptography.hazmat.primitives.asymmetric import ec

from contracts.deployment import PACKAGE_KIND, ContractPackage
from contracts.packages import Package, make_package
from ledger.keys import SoftwareSigner
from ledger.statements import (
    Opened,
    Statement,
    open_statement,
    read_envelope,
    read_statement,
    sign_statement,
)
from policies.actors import Actor

AT = dt.datetime(2025, 6, 2, tzinfo=dt.UTC)
RUNTIME = "sha256:" + "7" * 64
KEY = SoftwareSigner(ec.generate_private_key(ec.SECP256R1()))
AUTHOR = Actor("trust-a", frozenset({"registrar"}))


def with_files(package: Package, **texts: str) -> Package:
    """Return the package with some files replaced; `contract_py` stands for `contract.py`."""
    changed = {name.replace("_py", ".py").replace("_toml", ".toml"): t for name, t in texts.items()}
    return make_package({**package.files, **{n: t.encode() for n, t in changed.items()}})


def at_version(package: Package, version: str, source: str | None = None) -> Package:
    """Return the package as another version, and perhaps with another contract."""
    manifest = package.files["contract.toml"].decode()
    text = manifest.replace('version = "1.0.0"', f'version = "{version}"')
    return with_files(package, contract_toml=text, contract_py=source or package.source)


def signed(
    package: Package,
    *,
    runtime: str = RUNTIME,
    digest: str | None = None,
    version: str | None = None,
) -> bytes:
    """Return the envelope of a submission."""
    manifest = package.manifest
    digest, version = digest or package.digest, version or manifest.version
    body = ContractPackage(manifest.name, version, digest, runtime)
    life = dt.timedelta(days=1)
    statement = Statement("s" * 20, "net", "trust-a", AT, AT + life, body)
    return sign_statement(PACKAGE_KIND, statement, KEY)


def opened(envelope: bytes) -> Opened[ContractPackage]:
    """Return the submission, its signature checked."""
    read = read_envelope(envelope)
    statement = read_statement(read, PACKAGE_KIND, ContractPackage)
    return open_statement(read, envelope, statement, KEY.public_key())
