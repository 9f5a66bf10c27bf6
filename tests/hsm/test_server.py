"""The whole founding and serving with the authority's keys in a token, in the real process."""

import base64
import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509

from governance.client import renewing
from governance.client.accounts import AccountKeys
from governance.client.connection import Connection
from governance.client.folder import MemberFolder
from governance.client.mapping import fetch_map
from governance.demo.process import ServerProcess
from governance.errors import FolderInvalid, KeyStoreUnusable
from governance.identity.keystores import SealedKeyStore
from governance.identity.secret_files import TokenPlace, is_sealed, read_secret
from governance.identity.tokens import Pkcs11KeyStore, Token
from ledger.keys import public_bytes
from tests.hsm import softhsm
from tests.hsm.conftest import SERVED
from tests.serving import server_settings

pytestmark = pytest.mark.hsm


@pytest.mark.usefixtures("token")
def test_a_server_founds_and_issues_with_keys_in_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = tmp_path / "pin"
    pin.write_text(softhsm.PIN + "\n")
    settings = server_settings(
        tmp_path / "data",
        pkcs11_module=softhsm.library() or "",
        pkcs11_token=SERVED,
        pkcs11_pin_file=str(pin),
        pkcs11_master=True,
    )
    for name in ("module", "token", "pin_file", "master"):
        monkeypatch.setenv(
            f"SEKISHO_PKCS11_{name.upper()}", str(getattr(settings, f"pkcs11_{name}"))
        )
    with ServerProcess(settings, tmp_path / "server.log"):
        folder = MemberFolder(settings.data_dir / "members" / settings.platform_member)
        with Connection.of(folder) as connection:
            renewed = renewing.renew(connection, folder)
            crl = x509.load_der_x509_crl(connection.get_bytes("/crl/issuing-1.crl"))
            assert fetch_map(connection, dt.datetime.now(dt.UTC)).version >= 1
    chain = x509.load_pem_x509_certificates((folder.certificate or "").encode())
    renewed.verify_directly_issued_by(chain[1])
    assert crl.is_signature_valid(chain[1].public_key())
    held = Pkcs11KeyStore(Token(settings.pkcs11_module, SERVED, softhsm.PIN))
    assert {"issuing-1", "responder-1"} <= set(held.names())
    assert is_sealed(settings.master_key)
    assert is_sealed(folder.path / "folder.secret")
    assert b"ENCRYPTED" in (folder.path / "node.key").read_bytes()
    accounts = AccountKeys(folder.path)
    made = dict(accounts.make(["INV0001"]))
    place = TokenPlace(settings.pkcs11_module, SERVED, str(pin))
    secret = read_secret(settings.master_key, place)
    with pytest.raises(KeyStoreUnusable, match="sealed by a token"):
        read_secret(settings.master_key, None)
    again = AccountKeys(folder.path).signer("INV0001").public_key()
    assert base64.b64encode(public_bytes(again)).decode() == made["INV0001"]
    assert not (folder.path / "accounts.secret").exists()
    monkeypatch.setenv("SEKISHO_PKCS11_MASTER", "no")
    with pytest.raises(KeyStoreUnusable):
        AccountKeys(folder.path)
    with pytest.raises(FolderInvalid):
        _ = folder.node_key
    in_files = SealedKeyStore.open(settings.keys_dir, secret).names()
    assert not {name for name in in_files if name.startswith(("issuing", "responder"))}
