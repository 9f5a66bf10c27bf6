"""curl, openssl and members' folders as clients of a served network."""

import base64
import datetime as dt
import shutil
import ssl
import subprocess
from functools import cache
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from governance.client.connection import client_assertion
from governance.client.folder import MemberFile, MemberFolder
from governance.demo.process import ServerProcess
from governance.settings import Settings
from tests.serving import server_settings

ADMIN = "platform"
FORM = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def settings(home: Path, **others: object) -> Settings:
    """Return settings of the network there: of the same port and database at every call."""
    return msgspec.structs.replace(_founded(home), **others)


@cache
def _founded(home: Path) -> Settings:
    return server_settings(home / "data", log_level="warning")


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


MEMBERS = "/v1/members"
ASK = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


def with_tls(home: Path) -> Settings:
    """The server ends TLS with a node's certificate, and trusts the root alone."""
    return settings(
        home,
        host="127.0.0.1",
        public_url=f"https://127.0.0.1:{settings(home).port}",
        tls_certificate=str(home / "edge" / "node.crt"),
        tls_key=str(home / "edge" / "node.key"),
        tls_client_ca=str(home / "root.pem"),
    )


def over_tls(home: Path, place: Path) -> MemberFolder:
    """Return a copy of a member's folder that names the server's HTTPS address."""
    copy = shutil.copytree(place, home / f"{place.name}-https", dirs_exist_ok=True)
    file = msgspec.json.decode((copy / "member.json").read_bytes(), type=MemberFile)
    file = msgspec.structs.replace(file, server=f"https://127.0.0.1:{settings(home).port}")
    (copy / "member.json").write_bytes(msgspec.json.encode(file))
    return MemberFolder(copy)


def inner_port(process: ServerProcess) -> int:
    """Return the port of the API behind the process that ends TLS, from that one's environment."""
    name = b"SEKISHO_INNER_PORT="
    for child in process.workers():
        for variable in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            if variable.startswith(name):
                return int(variable.removeprefix(name))
    raise AssertionError("no process ends TLS")


def ended(connection: ssl.SSLSocket) -> bool:
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def through(home: Path, *arguments: object) -> tuple[int, bytes]:
    return curl("--cacert", home / "root.pem", *arguments)


def enrol_again(home: Path, server: str, node: str, anonymous: int) -> None:
    """Rotate a node's key over EST; what it shows from then on is worth nothing."""
    new = new_key(home, f"{node}-again", f"/O=Platform Administrator/CN={node}")
    arguments = (
        *("-H", "Content-Type: application/pkcs10"),
        *("--data-binary", f"@{new / 'request.b64'}"),
        f"{server}/.well-known/est/simplereenroll",
    )
    assert through(home, *arguments)[0] == anonymous
    status, body = through(home, *as_client(home / node), *arguments)
    assert status == 200, body
    assert is_certified(home, new, body)
    assert through(home, *as_client(home / node), *arguments)[0] in (0, 401)


def token_form(home: Path) -> tuple[str, ...]:
    assertion = client_assertion(MemberFolder(admin(home).path), dt.datetime.now(dt.UTC))
    return (
        *("-d", "grant_type=client_credentials", "-d", f"client_assertion_type={FORM}"),
        *("-d", f"client_assertion={assertion}"),
    )


def token_is_bound(home: Path, server: str) -> str:
    """Get a token, and check that it works with the certificate that it was got with alone."""
    chief = as_client(admin(home).path)
    assert through(home, *token_form(home), f"{server}/oauth/token")[0] in (0, 401)
    status, body = through(home, *chief, *token_form(home), f"{server}/oauth/token")
    assert status == 200, body
    bearer = f"Authorization: Bearer {msgspec.json.decode(body)['access_token']}"
    assert through(home, *chief, "-H", bearer, server + MEMBERS)[0] == 200
    assert through(home, *as_client(home / "edge"), "-H", bearer, server + MEMBERS)[0] == 401
    assert through(home, "-H", bearer, server + MEMBERS)[0] in (0, 401)
    return bearer


def new_key(home: Path, name: str, subject: str = "") -> Path:
    folder = home / name
    folder.mkdir()
    run(
        *("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-subj", subject or f"/CN={name}", "-outform", "DER"),
        *("-keyout", folder / "node.key", "-out", folder / "request.der"),
    )
    encoded = base64.encodebytes((folder / "request.der").read_bytes())
    (folder / "request.b64").write_bytes(encoded)
    return folder


def is_certified(home: Path, folder: Path, body: bytes) -> bool:
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
