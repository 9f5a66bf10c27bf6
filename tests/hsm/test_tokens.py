"""Keys in a PKCS#11 token: made there, used there, never out; the whole authority on them."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pkcs11 import Attribute

from governance.assembly.keys import make_master_secret, open_keys
from governance.errors import KeyExists, KeyStoreUnusable, KeyUnknown
from governance.identity import lint, profile, publication, store
from governance.identity.announcements import Herald
from governance.identity.keystores import KeyKind, SealedKeyStore
from governance.identity.secret_files import TokenPlace
from governance.identity.tokens import Pkcs11KeyStore, Pkcs11MasterKey, Token
from governance.membership import changes
from governance.settings import Settings
from ledger.database import reading, writing
from ledger.keys import verify_signature
from tests.hsm import softhsm
from tests.hsm.conftest import AUTHORITY, LABEL, SPARE
from tests.membership.consortium import Consortium, new_database

pytestmark = pytest.mark.hsm


def fresh(name: str = "key") -> str:
    return f"{name}-{secrets.token_hex(4)}"


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P384, KeyKind.RSA])
def test_a_key_signs_and_stays(hsm: Pkcs11KeyStore, kind: KeyKind) -> None:
    name = fresh()
    public = hsm.generate(name, kind)
    verify_signature(public, hsm.signer(name).sign(b"hello"), b"hello")
    handle = hsm.handle(name)
    assert handle[Attribute.SENSITIVE]
    assert not handle[Attribute.EXTRACTABLE]
    key = hsm.private_key(name)
    with pytest.raises(KeyStoreUnusable, match="stays in the token"):
        key.private_numbers()
    with pytest.raises(KeyStoreUnusable, match="stays in the token"):
        key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    secret = Attribute.PRIVATE_EXPONENT if kind is KeyKind.RSA else Attribute.VALUE
    with pytest.raises(pkcs11.PKCS11Error):
        handle[secret]


def test_threads_sign_at_once(hsm: Pkcs11KeyStore) -> None:
    name = fresh()
    public = hsm.generate(name)
    messages = [secrets.token_bytes(40) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        signatures = list(pool.map(lambda message: hsm.signer(name).sign(message), messages))
    for message, signature in zip(messages, signatures, strict=True):
        verify_signature(public, signature, message)


def test_names_are_kept(hsm: Pkcs11KeyStore) -> None:
    name = fresh("node/trust-a/asset")
    hsm.generate(name)
    assert name in hsm.names()
    with pytest.raises(KeyExists):
        hsm.generate(name)
    with pytest.raises(KeyUnknown):
        hsm.signer("nobody")


def test_ed25519_is_refused_plainly(hsm: Pkcs11KeyStore) -> None:
    with pytest.raises(KeyStoreUnusable, match="p256, p384 or rsa"):
        hsm.generate(fresh(), KeyKind.ED25519)


def place(folder: Path, label: str, pin: str) -> TokenPlace:
    (folder / "pin").write_text(pin)
    return TokenPlace(softhsm.library(), label, str(folder / "pin"))


@pytest.mark.usefixtures("token")
def test_a_wrong_pin_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreUnusable, match="PinIncorrect"):
        place(tmp_path, SPARE, "654321").store()


@pytest.mark.usefixtures("token")
def test_a_missing_token_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreUnusable, match="no-such-token"):
        place(tmp_path, "no-such-token", softhsm.PIN).store()


def test_files_sealed_by_a_master_key_in_the_token(token: Token, tmp_path: Path) -> None:
    """Node and account keys in files, the master key in the HSM."""
    files = SealedKeyStore(tmp_path, Pkcs11MasterKey(token))
    public = files.generate("account/INV0001")
    again = SealedKeyStore(tmp_path, Pkcs11MasterKey(token))
    verify_signature(public, again.signer("account/INV0001").sign(b"m"), b"m")
    path = next(tmp_path.glob("*.key"))
    changed = bytearray(path.read_bytes())
    changed[-10] ^= 1
    path.write_bytes(changed)
    with pytest.raises(KeyStoreUnusable):
        again.private_key("account/INV0001")


@pytest.mark.usefixtures("token")
def test_an_authority_in_the_token(tmp_path: Path) -> None:
    """Founding, issuing, CRL and OCSP delegate, all signed in the token, all lint-free."""
    hsm = Pkcs11KeyStore(Token(softhsm.library(), AUTHORITY, softhsm.PIN))
    consortium = Consortium(new_database(tmp_path), hsm)
    key = consortium.join("trust-a")
    assert consortium.speaks(key) == "trust-a"
    herald: Herald = consortium.authority.herald
    with writing(consortium.engine) as session:
        changes.revoke(session, herald, "trust-a", "fraud", consortium.at)
        crl = publication.publish_crl(session, consortium.authority, "issuing-1", consortium.at)
    assert lint.lint_crl(crl) == ()
    with reading(consortium.engine) as session:
        der = store.certificates_of(session, "trust-a")[0].der
        issuer = x509.load_der_x509_certificate(store.authority_named(session, "issuing-1").der)
    certificate = x509.load_der_x509_certificate(der)
    certificate.verify_directly_issued_by(issuer)
    assert lint.lint_certificate(der) == ()
    assert x509.load_der_x509_crl(crl).is_signature_valid(issuer.public_key())
    assert {"issuing-1", "responder-1", "service"} <= set(hsm.names())
    consortium.engine.dispose()


def test_an_rsa_authority_signs_certificates(hsm: Pkcs11KeyStore) -> None:
    name = fresh("rsa")
    public = hsm.generate(name, KeyKind.RSA)
    key = hsm.private_key(name)
    at = profile.dt.datetime(2025, 4, 1, tzinfo=profile.dt.UTC)
    builder = profile.root_certificate(public, "root-1", "test", profile.new_serial(), at)
    lint.lint_before_signing(builder, public)
    root = builder.sign(key, profile.signing_hash(key))
    root.verify_directly_issued_by(root)


def test_a_master_key_that_stood_there_as_it_was_is_sealed_by_the_token(
    token: Token, tmp_path: Path
) -> None:
    """The keys that it sealed before still open; without the token it opens nothing."""
    pin = tmp_path / "pin"
    pin.write_text(softhsm.PIN)
    plain = Settings(data_dir=tmp_path)
    make_master_secret(plain)
    public = open_keys(plain).files.generate("account/INV0001")
    sealed = msgspec.structs.replace(
        plain,
        pkcs11_module=softhsm.library() or "",
        pkcs11_token=LABEL,
        pkcs11_pin_file=str(pin),
        pkcs11_master=True,
    )
    with pytest.raises(KeyStoreUnusable, match="not sealed by the token"):
        open_keys(sealed)
    assert make_master_secret(sealed)
    assert not make_master_secret(sealed)
    signer = open_keys(sealed).files.signer("account/INV0001")
    verify_signature(public, signer.sign(b"m"), b"m")
    with pytest.raises(KeyStoreUnusable, match="set pkcs11_master"):
        open_keys(plain)
