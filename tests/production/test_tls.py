"""TLS with a certificate of the network's own authority; client certificates where demanded."""

import datetime as dt
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from governance.access.fronting import free_port
from governance.assembly.founding import create_network
from governance.assembly.keys import open_keys
from governance.assembly.services import governance_services
from governance.client.files import write_private
from governance.client.folder import private_pem
from governance.identity.authority import approve, issue
from governance.identity.profile import CertificateKind, CertificateOrder
from governance.settings import Settings, as_environment
from ledger.database import connect, writing
from ledger.keys import public_bytes
from tests.serving import server_settings

HOST = "api.st.example"
PATIENCE = 120.0


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A founded network with a server certificate of its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    settings = server_settings(
        folder / "data",
        network="st.example",
        tls_certificate=str(folder / "server.pem"),
        tls_key=str(folder / "server.key"),
    )
    create_network(settings, lambda _line: None)
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(folder / "server.key", private_pem(key))
    (folder / "server.pem").write_text(_certify(settings, key) + _chain(settings)[1])
    return settings


def _certify(settings: Settings, key: ec.EllipticCurvePrivateKey) -> str:
    order = CertificateOrder(
        kind=CertificateKind.NODE,
        network=settings.network,
        member_id=settings.platform_member,
        node="api",
        legal_name=settings.platform_legal_name,
        roles=("platform_administrator",),
        host=HOST,
        spki=public_bytes(key.public_key()),
    )
    engine = connect(settings.database)
    authority = governance_services(settings, open_keys(settings), engine).authority
    at = dt.datetime.now(dt.UTC)
    with writing(engine) as session:
        issuance = approve(session, order, at)
    der = issue(engine, authority, issuance, at)
    engine.dispose()
    pem = x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
    return pem.decode()


def _chain(settings: Settings) -> list[str]:
    """Return the administrator's certificate, the issuing authority's and the root's."""
    folder = settings.data_dir / "members" / settings.platform_member
    parts = x509.load_pem_x509_certificates((folder / "node.crt").read_bytes())
    return [part.public_bytes(serialization.Encoding.PEM).decode() for part in parts]


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SEKISHO_")}
    cache = {k: v for k, v in os.environ.items() if k == "SEKISHO_CACHE"}
    with (settings.data_dir / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "governance.cli", "serve"],
            env=kept | cache | as_environment(settings),
            stdout=log,
            stderr=log,
        )
    try:
        yield f"https://127.0.0.1:{settings.port}"
    finally:
        process.terminate()
        process.wait(60)


def pinned(settings: Settings) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=_chain(settings)[-1])


def get(url: str, context: ssl.SSLContext) -> httpx.Response:
    """Ask for a page under the server's name, wherever it listens; wait until it does."""
    until = time.monotonic() + PATIENCE
    with httpx.Client(verify=context) as client:
        while True:
            try:
                return client.get(f"{url}/health/live", extensions={"sni_hostname": HOST})
            except httpx.ConnectError as error:
                if "refused" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.2)


def test_only_who_pins_the_root_believes_it(network: Settings):
    with serving(network) as url:
        assert get(url, pinned(network)).json() == {"status": "live"}
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            get(url, ssl.create_default_context())
        _is_hardened(url, pinned(network))


def _is_hardened(url: str, context: ssl.SSLContext) -> None:
    answer = get(url, context)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    name = {"sni_hostname": HOST}
    with httpx.Client(base_url=url, verify=context) as client:
        large = client.post("/v1/applications", content=bytes(5 << 20), extensions=name)
        assert large.status_code == 413
        headers = {"x-padding": "a" * (100 << 10)}
        assert client.get("/health/live", headers=headers, extensions=name).status_code == 431


def test_where_client_certificates_are_demanded_nobody_else_comes_in(
    network: Settings, tmp_path: Path
):
    authorities = tmp_path / "clients.pem"
    authorities.write_text("".join(_chain(network)[1:]))
    demanding = msgspec.structs.replace(network, port=free_port(), tls_client_ca=str(authorities))
    folder = network.data_dir / "members" / network.platform_member
    with serving(demanding) as url:
        known = pinned(network)
        known.load_cert_chain(folder / "node.crt", folder / "node.key")
        assert get(url, known).json() == {"status": "live"}
        with pytest.raises(httpx.TransportError):
            get(url, pinned(network))
