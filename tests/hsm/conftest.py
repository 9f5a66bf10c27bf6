import pytest

from governance.identity.tokens import Pkcs11KeyStore, Token
from tests.hsm import softhsm

LABEL = "sekisho-tests"
AUTHORITY = "sekisho-authority"
SPARE = "sekisho-spare"
SERVED = "sekisho-served"


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Token:
    library = softhsm.library()
    if library is None:
        pytest.fail(softhsm.MISSING)
    softhsm.configure(tmp_path_factory.mktemp("softhsm"))
    for label in (LABEL, AUTHORITY, SPARE, SERVED):  # SoftHSM looks for tokens when it is loaded
        softhsm.new_token(label)
    return Token(library, LABEL, softhsm.PIN)


@pytest.fixture
def hsm(token: Token) -> Pkcs11KeyStore:
    return Pkcs11KeyStore(token)
