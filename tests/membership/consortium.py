"""A network for tests: real keys, a real authority, a real database; only the clock is set."""

import datetime as dt
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from sqlalchemy.engine import Engine

from governance.identity.announcements import Herald
from governance.identity.authority import Authority, issue, issue_approved
from governance.identity.foundation import RootKey, create_authority, trust_anchor
from governance.identity.keystores import KeyStore, SealedKeyStore
from governance.identity.sealing import SecretMasterKey
from governance.identity.tables import IssuanceRow
from governance.membership import admission, changes, renewals, store
from governance.membership.members import NodeKind, Role
from governance.membership.statements import (
    APPLICATION,
    RENEWAL,
    Application,
    NodeRequest,
    Renewal,
)
from ledger.database import Base, connect, protect_append_only, reading, writing
from ledger.keys import PrivateKey, SoftwareSigner, key_id
from ledger.statements import (
    Body,
    Opened,
    Statement,
    open_statement,
    read_envelope,
    read_statement,
    sign_statement,
)
from policies.actors import Actor
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text

NETWORK = "test-network"
START = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)
DAYS = dt.timedelta(days=1)
BASE_URL = "http://pki.network.example"
MASTER_SECRET = b"a master secret of the tests"
RULES: CompiledRules = compile_rules(parse_rule_set(shipped_text()))

KINDS = {
    Role.REGISTRAR: NodeKind.ASSET_NODE,
    Role.PLATFORM_ADMINISTRATOR: NodeKind.NOTARY_NODE,
    Role.CUSTODIAN: NodeKind.CUSTODIAN_NODE,
    Role.DIRECT_SECURITIES_FIRM: NodeKind.CUSTODIAN_NODE,
}


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def csr(key: PrivateKey, subject: str = "applicant") -> bytes:
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)
    return request.public_bytes(serialization.Encoding.DER)


def statement(
    kind: str, author: str, body: msgspec.Struct, at: dt.datetime, *keys: PrivateKey
) -> bytes:
    said = Statement(secrets.token_hex(16), NETWORK, author, at, at + dt.timedelta(hours=1), body)
    return sign_statement(kind, said, *(SoftwareSigner(key) for key in keys))


def opened(kind: str, author: str, body: Body, at: dt.datetime, *keys: PrivateKey) -> Opened[Body]:
    raw = statement(kind, author, body, at, *keys)
    envelope = read_envelope(raw)
    said = read_statement(envelope, kind, type(body))
    return open_statement(envelope, raw, said, keys[0].public_key())


def application(
    member_id: str,
    key: PrivateKey,
    role: Role = Role.REGISTRAR,
    legal_name: str | None = None,
    sponsor_id: str | None = None,
    **others: object,
) -> Application:
    kind = KINDS.get(role, NodeKind.API_CLIENT)
    address = "" if kind is NodeKind.API_CLIENT else f"node.{member_id}.example:8443"
    return msgspec.structs.replace(
        Application(
            member_id=member_id,
            legal_name=legal_name or f"{member_id} 株式会社",
            roles=(role,),
            nodes=(NodeRequest("node-1", kind, address, csr(key)),),
            sponsor_id=sponsor_id,
        ),
        **others,
    )


class Consortium:
    """A founded network with its platform administrator; members join with one call."""

    def __init__(
        self,
        engine: Engine,
        keystore: KeyStore,
        founded: "Consortium | None" = None,
        at: dt.datetime = START,
    ) -> None:
        self.engine = engine
        self.at = at
        if founded is None:
            keystore.generate("service")
        herald = Herald(NETWORK, "platform", keystore.signer("service"))
        self.authority = Authority(keystore, herald, BASE_URL)
        if founded is None:
            self._found()
        else:
            self.keys, self.root = dict(founded.keys), RootKey(founded.root.key)

    def _found(self) -> None:
        self.keys: dict[str, PrivateKey] = {"platform": new_key()}
        founder = application("platform", self.keys["platform"], Role.PLATFORM_ADMINISTRATOR)
        with writing(self.engine) as session:
            self.root: RootKey = create_authority(session, self.authority, self.at)
            admission.found_membership(session, self.authority, founder, self.at)
        issue_approved(self.engine, self.authority, self.at)

    def apply(self, body: Application, key: PrivateKey) -> str:
        raw = statement(APPLICATION, body.member_id, body, self.at, key)
        said = admission.open_application(raw)
        with writing(self.engine) as session:
            return admission.apply_for_membership(session, self.authority, said, self.at)

    def admit(self, application_id: str) -> None:
        with writing(self.engine) as session:
            admission.admit(session, self.authority, application_id, self.at)
        issue_approved(self.engine, self.authority, self.at)

    def join(
        self, member_id: str, role: Role = Role.REGISTRAR, sponsor_id: str | None = None
    ) -> PrivateKey:
        key = self.keys[member_id] = new_key()
        body = application(member_id, key, role, sponsor_id=sponsor_id)
        self.admit(self.apply(body, key))
        return key

    def actor(self, member_id: str) -> Actor:
        with reading(self.engine) as session:
            return store.member_actor(session, member_id)

    def speaks(self, key: PrivateKey, at: dt.datetime | None = None) -> str | None:
        with reading(self.engine) as session:
            found = store.certified_key(session, key_id(key.public_key()), at or self.at)
        return found.member_id if found else None

    def root_certificate(self) -> x509.Certificate:
        with reading(self.engine) as session:
            return trust_anchor(session).certificate

    def issuance_states(self) -> Sequence[str]:
        with reading(self.engine) as session:
            return session.scalars(sa.select(IssuanceRow.state).order_by(IssuanceRow.id)).all()


def sealed_store(folder: Path) -> SealedKeyStore:
    return SealedKeyStore.open(folder / "keys", MASTER_SECRET)


class Template:
    """A network that is founded once and copied for each test: founding takes half a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        engine = new_database(folder)
        self._founded = Consortium(engine, sealed_store(folder))
        engine.dispose()
        secret = SecretMasterKey.open(folder / "keys" / "master.json", MASTER_SECRET)
        self._master = secret

    def copy(self, folder: Path) -> Consortium:
        copy = folder / "network"
        shutil.copytree(self._folder, copy)
        engine = connect(f"sqlite:///{copy / 'network.sqlite'}")
        return Consortium(engine, SealedKeyStore(copy / "keys", self._master), self._founded)


def new_database(folder: Path) -> Engine:
    engine = connect(f"sqlite:///{folder / 'network.sqlite'}")
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        protect_append_only(connection)
    return engine


def suspend(consortium: Consortium, member_id: str) -> None:
    with writing(consortium.engine) as session:
        changes.suspend(session, member_id, "audit", consortium.at)


def reinstate(consortium: Consortium, member_id: str) -> None:
    with writing(consortium.engine) as session:
        changes.reinstate(session, member_id, consortium.at)


def revoke(consortium: Consortium, member_id: str) -> None:
    with writing(consortium.engine) as session:
        herald = consortium.authority.herald
        changes.revoke(session, herald, member_id, "fraud", consortium.at)


def renew(
    consortium: Consortium, member_id: str, old: PrivateKey, new: PrivateKey | None = None
) -> bytes:
    """Renew node-1, with the same key or a new one; both sign."""
    body = Renewal("node-1", csr(new or old))
    signers = (old, new) if new else (old,)
    said = opened(RENEWAL, member_id, body, consortium.at, *signers)
    return renewed(consortium, member_id, said)


def renewed(consortium: Consortium, member_id: str, said: Opened[Renewal]) -> bytes:
    authority = consortium.authority
    with writing(consortium.engine) as session:
        actor = store.member_actor(session, member_id)
        issuance = renewals.renew(session, authority, actor, RULES, said, consortium.at)
    return issue(consortium.engine, authority, issuance, consortium.at)
