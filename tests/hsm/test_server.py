"""The whole founding and serving with the authority's keys in a token, in the real process."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509

from governance.client import renewing
from governance.client.connection import Connection
from governance.client.folder import MemberFolder
from governance.client.mapping import fetch_map
from governance.demo.process import ServerProcess, free_port
from governance.identity.keystores import SealedKeyStore
from governance.identity.tokens import Pkcs11KeyStore, Token
from governance.settings import Settings
from tests.hsm import softhsm
from tests.hsm.conftest import SERVED

pytestmark = pytest.mark.hsm


@pytest.mark.usefixtures("token")
def test_a_server_founds_and_issues_with_keys_in_the_token(tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text(softhsm.PIN + "\n")
    settings = Settings(
        data_dir=tmp_path / "data",
        port=free_port(),
        pkcs11_module=softhsm.library() or "",
        pkcs11_token=SERVED,
        pkcs11_pin_file=str(pin),
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
    secret = settings.master_key.read_bytes().strip()
    in_files = SealedKeyStore.open(settings.keys_dir, secret).names()
    assert not {name for name in in_files if name.startswith(("issuing", "responder"))}
