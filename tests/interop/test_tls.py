"""Mutual TLS that the server ends itself: openssl and curl shake hands, tokens are bound."""

import base64
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from governance.client import joining, renewing
from governance.client.connection import Connection
from governance.client.folder import MemberFile, MemberFolder
from governance.client.nodes import remove_node
from governance.demo.process import ServerProcess
from governance.membership.members import Role
from tests.interop.clients import (
    ADMIN,
    ASK,
    admin,
    as_client,
    curl,
    ended,
    enrol_again,
    inner_port,
    new_key,
    over_tls,
    run,
    settings,
    through,
    token_is_bound,
    with_tls,
)

pytestmark = pytest.mark.interop


@pytest.fixture(scope="class")
def process(home: Path) -> Iterator[ServerProcess]:
    """The server itself demands client certificates of our own authority."""
    trust = ssl.create_default_context(cafile=home / "root.pem")
    trust.load_cert_chain(home / "a" / "node.crt", home / "a" / "node.key")
    served = with_tls(home)
    with ServerProcess(served, home / "tls.log", trust=trust) as process:
        yield process


@pytest.fixture(scope="class")
def port(home: Path, process: ServerProcess) -> int:
    return settings(home).port


@pytest.fixture(scope="class")
def server(home: Path) -> Iterator[str]:
    """The server lets in who shows no certificate, too."""
    opened = msgspec.structs.replace(with_tls(home), tls_client_optional=True)
    trust = ssl.create_default_context(cafile=home / "root.pem")
    with ServerProcess(opened, home / "open.log", trust=trust):
        yield opened.url


def server_at(port: int) -> str:
    return f"https://127.0.0.1:{port}"


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
        url = f"{server_at(port)}/.well-known/est/cacerts"
        trusted = ("--cacert", home / "root.pem")
        assert curl(*trusted, *as_client(home / "a"), url)[0] == 200
        assert curl(*trusted, url)[0] == 0

    def test_a_token_works_with_its_certificate_only(self, home: Path, port: int) -> None:
        token_is_bound(home, server_at(port))

    def test_a_header_names_nobody(self, home: Path, port: int) -> None:
        """`Client-Cert` is a proxy's to say, and here is none."""
        own = x509.load_pem_x509_certificate((home / "c" / "node.crt").read_bytes())
        text = base64.b64encode(own.public_bytes(Encoding.DER)).decode()
        new = new_key(home, "named", "/O=Platform Administrator/CN=c")
        status, body = through(
            home,
            *as_client(home / "a"),
            *("-H", f"Client-Cert: :{text}:", "-H", "Content-Type: application/pkcs10"),
            *("--data-binary", f"@{new / 'request.b64'}"),
            f"{server_at(port)}/.well-known/est/simplereenroll",
        )
        assert status == 422, "it is a's connection, and the request is not a's"
        assert b"keeps the subject" in body

    def test_enrol_again_with_the_current_certificate(self, home: Path, port: int) -> None:
        enrol_again(home, server_at(port), "b", anonymous=0)

    def test_nobody_comes_in_past_tls(self, process: ServerProcess) -> None:
        """The API behind listens on loopback, and knows who was let in."""
        inner = f"http://127.0.0.1:{inner_port(process)}"
        for path in ("/health/live", "/v1/network", "/.well-known/est/cacerts"):
            assert curl(inner + path)[0] == 401

    def test_an_open_connection_ends_within_a_second_of_the_revocation(
        self, home: Path, port: int
    ) -> None:
        trust = ssl.create_default_context(cafile=home / "root.pem")
        trust.load_cert_chain(home / "d" / "node.crt", home / "d" / "node.key")
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            trust.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
            Connection.of(over_tls(home, admin(home).path)) as connection,
        ):
            secured.sendall(ASK)
            assert secured.recv(4096).startswith(b"HTTP/1.1 200")
            remove_node(connection, "d")
            secured.settimeout(1.0)
            assert ended(secured)
            with (
                socket.create_connection(("127.0.0.1", port), timeout=5) as other,
                trust.wrap_socket(other, server_hostname="127.0.0.1") as again,
            ):
                assert ended(again), "nor does a new one come in"

    def test_a_renewed_server_certificate_is_taken_up(self, home: Path, port: int) -> None:
        folder = over_tls(home, home / "edge")
        with Connection.of(folder) as connection:
            renewed = renewing.renew(connection, folder)
        shutil.copy(folder.path / "node.crt", home / "edge" / "node.crt")
        until = time.monotonic() + 5
        shown = b""
        while f"{renewed.serial_number:X}".encode() not in shown.upper():
            assert time.monotonic() < until
            printed = self._shake_hands(home, port, as_client(home / "a"))
            (home / "shown.pem").write_bytes(printed)
            shown = run("openssl", "x509", "-in", home / "shown.pem", "-noout", "-serial").stdout

    def _shake_hands(self, home: Path, port: int, client: tuple[object, ...]) -> bytes:
        own = [part if str(part)[:2] != "--" else str(part)[1:] for part in client]
        done = run(
            *("openssl", "s_client", "-connect", f"127.0.0.1:{port}"),
            *("-verify_ip", "127.0.0.1", "-CAfile", home / "root.pem", "-ign_eof"),
            *own,
            said=b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        return done.stdout


class TestOpenTls:
    """Client certificates may be shown; who shows none reaches what needs no token."""

    def test_a_stranger_reaches_what_is_public(self, home: Path, server: str) -> None:
        assert through(home, f"{server}/.well-known/est/cacerts")[0] == 200
        assert through(home, f"{server}/crl/issuing-1.crl")[0] == 200

    def test_a_token_works_with_its_certificate_only(self, home: Path, server: str) -> None:
        token_is_bound(home, server)

    def test_a_stranger_applies_with_the_command(self, home: Path, server: str) -> None:
        member = MemberFile("fund-x", settings(home).network, server, "Fund X")
        folder = MemberFolder.create(home / "fund-x", member)
        (folder.path / "root.crt").write_bytes((home / "root.pem").read_bytes())
        body = joining.build_application(folder, [Role.FUNDRAISER], sponsor=ADMIN)
        assert joining.apply(folder, body)
        assert joining.application_state(folder)["state"] == "applied"
