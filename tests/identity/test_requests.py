"""The policy on certificate requests: weak, odd and tampered ones, each refused by name."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from governance.errors import CertificateRequestRefused
from governance.identity.requests import CertificateRequest, KeyStanding, check_request
from ledger.keys import PrivateKey, key_id
from tests.membership.consortium import csr, new_key


def check(der: bytes, standing: KeyStanding = KeyStanding.NEW) -> CertificateRequest:
    return check_request(der, lambda _: standing, ["node.trust-a.example"])


def faults(der: bytes, standing: KeyStanding = KeyStanding.NEW) -> str:
    with pytest.raises(CertificateRequestRefused) as refused:
        check(der, standing)
    return "; ".join(map(str, refused.value.faults))


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 3072),
    ],
    ids=["P-256", "P-384", "Ed25519", "RSA-3072"],
)
def test_accepted_keys(key: PrivateKey) -> None:
    assert check(csr(key)).key_id == key_id(key.public_key())


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (rsa.generate_private_key(65537, 1024), "RSA-1024"),
        (rsa.generate_private_key(65537, 2048), "RSA-2048"),
        (rsa.generate_private_key(3, 3072), "e = 3"),
        (ec.generate_private_key(ec.SECP192R1()), "secp192r1"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (ec.generate_private_key(ec.SECP521R1()), "secp521r1"),
        (dsa.generate_private_key(2048), "DSAPublicKey"),
    ],
    ids=["RSA-1024", "RSA-2048", "e=3", "P-192", "secp256k1", "P-521", "DSA"],
)
def test_weak_and_odd_keys_are_refused(key: PrivateKey, why: str) -> None:
    assert why in faults(csr(key))


def test_ed448_is_refused() -> None:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    der = request.sign(ed448.Ed448PrivateKey.generate(), None)
    assert "Ed448PublicKey" in faults(der.public_bytes(serialization.Encoding.DER))


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def test_explicit_curve_parameters_are_refused(tmp_path: Path) -> None:
    """The same curve, spelt out: pyca reads it, and a certificate with it would be odd."""
    openssl(
        tmp_path,
        *[
            "ecparam",
            "-name",
            "prime256v1",
            "-param_enc",
            "explicit",
            "-genkey",
            "-noout",
            "-out",
            "key.pem",
        ],
    )
    openssl(
        tmp_path,
        *[
            "req",
            "-new",
            "-key",
            "key.pem",
            "-subj",
            "/CN=odd",
            "-outform",
            "DER",
            "-out",
            "odd.csr",
        ],
    )
    found = faults((tmp_path / "odd.csr").read_bytes())
    assert "named curve" in found or "by its OID" in found


def test_a_request_signed_with_sha1_is_refused(tmp_path: Path) -> None:
    openssl(tmp_path, *["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem"])
    openssl(
        tmp_path,
        *[
            "req",
            "-new",
            "-sha1",
            "-key",
            "key.pem",
            "-subj",
            "/CN=old",
            "-outform",
            "DER",
            "-out",
            "old.csr",
        ],
    )
    assert "signed with sha1" in faults((tmp_path / "old.csr").read_bytes())


def test_a_tampered_request_is_refused() -> None:
    der = csr(new_key(), "applicant").replace(b"applicant", b"attackers")
    assert "possession is not proved" in faults(der)


def test_a_key_of_another_member_is_refused() -> None:
    assert "under another member" in faults(csr(new_key()), KeyStanding.FOREIGN)


def test_a_revoked_key_is_refused() -> None:
    assert "revoked" in faults(csr(new_key()), KeyStanding.REVOKED)


@pytest.mark.parametrize("der", [b"", b"no request", b"0" * 20_000], ids=["", "text", "long"])
def test_what_is_no_request_is_refused(der: bytes) -> None:
    assert faults(der).startswith("csr")


def extended(key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_asking_to_be_an_authority_is_refused() -> None:
    asked = x509.BasicConstraints(ca=True, path_length=None)
    assert "asks for a certificate authority" in faults(extended(new_key(), asked))


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("node.trust-b.example"),
        x509.RFC822Name("someone@trust-b.example"),
        x509.UniformResourceIdentifier("http://pki/network/n/trust-b/node-1"),
    ],
)
def test_asking_for_anothers_name_is_refused(name: x509.GeneralName) -> None:
    assert "not a name of this node" in faults(
        extended(new_key(), x509.SubjectAlternativeName([name]))
    )


def test_asking_for_the_nodes_own_host_is_accepted() -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("node.trust-a.example")])
    assert check(extended(new_key(), names)).hosts == ("node.trust-a.example",)


def test_every_fault_at_once() -> None:
    """A weak key, a foreign name, an authority, and a broken signature, in one answer."""
    names = x509.SubjectAlternativeName([x509.DNSName("other.example")])
    authority = x509.BasicConstraints(ca=True, path_length=0)
    der = extended(ec.generate_private_key(ec.SECP192R1()), names, authority)
    found = faults(der.replace(b"other.example", b"0ther.example"))
    for part in ("secp192r1", "possession", "0ther.example", "asks for a certificate authority"):
        assert part in found
