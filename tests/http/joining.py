"""Members that a test makes for itself: they apply, are voted on, and renew over HTTP."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from governance.access.grants import ASSERTION_TYPE, GRANT_TYPE
from governance.client import governing, joining
from governance.client.anchors import fetch_anchors, pin_anchors
from governance.client.connection import Connection, Refused, client_assertion, new_statement
from governance.client.folder import MemberFile, MemberFolder
from governance.client.members import hosted_nodes, own_node
from governance.client.renewing import renew
from governance.decisions.actions import Action
from governance.membership.members import Role
from governance.membership.statements import APPLICATION, Application
from ledger.keys import PrivateKey, SoftwareSigner
from ledger.statements import sign_statement
from tests.http.network import Served

JSON = {"Content-Type": "application/json"}
APPLICATIONS = "/v1/applications"
VOTERS = ("platform", "trust-b", "custody-b", "direct-a", "trust-a", "custody-a")
_numbers = itertools.count(1)
Make = Callable[..., "Newcomer"]
"""Makes a newcomer; takes its role, and what else it is made with."""


class Newcomer:
    """An organisation with a folder of keys; a member once it is admitted."""

    def __init__(
        self,
        served: Served,
        home: Path,
        role: Role = Role.CUSTODIAN,
        *,
        renewed: bool = False,
        member_id: str = "",
        legal_name: str = "",
    ) -> None:
        number = next(_numbers)
        self.served = served
        self.role = role
        self.renewed = renewed
        self.admission = ""
        network = served.settings.network
        self.member_id = member_id or f"newcomer-{number}-{home.name[-20:].lower()}"
        self.member_id = "".join(c if c.isalnum() else "-" for c in self.member_id)
        node, kind, address = own_node(role, self.member_id, network)
        member = MemberFile(
            member_id=self.member_id,
            network=network,
            server=served.settings.url,
            legal_name=legal_name or f"Newcomer {self.member_id}",
            node=node,
            kind=kind,
            address=address,
        )
        self.folder = MemberFolder.create(home / f"{self.member_id}-{number}", member)
        self.connection = Connection(served.settings.url, self.folder)

    def close(self) -> None:
        self.connection.close()

    def application(self, **changed: Any) -> Application:
        """Return the application, in order unless changed; `csr` changes the own node's."""
        csr = changed.pop("csr", None)
        network = self.served.settings.network
        body = joining.build_application(
            self.folder,
            changed.pop("roles", [self.role]),
            sponsor=changed.pop("sponsor", None),
            invitation=changed.pop("invitation", ""),
            hosted=hosted_nodes(self.role, self.member_id, network),
        )
        if csr is not None:
            own = msgspec.structs.replace(body.nodes[0], csr=csr)
            body = msgspec.structs.replace(body, nodes=(own, *body.nodes[1:]))
        return msgspec.structs.replace(body, **changed)

    def apply(self, body: Application | None = None, key: PrivateKey | None = None) -> Any:
        """Send an application, signed with `key`, or as it should be; return the answer."""
        body = body or self.application()
        signer = SoftwareSigner(key) if key else self.folder.signer
        raw = sign_statement(APPLICATION, new_statement(self.folder, body), signer)
        return self.served.http.post(APPLICATIONS, content=raw, headers=JSON)

    def join(self, body: Application | None = None) -> "Newcomer":
        """Apply, be admitted, fetch the certificate, and renew it if that is asked for."""
        answer = self.apply(body)
        assert answer.status_code == 201, answer.text
        identifier = answer.json()["application_id"]
        (self.folder.path / joining.APPLICATION_FILE).write_text(identifier, encoding="ascii")
        self.admission = self.proposal()
        assert approve(self.served, self.admission) == "approved"
        assert joining.fetch_certificate(self.folder, 30.0) is not None
        if self.renewed:
            self.renew()
        return self

    def proposal(self) -> str:
        """Return the id of the open proposal to admit it."""
        chair = self.served.chair
        for line in reversed(governing.open_proposals(chair)):
            shown = chair.get(f"/v1/proposals/{line['id']}")
            if any(action.get("member_id") == self.member_id for action in shown["actions"]):
                return str(line["id"])
        raise AssertionError(f"nobody votes on {self.member_id}")

    def pin(self) -> "Newcomer":
        """Pin the network's anchors, as whoever joins by command does."""
        pin_anchors(self.folder.path, fetch_anchors(self.served.chair))
        return self

    def renew(self) -> x509.Certificate:
        return renew(self.connection, self.folder)

    def rotate(self) -> x509.Certificate:
        return renew(self.connection, self.folder, new_key())

    def say(self, path: str, kind: str, body: msgspec.Struct) -> httpx.Response:
        """Sign and send a statement of the member, without a token; return the answer."""
        raw = sign_statement(kind, new_statement(self.folder, body), self.folder.signer)
        return self.served.http.post(path, content=raw, headers=JSON)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request_for(key: Any, newcomer: Newcomer) -> bytes:
    """Return a request that differs from a good one in its key alone."""
    good = x509.load_pem_x509_csr(newcomer.folder.request.encode())
    builder = x509.CertificateSigningRequestBuilder().subject_name(good.subject)
    for extension in good.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def approve(served: Served, proposal: str) -> str:
    """Let those who may vote approve a proposal until it is decided; return its status."""
    status = "open"
    for voter in VOTERS:
        if status != "open":
            break
        try:
            answer = governing.vote(served.member(voter), proposal, approve=True)
        except Refused as refusal:
            if refusal.slug not in ("not-entitled", "already-voted"):
                raise
            continue
        status = answer["status"]
    return status


def decide(served: Served, *actions: Action) -> str:
    """Propose, and have approved; return how that ended."""
    proposal = governing.propose(served.chair, actions, "a test wants it")["id"]
    return approve(served, proposal)


def slug(answer: httpx.Response) -> str:
    """Return the name of the problem, which is one."""
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    assert answer.status_code < 500, answer.text
    return str(answer.json()["type"]).rpartition(":")[2]


def faults(answer: httpx.Response) -> str:
    return " | ".join(f"{f['where']}: {f['message']}" for f in answer.json().get("faults", []))


def within(seconds: float, holds: Any) -> None:
    """Return once `holds()`; fail if it does not within so many seconds."""
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def assertion_form(assertion: str) -> dict[str, str]:
    return {
        "grant_type": GRANT_TYPE,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }


def ask_for_token(newcomer: Newcomer, assertion: str = "") -> httpx.Response:
    now = newcomer.served.now()
    form = assertion_form(assertion or client_assertion(newcomer.folder, now))
    return newcomer.served.http.post("/oauth/token", data=form)
