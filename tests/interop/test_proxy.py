"""Behind a proxy that ends mutual TLS: EST by curl, spoofed headers, tokens bound to keys."""

import base64
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from governance.demo.process import ServerProcess
from tests.interop.clients import (
    MEMBERS,
    admin,
    curl,
    enrol_again,
    is_certified,
    new_key,
    run,
    settings,
    through,
    token_form,
    token_is_bound,
)
from tests.interop.proxy import Proxy

pytestmark = pytest.mark.interop
PROXY_ADDRESS = "127.0.0.3"
STRANGER = "127.0.0.2"


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
def direct(home: Path, edge: str) -> str:
    return f"http://127.0.0.1:{settings(home).port}"


class TestProxy:
    """Behind a proxy that ends TLS; only what it says of certificates is believed."""

    def test_authorities(self, home: Path, edge: str) -> None:
        status, body = through(home, f"{edge}/.well-known/est/cacerts")
        assert status == 200
        (home / "ca.p7").write_bytes(base64.b64decode(body))
        shown = run("openssl", "pkcs7", "-inform", "DER", "-in", home / "ca.p7", "-print_certs")
        assert shown.stdout.count(b"BEGIN CERTIFICATE") == 2

    def test_attributes(self, home: Path, edge: str) -> None:
        status, body = through(home, f"{edge}/.well-known/est/csrattrs")
        assert status == 200
        (home / "attributes.der").write_bytes(base64.b64decode(body))
        parsed = run("openssl", "asn1parse", "-inform", "DER", "-in", home / "attributes.der")
        assert parsed.returncode == 0

    def test_enrol_with_a_one_time_token_once(self, home: Path, edge: str) -> None:
        new = new_key(home, "enrolled")
        arguments = (
            *("-u", (home / "enrolment").read_text()),
            *("-H", "Content-Type: application/pkcs10"),
            *("--data-binary", f"@{new / 'request.b64'}"),
            f"{edge}/.well-known/est/simpleenroll",
        )
        assert through(home, arguments[-1])[0] == 405
        status, body = through(home, *arguments)
        assert status == 200, body
        assert is_certified(home, new, body)
        assert through(home, *arguments)[0] == 401

    def test_enrol_again_with_the_current_certificate(self, home: Path, edge: str) -> None:
        enrol_again(home, edge, "c", anonymous=401)

    def test_a_spoofed_header_is_ignored(self, home: Path, edge: str, direct: str) -> None:
        own = x509.load_pem_x509_certificate((home / "edge" / "node.crt").read_bytes())
        text = base64.b64encode(own.public_bytes(Encoding.DER)).decode()
        spoofed = (
            *("-H", f"Client-Cert: :{text}:", "-H", "Content-Type: application/pkcs10"),
            *("--data-binary", f"@{new_key(home, 'spoofed') / 'request.b64'}"),
        )
        path = "/.well-known/est/simplereenroll"
        assert curl("--interface", STRANGER, *spoofed, direct + path)[0] == 401
        assert through(home, *spoofed, edge + path)[0] == 401  # the proxy drops it

    def test_two_headers_name_nobody(self, home: Path, direct: str) -> None:
        """As from a proxy that adds its own and lets the client's pass."""
        own = x509.load_pem_x509_certificate((home / "edge" / "node.crt").read_bytes())
        text = base64.b64encode(own.public_bytes(Encoding.DER)).decode()
        one = ("-H", f"Client-Cert: :{text}:")
        trusted = ("--interface", PROXY_ADDRESS)
        asked = f"{direct}/oauth/token"
        chief = x509.load_pem_x509_certificate((admin(home).path / "node.crt").read_bytes())
        named = base64.b64encode(chief.public_bytes(Encoding.DER)).decode()
        good = ("-H", f"Client-Cert: :{named}:")
        assert curl(*trusted, *good, *one, *token_form(home), asked)[0] == 401
        assert curl(*trusted, *good, *token_form(home), asked)[0] == 200

    def test_a_token_works_with_its_certificate_only(
        self, home: Path, edge: str, direct: str
    ) -> None:
        bearer = token_is_bound(home, edge)
        assert curl("-H", bearer, direct + MEMBERS)[0] == 401

    def test_nobody_gets_a_token_past_the_proxy(self, home: Path, direct: str) -> None:
        assert curl(*token_form(home), f"{direct}/oauth/token")[0] == 401
