"""What a member holds is what anybody's tools verify."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from tests.http.network import Served


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed here")
@pytest.mark.parametrize("member", ["platform", "trust-a", "custody-a", "entrusted-a"])
def test_openssl_verifies_a_members_certificate(
    served: Served, tmp_path: Path, member: str
) -> None:
    """Against the pinned root alone; the issuing authority comes with the certificate."""
    chain = served.member(member).own_folder().certificate
    assert chain is not None
    own, *authorities = x509.load_pem_x509_certificates(chain.encode())
    assert own.subject != own.issuer
    (tmp_path / "root.pem").write_text(served.scenario.anchors.root_certificate)
    (tmp_path / "chain.pem").write_text(chain)
    assert len(authorities) == 2
    said = verify(tmp_path, "root.pem")
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() == "chain.pem: OK"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed here")
def test_openssl_refuses_it_against_another_root(served: Served, tmp_path: Path) -> None:
    chain = served.member("trust-a").own_folder().certificate
    assert chain is not None
    (tmp_path / "chain.pem").write_text(chain)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=another", "-keyout", "other.key", "-out", "other.pem"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert verify(tmp_path, "other.pem").returncode != 0


def verify(folder: Path, root: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-CAfile", root),
            *("-untrusted", "chain.pem", "chain.pem"),
        ],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
