"""A member's folder: its node key, certificate and account keys, and where its network is.

```
member.json    member id, network, server, organisation, node's host name
node.key       PKCS#8 PEM, sealed by a passphrase or a token if there is one (`seal`)
node.next.key  the key that a rotation changes to, until its certificate is here
node.csr       the request that goes with an application
node.crt       the certificate chain, once the membership is accepted
anchors.json   what is pinned of the network; root.crt is the root certificate among it
accounts.*     account keys of this member's customers, sealed as one file
```

Keys may as well come from `openssl`: put `node.key` and `node.csr` in the folder.
"""

from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from governance.client.files import write_private
from governance.client.seal import PASSPHRASE, folder_secret
from governance.errors import FolderInvalid
from ledger.keys import PrivateKey, SoftwareSigner, accept_public_key, key_id

NEXT_KEY = "node.next.key"


class MemberFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `member.json` holds.

    Args:
        member_id: the member's id.
        network: the network's name.
        server: the URL of its server.
        legal_name: the registered name of the organisation.
        node: the name of the node, or API client, whose key this is.
        kind: `api_client`, or the kind of node.
        address: `host:port` of a node; empty for an API client.
    """

    member_id: str
    network: str
    server: str
    legal_name: str = ""
    node: str = "client"
    kind: str = "api_client"
    address: str = ""

    @property
    def host(self) -> str:
        """The host of the address."""
        return self.address.rpartition(":")[0]


class MemberFolder:
    """A member's folder that exists.

    Raises:
        FolderInvalid: no such folder, or no readable `member.json` in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.member = msgspec.json.decode((path / "member.json").read_bytes(), type=MemberFile)
        except (OSError, msgspec.MsgspecError) as error:
            raise FolderInvalid(
                f"{path} is not a member's folder ({error}); make one with `sekisho member keys`"
            ) from error

    @classmethod
    def create(cls, path: Path, member: MemberFile) -> "MemberFolder":
        """Make the folder with a new P-256 node key and a request for it.

        Raises:
            FolderInvalid: there is one already.
        """
        if (path / "member.json").exists():
            raise FolderInvalid(f"{path} holds a member's folder already")
        path.mkdir(parents=True, exist_ok=True)
        write_private(path / "member.json", msgspec.json.encode(member))
        folder = cls(path)
        folder.replace_key(ec.generate_private_key(ec.SECP256R1()))
        return folder

    @property
    def signer(self) -> SoftwareSigner:
        """Signs with the node key."""
        return SoftwareSigner(self.node_key)

    @property
    def node_key(self) -> PrivateKey:
        """The node's private key.

        Raises:
            FolderInvalid: it cannot be read, or is of a kind that is not accepted.
        """
        return self._key("node.key")

    @property
    def next_key(self) -> ec.EllipticCurvePrivateKey | None:
        """The key that an unfinished rotation changes to, or None.

        Raises:
            FolderInvalid: it cannot be read.
        """
        if not (self.path / NEXT_KEY).exists():
            return None
        key = self._key(NEXT_KEY)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise FolderInvalid(f"{self.path / NEXT_KEY} is not a key that was made here")
        return key

    def _key(self, name: str) -> PrivateKey:
        secret = folder_secret(self.path)
        try:
            key = serialization.load_pem_private_key((self.path / name).read_bytes(), secret)
        except (OSError, ValueError, TypeError) as error:
            raise FolderInvalid(
                f"{self.path / name} cannot be read: {error};"
                f" is {PASSPHRASE} set as it was when the key was made?"
            ) from error
        accept_public_key(key.public_key())
        return key  # type: ignore[return-value] # accepted just above

    @property
    def key_id(self) -> str:
        """The id of the node key."""
        return key_id(self.node_key.public_key())

    @property
    def request(self) -> str:
        """The certificate request, PEM."""
        return (self.path / "node.csr").read_text(encoding="ascii")

    @property
    def certificate(self) -> str | None:
        """The certificate chain, PEM, once there is one."""
        path = self.path / "node.crt"
        return path.read_text(encoding="ascii") if path.exists() else None

    def save_certificate(self, chain: str) -> None:
        """Keep the certificate chain."""
        (self.path / "node.crt").write_text(chain, encoding="ascii")

    def replace_key(self, key: ec.EllipticCurvePrivateKey) -> None:
        """Make `key` the node key and write a request for it."""
        write_private(self.path / "node.key", private_pem(key, folder_secret(self.path)))
        self._write_request(key)

    def keep_next_key(self, key: ec.EllipticCurvePrivateKey) -> None:
        """Keep the key that a rotation changes to, until its certificate is here."""
        write_private(self.path / NEXT_KEY, private_pem(key, folder_secret(self.path)))

    def take_next_key(self) -> None:
        """Make the next key the node key."""
        key = self.next_key
        if key is not None:
            self._write_request(key)
            (self.path / NEXT_KEY).replace(self.path / "node.key")

    def _write_request(self, key: ec.EllipticCurvePrivateKey) -> None:
        request = build_request(key, self.member)
        (self.path / "node.csr").write_bytes(request.public_bytes(serialization.Encoding.PEM))


def private_pem(key: PrivateKey, secret: bytes | None = None) -> bytes:
    """Return `key` as PKCS#8 PEM, sealed by `secret` if there is one."""
    protection: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )


def build_request(
    key: ec.EllipticCurvePrivateKey, member: MemberFile
) -> x509.CertificateSigningRequest:
    """Return a PKCS#10 request with O, CN, and the DNS name of a node that has an address."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, member.legal_name or member.member_id),
            x509.NameAttribute(NameOID.COMMON_NAME, member.member_id),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if member.host:
        names = x509.SubjectAlternativeName([x509.DNSName(member.host)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256())
