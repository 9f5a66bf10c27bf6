"""The server as it runs: TLS of our own authority, curl as EST client, tokens bound to keys."""

import base64
import datetime as dt
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from governance.client.connection import Connection, client_assertion
from governance.client.folder import MemberFolder
from governance.client.nodes import add_node, enrolment_token
from governance.demo.process import ServerProcess, free_port
from governance.membership.members import NodeKind
from governance.settings import Settings
from tests.interop.proxy import Proxy

pytestmark = pytest.mark.interop
PROXY_ADDRESS = "127.0.0.3"
STRANGER = "127.0.0.2"
ADMIN = "platform"
FORM = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A founded network: its administrator has an edge node, and two API clients."""
    for tool in ("curl", "openssl"):
        if shutil.which(tool) is None:
            pytest.fail(f"{tool} is not installed: apt-get install {tool}")
    home = tmp_path_factory.mktemp("interop")
    with ServerProcess(settings(home), home / "server.log"):
        with Connection.of(admin(home)) as connection:
            add_node(connection, home / "edge", "edge", NodeKind.NOTARY_NODE, "127.0.0.1:443")
            for name in ("a", "b"):
                add_node(connection, home / name, name, NodeKind.API_CLIENT)
            token = enrolment_token(connection, "a")
        (home / "enrolment").write_text(f"{token['user']}:{token['token']}")
    chain = x509.load_pem_x509_certificates((home / "edge" / "node.crt").read_bytes())
    (home / "root.pem").write_bytes(chain[-1].public_bytes(Encoding.PEM))
    return home


def settings(home: Path, **others: object) -> Settings:
    port_file = home / "port"
    if not port_file.exists():
        port_file.write_text(str(free_port()))
    values = {"data_dir": home / "data", "port": int(port_file.read_text()), **others}
    return Settings(log_level="warning", **values)  # type: ignore[arg-type]  # each its own type


def admin(home: Path) -> MemberFolder:
    return MemberFolder(home / "data" / "members" / ADMIN)


def run(*command: object, said: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [str(part) for part in command], input=said, capture_output=True, check=False
    )


def curl(*arguments: object) -> tuple[int, bytes]:
    """Return the HTTP status, 0 where there was no answer, and the body."""
    done = run("curl", "-sS", "--max-time", "20", "-w", "\\n%{http_code}", *arguments)
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status or 0), body


def as_client(folder: Path) -> tuple[object, ...]:
    return "--cert", folder / "node.crt", "--key", folder / "node.key"


@pytest.fixture(scope="class")
def port(home: Path) -> Iterator[int]:
    """The server itself demands client certificates of our own authority."""
    trust = ssl.create_default_context(cafile=home / "root.pem")
    trust.load_cert_chain(home / "a" / "node.crt", home / "a" / "node.key")
    with_tls = settings(
        home,
        host="127.0.0.1",
        public_url=f"https://127.0.0.1:{settings(home).port}",
        tls_certificate=str(home / "edge" / "node.crt"),
        tls_key=str(home / "edge" / "node.key"),
        tls_client_ca=str(home / "root.pem"),
    )
    with ServerProcess(with_tls, home / "tls.log", trust=trust):
        yield with_tls.port


@pytest.fixture(scope="class")
def edge(home: Path) -> Iterator[str]:
    behind = settings(home, host="0.0.0.0", trusted_proxies=(PROXY_ADDRESS,))
    behind = msgspec.structs.replace(behind, public_url=f"http://127.0.0.1:{behind.port}")
    node = home / "edge"
    with (
        ServerProcess(behind, home / "behind.log"),
        Proxy(
            behind.port, PROXY_ADDRESS, node / "node.crt", node / "node.key", home / "root.pem"
        ) as proxy,
    ):
        yield f"https://127.0.0.1:{proxy.port}"


@pytest.fixture(scope="class")
def direct(home: Path) -> str:
    return f"http://127.0.0.1:{settings(home).port}"


class TestTls:
    def test_openssl_with_a_client_certificate(self, home: Path, port: int) -> None:
        done = self._shake_hands(home, port, as_client(home / "a"))
        assert b"Verify return code: 0 (ok)" in done
        assert b"HTTP/1.1 200" in done

    def test_openssl_without_one_gets_no_answer(self, home: Path, port: int) -> None:
        assert b"HTTP/1.1" not in self._shake_hands(home, port, ())

    def test_a_certificate_of_another_authority_gets_no_answer(self, home: Path, port: int) -> None:
        other = home / "other"
        other.mkdir()
        run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=stranger", "-days", "2"),
            *("-keyout", other / "node.key", "-out", other / "node.crt"),
        )
        assert b"HTTP/1.1" not in self._shake_hands(home, port, as_client(other))

    def test_curl(self, home: Path, port: int) -> None:
        url = f"https://127.0.0.1:{port}/.well-known/est/cacerts"
        trusted = ("--cacert", home / "root.pem")
        assert curl(*trusted, *as_client(home / "a"), url)[0] == 200
        assert curl(*trusted, url)[0] == 0

    def _shake_hands(self, home: Path, port: int, client: tuple[object, ...]) -> bytes:
        own = [part if str(part)[:2] != "--" else str(part)[1:] for part in client]
        own += ["-cert_chain", client[1]] if client else []  # curl sends the chain by itself
        done = run(
            *("openssl", "s_client", "-connect", f"127.0.0.1:{port}"),
            *("-verify_ip", "127.0.0.1", "-CAfile", home / "root.pem", "-ign_eof"),
            *own,
            said=b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        return done.stdout


class TestProxy:
    """Behind a proxy that ends TLS; only what it says of certificates is believed."""

    def through(self, home: Path, *arguments: object) -> tuple[int, bytes]:
        return curl("--cacert", home / "root.pem", *arguments)

    def test_authorities(self, home: Path, edge: str) -> None:
        status, body = self.through(home, f"{edge}/.well-known/est/cacerts")
        assert status == 200
        (home / "ca.p7").write_bytes(base64.b64decode(body))
        shown = run("openssl", "pkcs7", "-inform", "DER", "-in", home / "ca.p7", "-print_certs")
        assert shown.stdout.count(b"BEGIN CERTIFICATE") == 2

    def test_attributes(self, home: Path, edge: str) -> None:
        status, body = self.through(home, f"{edge}/.well-known/est/csrattrs")
        assert status == 200
        (home / "attributes.der").write_bytes(base64.b64decode(body))
        parsed = run("openssl", "asn1parse", "-inform", "DER", "-in", home / "attributes.der")
        assert parsed.returncode == 0

    def test_enrol_with_a_one_time_token_once(self, home: Path, edge: str) -> None:
        new = self._key(home, "enrolled")
        arguments = (
            *("-u", (home / "enrolment").read_text()),
            *("-H", "Content-Type: application/pkcs10"),
            *("--data-binary", f"@{new / 'request.b64'}"),
            f"{edge}/.well-known/est/simpleenroll",
        )
        assert self.through(home, arguments[-1])[0] == 405
        status, body = self.through(home, *arguments)
        assert status == 200, body
        assert self._certified(home, new, body)
        assert self.through(home, *arguments)[0] == 401

    def test_enrol_again_with_the_current_certificate(self, home: Path, edge: str) -> None:
        new = self._key(home, "again")
        arguments = (
            *("-H", "Content-Type: application/pkcs10"),
            *("--data-binary", f"@{new / 'request.b64'}"),
            f"{edge}/.well-known/est/simplereenroll",
        )
        assert self.through(home, *arguments)[0] == 401
        status, body = self.through(home, *as_client(home / "b"), *arguments)
        assert status == 200, body
        assert self._certified(home, new, body)
        status, _ = self.through(home, *as_client(home / "b"), *arguments)
        assert status in (401, 422), "the key that was rotated away renews nothing"

    def test_a_spoofed_header_is_ignored(self, home: Path, edge: str, direct: str) -> None:
        own = x509.load_pem_x509_certificate((home / "edge" / "node.crt").read_bytes())
        text = base64.b64encode(own.public_bytes(Encoding.DER)).decode()
        spoofed = (
            *("-H", f"Client-Cert: :{text}:", "-H", "Content-Type: application/pkcs10"),
            *("--data-binary", f"@{self._key(home, 'spoofed') / 'request.b64'}"),
        )
        path = "/.well-known/est/simplereenroll"
        assert curl("--interface", STRANGER, *spoofed, direct + path)[0] == 401
        assert self.through(home, *spoofed, edge + path)[0] == 401  # the proxy drops it

    def test_a_token_works_with_its_certificate_only(
        self, home: Path, edge: str, direct: str
    ) -> None:
        chief = admin(home).path
        assertion = client_assertion(MemberFolder(chief), dt.datetime.now(dt.UTC))
        form = (
            *("-d", "grant_type=client_credentials", "-d", f"client_assertion_type={FORM}"),
            *("-d", f"client_assertion={assertion}"),
        )
        status, body = self.through(home, *as_client(chief), *form, f"{edge}/oauth/token")
        assert status == 200, body
        bearer = f"Authorization: Bearer {msgspec.json.decode(body)['access_token']}"
        path = "/v1/members"
        assert self.through(home, *as_client(chief), "-H", bearer, edge + path)[0] == 200
        assert self.through(home, *as_client(home / "edge"), "-H", bearer, edge + path)[0] == 401
        assert self.through(home, "-H", bearer, edge + path)[0] == 401
        assert curl("-H", bearer, direct + path)[0] == 401

    def _key(self, home: Path, name: str) -> Path:
        folder = home / name
        folder.mkdir()
        run(
            *("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", f"/CN={name}", "-outform", "DER"),
            *("-keyout", folder / "node.key", "-out", folder / "request.der"),
        )
        encoded = base64.encodebytes((folder / "request.der").read_bytes())
        (folder / "request.b64").write_bytes(encoded)
        return folder

    def _certified(self, home: Path, folder: Path, body: bytes) -> bool:
        """Whether the answer holds a certificate of the folder's key that openssl verifies."""
        certificate = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))[0]
        (folder / "node.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
        chain = x509.load_pem_x509_certificates((home / "edge" / "node.crt").read_bytes())
        (folder / "issuing.pem").write_bytes(chain[1].public_bytes(Encoding.PEM))
        verified = run(
            *("openssl", "verify", "-x509_strict", "-CAfile", home / "root.pem"),
            *("-untrusted", folder / "issuing.pem", folder / "node.crt"),
        )
        request = x509.load_der_x509_csr((folder / "request.der").read_bytes())
        return verified.returncode == 0 and certificate.public_key() == request.public_key()
