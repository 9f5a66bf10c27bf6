import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from governance.client.connection import Connection
from governance.client.nodes import add_node, enrolment_token
from governance.demo.process import ServerProcess
from governance.membership.members import NodeKind
from tests.interop.clients import (
    admin,
    settings,
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A founded network: its administrator has an edge node and some API clients."""
    for tool in ("curl", "openssl"):
        if shutil.which(tool) is None:
            pytest.fail(f"{tool} is not installed: apt-get install {tool}")
    home = tmp_path_factory.mktemp("interop")
    with ServerProcess(settings(home), home / "server.log"):
        with Connection.of(admin(home)) as connection:
            add_node(connection, home / "edge", "edge", NodeKind.NOTARY_NODE, "127.0.0.1:443")
            for name in ("a", "b", "c", "d"):
                add_node(connection, home / name, name, NodeKind.API_CLIENT)
            token = enrolment_token(connection, "a")
        (home / "enrolment").write_text(f"{token['user']}:{token['token']}")
    chain = x509.load_pem_x509_certificates((home / "edge" / "node.crt").read_bytes())
    (home / "root.pem").write_bytes(chain[-1].public_bytes(Encoding.PEM))
    return home
